/** A line for the operator when a token that SH_ROTATE has replaced is still in use. */
import type { ShardReport } from '../config/shard-messages.js';
import type { ServerLog } from './server-log.js';
import type { ReportingThread } from './shard-channel.js';

/** @param shards their threads; each reports at most once a second. */
export function logTokenReuses(
  shards: readonly Pick<ReportingThread, 'onReport'>[],
  log: ServerLog,
): void {
  for (const [shard, thread] of shards.entries()) {
    thread.onReport((message) => {
      const report = message as ShardReport;
      if (report.type !== 'token-reused') return;
      const { id, count } = report;
      const text = `a replaced token of session ${id} was used again, and answered 110`;
      log.warn(text, { shard, id, uses: count });
    });
  }
}
