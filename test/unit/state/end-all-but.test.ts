import { describe, expect, test } from 'vitest';
import { endAllBut } from '../../../src/state/end-all-but.js';
import { apply, describeStates, emptyStates, entriesOf } from '../../support/replay.js';
import { NOW_MS, Tied } from '../../support/tied-states.js';

describe('endAllBut', () => {
  test.each([3, 60])('spares a session of %i keys, with all that is its own', (keys) => {
    const tied = new Tied();
    for (let number = 1; number <= 30; number += 1) tied.start(number, 'ada', { maxAgeMs: 60_000 });
    tied.rotate(5, 100, 1_000);
    const row = tied.find(100);
    tied.set(row, Object.fromEntries(Array.from({ length: keys }, (_, key) => [`k${key}`, 3])));
    const { defaults } = emptyStates(NOW_MS);
    const described = (): string[] => describeStates({ sessions: tied.state, defaults }, NOW_MS);
    const [before] = described().filter((line) => line.startsWith('100,'));
    expect(endAllBut(tied.state, row)).toBe(29);
    expect(described().slice(1)).toEqual([before]);
    expect(tied.isReached(5)).toBe(true);
    expect(tied.ofOwner('ada')).toEqual([100]);
    expect(tied.state.wheel.size).toBe(1);
    // And so it is after a start.
    const states = emptyStates(NOW_MS);
    expect(apply(states, entriesOf(tied.effects!)).problem).toBeUndefined();
    expect(describeStates(states, NOW_MS).slice(1)).toEqual([before]);
  });

  test('does not count sessions whose deadline had come', () => {
    const tied = new Tied();
    tied.start(1);
    tied.start(2, '', { idleMs: 1_000 });
    tied.start(3, '', { idleMs: 9_000 });
    tied.at(1_000);
    expect(endAllBut(tied.state, tied.find(1))).toBe(1);
  });
});
