/**
 * How many I/O threads and shards a server starts where --io-threads and --shards say 0.
 *
 * These are the busy threads; main sleeps. More busy threads than cores make each wait for another's
 * turn on the core, so the two share the cores and never take more, but for one of each:
 *
 *   cores         1    2    3    4    6    8   12   16   24   32   48   64
 *   I/O threads   1    1    2    2    4    5    7   10   14   19   29   38
 *   shards        1    1    1    2    2    3    5    6   10   13   19   26
 *
 * Three fifths are I/O threads, since a command costs them more than shards, unless many share a frame
 * (`npm run bench -- scaling`: the part at which the worst load loses least). A count that is given
 * stands; the other is then what it would be anyway, but not more than the cores that are left.
 */
export const SHARDS_MAX = 64;
export const IO_THREADS_MAX = 64;

const IO_PART = 0.6;

export interface ThreadCounts {
  readonly ioThreads: number;
  readonly shards: number;
}

/** @param options counts as configured; `canSharePort` as in transport-choice.ts. */
export function threadCountsOf(
  options: ThreadCounts & { readonly cores: number; readonly canSharePort: boolean },
): ThreadCounts {
  const { cores, canSharePort } = options;
  const ioPart = Math.round(cores * IO_PART);
  const ioFree = canSharePort ? cores - options.shards : 1;
  const ioThreads = options.ioThreads || atLeastOne(ioPart, ioFree, IO_THREADS_MAX);
  const shards = options.shards || atLeastOne(cores - ioPart, cores - ioThreads, SHARDS_MAX);
  return { ioThreads, shards };
}

function atLeastOne(...limits: readonly number[]): number {
  return Math.max(1, Math.min(...limits));
}
