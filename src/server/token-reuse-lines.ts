/** A line for the operator when a token that SH_ROTATE has replaced is still in use. */
import type { ShardReport } from '../config/shard-messages.js';
import type { IoThreadReport } from '../config/thread-plan.js';
import type { ServerLog } from './server-log.js';
import type { ReportingThread } from './shard-channel.js';

/** @param threads that run turns of shards; each reports at most once a second and shard. */
export function logTokenReuses(
  threads: readonly Pick<ReportingThread, 'onReport'>[],
  log: ServerLog,
): void {
  for (const thread of threads) {
    thread.onReport((message) => {
      const report = message as ShardReport | IoThreadReport;
      if (report.type !== 'token-reused') return;
      const { shard, id, count } = report;
      const text = `a replaced token of session ${id} was used again, and answered 110`;
      log.warn(text, { shard, id, uses: count });
    });
  }
}
