/** The figures that threads keep in shared memory, read by name. */
import type { IoCounter, ShardCounter } from '../core/counters.js';
import { figuresOf, IO_COUNTERS, SHARD_COUNTERS } from '../core/counters.js';
import type { Plans } from './plans.js';

export interface ServerCounters {
  /** By I/O thread. */
  readonly io: readonly Readonly<Record<IoCounter, number>>[];
  /** By shard. */
  readonly shards: readonly Readonly<Record<ShardCounter, number>>[];
}

export function readCounters(plans: Plans): ServerCounters {
  return {
    io: plans.io.map((plan) => figuresOf(IO_COUNTERS, plan.counters)),
    shards: plans.shards.map((plan) => figuresOf(SHARD_COUNTERS, plan.counters)),
  };
}
