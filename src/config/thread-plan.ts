/**
 * What main hands each thread at its start, in workerData, and the few messages that follow. All
 * else that threads share is in the rings, the bells and the counters named here.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ClockSource } from '../core/clock.js';
import type { RecoveryPlan } from '../storage/recovery-plan.js';
import type { MainCall, MainCallAnswered } from './main-call.js';
import type { ReuseReport } from './shard-messages.js';
import type { Config } from './options.js';
import type { User } from './users.js';

/** The two rings between one I/O thread and one shard, and the port for what is too large for them. */
export interface LinkPlan {
  readonly requests: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What an I/O thread needs to borrow a shard; see shard/borrower.ts. */
export interface BorrowPlan {
  /** See ring/lease.ts. */
  readonly lease: SharedArrayBuffer;
  /** To the shard. */
  readonly port: MessagePort;
  /** Undefined with --memory. */
  readonly log: BorrowedLogPlan | undefined;
}

export interface BorrowedLogPlan {
  /** Path of the data directory. */
  readonly directory: string;
  /** See storage/shard-board.ts. */
  readonly board: SharedArrayBuffer;
  readonly recovery: Pick<RecoveryPlan, 'epoch' | 'shard' | 'shards' | 'secretCheck'>;
}

/** What a shard needs to be borrowed. */
export interface LendPlan {
  readonly lease: SharedArrayBuffer;
  /** By I/O thread. */
  readonly ports: readonly MessagePort[];
}

export interface IoThreadPlan {
  readonly kind: 'io';
  readonly index: number;
  readonly config: Config;
  readonly clock: ClockSource;
  /** Instant of the server's start, milliseconds on the shared clock. */
  readonly startedMs: number;
  readonly serverVersion: string;
  /** Undefined where everyone may do everything. */
  readonly users: readonly User[] | undefined;
  /** One word, as in ring/owner-locks.ts: whoever holds it verifies a secret. */
  readonly authLock: SharedArrayBuffer;
  /** 32 bytes, of the data directory if there is one: the first 16 key the token digest, all 32 key the tokens of shared names. */
  readonly secret: Uint8Array;
  /** By shard. */
  readonly links: readonly LinkPlan[];
  readonly bell: SharedArrayBuffer;
  /** See io/owner-locks.ts; the same for all I/O threads. */
  readonly ownerLocks: SharedArrayBuffer;
  /** By shard. */
  readonly shardBells: readonly SharedArrayBuffer[];
  readonly counters: SharedArrayBuffer;
  /** The figures of all threads, for SV_STATS. */
  readonly allCounters: AllCounters;
  /** See ring/event-ring.ts. */
  readonly events: SharedArrayBuffer;
  /** By shard; undefined where shards are not lent. */
  readonly borrowing: readonly BorrowPlan[] | undefined;
}

/** Counters by thread; see core/counters.ts. */
export interface AllCounters {
  readonly io: readonly SharedArrayBuffer[];
  readonly shards: readonly SharedArrayBuffer[];
}

export interface ShardPlan {
  readonly kind: 'shard';
  readonly index: number;
  readonly config: Config;
  readonly clock: ClockSource;
  /** By I/O thread. */
  readonly links: readonly LinkPlan[];
  readonly bell: SharedArrayBuffer;
  /** By I/O thread. */
  readonly ioBells: readonly SharedArrayBuffer[];
  readonly counters: SharedArrayBuffer;
  /** See ring/event-ring.ts. */
  readonly events: SharedArrayBuffer;
  /** One i32 word, written by main: 0 run, 1 stop after the turn in hand. Ring the bell after. */
  readonly stopWord: SharedArrayBuffer;
  /** Undefined with --memory. */
  readonly storage: ShardStoragePlan | undefined;
  /** Undefined where shards are not lent. */
  readonly lending: LendPlan | undefined;
}

/** What a shard needs to read its part of the data directory and to write its log there. */
export interface ShardStoragePlan {
  /** Path of the data directory, which main has locked. */
  readonly directory: string;
  readonly recovery: RecoveryPlan;
  /** See storage/shard-board.ts. */
  readonly board: SharedArrayBuffer;
}

/** Main to an I/O thread. */
export type IoThreadOrder =
  | { readonly type: 'listen'; readonly port: number; readonly isExclusive: boolean }
  /** Stop accepting, answer 209 to new commands, finish those in flight, close with 1001. */
  | { readonly type: 'drain'; readonly deadlineMs: number }
  | MainCallAnswered;

/** An I/O thread to main: `transport` is the one that it chose, for the start-up line. */
export type IoThreadReport =
  | { readonly type: 'listening'; readonly port: number; readonly transport: 'uws' | 'ws' }
  | { readonly type: 'listen-failed'; readonly reason: string }
  | { readonly type: 'drained' }
  /** Of a shard that it has borrowed. */
  | ReuseReport
  | MainCall;
