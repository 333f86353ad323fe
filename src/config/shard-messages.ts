/**
 * Messages between main and a shard, both ways, beside what they share. Orders wait in the shard's
 * port until its loop sees that ordersPosted of the board has moved: it takes them between turns,
 * without an event loop. Reports arrive on main as any message does.
 */

import type { LoadOrder, LoadReport } from './load-messages.js';
import type { WalkOrder, WalkReport } from './walk-messages.js';

/** Main to a shard. A report that answers an order repeats its id. */
export type ShardOrder = WalkOrder | LoadOrder;

/** A shard to main. */
export type ShardReport = RecoveryReport | LogReport | WalkReport | LoadReport | ReuseReport;

/** What a shard says before it takes commands. */
export type RecoveryReport =
  | {
      readonly type: 'progress';
      /** Bytes read so far, and bytes there are. */
      readonly bytesRead: number;
      readonly bytesInAll: number;
      readonly sessions: number;
    }
  | {
      readonly type: 'recovered';
      readonly sessions: number;
      readonly entries: number;
      readonly cutBytes: number;
      readonly durationMs: number;
      /** For the operator, a line each. */
      readonly lines: readonly string[];
    }
  /** The process cannot start: why, in one line. */
  | { readonly type: 'recovery-failed'; readonly reason: string };

export type LogReport =
  /** A segment was begun, or no batch will follow in it; main syncs it, and closes it at the end. */
  | {
      readonly type: 'segment';
      readonly fd: number;
      readonly number: number;
      readonly isClosed: boolean;
    }
  | { readonly type: 'log-failing'; readonly reason: string }
  | { readonly type: 'log-healed' };

/** Reports and lines about replaced tokens come at most this often for a shard. */
export const REUSE_REPORT_MS = 1_000;

/** A token that SH_ROTATE had replaced came again and was answered 110. */
export interface ReuseReport {
  readonly type: 'token-reused';
  readonly shard: number;
  /** The public id of its session. */
  readonly id: string;
  /** Times the thread has seen this on the shard since its last report, to any session. */
  readonly count: number;
}
