import { describe, expect, test } from 'vitest';
import { CHUNKS_AHEAD_MAX } from '../../../src/config/walk-messages.js';
import { sessionKey } from '../../support/shard-harness.js';
import { shardFromChunks, WalkedShard, type WalkOutcome } from '../../support/walked-shard.js';

const SIZES = { chunkBytes: 2_000, rowsPerLook: 4 };
const NOW_MS = 1_800_000_000_000;

/** Sessions `from` to `to`, each with its number as a value. */
function fill(world: WalkedShard, from: number, to: number): void {
  for (let number = from; number < to; number += 1) {
    world.shard.start(sessionKey(number), { keys: { number } });
    world.flush();
  }
}

function digestOf(number: number): Int32Array {
  return Int32Array.of(Math.imul(number + 1, 0x9e3779b1), number, 2, 3);
}

/** Numbers of the sessions that a walk has given, among those below a limit. */
function numbersIn(outcome: WalkOutcome, below: number): number[] {
  const shard = shardFromChunks(outcome, NOW_MS);
  const numbers = Array.from({ length: below }, (_, number) => number);
  return numbers.filter((number) => shard.statusOf('SH_INFO', sessionKey(number)) === 1);
}

function sum(outcome: WalkOutcome, name: 'sessions' | 'keys'): number {
  return outcome.chunks.reduce((total, chunk) => total + chunk[name], 0);
}

