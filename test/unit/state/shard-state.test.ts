import { describe, expect, test } from 'vitest';
import { NIL } from '../../../src/memory/shared-memory.js';
import type { ExpiryPolicy } from '../../../src/state/deadlines.js';
import {
  READ_AHEAD_MAX,
  type SessionObserver,
  ShardState,
} from '../../../src/state/shard-state.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { bytes } from '../../support/msgpack-bytes.js';

const NOW_MS = 1_700_000_000_000;

class Recorder implements SessionObserver {
  readonly started: number[] = [];
  readonly ended: number[] = [];
  readonly expired: number[] = [];
  readonly cleared: number[] = [];
  sessionStarted(): void {
    this.started.push(1);
  }
  sessionsEnded(count: number): void {
    this.ended.push(count);
  }
  sessionExpired(lagMs: number): void {
    this.expired.push(lagMs);
  }
  sessionCleared(lagMs: number): void {
    this.cleared.push(lagMs);
  }
}

function newState(): { state: ShardState; recorder: Recorder } {
  const recorder = new Recorder();
  return { state: new ShardState({ nowMs: NOW_MS, seed: [1, 2], observer: recorder }), recorder };
}

function digestOf(number: number): Int32Array {
  return Int32Array.of(Math.imul(number, 0x9e3779b1), number, 3, 4);
}

function find(state: ShardState, number: number): number {
  return state.find(digestOf(number), 0, number & 1_023);
}

/** A session with one key. */
function start(state: ShardState, number: number, policy: Partial<ExpiryPolicy> | null): number {
  const row = state.create(digestOf(number), 0, number & 1_023, false);
  setKey(state, row, 'k', 'value');
  if (policy !== null) state.setExpiry(row, policyOf(policy));
  return row;
}

function policyOf(policy: Partial<ExpiryPolicy>): ExpiryPolicy {
  const none = { deletesSession: false, extendsOnWrite: false, extendsOnRead: false };
  return { idleMs: 0, maxAgeMs: Infinity, ...none, ...policy };
}

function setKey(state: ShardState, row: number, key: string, value: string): void {
  const input = bytes(key, value);
  const space = new ByteSpace(input.buffer as ArrayBuffer);
  state.keys.set(row, space, 0, key.length, key.length, value.length);
}

describe('deadlines', () => {
  test.each([
    ['once, just after', [1_001]],
    ['at the deadline and late', [1_000, 2_700]],
    ['never before the end', []],
    ['all the time', Array.from({ length: 340 }, (_, i) => i * 10)],
  ])('restart from the deadline itself, whoever looks when (%s)', (_, looks) => {
    const { state } = newState();
    start(state, 1, { idleMs: 1_000 });
    for (const atMs of looks) {
      state.beginTurn(NOW_MS + atMs);
      find(state, 1);
      if (atMs % 3 === 0) state.advance(10);
    }
    state.beginTurn(NOW_MS + 3_400);
    const row = find(state, 1);
    expect(state.keys.countOf(row)).toBe(0);
    expect(state.remainingMsOf(row)).toBe(600);
  });

  test('end a session at its maxAge, whatever the flag and the idle time', () => {
    const { state, recorder } = newState();
    start(state, 1, { idleMs: 1_000, maxAgeMs: 3_500 });
    state.beginTurn(NOW_MS + 3_499);
    expect(state.remainingMsOf(find(state, 1))).toBe(1);
    state.beginTurn(NOW_MS + 3_500);
    expect(find(state, 1)).toBe(NIL);
    expect(recorder.expired).toEqual([0]);
    expect(recorder.cleared.length).toBe(1);
  });

  test('bump the version with the data they remove, and not without', () => {
    const { state } = newState();
    start(state, 1, { idleMs: 1_000 });
    state.beginTurn(NOW_MS + 1_500);
    expect(state.versionOf(find(state, 1))).toBe(1);
    state.beginTurn(NOW_MS + 9_500);
    expect(state.versionOf(find(state, 1))).toBe(1);
  });

  test('keep the sweep busy only while something can happen', () => {
    const { state } = newState();
    const row = start(state, 1, { idleMs: 1_000 });
    expect(state.wheel.size).toBe(1);
    state.keys.clear(row);
    state.beginTurn(NOW_MS + 1_000);
    while (state.advance(100) > 0);
    expect(state.wheel.size).toBe(0);
    // With data it can: a write puts the row back.
    setKey(state, row, 'k', 'value');
    state.wrote(row);
    expect(state.wheel.size).toBe(1);
    state.beginTurn(NOW_MS + 2_000);
    state.advance(100);
    expect(state.keys.countOf(row)).toBe(0);
  });

  test('do not hold up the end of all sessions, however short they are', () => {
    const { state } = newState();
    start(state, 1, { idleMs: 1, maxAgeMs: 1e9 });
    for (let ms = 1; ms < 50; ms += 1) {
      state.beginTurn(NOW_MS + ms * 0.5);
      expect(state.advance(100)).toBeLessThan(100);
    }
    expect(state.endAll()).toBe(1);
  });
});

