import { describe, expect, test } from 'vitest';
import { encode } from '@msgpack/msgpack';
import { EffectBuffer } from '../../../src/state/effect-buffer.js';
import { loadEntries, type LoadResult, type LoadTarget } from '../../../src/state/load-entries.js';
import {
  entry,
  lastUsedAttribute,
  ownerAttribute,
  pair,
  put,
  type SessionEntry,
  sessionEntry,
  shortEntry,
  supersededAttribute,
} from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { apply, describeStates, emptyStates, spaceOf, takeEntries } from '../../support/replay.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

const EXPIRY = { idleMs: 10_000, maxAgeMs: 60_000, flags: 1 | 16 };

function saved(number: number, more: Partial<SessionEntry> = {}): Uint8Array {
  const { slot, digest } = sessionKey(number);
  const session = { kind: 1, slot, digest, version: 7, createdMs: START_MS - 20_000, ...more };
  return sessionEntry(session, pair('saved', encode(number)));
}

/** A shard in use, with session 1 in it. */
class Loading {
  readonly shard = new ShardHarness();
  readonly effects = new EffectBuffer();

  constructor() {
    this.shard.start(sessionKey(1), { keys: { mine: true } });
    this.shard.ask('KV_SET', undefined, { keys: { a: 1, b: 2 } });
    this.shard.sessions.effects = this.effects;
    this.shard.defaults.state.effects = this.effects;
  }

  load(set: Uint8Array, more: Partial<LoadTarget> = {}, entriesMax?: number, at = 0): LoadResult {
    const { sessions, defaults } = this.shard;
    const target = { sessions, defaults, ownsSlot: () => true, ...more };
    return loadEntries(target, spaceOf(set), at, set.length, entriesMax);
  }

  keysOf(number: number): unknown {
    const [status, body] = this.shard.ask('SH_GET_ALL', sessionKey(number));
    return status === 1 ? body?.keys : status;
  }
}

const FIGURES = { loaded: 0, keys: 0, present: 0, dead: 0, refused: 0 };