describe('Walks', () => {
  test('give every session whole, in chunks of about the size asked for', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 100);
    const outcome = world.start(1, 'save');
    world.finishWalks();
    expect(numbersIn(outcome, 120)).toEqual(Array.from({ length: 100 }, (_, number) => number));
    const sizes = outcome.chunks.map(({ bytes }) => bytes.byteLength);
    expect(Math.max(...sizes)).toBeLessThan(SIZES.chunkBytes + 500);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(SIZES.chunkBytes);
    expect([sum(outcome, 'sessions'), sum(outcome, 'keys')]).toEqual([100, 100]);
    expect(outcome.end).toMatchObject({ id: 1, sessions: 100, keys: 100 });
  });

  test('say where the log begins that goes with a snapshot, and where it was at its end', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 10);
    const snapshot = world.start(1, 'snapshot');
    const save = world.start(2, 'save');
    fill(world, 10, 13);
    world.finishWalks();
    expect(snapshot.end).toMatchObject({
      logStart: { segment: 2, sequence: 11 },
      lastSequence: 13,
    });
    expect(snapshot.chunks[0]!.logStart).toEqual({ segment: 2, sequence: 11 });
    expect(save.end!.logStart).toEqual({ segment: 0, sequence: 0 });
  });

  test('keep rows in place, so that tidying hides no session from them', () => {
    const world = new WalkedShard({ chunkBytes: 2_000, rowsPerLook: 64 });
    const { sessions } = world.shard;
    const rowOf = (number: number): number => sessions.rows.find(digestOf(number), 0, 0);
    for (let number = 0; number < 12_000; number += 1) {
      sessions.started(sessions.create(digestOf(number), 0, 0, false));
    }
    const outcome = world.start(1, 'save', 'sessions');
    for (let slice = 0; slice < 60; slice += 1) {
      world.walks.slice(true);
      world.chunksDone = world.chunksSent;
    }
    // Most of what the walk has passed goes; those not yet met would fill the holes.
    for (let number = 0; number < 7_000; number += 1) sessions.end(rowOf(number));
    while (sessions.tidy(256));
    expect(sessions.rows.pool.end).toBe(12_000);
    world.finishWalks();
    const given = shardFromChunks(outcome, NOW_MS).sessions;
    let missing = 0;
    for (let number = 7_000; number < 12_000; number += 1) {
      if (given.rows.find(digestOf(number), 0, 0) < 0) missing += 1;
    }
    expect(missing).toBe(0);
    while (sessions.tidy(256));
    expect(sessions.rows.pool.end).toBeLessThan(10_000);
  });

  test('give the default map with all or alone, and sessions without it', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 5);
    world.shard.ask('KV_SET', undefined, { keys: { a: 1, b: 2 } });
    const outcomes = (['all', 'sessions', 'default'] as const).map((what, id) =>
      world.start(id, 'save', what),
    );
    world.finishWalks();
    expect(outcomes.map((outcome) => numbersIn(outcome, 10).length)).toEqual([5, 5, 0]);
    expect(outcomes.map((outcome) => sum(outcome, 'keys'))).toEqual([7, 5, 2]);
    expect(outcomes.map((outcome) => sum(outcome, 'sessions'))).toEqual([5, 5, 0]);
    const keys = outcomes.map(
      (outcome) => shardFromChunks(outcome, NOW_MS).ask('KV_GET_ALL', undefined)[1]!['keys'],
    );
    expect(keys).toEqual([{ a: 1, b: 2 }, {}, { a: 1, b: 2 }]);
  });

  test('give a session of a list by the token it had, in its grace, and only once', () => {
    const world = new WalkedShard(SIZES);
    const { sessions } = world.shard;
    for (let number = 0; number < 3; number += 1) {
      sessions.started(sessions.create(digestOf(number), 0, 0, false));
      const graceUntilMs = sessions.nowMs + (number < 2 ? 1_000 : 0);
      const row = sessions.rows.find(digestOf(number), 0, 0);
      sessions.rotate(row, digestOf(number + 10), 0, graceUntilMs);
    }
    // By both; by the old one alone; by the old one that has no grace.
    const named = [0, 10, 1, 2].flatMap((number) => [...digestOf(number), 0]);
    const outcome = world.start(1, 'save', Int32Array.from(named));
    world.finishWalks();
    const given = shardFromChunks(outcome, NOW_MS).sessions;
    const isGiven = [10, 11, 12].map((number) => given.rows.find(digestOf(number), 0, 0) >= 0);
    expect(isGiven).toEqual([true, true, false]);
    expect(outcome.end).toMatchObject({ sessions: 2 });
  });

  test('give the sessions of a list, and pass over those that are not there', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 100);
    const wanted = [3, 77, 500, 12, 99];
    const list = Int32Array.from(
      wanted.flatMap((number) => {
        const { digest, slot } = sessionKey(number);
        return [...digest, slot];
      }),
    );
    const outcome = world.start(1, 'save', list);
    const nothing = world.start(2, 'save', new Int32Array(0));
    world.finishWalks();
    expect(numbersIn(outcome, 600)).toEqual([3, 12, 77, 99]);
    expect(nothing).toMatchObject({ chunks: [], end: { sessions: 0 } });
  });

  test('wait while too many chunks are under way, all walks together', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 200);
    world.start(1, 'snapshot');
    world.start(2, 'save');
    for (let slice = 0; slice < 200; slice += 1) world.walks.slice(false);
    expect(world.chunksSent).toBe(CHUNKS_AHEAD_MAX);
    expect(world.walks.isActive).toBe(false);
    world.chunksDone += 1;
    expect(world.walks.isActive).toBe(true);
    for (let slice = 0; slice < 200; slice += 1) world.walks.slice(false);
    expect(world.chunksSent).toBe(CHUNKS_AHEAD_MAX + 1);
    const sentBy = [...world.outcomes.values()].map(({ chunks }) => chunks.length);
    expect(Math.min(...sentBy)).toBeGreaterThanOrEqual(2);
    world.finishWalks();
    for (const outcome of world.outcomes.values())
      expect(numbersIn(outcome, 300)).toHaveLength(200);
  });

  test.each([
    [true, 0.125, 2],
    [false, 0.125, 8],
    [true, 0, 256],
  ])('take a slice (requests: %s) at %d ms a step in %i steps', (hasRequests, msPerLook, steps) => {
    const world = new WalkedShard({ chunkBytes: 1 << 20, rowsPerLook: 1 });
    fill(world, 0, 400);
    const outcome = world.start(1, 'save', 'sessions');
    world.msPerLook = msPerLook;
    world.walks.slice(hasRequests);
    // What it has not sent yet is lost with it: so it must be cut off to see how far it is.
    world.msPerLook = 10;
    world.shard.ask('SH_END_ALL', undefined);
    world.walks.slice(hasRequests);
    expect(sum(outcome, 'sessions')).toBe(steps);
  });

  test('send small chunks while commands come in, and large ones while none do', () => {
    const world = new WalkedShard({ chunkBytes: 400 * 1_024, rowsPerLook: 1 });
    for (let number = 0; number < 100; number += 1) {
      world.shard.start(sessionKey(number), { keys: { text: 'v'.repeat(10_000) } });
    }
    // A clock that goes so slowly that a slice ends with its chunk.
    world.msPerLook = 0.000_001;
    const outcome = world.start(1, 'save', 'sessions');
    world.walks.slice(true);
    world.walks.slice(false);
    const [small, large] = outcome.chunks.map(({ bytes }) => bytes.length);
    expect(small).toBeGreaterThan(112 * 1_024 - 1);
    expect(small).toBeLessThan(124 * 1_024);
    expect(large).toBeGreaterThan(400 * 1_024 - 1);
    expect(large).toBeLessThan(412 * 1_024);
  });

  test('rest fifty times as long as a slice took, as long as commands come in', () => {
    const world = new WalkedShard({ chunkBytes: 1 << 20, rowsPerLook: 1 });
    fill(world, 0, 400);
    world.start(1, 'save', 'sessions');
    world.msPerLook = 0.0625;
    // Looks at the clock: at the start, four steps of a slice of 0.25 ms, and its end.
    world.walks.slice(true);
    const rest = (): number => {
      let looks = 1;
      while (!world.walks.isActive) looks += 1;
      return looks;
    };
    expect(rest()).toBe(5 * 50);
    // Executed during the rest, though not in the turn of the slice.
    world.commands += 1;
    world.walks.slice(false);
    expect(rest()).toBe(5 * 50);
    // Writes may be waiting for this very snapshot.
    world.isLogFailing = true;
    world.walks.slice(true);
    expect(rest()).toBe(5 * 7);
    world.walks.slice(false);
    expect(rest()).toBe(1);
    world.walks.take({ type: 'cancel-walk', id: 1 });
    expect(world.walks.resumeMs).toBe(Infinity);
  });

  test('leave what they have sent untouched until it is done with', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 200);
    const sent: Uint8Array[] = [];
    const copies: Uint8Array[] = [];
    world.onChunk = ({ bytes }) => {
      sent.push(bytes);
      copies.push(bytes.slice());
    };
    world.start(1, 'save');
    world.start(2, 'snapshot');
    for (let done = 0; done < 20; done += 1) {
      for (let slice = 0; slice < 50; slice += 1) world.walks.slice(false);
      const underWay = world.chunksSent - world.chunksDone;
      expect(underWay).toBeLessThanOrEqual(CHUNKS_AHEAD_MAX);
      for (let at = sent.length - underWay; at < sent.length; at += 1) {
        expect(Buffer.compare(sent[at]!, copies[at]!)).toBe(0);
      }
      world.chunksDone = Math.min(world.chunksSent, world.chunksDone + 1);
    }
  });

  test('encode a session larger than a chunk in one slice, and go on with the next', () => {
    const world = new WalkedShard(SIZES);
    const big = 'v'.repeat(300_000);
    world.shard.start(sessionKey(0), { keys: { big, more: big } });
    fill(world, 1, 5);
    const outcome = world.start(1, 'save', 'sessions');
    world.finishWalks();
    expect(numbersIn(outcome, 10)).toHaveLength(5);
    expect(outcome.chunks.length).toBeGreaterThan(1);
  });

  test('that are cancelled end at once; the others go on', () => {
    const world = new WalkedShard(SIZES);
    fill(world, 0, 100);
    const cancelled = world.start(1, 'save');
    const other = world.start(2, 'save');
    for (let slice = 0; slice < 4; slice += 1) world.walks.slice(true);
    world.walks.take({ type: 'cancel-walk', id: 1 });
    world.walks.take({ type: 'cancel-walk', id: 7 });
    expect(cancelled.end).toBeDefined();
    const sent = cancelled.chunks.length;
    world.finishWalks();
    expect(cancelled.chunks).toHaveLength(sent);
    expect(numbersIn(other, 120)).toHaveLength(100);
    expect(world.shard.sessions.keepsRowsInPlace).toBe(false);
  });

  test('over an empty shard are over at the first slice', () => {
    const world = new WalkedShard(SIZES);
    const outcome = world.start(1, 'snapshot', 'sessions');
    world.walks.slice(false);
    expect(outcome).toMatchObject({ chunks: [], end: { sessions: 0, keys: 0 } });
    expect(world.walks.isActive).toBe(false);
  });
});
