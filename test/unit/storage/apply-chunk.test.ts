import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import type { ApplyTarget } from '../../../src/state/apply.js';
import { applyChunk } from '../../../src/storage/apply-chunk.js';
import { pair, type SessionEntry, sessionEntry, shortEntry } from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { Random } from '../../support/random.js';
import { apply, describeStates, emptyStates, spaceOf, type States } from '../../support/replay.js';

const NOW_MS = 1_800_000_000_000;
/** Digests to choose from: few enough that some come twice, and that buckets are shared. */
const DIGESTS = 3_000;

function randomSession(random: Random): Uint8Array {
  const number = random.below(DIGESTS);
  const isIdle = random.below(3) > 0;
  const hasMaxAge = random.below(8) === 0;
  const session: SessionEntry = {
    kind: 1,
    slot: number % 1_024,
    digest: [number & 255, number, -number, 7],
    version: random.below(1_000),
    deadlineMs: isIdle || hasMaxAge ? NOW_MS + random.below(100_000_000) : Infinity,
    createdMs: NOW_MS - random.below(1_000_000),
    expiry: {
      idleMs: isIdle ? 1 + random.below(100_000_000) : 0,
      maxAgeMs: hasMaxAge ? 1_000_000_000 : Infinity,
      flags: isIdle || hasMaxAge ? 16 | random.below(16) : random.below(2) * 8,
    },
    attributes: random.below(20) === 0 ? bytes(200, 1, 0, 'a') : new Uint8Array(),
  };
  const keys = random.below(30) === 0 ? random.below(60) : random.below(4);
  const longest = random.below(30) === 0 ? 5_000 : 60;
  const pairs = Array.from({ length: keys }, (_, key) =>
    pair(`key-${key}`, encode('v'.repeat(random.below(longest)))),
  );
  return sessionEntry(session, ...pairs);
}

function chunkOf(seed: number, sessions: number): Uint8Array {
  const random = new Random(seed);
  return bytes(...Array.from({ length: sessions }, () => randomSession(random)));
}

function applied(
  chunk: Uint8Array,
  target: Partial<ApplyTarget> = {},
): { states: States; result: ReturnType<typeof applyChunk> } {
  const states = emptyStates(NOW_MS);
  const owned = { ...states, ownsSlot: () => true, ...target };
  const result = applyChunk(owned, spaceOf(chunk), 0, chunk.length);
  return { states, result };
}

describe('applyChunk', () => {
  test.each([1, 2, 3])('gives what applyEntries gives (seed %i)', (seed) => {
    const chunk = chunkOf(seed, 2_000);
    const expected = emptyStates(NOW_MS);
    const whole = apply(expected, chunk);
    const { states, result } = applied(chunk);
    expect(result).toEqual(whole);
    expect(describeStates(states, NOW_MS)).toEqual(describeStates(expected, NOW_MS));
    const { sessions } = states;
    expect(sessions.wheel.size).toBe(expected.sessions.wheel.size);
    expect(sessions.keys.total).toBe(expected.sessions.keys.total);
    expect(sessions.bytes).toBe(expected.sessions.bytes);
    // All that came due goes, whichever way it came.
    for (const each of [sessions, expected.sessions]) each.endRecovery(NOW_MS + 50_000_000);
    const later = NOW_MS + 50_000_000;
    expect(describeStates(states, later)).toEqual(describeStates(expected, later));
  });

  test('passes over sessions of other shards', () => {
    const ownsSlot = (slot: number): boolean => slot < 100;
    const chunk = chunkOf(4, 500);
    const expected = emptyStates(NOW_MS);
    apply(expected, chunk, { ownsSlot });
    const { states } = applied(chunk, { ownsSlot });
    expect(states.sessions.sessionCount).toBeGreaterThan(0);
    expect(describeStates(states, NOW_MS)).toEqual(describeStates(expected, NOW_MS));
  });

  test('says where the first bad entry is, and applies what lies before it', () => {
    const good = chunkOf(5, 40);
    const bad = shortEntry({ kind: 9 });
    const { states, result } = applied(bytes(good, bad, good));
    expect(result).toEqual({
      entries: 40,
      at: good.length,
      problem: 'an entry of the unknown kind 9',
    });
    const expected = emptyStates(NOW_MS);
    apply(expected, good);
    expect(describeStates(states, NOW_MS)).toEqual(describeStates(expected, NOW_MS));
  });

  test.each([4, 20, 60])('refuses a chunk that ends after %i bytes of an entry', (length) => {
    const good = chunkOf(6, 17);
    const { result } = applied(bytes(good, chunkOf(7, 1).subarray(0, length)));
    expect(result).toMatchObject({ entries: 17, at: good.length });
    expect(result.problem).toBeDefined();
  });
});