describe('loadEntries', () => {
  test('leaves sessions that are there alone and starts the others', () => {
    const loading = new Loading();
    const set = bytes(saved(1), saved(2), saved(3));
    const figures = { ...FIGURES, loaded: 2, keys: 2, present: 1 };
    expect(loading.load(set)).toEqual({ ...figures, at: set.length });
    expect(loading.keysOf(1)).toEqual({ mine: true });
    expect(loading.keysOf(3)).toEqual({ saved: 3 });
    expect(loading.shard.counter('sessionsCreated')).toBe(3);
  });

  test('leaves out a session under a token that was replaced since, even in its grace', () => {
    const loading = new Loading();
    const { sessions } = loading.shard;
    const row = sessions.find(Int32Array.from(sessionKey(1).digest), 0, sessionKey(1).slot);
    sessions.rotate(row, Int32Array.of(7, 7, 7, 7), 0, START_MS + 10);
    expect(loading.load(saved(1))).toMatchObject({ ...FIGURES, present: 1 });
    loading.shard.clock.advance(10);
    loading.shard.settle();
    expect(loading.load(saved(1))).toMatchObject({ ...FIGURES, present: 1 });
    // It is not there any more once the session has ended.
    sessions.end(sessions.find(Int32Array.of(7, 7, 7, 7), 0, sessionKey(1).slot));
    expect(loading.load(saved(1))).toMatchObject({ ...FIGURES, loaded: 1, keys: 1 });
  });

  test('brings sessions back with their owners and former tokens', () => {
    const loading = new Loading();
    const attributes = bytes(
      ownerAttribute('ada'),
      lastUsedAttribute(START_MS - 5),
      supersededAttribute([[3, 3, 3, 3], START_MS + 9]),
    );
    const one = saved(2, { attributes });
    loading.load(one);
    expect(takeEntries(loading.effects)).toEqual(one);
    const { sessions } = loading.shard;
    const row = sessions.find(Int32Array.of(3, 3, 3, 3), 0, sessionKey(2).slot);
    expect(sessions.lastUsedMsOf(row)).toBe(START_MS - 5);
    expect(sessions.owners.countOf(sessions.ownerOf(row))).toBe(1);
  });

  test('brings sessions back with their instants, and logs them as they are', () => {
    const loading = new Loading();
    const one = saved(2, { expiry: EXPIRY, deadlineMs: START_MS + 9 });
    const before = describeStates(loading.shard, START_MS);
    loading.load(one);
    const entries = takeEntries(loading.effects);
    expect(entries).toEqual(one);
    const replayed = emptyStates(START_MS);
    apply(replayed, entries);
    const added = describeStates(loading.shard, START_MS).filter((line) => !before.includes(line));
    expect(describeStates(replayed, START_MS).slice(1)).toEqual(added);
    loading.shard.clock.advance(9);
    expect(loading.keysOf(2)).toBe(100);
  });

  test('leaves the dead out: of their deadline, of their maxAge', () => {
    const loading = new Loading();
    const flags = 16;
    const set = bytes(
      saved(2, { expiry: EXPIRY, deadlineMs: START_MS }),
      saved(3, { expiry: { ...EXPIRY, maxAgeMs: 20_000, flags }, deadlineMs: START_MS }),
      saved(4, { expiry: { ...EXPIRY, maxAgeMs: 20_001, flags }, deadlineMs: START_MS + 1 }),
    );
    expect(loading.load(set)).toMatchObject({ ...FIGURES, loaded: 1, keys: 1, dead: 2 });
    expect([loading.keysOf(2), loading.keysOf(3), loading.keysOf(4)]).toEqual([
      100,
      100,
      { saved: 4 },
    ]);
  });

  test('takes a session whose data have expired without them', () => {
    const loading = new Loading();
    const expiry = { ...EXPIRY, maxAgeMs: Infinity, flags: 16 };
    loading.load(saved(2, { expiry, deadlineMs: START_MS - 5_000 }));
    expect(loading.keysOf(2)).toEqual({});
    const replayed = emptyStates(START_MS);
    apply(replayed, takeEntries(loading.effects));
    expect(replayed.sessions.keys.total).toBe(0);
  });

  test('takes the place of a session that is dead', () => {
    const loading = new Loading();
    loading.shard.start(sessionKey(2), {
      keys: { a: 1 },
      expiry: { duration: 1, deleteSession: true },
    });
    loading.shard.clock.advance(1_000);
    loading.shard.sessions.beginTurn(loading.shard.clock.nowMs());
    expect(loading.load(saved(2))).toMatchObject({ loaded: 1, present: 0 });
    expect(loading.keysOf(2)).toEqual({ saved: 2 });
  });

  test('stores the keys of a default map over those that are there', () => {
    const loading = new Loading();
    const header = { kind: 1, flags: 1, createdMs: START_MS, version: 99 };
    const set = sessionEntry(header, pair('b', encode(3)), pair('c', encode('x')));
    expect(loading.load(set)).toMatchObject({ loaded: 1, keys: 2 });
    expect(loading.shard.ask('KV_GET_ALL', undefined)[1]).toEqual({ keys: { a: 1, b: 3, c: 'x' } });
    const change = entry(
      { kind: 2, flags: 1, version: 2 },
      put('b', encode(3)),
      put('c', encode('x')),
    );
    expect(takeEntries(loading.effects)).toEqual(change);
    expect(loading.load(sessionEntry(header))).toMatchObject({ loaded: 1, keys: 0 });
    expect(loading.effects.isEmpty).toBe(true);
    expect(loading.load(set, { defaults: undefined })).toMatchObject(FIGURES);
  });

  test('passes over slots of others, and what there is no room for', () => {
    const loading = new Loading();
    const set = bytes(saved(2), saved(3), saved(4));
    const asked: number[][] = [];
    const result = loading.load(set, {
      ownsSlot: (slot) => slot !== 2,
      admits: (keys, pairsBytes) => asked.push([keys, pairsBytes]) !== 1,
    });
    expect(result).toMatchObject({ ...FIGURES, loaded: 1, keys: 1, refused: 1 });
    expect(asked).toEqual([
      [1, 8],
      [1, 8],
    ]);
    expect(loading.keysOf(4)).toEqual({ saved: 4 });
  });

  test('goes on where it stopped', () => {
    const loading = new Loading();
    const set = bytes(saved(2), saved(3), saved(4));
    const first = loading.load(set, {}, 2);
    expect(first).toMatchObject({ loaded: 2, at: (set.length / 3) * 2 });
    expect(loading.load(set, {}, 2, first.at)).toMatchObject({ loaded: 1, at: set.length });
  });

  test('stops at damage, and at what no set has', () => {
    const loading = new Loading();
    const damaged = loading.load(bytes(saved(2), saved(3).subarray(0, 50)));
    expect(damaged).toMatchObject({ loaded: 1, at: saved(2).length });
    expect(damaged.problem).toContain('cut short');
    const alien = loading.load(shortEntry({ kind: 6 }));
    expect(alien.problem).toContain('entry of kind 6');
  });
});