describe('ShardState', () => {
  test('sweeps what is due at once in slices of the size it is told', () => {
    const { state, recorder } = newState();
    for (let number = 0; number < 5_000; number += 1) {
      start(state, number, { idleMs: 1_000, deletesSession: true });
    }
    state.beginTurn(NOW_MS + 1_250);
    let slices = 0;
    for (let touched = 256; touched === 256; slices += 1) {
      const before = state.sessionCount;
      touched = state.advance(256);
      expect(before - state.sessionCount).toBeLessThanOrEqual(256);
    }
    expect(slices).toBeGreaterThanOrEqual(5_000 / 256);
    expect([state.sessionCount, state.wheel.size, state.arena.bytes]).toEqual([0, 0, 0]);
    expect(recorder.expired).toEqual(new Array(5_000).fill(250));
  });

  test('ends sessions by eviction in the order of their deadlines, and none that cannot expire', () => {
    const { state } = newState();
    start(state, 1, null);
    start(state, 2, { idleMs: 30_000 });
    start(state, 3, { maxAgeMs: 10_000 });
    start(state, 4, { idleMs: 20_000, deletesSession: true });
    const left = (): number[] => [1, 2, 3, 4].filter((number) => find(state, number) !== NIL);
    expect(state.evictSoonest()).toBe(true);
    expect(left()).toEqual([1, 2, 4]);
    expect(state.evictSoonest()).toBe(true);
    expect(left()).toEqual([1, 2]);
    expect(state.evictSoonest()).toBe(true);
    expect(left()).toEqual([1]);
    expect(state.evictSoonest()).toBe(false);
  });

  test('counts its bytes to the last one', () => {
    const { state } = newState();
    expect(state.bytes).toBe(0);
    start(state, 1, null);
    const header = 64;
    const buckets = 64 * 4;
    // Length, key with its header, value; eight bytes of block header; rounded up to eight.
    const block = 16;
    expect(state.bytes).toBe(header + buckets + block);
    start(state, 2, { maxAgeMs: 1_000 });
    expect(state.bytes).toBe(2 * header + buckets + 2 * block + 48);
    state.end(find(state, 1));
    state.end(find(state, 2));
    expect(state.bytes).toBe(buckets);
    state.endAll();
    expect(state.bytes).toBe(0);
  });

  test('gives memory back by tidying, and says when it is done', () => {
    const { state } = newState();
    for (let number = 0; number < 20_000; number += 1) {
      const row = start(state, number, { idleMs: 60_000, maxAgeMs: 90_000 });
      if (number % 500 === 0) {
        for (let key = 0; key < 200; key += 1) setKey(state, row, `key ${key}`, 'v'.repeat(50));
      }
    }
    expect(state.rows.pool.pages.length).toBe(5);
    for (let number = 0; number < 20_000; number += 1) {
      if (number % 8 !== 0) state.end(find(state, number));
    }
    let steps = 0;
    while (state.tidy(200)) steps += 1;
    expect(steps).toBeGreaterThan(10);
    expect(state.tidy(200)).toBe(false);
    const pools = [state.rows.pool, state.rows.extras, state.keys.big.entries];
    expect(pools.map((pool) => pool.isSparse)).toEqual([false, false, false]);
    expect(state.rows.pool.pages.length).toBeLessThanOrEqual(2);
    expect(state.arena.compact(1, () => expect.unreachable())).toBe(false);
    for (let number = 0; number < 20_000; number += 8) {
      const row = find(state, number);
      expect(state.keys.countOf(row)).toBe(number % 500 === 0 ? 201 : 1);
      expect(state.rows.maxAgeOf(row)).toBe(90_000);
    }
    state.beginTurn(NOW_MS + 90_000);
    while (state.advance(1_000) > 0);
    expect(state.sessionCount).toBe(0);
  });

  test('moves no row while rows must stay, and all that it should afterwards', () => {
    const { state } = newState();
    for (let number = 0; number < 9_000; number += 1) start(state, number, { maxAgeMs: 1e9 });
    const rows = new Map<number, number>();
    for (let number = 0; number < 9_000; number += 1) {
      if (number % 4 !== 3) state.end(find(state, number));
      else rows.set(number, find(state, number));
    }
    state.keepsRowsInPlace = true;
    while (state.tidy(1_000));
    expect([state.rows.pool.isSparse, state.rows.extras.isSparse]).toEqual([true, false]);
    for (const [number, row] of rows) expect(find(state, number)).toBe(row);
    state.keepsRowsInPlace = false;
    while (state.tidy(1_000));
    expect(state.rows.pool.isSparse).toBe(false);
    for (const number of rows.keys()) expect(state.keys.countOf(find(state, number))).toBe(1);
  });

  test('tidies entries alone, without garbage and without another sparse structure', () => {
    const { state } = newState();
    const row = start(state, 1, null);
    for (let key = 0; key < 60_000; key += 1) setKey(state, row, `key ${key}`, 'v');
    const input = new ByteSpace(new ArrayBuffer(16));
    for (let key = 0; key < 60_000; key += 1) {
      if (key % 3 === 0) continue;
      const name = bytes(`key ${key}`);
      input.bytes.set(name);
      expect(state.keys.find(row, input, 0, name.length)).toBe(true);
      state.keys.removeFound(row);
    }
    while (state.tidy(10));
    expect(state.keys.big.entries.isSparse).toBe(false);
    expect(state.keys.countOf(row)).toBe(20_001);
  });

  test('goes on over the memory of another one', () => {
    const { state } = newState();
    for (let number = 0; number < 3_000; number += 1) {
      start(state, number, number % 2 === 0 ? { idleMs: 1_000, deletesSession: true } : null);
    }
    state.end(find(state, 7));
    const recorder = new Recorder();
    const options = { nowMs: NOW_MS, seed: [9, 9] as const, observer: recorder };
    const second = new ShardState(options, state.memory.handles());
    expect([second.sessionCount, second.keys.total, second.bytes]).toEqual([
      state.sessionCount,
      state.keys.total,
      state.bytes,
    ]);
    expect(find(second, 7)).toBe(NIL);
    start(second, 7, { idleMs: 500, deletesSession: true });
    second.beginTurn(NOW_MS + 1_000);
    while (second.advance(100) > 0);
    expect(second.sessionCount).toBe(1_499);
    expect(recorder.expired.length).toBe(1_501);
  });
});

