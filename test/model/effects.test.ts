/**
 * Goal: entries say all that has happened to a shard, so that a state made from them alone is the
 * same: sessions, keys in their order, versions, deadlines.
 * Method: random commands under a manual clock, deadlines that clear and end sessions among them;
 * their entries applied to fresh states, at random cuts, over snapshots taken in between, twice,
 * and damaged.
 */
import { describe, expect, test } from 'vitest';
import { applyEntries, type ApplyResult } from '../../src/state/apply.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { encodeSession } from '../../src/state/encode-session.js';
import { VERSION_WORD } from '../../src/state/layout.js';
import type { ShardState } from '../../src/state/shard-state.js';
import { damage } from '../support/damage.js';
import { bytes } from '../support/msgpack-bytes.js';
import { ModelSessions } from '../support/model-sessions.js';
import { Random } from '../support/random.js';
import {
  apply,
  describeStates,
  emptyStates,
  entriesOf,
  spaceOf,
  type States,
  takeEntries,
} from '../support/replay.js';
import { keyOf, nameOn, randomCall, runOne, runSeveral } from '../support/run-model.js';
import { ShardHarness, START_MS } from '../support/shard-harness.js';

const CALLS = 6_000;

class LoggedShard {
  readonly shard: ShardHarness;
  readonly model: ModelSessions;
  readonly effects = new EffectBuffer();
  log: Uint8Array = new Uint8Array();
  readonly #random: Random;

  constructor(seed: number, memoryBytesMax = 0) {
    this.#random = new Random(seed);
    const admission = { memoryBytesMax, evictsSoonest: true };
    this.shard = new ShardHarness({ ringBytes: 8 << 20, admission });
    this.model = new ModelSessions(this.shard.clock);
    this.shard.sessions.effects = this.effects;
    this.shard.defaults.state.effects = this.effects;
  }

  get nowMs(): number {
    return this.shard.clock.nowMs();
  }

