/**
 * A shard's part of the data directory: reads it into the shard's state, then begins the log that
 * goes on from there. All of it happens before the first command.
 */
import type { ShardReport } from '../config/shard-messages.js';
import type { ShardPlan, ShardStoragePlan } from '../config/thread-plan.js';
import type { Clock } from '../core/clock.js';
import type { ShardState } from '../state/shard-state.js';
import type { Files } from '../storage/files.js';
import { recoverShard, type RecoveryProgress } from '../storage/recovery.js';
import { ShardBoard } from '../storage/shard-board.js';
import { ShardLog } from '../storage/shard-log.js';
import { codeOf, StorageError } from '../storage/storage-error.js';
import type { ShardCounters } from './shard-counters.js';
import { TurnLog } from './turn-log.js';

/** Between two reports of progress. */
const PROGRESS_MS = 250;

export interface ShardStorage {
  readonly board: ShardBoard;
  readonly log: ShardLog;
  readonly turnLog: TurnLog;
}

export interface ShardStorageParts {
  readonly plan: ShardPlan;
  readonly storage: ShardStoragePlan;
  readonly files: Files;
  readonly sessions: ShardState;
  /** On the first shard: the default map, and its row. */
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly report: (report: ShardReport) => void;
}

/** @returns undefined if the files cannot be used; main has been told why. */
export function openShardStorage(parts: ShardStorageParts): ShardStorage | undefined {
  try {
    return recover(parts);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    parts.report({ type: 'recovery-failed', reason });
    return undefined;
  }
}

function recover(parts: ShardStorageParts): ShardStorage {
  const { plan, storage, files, sessions, defaults, clock, counters, report } = parts;
  const { directory, recovery } = storage;
  const startedMs = clock.nowMs();
  const outcome = recoverShard({
    files,
    directory,
    plan: recovery,
    target: { sessions, defaults },
    nowMs: startedMs,
    onProgress: throttled(clock, (progress) => report({ type: 'progress', ...progress })),
  });
  const board = new ShardBoard(storage.board);
  const log = new ShardLog({
    files,
    directory,
    epoch: recovery.epoch,
    shard: recovery.shard,
    shards: recovery.shards,
    secretCheck: recovery.secretCheck,
    begin: outcome,
    fsync: plan.config.fsync,
    segmentBytes: plan.config.segmentBytes,
    board,
    clock,
    onSegment: (segment) => report({ type: 'segment', ...segment }),
  });
  const states = defaults === undefined ? [sessions] : [sessions, defaults.state];
  const turnLog = new TurnLog({ log, board, states, counters, report });
  // What came due meanwhile clears data, and that is for the log.
  for (const state of states) state.effects = log.effects;
  turnLog.beginTurn(outcome.nowMs);
  sessions.endRecovery(outcome.nowMs, () => turnLog.flushIfLarge());
  turnLog.flush();
  report({
    type: 'recovered',
    sessions: sessions.sessionCount,
    entries: outcome.entries,
    cutBytes: outcome.cutBytes,
    durationMs: clock.nowMs() - startedMs,
    lines: outcome.lines,
  });
  return { board, log, turnLog };
}

function throttled(
  clock: Clock,
  tell: (progress: RecoveryProgress) => void,
): (progress: RecoveryProgress) => void {
  let nextMs = clock.nowMs() + PROGRESS_MS;
  return (progress) => {
    const nowMs = clock.nowMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + PROGRESS_MS;
    tell(progress);
  };
}

/** One line for the operator; undefined for what is a mistake of ours. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof StorageError) return error.message;
  const code = codeOf(error);
  return /^E[A-Z0-9]+$/.test(code) ? `the data directory cannot be read: ${code}` : undefined;
}