describe('a guess at the row of a session', () => {
  function findGuessing(state: ShardState, number: number, guess: number): number {
    return state.find(digestOf(number), 0, number & 1_023, guess);
  }

  test('makes no difference, right or wrong', () => {
    const { state } = newState();
    const rows = [1, 2, 3].map((number) => start(state, number, null));
    for (const guess of [...rows, NIL, 3, 1_000_000, 0x7fffffff]) {
      expect([1, 2, 3, 4].map((number) => findGuessing(state, number, guess))).toEqual([
        ...rows,
        NIL,
      ]);
    }
  });

  test('finds no session that has ended, whatever is left of it', () => {
    const { state } = newState();
    start(state, 1, null);
    // The mark of a free row has the bits of this slot.
    const row = start(state, 1_023, null);
    state.end(row);
    expect(findGuessing(state, 1_023, row)).toBe(NIL);
    state.endAll();
    expect(findGuessing(state, 1, 0)).toBe(NIL);
  });

  test('finds a session that is due no more than a search does', () => {
    const { state, recorder } = newState();
    const row = start(state, 1, { idleMs: 1_000, deletesSession: true });
    state.beginTurn(NOW_MS + 1_000);
    expect(findGuessing(state, 1, row)).toBe(NIL);
    expect(recorder.expired).toEqual([0]);
  });

  test('is made for tokens of nobody, too, where rows that a free one led to have gone', () => {
    const { state } = newState();
    const count = 40_000;
    for (let number = 0; number < count; number += 1) start(state, number, null);
    // The first row, until it stands before one of the last in its bucket.
    for (let number = count; state.rows.index.nextOf(0) < count - 10_000; number += 1) {
      state.end(0);
      expect(start(state, number, null)).toBe(0);
    }
    state.end(0);
    for (let row = count - 1; row > 100; row -= 1) state.end(row);
    while (state.tidy(1_000));
    expect(state.rows.isLive(0)).toBe(false);
    const unknown = Array.from({ length: READ_AHEAD_MAX }, (_, each) =>
      Int32Array.of(Math.imul(each + 7, 0x7feb352d) ^ (each << 13), each, 3, 4),
    );
    expect(unknown.some((digest) => state.rows.index.firstOf(digest[0]!) === NIL)).toBe(true);
    const digests = Int32Array.from(unknown.flatMap((digest) => [...digest]));
    const places = Int32Array.from(unknown, (_, each) => each * 4);
    const guesses = new Int32Array(READ_AHEAD_MAX);
    state.readAhead(digests, places, READ_AHEAD_MAX, guesses);
    const found = unknown.map((digest, each) => state.find(digest, 0, 0, guesses[each]));
    expect(found).toEqual(unknown.map(() => NIL));
  });
});
