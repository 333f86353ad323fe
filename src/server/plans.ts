/**
 * All that the threads of one server share, allocated once, and the plan that hands each its part.
 * Between each I/O thread and each shard there are two rings and one message channel; each thread
 * has one bell and one block of counters; each shard has a stop word.
 */
import { randomBytes } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import type { Config } from '../config/options.js';
import type { IoThreadPlan, LinkPlan, ShardPlan, ShardStoragePlan } from '../config/thread-plan.js';
import type { ClockSource } from '../core/clock.js';
import { allocateCounters, IO_COUNTERS, SHARD_COUNTERS } from '../core/counters.js';
import { DOORBELL_BYTES } from '../ring/doorbell.js';
import { allocateRing } from '../ring/spsc-ring.js';
import type { RecoveryPlan } from '../storage/recovery-plan.js';
import { allocateShardBoard } from '../storage/shard-board.js';
import { SERVER_VERSION } from './version.js';

const SECRET_BYTES = 32;
const STOP_WORD_BYTES = 4;

export interface Plans {
  readonly io: readonly IoThreadPlan[];
  readonly shards: readonly ShardPlan[];
}

/** What the plans take from an open data directory. */
export interface StorageForPlans {
  readonly path: string;
  readonly secret: Uint8Array;
  /** One for each shard. */
  recoveryPlans(): readonly RecoveryPlan[];
}

/** @param config with the shard count resolved. */
export function makePlans(options: {
  readonly config: Config;
  readonly clock: ClockSource;
  readonly startedMs: number;
  /** Undefined with --memory. */
  readonly storage?: StorageForPlans | undefined;
}): Plans {
  const { config, clock, startedMs, storage } = options;
  const ioBells = times(config.ioThreads, () => new SharedArrayBuffer(DOORBELL_BYTES));
  const shardBells = times(config.shards, () => new SharedArrayBuffer(DOORBELL_BYTES));
  const links = times(config.ioThreads, () => times(config.shards, () => makeLink(config)));
  const secret = storage?.secret ?? new Uint8Array(randomBytes(SECRET_BYTES));
  const recoveries = storage?.recoveryPlans() ?? [];

  return {
    io: ioBells.map((bell, index) => ({
      kind: 'io',
      index,
      config,
      clock,
      startedMs,
      serverVersion: SERVER_VERSION,
      secret,
      links: (links[index] ?? []).map((link) => link.ofIoThread),
      bell,
      shardBells,
      counters: allocateCounters(IO_COUNTERS),
    })),
    shards: shardBells.map((bell, index) => ({
      kind: 'shard',
      index,
      config,
      clock,
      links: links.flatMap((ofIoThread) => ofIoThread[index]?.ofShard ?? []),
      bell,
      ioBells,
      counters: allocateCounters(SHARD_COUNTERS),
      stopWord: new SharedArrayBuffer(STOP_WORD_BYTES),
      storage: storagePlanOf(storage, recoveries[index]),
    })),
  };
}

function storagePlanOf(
  storage: StorageForPlans | undefined,
  recovery: RecoveryPlan | undefined,
): ShardStoragePlan | undefined {
  if (storage === undefined || recovery === undefined) return undefined;
  return { directory: storage.path, recovery, board: allocateShardBoard() };
}

/** One link as each of its two ends sees it: the same rings, the two ports of one channel. */
function makeLink(config: Config): { readonly ofIoThread: LinkPlan; readonly ofShard: LinkPlan } {
  const requests = allocateRing(config.ringBytes);
  const replies = allocateRing(config.ringBytes);
  const { port1, port2 } = new MessageChannel();
  return {
    ofIoThread: { requests, replies, port: port1 },
    ofShard: { requests, replies, port: port2 },
  };
}

function times<Made>(count: number, make: () => Made): Made[] {
  return Array.from({ length: count }, make);
}
