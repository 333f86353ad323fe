import { describe, expect, test } from 'vitest';
import { NIL } from '../../../src/memory/shared-memory.js';
import { named } from '../../support/tied-world.js';
import { NO_CELLS, NOW_MS, Tied } from '../../support/tied-states.js';

describe('Owners', () => {
  test('lists the sessions of an owner, the one created first in front', () => {
    const tied = new Tied();
    [1, 2, 3].forEach((number) => {
      tied.at(number);
      tied.start(number, number === 2 ? 'bob' : 'ada');
    });
    expect([tied.ofOwner('ada'), tied.ofOwner('bob'), tied.ofOwner('eve')]).toEqual([
      [1, 3],
      [2],
      [],
    ]);
  });

  test('keeps them in that order when an older session changes hands', () => {
    const tied = new Tied();
    for (let number = 1; number < 50; number += 1) {
      tied.at(number);
      tied.start(number, number % 3 === 0 ? 'bob' : 'ada');
    }
    for (const number of [9, 3, 48, 6]) tied.own(number, 'ada');
    const numbers = tied.ofOwner('ada');
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    expect(numbers.length).toBe(37);
    tied.at(100);
    tied.start(100, 'ada');
    expect(tied.ofOwner('ada').at(-1)).toBe(100);
  });

  test.each([
    ['ended', (tied: Tied) => tied.state.end(tied.find(1))],
    ['dropped', (tied: Tied) => tied.state.drop(tied.find(1))],
    ['given to nobody', (tied: Tied) => tied.own(1, '')],
    ['expired', (tied: Tied) => tied.at(1_000)],
    ['ended with all the others', (tied: Tied) => tied.state.endAll()],
  ])('keeps nothing of a session that is %s', (_, end) => {
    const tied = new Tied();
    tied.start(1, 'ada', { idleMs: 1_000 });
    end(tied);
    tied.find(1);
    expect(tied.cells).toEqual(NO_CELLS);
    expect(tied.state.owners.find(...named('ada'))).toBe(NIL);
    expect(tied.state.owners.bytes).toBe(tied.state.owners.index.bytes);
  });

  test('removes what is due of an owner, and says how many are left', () => {
    const tied = new Tied();
    for (let number = 1; number <= 6; number += 1) {
      tied.start(number, 'ada', { idleMs: number <= 4 ? 1_000 : 5_000 });
    }
    tied.at(999);
    const cell = tied.state.owners.find(...named('ada'));
    expect(tied.state.removeDueOf(cell)).toBe(6);
    tied.at(1_000);
    expect(tied.state.owners.countOf(cell)).toBe(6);
    expect(tied.state.removeDueOf(cell)).toBe(2);
    tied.at(5_000);
    expect(tied.state.removeDueOf(cell)).toBe(0);
    expect(tied.cells).toEqual(NO_CELLS);
  });

  test('counts a session once, however often it is given to the same owner', () => {
    const tied = new Tied();
    tied.start(1, 'ada');
    const bytes = tied.effects?.bytes;
    tied.own(1, 'ada');
    expect(tied.state.owners.countOf(tied.state.ownerOf(tied.find(1)))).toBe(1);
    // It is nothing to log either.
    expect(tied.effects?.bytes).toBe(bytes);
  });

  test.each([1, 3, 255, 256])('tells names of %i bytes apart', (length) => {
    const tied = new Tied();
    const name = 'é'.repeat(length).slice(0, length);
    tied.start(1, `${'a'.repeat(length - 1)}a`);
    tied.start(2, `${'a'.repeat(length - 1)}b`);
    expect(tied.ofOwner(`${'a'.repeat(length - 1)}b`)).toEqual([2]);
    expect(tied.ofOwner(`${'a'.repeat(length - 1)}`)).toEqual([]);
    expect(tied.ofOwner(name)).toEqual([]);
  });

  test('remembers when a session was last used: by commands that read, write or neither', () => {
    const tied = new Tied();
    const [owned, other] = [tied.start(1, 'ada'), tied.start(2)];
    const { state } = tied;
    expect(state.lastUsedMsOf(owned)).toBe(NOW_MS);
    [
      (row: number) => state.touchForRead(row),
      (row: number) => state.touchForWrite(row),
      (row: number) => state.used(row),
    ].forEach((use, step) => {
      tied.at(10 + step);
      use(owned);
      use(other);
      expect(state.lastUsedMsOf(owned)).toBe(NOW_MS + 10 + step);
    });
    expect(state.lastUsedMsOf(other)).toBe(0);
    // It stays with the session, whosever it is.
    tied.at(100);
    tied.own(1, 'bob');
    expect(state.lastUsedMsOf(owned)).toBe(NOW_MS + 12);
  });

  test('holds a hundred thousand sessions of one owner', () => {
    const tied = new Tied(false);
    const count = 100_000;
    for (let number = 1; number <= count; number += 1) {
      tied.at(count - number);
      tied.start(number, 'ada');
    }
    const numbers = tied.ofOwner('ada');
    expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([count, count, 1]);
    for (const number of numbers) if (number % 100 !== 0) tied.state.end(tied.find(number));
    while (tied.state.tidy(1_000));
    expect(tied.ofOwner('ada').length).toBe(count / 100);
  });
});
