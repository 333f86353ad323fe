/** A line for the operator when a token that SH_ROTATE has replaced is still in use. */
import { type ReuseReport, REUSE_REPORT_MS, type ShardReport } from '../config/shard-messages.js';
import type { IoThreadReport } from '../config/thread-plan.js';
import type { Clock } from '../core/clock.js';
import type { ServerLog } from './server-log.js';
import type { ReportingThread } from './shard-channel.js';

interface Line {
  writtenMs: number;
  /** Uses that were reported since, by whichever thread ran the shard's turn. */
  unwritten: number;
}

/**
 * At most one line a second and shard. Each thread that runs a shard's turns limits its own reports,
 * and I/O threads run them, too: only here do they come together.
 */
export function logTokenReuses(
  threads: readonly Pick<ReportingThread, 'onReport'>[],
  log: ServerLog,
  clock: Clock,
): void {
  const lines = new Map<number, Line>();
  const write = ({ shard, id, count }: ReuseReport): void => {
    const line = lines.get(shard) ?? { writtenMs: -Infinity, unwritten: 0 };
    lines.set(shard, line);
    line.unwritten += count;
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - line.writtenMs) < REUSE_REPORT_MS) return;
    const text = `a replaced token of session ${id} was used again, and answered 110`;
    log.warn(text, { shard, id, uses: line.unwritten });
    line.writtenMs = nowMs;
    line.unwritten = 0;
  };
  for (const thread of threads) {
    thread.onReport((message) => {
      const report = message as ShardReport | IoThreadReport;
      if (report.type === 'token-reused') write(report);
    });
  }
}
