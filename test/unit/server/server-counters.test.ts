import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../../../src/config/options.js';
import { IO_COUNTER_INDEX, SHARD_COUNTER_INDEX } from '../../../src/core/counters.js';
import { makePlans } from '../../../src/server/plans.js';
import { readCounters } from '../../../src/server/server-counters.js';

describe('readCounters', () => {
  test('reads the figures of each thread by name', () => {
    const plans = makePlans({
      config: { ...DEFAULT_CONFIG, ioThreads: 1, shards: 2 },
      clock: { kind: 'manual', shared: new SharedArrayBuffer(8) },
      startedMs: 0,
    });
    new Float64Array(plans.io[0]!.counters)[IO_COUNTER_INDEX.framesIn] = 7;
    new Float64Array(plans.shards[1]!.counters)[SHARD_COUNTER_INDEX.sessions] = 2 ** 40;

    const counters = readCounters(plans);
    expect(counters.io).toHaveLength(1);
    expect(counters.io[0]).toMatchObject({ framesIn: 7, framesOut: 0 });
    expect(counters.shards.map((shard) => shard.sessions)).toEqual([0, 2 ** 40]);
  });
});
