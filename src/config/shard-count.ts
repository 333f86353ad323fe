/**
 * How many shards a server starts when --shards says 0.
 *
 * I/O threads and shards are the busy threads; main sleeps. More busy threads than cores make each
 * wait for another's turn on the core, so shards get the cores that the I/O threads leave: one on
 * one or two cores, three on four, 63 on 64 with one I/O thread.
 */
export const SHARDS_MAX = 64;

export function shardCountOf(options: {
  readonly shards: number;
  readonly ioThreads: number;
  readonly cores: number;
}): number {
  if (options.shards > 0) return options.shards;
  return Math.min(SHARDS_MAX, Math.max(1, options.cores - options.ioThreads));
}
