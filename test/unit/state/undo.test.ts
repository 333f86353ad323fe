import { describe, expect, test } from 'vitest';
import { NIL } from '../../../src/memory/shared-memory.js';
import { Tied } from '../../support/tied-states.js';

/** Keys k0, k1, ... with values of so many bytes. */
const pairs = (count: number, valueBytes: number, from = 0): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, key) => [`k${from + key}`, valueBytes]));

/** All of a session that anyone can see, and what it costs. */
function seen(tied: Tied, row: number): unknown {
  const { deadlines, effects, keys, notices } = tied.state;
  return {
    keys: tied.keysOf(row),
    bytes: keys.bytesOf(row),
    total: keys.total,
    version: tied.state.versionOf(row),
    deadlineMs: deadlines.of(row),
    effects: [effects?.length, effects?.entries],
    notices: notices.list.length,
  };
}

const SMALL: [string, Record<string, number>] = ['small', pairs(5, 20)];
const EMPTY: [string, Record<string, number>] = ['empty', {}];
const MANY: [string, Record<string, number>] = ['big by its keys', pairs(60, 10)];
const LARGE: [string, Record<string, number>] = ['big by its bytes', pairs(4, 70_000)];
const BARELY: [string, Record<string, number>] = ['just big', pairs(33, 1)];
const SESSIONS = [EMPTY, SMALL, MANY, LARGE, BARELY];

const COMMANDS: [string, (tied: Tied, row: number) => void][] = [
  ['new keys', (tied, row) => tied.set(row, { new: 1, newer: 2 })],
  ['so many new keys that it is big', (tied, row) => tied.set(row, pairs(50, 10, 1_000))],
  ['a value so large that it is big', (tied, row) => tied.set(row, { new: 100_000 })],
  ['other values', (tied, row) => tied.set(row, { k0: 90, k2: 80_000, k3: 0 })],
  [
    'other values of the same keys twice',
    (tied, row) => {
      tied.set(row, { k1: 50_000 });
      tied.set(row, { k1: 60_000 });
    },
  ],
  [
    'fewer keys, the first and the last among them',
    (tied, row) => tied.remove(row, 'k0', 'k4', 'k3', 'k59', 'k32', 'k31', 'none'),
  ],
  [
    'so few keys that it is small',
    (tied, row) => tied.remove(row, ...Object.keys(pairs(60, 0)).slice(3)),
  ],
  ['no keys', (tied, row) => tied.remove(row, ...Object.keys(pairs(60, 0)))],
  [
    'keys removed and stored again, so at the end',
    (tied, row) => {
      tied.remove(row, 'k1', 'k2');
      tied.set(row, { k2: 7, k1: 8 });
      tied.remove(row, 'k2');
    },
  ],
  ['no data', (tied, row) => tied.clear(row)],
  [
    'other data',
    (tied, row) => {
      tied.set(row, { first: 1 });
      tied.clear(row);
      tied.set(row, { k1: 3, other: 4 });
    },
  ],
  [
    'other data, so many that it is big, cleared once more',
    (tied, row) => {
      tied.remove(row, 'k0');
      tied.clear(row);
      tied.set(row, pairs(80, 100));
      tied.clear(row);
      tied.set(row, pairs(70, 100));
      tied.remove(row, 'k5');
    },
  ],
  ['a command that stops half-way', (tied, row) => tied.put(row, 'half', 3)],
  ['a command that has moved the deadline alone', (tied, row) => tied.state.touchForWrite(row)],
];

const CASES = SESSIONS.flatMap(([form, keys]) =>
  COMMANDS.map(([what, run]) => [what, form, keys, run] as const),
);

function marked(keys: Record<string, number>): { tied: Tied; row: number } {
  const tied = new Tied();
  const row = tied.start(1, '', { idleMs: 60_000, extendsOnWrite: true });
  tied.start(2);
  tied.state.watch(row, 0);
  tied.set(row, keys);
  tied.at(500);
  return { tied, row };
}

