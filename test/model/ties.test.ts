/**
 * Goal: owners, former tokens and undone batches are what plain Maps say, while rows, cells and
 * blocks move, and after a start from the entries; memory is counted to the last byte.
 * Method: random steps on a state and on Maps (tied-world.ts); what is found compared after each;
 * their entries applied to fresh states, alone, twice, and over snapshots taken meanwhile.
 */
import { describe, expect, test } from 'vitest';
import { NIL } from '../../src/memory/shared-memory.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { encodeSession } from '../../src/state/encode-session.js';
import type { ShardState } from '../../src/state/shard-state.js';
import { damage } from '../support/damage.js';
import { bytes } from '../support/msgpack-bytes.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';
import { apply, describeStates, emptyStates, entriesOf } from '../support/replay.js';
import {
  keysIn,
  newTiedState,
  rowsOfOwner,
  type TiedSession,
  TiedWorld,
} from '../support/tied-world.js';

const START_MS = 1_800_000_000_000;
const STEPS = 6_000;

/** Whatever token is shown: the session, or a refusal and which. */
function expectReached(world: TiedWorld, state: ShardState, session: TiedSession): void {
  const row = state.find(session.digest, 0, 5);
  expect(row).not.toBe(NIL);
  expect(state.versionOf(row)).toBe(session.version);
  expect(keysIn(state, row)).toEqual(
    [...session.keys].map(([key, value]) => `${key} ${value.length}`),
  );
  for (const old of session.superseded) {
    const isReached = old.graceUntilMs > world.nowMs;
    expect(state.find(old.digest, 0, 5)).toBe(isReached ? row : NIL);
    if (!isReached) expect([state.isSuperseded, state.supersededRow]).toEqual([true, row]);
  }
}

function expectForgotten(state: ShardState, digest: Int32Array | undefined): void {
  if (digest === undefined) return;
  expect([state.find(digest, 0, 5), state.isSuperseded]).toEqual([NIL, false]);
}

function expectOwned(world: TiedWorld, state: ShardState, owner: string): void {
  const rows = rowsOfOwner(state, owner);
  const created = rows.map((row) => state.createdMsOf(row));
  expect(created).toEqual([...created].sort((one, other) => one - other));
  const expected = world.ofOwner(owner).map((session) => state.find(session.digest, 0, 5));
  expect([...rows].sort()).toEqual(expected.sort());
}

function expectSame(world: TiedWorld, state: ShardState): void {
  state.beginTurn(world.nowMs);
  for (const session of world.sessions.values()) expectReached(world, state, session);
  for (const digest of world.forgotten.slice(-300)) expectForgotten(state, digest);
  const owners = new Set([...world.sessions.values()].map(({ owner }) => owner));
  for (const owner of owners) if (owner !== undefined) expectOwned(world, state, owner);
  while (state.advance(1_000) > 0);
  expect(state.sessionCount).toBe(world.sessions.size);
  expect(state.owners.pool.live).toBe([...owners].filter((owner) => owner !== undefined).length);
}

/** The bytes of all there is, by what each thing costs. Only of states without big sessions. */
function bytesExpected(world: TiedWorld, state: ShardState): number {
  const { arena, owners, rows, superseded } = state;
  let sum = rows.index.bytes + owners.index.bytes + superseded.index.bytes + state.keys.big.bytes;
  const names = new Set<string>();
  for (const session of world.sessions.values()) {
    const row = state.find(session.digest, 0, 5);
    const isPlain = session.owner === undefined && session.superseded.length === 0;
    const hasExtras = !isPlain || rows.maxAgeOf(row) !== Infinity;
    sum += 64 + (hasExtras ? 48 : 0) + 40 * session.superseded.length;
    const recordBytes = state.keys.bytesBoundOf(row);
    if (recordBytes > 0) sum += arena.cellBytesOf(recordBytes);
    if (session.owner !== undefined) names.add(session.owner);
  }
  for (const name of names) sum += 32 + arena.cellBytesOf(name.length);
  return sum;
}

function recovered(nowMs: number, ...parts: readonly Uint8Array[]): ShardState {
  const states = { ...emptyStates(START_MS), sessions: newTiedState(START_MS) };
  for (const part of parts) expect(apply(states, part).problem).toBeUndefined();
  states.sessions.endRecovery(nowMs);
  return states.sessions;
}

function described(state: ShardState, nowMs: number): string[] {
  const { defaults } = emptyStates(START_MS);
  return describeStates({ sessions: state, defaults }, nowMs);
}

/** Encodes all sessions while steps go on, a few rows at a time. */
function snapshotDuring(world: TiedWorld, random: Random): Uint8Array {
  const snapshot = new EffectBuffer();
  const { state } = world;
  state.keepsRowsInPlace = true;
  for (let row = 0; row < state.rows.pool.end; row += 1) {
    if (state.rows.isLive(row)) encodeSession(state, row, snapshot);
    for (let step = random.below(6); step > 0; step -= 1) world.step();
  }
  state.keepsRowsInPlace = false;
  return entriesOf(snapshot);
}

