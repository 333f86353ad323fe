/** The figures that threads keep in shared memory, read by name. */
import type { IoCounter, ShardCounter } from '../core/counters.js';
import { IO_COUNTER_INDEX, SHARD_COUNTER_INDEX } from '../core/counters.js';
import type { Plans } from './plans.js';

export interface ServerCounters {
  /** By I/O thread. */
  readonly io: readonly Readonly<Record<IoCounter, number>>[];
  /** By shard. */
  readonly shards: readonly Readonly<Record<ShardCounter, number>>[];
}

export function readCounters(plans: Plans): ServerCounters {
  return {
    io: plans.io.map((plan) => figuresOf(plan.counters, IO_COUNTER_INDEX)),
    shards: plans.shards.map((plan) => figuresOf(plan.counters, SHARD_COUNTER_INDEX)),
  };
}

function figuresOf<Name extends string>(
  shared: SharedArrayBuffer,
  indexOfName: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const figures = new Float64Array(shared);
  const entries = Object.entries<number>(indexOfName);
  return Object.fromEntries(entries.map(([name, index]) => [name, figures[index] ?? 0])) as Record<
    Name,
    number
  >;
}
