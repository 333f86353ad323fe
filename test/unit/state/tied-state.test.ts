import { describe, expect, test } from 'vitest';
import type { LifecycleObserver } from '../../../src/state/observers.js';
import { endAllBut } from '../../../src/state/end-all-but.js';
import { apply, describeStates, emptyStates, entriesOf } from '../../support/replay.js';
import { NOW_MS, Tied } from '../../support/tied-states.js';

/** What happened, by the first word of the digest. */
class Recorder implements LifecycleObserver {
  readonly seen: string[] = [];
  happened(kind: string, digest: Int32Array, at: number): void {
    this.seen.push(`${kind} ${digest[at]}`);
    expect([...digest.subarray(at + 1, at + 4)]).toEqual([1, 2, 3]);
  }
  rotated(old: Int32Array, oldAt: number, digest: Int32Array, at: number): void {
    this.seen.push(`rotated ${old[oldAt]} ${digest[at]}`);
  }
}

function observed(): { tied: Tied; seen: string[] } {
  const tied = new Tied();
  const recorder = new Recorder();
  tied.state.lifecycle = recorder;
  return { tied, seen: recorder.seen };
}

describe('the lifecycle', () => {
  test('is told in order, with the digest that the session has at the time', () => {
    const { tied, seen } = observed();
    tied.start(1, 'ada');
    tied.set(tied.find(1), { a: 1 });
    tied.own(1, '');
    tied.rotate(1, 2, 1_000);
    tied.state.end(tied.find(1));
    expect(seen).toEqual(['created 1', 'rotated 1 2', 'ended 2']);
  });

  test('is told of what deadlines do', () => {
    const { tied, seen } = observed();
    tied.start(1, '', { idleMs: 1_000 });
    tied.set(tied.start(2, '', { idleMs: 2_000, deletesSession: false }), { a: 1 });
    tied.start(3, '', { idleMs: 2_000, deletesSession: false });
    tied.at(2_000);
    tied.state.advance(100);
    expect(seen.slice(3)).toEqual(['expired 1', 'cleared 2']);
  });

  test('is told of each session where all end, but of none that is spared', () => {
    const { tied, seen } = observed();
    [1, 2, 3].forEach((number) => tied.start(number));
    endAllBut(tied.state, tied.find(2));
    expect(seen.slice(3)).toEqual(['ended 1', 'ended 3']);
    tied.state.endAll();
    expect(seen.slice(5)).toEqual(['ended 2']);
  });

  test('is told nothing of what came due while nobody was there', () => {
    const { tied, seen } = observed();
    tied.start(1, '', { idleMs: 1_000 });
    tied.state.endRecovery(NOW_MS + 5_000);
    expect(tied.state.sessionCount).toBe(0);
    expect(seen).toEqual(['created 1']);
  });
});

describe('entries of owners and rotations', () => {
  test('bring a state back as it is, a session that is being started among them', () => {
    const tied = new Tied();
    tied.start(1, 'ada');
    tied.start(2);
    tied.own(2, 'bob');
    tied.rotate(1, 10, 500);
    tied.set(tied.find(10), { a: 1 });
    tied.rotate(10, 11);
    tied.own(2, '');
    const states = emptyStates(NOW_MS);
    const result = apply(states, entriesOf(tied.effects!));
    // SESSION, SESSION, OWNER, ROTATE, CHANGE, ROTATE, OWNER: a start is one entry, owner and all.
    expect(result).toMatchObject({ entries: 7 });
    const { defaults } = states;
    expect(describeStates(states, NOW_MS)).toEqual(
      describeStates({ sessions: tied.state, defaults }, NOW_MS),
    );
    expect(states.sessions.bytes).toBe(tied.state.bytes);
  });
});
