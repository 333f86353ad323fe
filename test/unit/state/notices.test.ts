import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { entryProblem } from '../../../src/state/check-entry.js';
import { endAllBut } from '../../../src/state/end-all-but.js';
import type { Notice } from '../../../src/state/notices.js';
import { entryTextAt } from '../../../src/storage/entry-text.js';
import { NO_CELLS, Tied } from '../../support/tied-states.js';

const kinds = (tied: Tied): string[] => tied.state.notices.list.map(({ kind }) => kind);

/** The operations of a notice's entry, as `sojourn inspect` shows them. */
function operationsOf(notice: Notice | undefined): unknown {
  const change = notice?.change ?? new ByteSpace(new ArrayBuffer(0));
  expect(entryProblem(change, 0, change.bytes.length + 3)).toBeUndefined();
  const shown = entryTextAt(change, 0, change.bytes.length + 3);
  return 'text' in shown ? (JSON.parse(shown.text) as { ops: unknown }).ops : shown;
}

function watched(isLogged = true): { tied: Tied; row: number; watch: number } {
  const tied = new Tied(isLogged);
  const row = tied.start(1, '', { idleMs: 5_000 });
  tied.start(2);
  return { tied, row, watch: tied.state.watch(row, 3) };
}

describe.each([
  ['with a log', true],
  ['in memory only', false],
])('Notices %s', (_, isLogged) => {
  test('tell of each change of a watched session, in order, and of no other', () => {
    const { tied, row, watch } = watched(isLogged);
    tied.set(tied.find(2), { x: 1 });
    tied.set(row, { a: 1, b: 2 });
    tied.remove(row, 'a', 'none');
    tied.clear(row);
    const { list } = tied.state.notices;
    expect(kinds(tied)).toEqual(['change', 'change', 'change']);
    expect(list.map((notice) => [notice.watch, notice.ios, notice.row])).toEqual(
      new Array(3).fill([watch, 1 << 3, row]),
    );
    expect(list.map(operationsOf)).toEqual([
      [
        { put: 'a', value: 'v' },
        { put: 'b', value: 'vv' },
      ],
      [{ remove: 'a' }],
      [{ clear: true }],
    ]);
    expect([...list[0]!.digest]).toEqual([1, 1, 2, 3]);
  });

  test('keep what a change was after the effects are gone', () => {
    const { tied, row } = watched(isLogged);
    tied.set(row, { a: 3 });
    tied.state.effects?.clear();
    tied.set(tied.find(2), { other: 9 });
    expect(operationsOf(tied.state.notices.list[0])).toEqual([{ put: 'a', value: 'vvv' }]);
  });

  test.each<[string, (tied: Tied) => void, string[]]>([
    ['a command ends it', (tied) => tied.state.end(tied.find(1)), ['ended']],
    ['all sessions end', (tied) => tied.state.endAll(), ['ended']],
    ['it makes room', (tied) => tied.state.evictSoonest(), ['ended']],
    ['its deadline comes', (tied) => tied.at(5_000), ['expired']],
    ['its token is rotated', (tied) => tied.rotate(1, 7), ['rotated']],
    [
      'its maxAge is over at once',
      (tied) => {
        tied.at(10);
        const flags = { deletesSession: false, extendsOnWrite: false, extendsOnRead: false };
        tied.state.setExpiry(tied.find(1), { idleMs: 0, maxAgeMs: 5, ...flags });
      },
      ['expired'],
    ],
    ['it gets an owner', (tied) => tied.own(1, 'ada'), []],
  ])('tell when %s', (__, happen, expected) => {
    const { tied } = watched(isLogged);
    happen(tied);
    tied.find(1);
    expect(kinds(tied)).toEqual(expected);
    expect(tied.state.notices.list.every(({ digest }) => digest[0] === 1)).toBe(true);
  });

  test('tell data that a deadline removed from data that a command did', () => {
    const tied = new Tied(isLogged);
    const row = tied.start(1, '', { idleMs: 5_000, deletesSession: false });
    tied.set(row, { a: 1 });
    tied.state.watch(row, 0);
    tied.clear(row);
    tied.set(row, { a: 1 });
    tied.at(5_000);
    tied.state.advance(10);
    expect(kinds(tied)).toEqual(['change', 'change', 'cleared']);
  });

  test('say which token a rotated session has now', () => {
    const { tied } = watched(isLogged);
    tied.rotate(1, 7);
    expect([...(tied.state.notices.list[0]?.newDigest ?? [])]).toEqual([7, 1, 2, 3]);
    tied.set(tied.find(7), { a: 1 });
    expect(tied.state.notices.list[1]?.digest[0]).toBe(7);
  });

  test('number a session once, and it alone, even after all have ended', () => {
    const { tied, row, watch } = watched(isLogged);
    expect(tied.state.watch(row, 5)).toBe(watch);
    expect(tied.state.notices.maskOf(row)).toBe((1 << 3) | (1 << 5));
    tied.state.endAll();
    expect(tied.state.notices.watched).toBe(0);
    expect(tied.state.watch(tied.start(1), 0)).toBeGreaterThan(watch);
  });

  test('end with the last I/O thread that watches', () => {
    const { tied, row, watch } = watched(isLogged);
    const { state } = tied;
    state.watch(row, 31);
    state.unwatch(row, watch + 1, 3);
    state.unwatch(999_999, watch, 3);
    state.unwatch(tied.find(2), watch, 3);
    expect(state.notices.maskOf(row)).toBe((1 << 3) | (1 << 31));
    state.unwatch(row, watch, 3);
    tied.set(row, { a: 1 });
    expect(kinds(tied)).toEqual(['change']);
    state.unwatch(row, watch, 31);
    tied.set(row, { a: 1 });
    expect(kinds(tied)).toEqual(['change']);
    expect([state.notices.numberOf(row), state.notices.watched]).toEqual([0, 0]);
    expect(tied.cells).toEqual(NO_CELLS);
    expect(state.effects).toBe(tied.effects);
  });

  test('stay with a session that is spared when all others end', () => {
    const { tied, row, watch } = watched(isLogged);
    tied.set(row, { a: 1 });
    tied.state.notices.clear();
    expect(endAllBut(tied.state, row)).toBe(1);
    const spared = tied.find(1);
    tied.set(spared, { b: 1 });
    expect(kinds(tied)).toEqual(['change']);
    expect(tied.state.notices.list[0]).toMatchObject({ watch, ios: 1 << 3 });
  });
});

describe('the scratch buffer', () => {
  test('holds one command at most, however many there are', () => {
    const { tied, row } = watched(false);
    for (let round = 0; round < 3_000; round += 1) {
      tied.set(row, { a: 1_000 });
      tied.set(tied.find(2), { a: 1_000 });
      tied.start(10 + round);
      tied.state.notices.clear();
    }
    expect(tied.state.effects?.bytes).toBeLessThan(3_000);
    tied.state.end(row);
    expect(tied.state.effects).toBeUndefined();
  });
});
