import { describe, expect, test } from 'vitest';
import { NIL } from '../../../src/memory/shared-memory.js';
import { NO_CELLS, Tied } from '../../support/tied-states.js';

/** What a token is answered: the session, a token that was replaced, or nothing at all. */
function answered(tied: Tied, number: number): string {
  if (tied.isReached(number)) return 'session';
  return tied.state.isSuperseded ? 'superseded' : 'none';
}

const answers = (tied: Tied, ...numbers: number[]): string[] =>
  numbers.map((number) => answered(tied, number));

describe('rotation', () => {
  test('makes the new token reach the session at once, and the old one no more', () => {
    const tied = new Tied();
    const row = tied.start(1);
    tied.set(row, { a: 5 });
    tied.rotate(1, 2);
    expect(tied.find(2)).toBe(row);
    expect(tied.keysOf(row)).toEqual(['a 5']);
    expect(answers(tied, 1, 2, 3)).toEqual(['superseded', 'session', 'none']);
    expect(tied.find(1)).toBe(NIL);
    expect(tied.state.supersededRow).toBe(row);
  });

  test('leaves the old token its grace, to the millisecond', () => {
    const tied = new Tied();
    tied.start(1);
    tied.rotate(1, 2, 1_000);
    tied.at(999);
    expect(answers(tied, 1, 2)).toEqual(['session', 'session']);
    tied.at(1_000);
    expect(answers(tied, 1, 2)).toEqual(['superseded', 'session']);
  });

  test('ends the grace of older tokens with the next rotation', () => {
    const tied = new Tied();
    tied.start(1);
    tied.rotate(1, 2, 60_000);
    tied.rotate(2, 3, 1_000);
    expect(answers(tied, 1, 2, 3)).toEqual(['superseded', 'session', 'session']);
  });

  test('by a token in its grace gives the session one more', () => {
    const tied = new Tied();
    tied.start(1);
    tied.rotate(1, 2, 1_000);
    tied.rotate(1, 3);
    expect(answers(tied, 1, 2, 3)).toEqual(['superseded', 'superseded', 'session']);
  });

  test('remembers so many tokens of a session and forgets the oldest', () => {
    const tied = new Tied();
    tied.start(1);
    for (let number = 1; number < 20; number += 1) tied.rotate(number, number + 1);
    expect(tied.cells.superseded).toBe(3);
    expect(answers(tied, 16, 17, 18, 19, 20)).toEqual([
      'none',
      'superseded',
      'superseded',
      'superseded',
      'session',
    ]);
  });

  test.each([
    ['ended', (tied: Tied) => tied.state.end(tied.find(2))],
    ['expired', (tied: Tied) => tied.at(5_000)],
    ['ended with all the others', (tied: Tied) => tied.state.endAll()],
    ['evicted', (tied: Tied) => tied.state.evictSoonest()],
  ])('leaves nothing behind of a session that is %s', (_, end) => {
    const tied = new Tied();
    tied.start(1, '', { idleMs: 5_000 });
    tied.rotate(1, 2, 60_000);
    end(tied);
    expect(answers(tied, 1, 2)).toEqual(['none', 'none']);
    expect(tied.cells).toEqual(NO_CELLS);
    expect(tied.state.sessionCount).toBe(0);
  });

  test('tells tokens apart that share the hash, and slots', () => {
    const tied = new Tied();
    tied.start(1);
    tied.rotate(1, 2, 1_000);
    expect(tied.state.find(Int32Array.of(1, 1, 2, 4), 0, 9)).toBe(NIL);
    expect(tied.state.find(Int32Array.of(1, 1, 2, 3), 0, 8)).toBe(NIL);
    expect(tied.state.isSuperseded).toBe(false);
  });

  test('is no news to a walk, which ends nothing that is due', () => {
    const tied = new Tied();
    const row = tied.start(1, '', { idleMs: 5_000 });
    tied.rotate(1, 2, 1_000);
    const peek = (number: number): number => tied.state.peek(Int32Array.of(number, 1, 2, 3), 0, 9);
    expect([peek(1), peek(2), peek(3)]).toEqual([row, row, NIL]);
    tied.at(5_000);
    expect([peek(1), peek(2)]).toEqual([NIL, row]);
    expect(tied.state.sessionCount).toBe(1);
  });

  test('goes with an owner, a maxAge and watchers, whichever goes first', () => {
    const tied = new Tied();
    const row = tied.start(1, 'ada', { maxAgeMs: 90_000 });
    const watch = tied.state.watch(row, 0);
    tied.rotate(1, 2, 1_000);
    tied.own(2, '');
    tied.state.unwatch(row, watch, 0);
    tied.state.setExpiry(row, null);
    expect(tied.cells).toEqual({ extras: 1, owners: 0, superseded: 1 });
    expect(answers(tied, 1, 2)).toEqual(['session', 'session']);
    tied.state.superseded.clear(row);
    expect(tied.cells).toEqual(NO_CELLS);
    expect(answers(tied, 1, 2)).toEqual(['none', 'session']);
  });
});
