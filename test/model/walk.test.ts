/**
 * Goal: a snapshot is right whatever happens while it is taken. Method: random commands from one seed
 * on a shard and on a plain Map of Maps, slices of walks in between, their chunks acknowledged late;
 * then what a walk gave and the log from its segment on, put together as a recovery does, must answer
 * like the Map. Two walks are often under way, and tidying goes on.
 */
import { describe, expect, test } from 'vitest';
import { DEFAULT_MAP, ModelSessions, SHARED_FROM } from '../support/model-sessions.js';
import { Random } from '../support/random.js';
import { expectSameTotals, keyOf, nameOn, runOne } from '../support/run-model.js';
import type { ShardHarness } from '../support/shard-harness.js';
import { WalkedShard, type WalkOutcome } from '../support/walked-shard.js';

const CALLS = 12_000;
const SIZES = { chunkBytes: 3_000, rowsPerLook: 3 };
const NUMBERS = [DEFAULT_MAP, ...range(0, 40), ...range(SHARED_FROM, SHARED_FROM + 6)];

describe('a walk', () => {
  test.each([11, 12, 13])('and the log after it give the present (seed %i)', (seed) => {
    const random = new Random(seed);
    const world = new WalkedShard(SIZES);
    const model = new ModelSessions(world.shard.clock);
    const running: WalkOutcome[] = [];
    let compared = 0;
    for (let call = 0; call < CALLS; call += 1) {
      runOne(random, world.shard, model);
      world.flush();
      if (random.below(30) === 0) settle(world);
      if (running.length < 2 && random.below(60) === 0) running.push(world.start(call, 'snapshot'));
      if (random.below(2) === 0) world.walks.slice(true);
      if (random.below(8) === 0 && world.chunksDone < world.chunksSent) world.chunksDone += 1;
      expect(world.chunksSent - world.chunksDone).toBeLessThanOrEqual(4);
      const over = running.findIndex(({ end }) => end !== undefined);
      // Not always at once: the log after a walk grows, too.
      if (over < 0 || random.below(10) > 0) continue;
      const [outcome] = running.splice(over, 1);
      expectSameSessions(world.shard, world.recovered(outcome!), model);
      world.flush();
      compared += 1;
    }
    expect(compared).toBeGreaterThan(20);
    expectSameTotals(world.shard, model);
  });

  test.each([21])('does so over SH_END_ALL (seed %i)', (seed) => {
    const random = new Random(seed);
    const world = new WalkedShard(SIZES);
    let model = new ModelSessions(world.shard.clock);
    for (let round = 0; round < 60; round += 1) {
      for (let call = 0; call < 100; call += 1) runSession(random, world, model);
      const outcome = world.start(round, 'snapshot', 'sessions');
      for (let slice = random.below(10); slice > 0; slice -= 1) world.walks.slice(true);
      world.shard.ask('SH_END_ALL', undefined);
      world.flush();
      model = new ModelSessions(world.shard.clock);
      for (let call = 0; call < 50; call += 1) {
        runSession(random, world, model);
        if (random.below(3) === 0) world.walks.slice(true);
        world.chunksDone = world.chunksSent;
      }
      world.finishWalks();
      const recovered = world.recovered(outcome);
      expect(recovered.ask('SH_INFO_ALL', undefined)).toEqual([1, model.infoAll()]);
    }
  });
});

/** As runOne, but never on the default map. */
function runSession(random: Random, world: WalkedShard, model: ModelSessions): void {
  const number = random.below(40);
  const command = model.randomCommand(random, number);
  world.shard.call(nameOn(command, number), keyOf(number), command.body);
  model.execute(command, number);
  world.flush();
}

function settle(world: WalkedShard): void {
  world.shard.settle();
  world.flush();
}

/** Asks both shards and the model the same; the reads extend the same on all three. */
function expectSameSessions(
  live: ShardHarness,
  recovered: ShardHarness,
  model: ModelSessions,
): void {
  expect(recovered.ask('SH_INFO_ALL', undefined)).toEqual([1, model.infoAll()]);
  for (const number of NUMBERS) {
    for (const name of ['SH_INFO', 'SH_GET_ALL', 'SH_KEYS', 'SH_INFO']) {
      if (number === DEFAULT_MAP && name === 'SH_INFO') continue;
      const command = { name, body: null };
      const wire = nameOn(command, number);
      const expected = model.execute(command, number);
      for (const shard of [live, recovered]) {
        const [status, body] = shard.ask(wire, keyOf(number));
        const { id: _id, ...rest } = body ?? {};
        expect({ number, name, status, body: { ...rest } }).toEqual({
          number,
          name,
          status: expected.status,
          body: { ...expected.body },
        });
      }
    }
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