describe('owners, former tokens and batches', () => {
  test.each([1, 2, 3])('are what the Maps say, whatever moves (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const world = new TiedWorld(new Random(seed), START_MS);
    for (let step = 0; step < STEPS; step += 1) {
      world.step();
      const session = world.aSession();
      if (session !== undefined) expectReached(world, world.state, session);
      expectForgotten(world.state, world.forgotten[random.below(world.forgotten.length)]);
      if (session?.owner !== undefined) expectOwned(world, world.state, session.owner);
      if (step % 200 === 0) expectSame(world, world.state);
    }
    world.endAll(undefined);
    expect(world.state.bytes).toBe(0);
  });

  test.each([11, 12])('stay so while their cells move into holes (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const world = new TiedWorld(new Random(seed), START_MS);
    world.mayEndAll = false;
    const filler = new PageFiller(world.state.memory);
    const { extras, pool: rows } = world.state.rows;
    const pools = [rows, extras, world.state.owners.pool, world.state.superseded.pool];
    for (let count = 0; count < 20_000; count += 1) {
      const session = world.start(`someone ${count >>> 1}`);
      if (random.below(10) > 0) world.rotate(session);
      if (random.below(3) === 0) world.write(session, 1);
    }
    for (const session of world.sessions.values()) if (random.below(40) > 0) world.end(session);
    const ends = pools.map((pool) => pool.end);
    expectSame(world, world.state);
    for (let step = 0; step < 1_000; step += 1) {
      world.tidy();
      filler.change(random);
      world.step();
      const session = world.aSession();
      if (session !== undefined) expectReached(world, world.state, session);
      if (session?.owner !== undefined) expectOwned(world, world.state, session.owner);
      if (step % 100 === 0) expectSame(world, world.state);
    }
    while (world.state.tidy(1_000));
    // All of them had to move.
    pools.forEach((pool, index) => {
      expect(pool.end).toBeLessThan(ends[index]!);
      expect(pool.isSparse).toBe(false);
    });
    filler.clear();
    const attached = newTiedState(world.nowMs, world.state.memory.handles());
    expectSame(world, attached);
  });

  test.each([4, 5])('come back with the entries, alone or twice (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const world = new TiedWorld(new Random(seed), START_MS);
    for (let step = 0; step < STEPS; step += 1) {
      world.step();
      if (random.below(STEPS / 25) > 0) continue;
      world.takeLog();
      const once = recovered(world.nowMs, world.log);
      expectSame(world, once);
      expect(described(once, world.nowMs)).toEqual(described(world.state, world.nowMs));
      expectSame(world, recovered(world.nowMs, world.log, world.log));
    }
  });

  test.each([6, 7, 8])('complete a snapshot taken meanwhile (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const world = new TiedWorld(new Random(seed), START_MS);
    for (let snapshots = 0; snapshots < 20; snapshots += 1) {
      for (let step = random.below(200); step > 0; step -= 1) world.step();
      world.takeLog();
      world.log = new Uint8Array();
      const snapshot = snapshotDuring(world, random);
      for (let step = random.below(100); step > 0; step -= 1) world.step();
      world.takeLog();
      const once = recovered(world.nowMs, snapshot, world.log);
      expect(described(once, world.nowMs)).toEqual(described(world.state, world.nowMs));
      expectSame(world, once);
      expectSame(world, recovered(world.nowMs, bytes(snapshot, world.log, world.log)));
    }
  });

  test.each([13, 14])(
    'give a problem or a state that can be used, however damaged (seed %i)',
    (seed) => {
      const random = new Random(seed + 100);
      const world = new TiedWorld(new Random(seed), START_MS);
      let problems = 0;
      for (let round = 0; round < 400; round += 1) {
        for (let step = random.below(40); step >= 0; step -= 1) world.step();
        const states = { ...emptyStates(START_MS), sessions: newTiedState(START_MS) };
        const snapshot = new EffectBuffer();
        const { rows } = world.state;
        for (let row = 0; row < rows.pool.end; row += 1) {
          if (rows.isLive(row) && random.below(8) === 0) encodeSession(world.state, row, snapshot);
        }
        apply(states, entriesOf(snapshot));
        world.takeLog();
        const { problem } = apply(states, damage(random, world.log));
        world.log = new Uint8Array();
        if (problem !== undefined) problems += 1;
        const { sessions } = states;
        sessions.endRecovery(world.nowMs);
        while (sessions.tidy(1_000));
        described(sessions, world.nowMs);
        for (let row = rows.pool.end - 1; row >= 0; row -= 1) {
          if (row < sessions.rows.pool.end && sessions.rows.isLive(row)) sessions.drop(row);
        }
        while (sessions.keys.big.reclaim(1_000) > 0);
        const { owners, superseded } = sessions;
        expect([owners.pool.live, superseded.pool.live, sessions.arena.bytes]).toEqual([0, 0, 0]);
      }
      expect(problems).toBeGreaterThan(60);
    },
  );

  test.each([9, 10])('are counted to the last byte (seed %i)', (seed) => {
    const world = new TiedWorld(new Random(seed), START_MS);
    let counted = 0;
    for (let step = 0; step < STEPS; step += 1) {
      world.step();
      // Big sessions are counted by what they are made of; see session-keys.test.ts.
      if (world.state.keys.big.maps.live > 0) {
        while (world.state.keys.big.reclaim(1_000) > 0);
        for (const session of [...world.sessions.values()]) {
          if (world.state.keys.isBig(world.rowOf(session))) world.end(session);
        }
        while (world.state.keys.big.reclaim(1_000) > 0);
      }
      while (world.state.advance(1_000) > 0);
      expect(world.state.bytes).toBe(bytesExpected(world, world.state));
      counted += 1;
    }
    expect(counted).toBe(STEPS);
  });
});