describe('Undo', () => {
  test.each(CASES)('takes back %s, of a session that is %s', (_, __, keys, run) => {
    const { tied, row } = marked(keys);
    const before = seen(tied, row);
    tied.state.undo.mark(row);
    run(tied, row);
    tied.state.undo.back();
    expect(seen(tied, row)).toEqual(before);
    // Nothing is held, and what is done next is not undone.
    tied.set(row, { last: 5 });
    expect(tied.keysOf(row).at(-1)).toBe('last 5');
    expect(tied.state.wheel.isFiled(row)).toBe(true);
    while (tied.state.keys.big.reclaim(1_000) > 0);
    tied.state.end(row);
    tied.state.end(tied.find(2));
    while (tied.state.keys.big.reclaim(1_000) > 0);
    expect([tied.state.arena.bytes, tied.state.keys.big.entries.live]).toEqual([0, 0]);
  });

  test.each(CASES)('keeps %s, of a session that is %s', (_, __, keys, run) => {
    const { tied, row } = marked(keys);
    const plain = marked(keys);
    tied.state.undo.mark(row);
    run(tied, row);
    tied.state.undo.keep();
    run(plain.tied, plain.row);
    expect(seen(tied, row)).toEqual(seen(plain.tied, plain.row));
    expect(tied.state.keys.isBig(row)).toBe(plain.tied.state.keys.isBig(plain.row));
    while (tied.state.keys.big.reclaim(1_000) > 0);
    tied.state.drop(row);
    while (tied.state.keys.big.reclaim(1_000) > 0);
    expect([tied.state.arena.bytes, tied.state.keys.big.entries.live]).toEqual([0, 0]);
  });

  test.each([SMALL, MANY])('leaves entries of others where they are (%s)', (_, keys) => {
    const { tied, row } = marked(keys);
    tied.start(3, '', { idleMs: 1_000 });
    const before = tied.effects!.entries;
    tied.state.undo.mark(row);
    tied.set(row, { a: 1 });
    // To make room.
    expect(tied.state.evictSoonest()).toBe(true);
    tied.set(row, { b: 1 });
    tied.state.end(tied.find(2));
    tied.state.undo.back();
    expect(tied.effects!.entries).toBe(before + 2);
    const { bytes } = tied.effects!.space;
    const last = tied.effects!.length - 48;
    expect([bytes[last + 4], bytes[last + 8], bytes[last + 24 + 4], bytes[last + 24 + 8]]).toEqual([
      5, 3, 5, 2,
    ]);
  });

  test.each([SMALL, MANY, LARGE])('is over when its session made room (%s)', (_, keys) => {
    const { tied, row } = marked(keys);
    tied.state.undo.mark(row);
    tied.set(row, { a: 1 });
    tied.clear(row);
    expect(tied.state.undo.isOver).toBe(false);
    expect(tied.state.evictSoonest()).toBe(true);
    expect(tied.state.undo.isOver).toBe(true);
    tied.state.undo.back();
    tied.state.undo.keep();
    expect(tied.find(1)).toBe(NIL);
    while (tied.state.keys.big.reclaim(1_000) > 0);
    expect([tied.state.arena.bytes, tied.state.keys.total]).toEqual([0, 0]);
  });

  test('takes back the notices of its session and of no other', () => {
    const { tied, row } = marked({ a: 1 });
    const other = tied.find(2);
    tied.state.watch(other, 0);
    tied.state.notices.clear();
    tied.state.undo.mark(row);
    tied.set(row, { b: 1 });
    tied.state.end(other);
    tied.set(row, { c: 1 });
    tied.state.undo.back();
    expect(tied.state.notices.list.map(({ kind, row: of }) => [kind, of])).toEqual([
      ['ended', other],
    ]);
  });

  test.each([
    ['in memory only', false, false],
    ['of the default map', true, true],
  ])('works %s', (_, isLogged, isDefaultMap) => {
    const tied = new Tied(isLogged, isDefaultMap);
    const row = tied.state.create(new Int32Array(4), 0, 0, false);
    tied.set(row, pairs(50, 10));
    const before = seen(tied, row);
    tied.state.undo.mark(row);
    tied.remove(row, 'k7');
    tied.set(row, { k8: 5 });
    tied.state.undo.back();
    expect(seen(tied, row)).toEqual(before);
  });
});