  /** One command or several in a turn; now and then the end of everything, or nothing but time. */
  step(): void {
    const kind = this.#random.below(400);
    if (kind === 0) this.#endAll();
    else if (kind < 40) runSeveral(this.#random, this.shard, this.model, 1 + this.#random.below(9));
    else if (kind < 60) this.#sleep();
    else runOne(this.#random, this.shard, this.model);
  }

  /** The same under a memory limit: what the shard answers is not the model's then. */
  looseStep(): void {
    const { command, number } = randomCall(this.#random, this.model);
    if (this.#random.below(10) === 0) this.#sleep();
    this.shard.call(nameOn(command, number), keyOf(number), command.body);
    this.model.execute(command, number);
  }

  takeLog(): void {
    this.log = bytes(this.log, takeEntries(this.effects));
  }

  /** Memory goes, and comes back from the log; time spent down counts. */
  restart(downMs: number): void {
    const { sessions, defaults } = this.shard;
    this.takeLog();
    const { row, state } = defaults;
    sessions.dropAll();
    state.keys.clear(row);
    state.rows.setWord(row, VERSION_WORD, 0);
    sessions.effects = undefined;
    state.effects = undefined;
    expect(apply(this.shard, this.log).problem).toBeUndefined();
    this.shard.clock.advance(downMs);
    sessions.effects = this.effects;
    state.effects = this.effects;
    sessions.endRecovery(this.nowMs);
  }

  describe(): string[] {
    const states = describeStates(this.shard, this.nowMs);
    this.takeLog();
    return states;
  }

  #sleep(): void {
    this.shard.clock.advance(this.#random.below(3_000) * 0.5);
    this.shard.settle();
  }

  #endAll(): void {
    const [status] = this.shard.ask('SH_END_ALL', undefined);
    expect(status).toBe(1);
    for (let number = 0; number < 1_010; number += 1) {
      this.model.execute({ name: 'SH_END', body: null }, number);
    }
  }
}

/** A recovery from entries, as a shard does it. */
function recovered(nowMs: number, ...parts: readonly Uint8Array[]): States {
  const states = emptyStates(START_MS);
  for (const part of parts) {
    const { problem, at } = apply(states, part);
    expect(problem).toBeUndefined();
    expect(at).toBe(part.length);
  }
  states.sessions.endRecovery(nowMs);
  return states;
}

/** Shows the first that differs: all of them would be pages. */
function expectSame(actual: string[], expected: string[]): void {
  const at = expected.findIndex((line, index) => line !== actual[index]);
  if (at >= 0) expect(actual[at]).toBe(expected[at]);
  expect(actual.length).toBe(expected.length);
}

/** Encodes all sessions while commands go on, a few rows at a time. */
function snapshotDuring(logged: LoggedShard, random: Random): Uint8Array {
  const snapshot = new EffectBuffer();
  const { sessions, defaults } = logged.shard;
  encodeSession(defaults.state, defaults.row, snapshot);
  sessions.keepsRowsInPlace = true;
  for (let row = 0; row < sessions.rows.pool.end; row += 1) {
    if (sessions.rows.isLive(row)) encodeSession(sessions, row, snapshot);
    if (random.below(3) > 0) continue;
    const steps = random.below(20);
    for (let step = 0; step < steps; step += 1) logged.step();
  }
  sessions.keepsRowsInPlace = false;
  return entriesOf(snapshot);
}

describe('entries', () => {
  test.each([1, 2, 3])('applied at any cut give the same state (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const logged = new LoggedShard(seed);
    for (let call = 0; call < CALLS; call += 1) {
      logged.step();
      if (random.below(CALLS / 30) > 0) continue;
      const expected = logged.describe();
      const states = recovered(logged.nowMs, logged.log);
      expectSame(describeStates(states, logged.nowMs), expected);
      expect(states.sessions.keys.total).toBe(logged.shard.sessions.keys.total);
    }
  });

  test.each([4, 5])('tell of sessions that made room (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const logged = new LoggedShard(seed, 60_000);
    for (let call = 0; call < CALLS; call += 1) {
      logged.looseStep();
      if (random.below(CALLS / 20) > 0) continue;
      const expected = logged.describe();
      expectSame(describeStates(recovered(logged.nowMs, logged.log), logged.nowMs), expected);
    }
    expect(logged.shard.counter('sessionsEvicted')).toBeGreaterThan(20);
  });

  test.each([6, 7, 8])('complete a snapshot taken meanwhile, and twice, too (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const logged = new LoggedShard(seed);
    for (let snapshots = 0; snapshots < 25; snapshots += 1) {
      for (let step = random.below(200); step > 0; step -= 1) logged.step();
      logged.takeLog();
      logged.log = new Uint8Array();
      const snapshot = snapshotDuring(logged, random);
      for (let step = random.below(100); step > 0; step -= 1) logged.step();
      const expected = logged.describe();
      const { nowMs, log } = logged;
      expectSame(describeStates(recovered(nowMs, snapshot, log), nowMs), expected);
      expectSame(describeStates(recovered(nowMs, snapshot, log, log), nowMs), expected);
    }
  });

  test.each([9, 10])('let a shard go on as if it had never stopped (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const logged = new LoggedShard(seed);
    for (let life = 0; life < 30; life += 1) {
      for (let step = random.below(200); step > 0; step -= 1) logged.step();
      logged.restart(random.below(2_000));
    }
    const expected = logged.describe();
    expectSame(describeStates(recovered(logged.nowMs, logged.log), logged.nowMs), expected);
  });
});

describe('damaged entries', () => {
  function expectUsable({ sessions, defaults }: States, nowMs: number): void {
    sessions.endRecovery(nowMs);
    for (const state of [sessions, defaults.state] as ShardState[]) {
      while (state.tidy(1_000));
    }
    describeStates({ sessions, defaults }, nowMs);
    sessions.endRecovery(nowMs + 10_000_000);
    sessions.dropAll();
    expect(sessions.bytes).toBe(0);
  }

  /** What lies before and behind the entries makes no difference. */
  function expectSameAmongOthers(
    damaged: Uint8Array,
    alone: ApplyResult,
    expected: string[],
    random: Random,
  ): void {
    const around = Uint8Array.from({ length: 64 }, () => random.below(256));
    const space = spaceOf(bytes(around, damaged, around));
    const states = emptyStates(START_MS);
    const target = { ...states, ownsSlot: () => true };
    const result = applyEntries(target, space, 64, 64 + damaged.length);
    expect({ ...result, at: result.at - 64 }).toEqual(alone);
    expectSame(describeStates(states, START_MS), expected);
  }

  test.each([11, 12])('give a problem or a state, never an exception (seed %i)', (seed) => {
    const random = new Random(seed + 100);
    const logged = new LoggedShard(seed);
    let problems = 0;
    for (let round = 0; round < 300; round += 1) {
      for (let step = random.below(8); step >= 0; step -= 1) logged.step();
      const entries = takeEntries(logged.effects);
      const states = emptyStates(START_MS);
      const damaged = damage(random, entries);
      const first = apply(states, damaged);
      if (first.problem !== undefined) problems += 1;
      expect(first.at).toBeLessThanOrEqual(damaged.length);
      expectSameAmongOthers(damaged, first, describeStates(states, START_MS), random);
      expectUsable(states, logged.nowMs);
    }
    expect(problems).toBeGreaterThan(60);
  });
});
