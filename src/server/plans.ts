/**
 * All that the threads of one server share, allocated once, and the plan that hands each its part.
 * Between each I/O thread and each shard there are two rings and one message channel; each thread
 * has one bell and one block of counters; each shard has a stop word. All share the ring of events.
 */
import { randomBytes } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import type { Config } from '../config/options.js';
import type {
  BorrowedLogPlan,
  BorrowPlan,
  IoThreadPlan,
  LendPlan,
  LinkPlan,
  ShardPlan,
  ShardStoragePlan,
} from '../config/thread-plan.js';
import type { User } from '../config/users.js';
import type { ClockSource } from '../core/clock.js';
import { allocateCounters, IO_COUNTERS, SHARD_COUNTERS } from '../core/counters.js';
import { DOORBELL_BYTES } from '../ring/doorbell.js';
import { LEASE_BYTES } from '../ring/lease.js';
import { allocateEventRing } from '../ring/event-ring.js';
import { OWNER_LOCKS_BYTES } from '../ring/owner-locks.js';
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

/** @param config with the counts of threads resolved. */
export function makePlans(options: {
  readonly config: Config;
  readonly clock: ClockSource;
  readonly startedMs: number;
  /** Undefined with --memory. */
  readonly storage?: StorageForPlans | undefined;
  /** Undefined where everyone may do everything. */
  readonly users?: readonly User[] | undefined;
}): Plans {
  const { config, clock, startedMs, storage, users } = options;
  const ios = times(config.ioThreads, () => makeThread(IO_COUNTERS));
  const shards = times(config.shards, () => makeThread(SHARD_COUNTERS));
  const ioBells = ios.map(({ bell }) => bell);
  const shardBells = shards.map(({ bell }) => bell);
  const links = times(config.ioThreads, () => times(config.shards, () => makeLink(config)));
  const allCounters = {
    io: ios.map(({ counters }) => counters),
    shards: shards.map(({ counters }) => counters),
  };
  const events = allocateEventRing(config.maxEvents, config.eventsFromStart);
  const ownerLocks = new SharedArrayBuffer(OWNER_LOCKS_BYTES);
  const authLock = new SharedArrayBuffer(4);
  const secret = storage?.secret ?? new Uint8Array(randomBytes(SECRET_BYTES));
  const recoveries = storage?.recoveryPlans() ?? [];
  const storages = shards.map((_, index) => storagePlanOf(storage, recoveries[index]));
  const leases =
    config.lend === 'auto' ? storages.map((plan) => makeLease(config, plan)) : undefined;

  return {
    io: ios.map(({ bell, counters }, index) => ({
      kind: 'io',
      index,
      config,
      clock,
      startedMs,
      serverVersion: SERVER_VERSION,
      users,
      authLock,
      secret,
      links: (links[index] ?? []).map((link) => link.ofIoThread),
      bell,
      ownerLocks,
      shardBells,
      counters,
      allCounters,
      events,
      borrowing: leases?.flatMap(({ ofIoThreads }) => ofIoThreads[index] ?? []),
    })),
    shards: shards.map(({ bell, counters }, index) => ({
      kind: 'shard',
      index,
      config,
      clock,
      links: links.flatMap((ofIoThread) => ofIoThread[index]?.ofShard ?? []),
      bell,
      ioBells,
      counters,
      events,
      stopWord: new SharedArrayBuffer(STOP_WORD_BYTES),
      storage: storages[index],
      lending: leases?.[index]?.ofShard,
    })),
  };
}

/** What each thread has of its own. */
function makeThread(counters: Readonly<Record<string, string>>): {
  readonly bell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
} {
  return {
    bell: new SharedArrayBuffer(DOORBELL_BYTES),
    counters: allocateCounters(counters),
  };
}

function storagePlanOf(
  storage: StorageForPlans | undefined,
  recovery: RecoveryPlan | undefined,
): ShardStoragePlan | undefined {
  if (storage === undefined || recovery === undefined) return undefined;
  return { directory: storage.path, recovery, board: allocateShardBoard() };
}

/** A shard's lease as it and each I/O thread see it: a channel to each. */
function makeLease(
  config: Config,
  storage: ShardStoragePlan | undefined,
): { readonly ofShard: LendPlan; readonly ofIoThreads: readonly BorrowPlan[] } {
  const lease = new SharedArrayBuffer(LEASE_BYTES);
  const channels = times(config.ioThreads, () => new MessageChannel());
  return {
    ofShard: { lease, ports: channels.map(({ port2 }) => port2) },
    ofIoThreads: channels.map(({ port1 }) => ({
      lease,
      port: port1,
      log: storage && borrowedLogOf(storage),
    })),
  };
}

function borrowedLogOf({ directory, board, recovery }: ShardStoragePlan): BorrowedLogPlan {
  const { epoch, shard, shards, secretCheck } = recovery;
  return { directory, board, recovery: { epoch, shard, shards, secretCheck } };
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
