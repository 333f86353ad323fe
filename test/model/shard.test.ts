/**
 * Goal: a whole shard agrees with a plain Map of Maps under any mix of commands, expiry included.
 * Method: random commands from one seed, a manual clock, every reply compared; now and then the shard
 * is also tidied, and in the end everything is ended and all memory must be back.
 */
import { describe, expect, test } from 'vitest';
import { ModelSessions } from '../support/model-sessions.js';
import { Random } from '../support/random.js';
import { expectSameTotals, runOne, runSeveral } from '../support/run-model.js';
import { ShardHarness } from '../support/shard-harness.js';

const CALLS = 20_000;

describe('a shard', () => {
  test.each([1, 2, 3])('answers as a Map of Maps does (seed %i)', (seed) => {
    const random = new Random(seed);
    const shard = new ShardHarness();
    const model = new ModelSessions(shard.clock);
    for (let call = 0; call < CALLS; call += 1) {
      runOne(random, shard, model);
      if (random.below(50) === 0) shard.settle();
    }
    expectSameTotals(shard, model);
    shard.ask('SH_END_ALL', undefined);
    shard.settle();
    expect(shard.sessions.bytes).toBe(0);
    expect(shard.sessions.memory.extentCount).toBe(0);
  });

  test.each([4])('does so when many commands come in one turn (seed %i)', (seed) => {
    const random = new Random(seed);
    const shard = new ShardHarness({ ringBytes: 8 << 20 });
    const model = new ModelSessions(shard.clock);
    for (let call = 0; call < CALLS;) {
      const count = 1 + random.below(40);
      runSeveral(random, shard, model, count);
      call += count;
    }
    expectSameTotals(shard, model);
  });

  test.each([5])('keeps all truth in its memory: another one goes on over it (seed %i)', (seed) => {
    const random = new Random(seed);
    let shard = new ShardHarness();
    const model = new ModelSessions(shard.clock);
    for (let call = 0; call < CALLS; call += 1) {
      runOne(random, shard, model);
      if (random.below(200) === 0) shard.settle();
      if (random.below(100) === 0) shard = new ShardHarness({ attachTo: shard });
    }
    expectSameTotals(shard, model);
    shard = new ShardHarness({ attachTo: shard });
    shard.ask('SH_END_ALL', undefined);
    expect(shard.sessions.bytes).toBe(0);
  });

  test.each([6])('refuses at its memory limit without changing anything (seed %i)', (seed) => {
    const random = new Random(seed);
    const memoryBytesMax = 250_000;
    const shard = new ShardHarness({ admission: { memoryBytesMax } });
    const model = new ModelSessions(shard.clock);
    let refused = 0;
    for (let call = 0; call < CALLS; call += 1) {
      if (runOne(random, shard, model) === 205) refused += 1;
      const bytes = shard.sessions.bytes + shard.defaults.state.bytes;
      if (bytes > memoryBytesMax) throw new Error(`${bytes} bytes at call ${call}`);
      if (random.below(200) === 0) shard.settle();
    }
    expectSameTotals(shard, model);
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(CALLS / 2);
  });
});
