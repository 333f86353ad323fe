/**
 * A turn's durability: what the commands of a turn have changed is in the log before anyone hears of
 * it. RingSink.publish() calls flush() first, so no reply can overtake the log, not even where the
 * shard waits for room in a reply ring.
 *
 *   executed()  after each command: notes which replies wait for the log
 *   flush()     writes the effects as one batch. If that fails, the replies that wait for it are
 *               marked in their rings, and the I/O thread sends 210 in their place
 *
 * While the log fails, commands that would change something are refused before they execute, and
 * reads go on. What was written in memory only stays in the buffer, and the log tries again every
 * 100 ms; once the write succeeds, memory and log agree again. What reads and deadlines append
 * meanwhile is small, but has no end: over HELD_BYTES_MAX, reads extend nothing.
 */
import type { LogReport } from '../config/shard-messages.js';
import type { ShardCounters } from './shard-counters.js';

/** More than that is not gathered for one batch. */
const FLUSH_BYTES = 1024 * 1024;
const HELD_BYTES_MAX = 16 * 1024 * 1024;

/** What a turn needs of the shard's log (storage/shard-log.ts). */
export interface BatchLog {
  readonly effects: {
    /** Offset of the end, which moves with every entry. */
    readonly length: number;
    readonly bytes: number;
    readonly isEmpty: boolean;
  };
  readonly isFailing: boolean;
  /** Of what failed last: the system's code, or a few words. */
  readonly failure: string;
  flush(nowMs: number): boolean;
  retry(nowMs: number): boolean;
  syncFailed(): void;
  snapshotDone(logFrom: number): void;
}

/** What main says of the log's files, in words of the shard's board. */
export interface LogNews {
  /** Counts up when main could not sync a segment. */
  readonly syncFailures: number;
  /** Where the log of the newest snapshot begins. */
  readonly snapshotDone: number;
}

/** Replies of one I/O thread that have not been published. */
export interface WaitingReplies {
  /** The reply written last waits for the log. */
  waitForLog(): void;
  /** Those that wait need not: the log has what they speak of. */
  logHasIt(): void;
  /** Marks those that wait as failed. @returns how many replies that were; pushes wait, too. */
  logHasFailed(): number;
}

export interface TurnLogParts {
  readonly log: BatchLog;
  /** Undefined for a borrower: it borrows nothing while there is news, and tells nobody. */
  readonly board: LogNews | undefined;
  /** Whose reads are told whether they may move deadlines. */
  readonly states: readonly { mayExtendOnRead: boolean }[];
  readonly counters: ShardCounters;
  readonly report: (report: LogReport) => void;
}

export class TurnLog {
  readonly #parts: TurnLogParts;
  readonly #effects: BatchLog['effects'];
  readonly #waiting: WaitingReplies[] = [];
  #nowMs = 0;
  /** Length of the effects after the last command. */
  #lengthSeen: number;
  #wasFailing = false;
  #syncFailures = 0;
  #snapshotDone = 0;

  constructor(parts: TurnLogParts) {
    this.#parts = parts;
    this.#effects = parts.log.effects;
    this.#lengthSeen = this.#effects.length;
  }

  /** Tells of the replies that a failed flush must reach. */
  covers(replies: WaitingReplies): void {
    this.#waiting.push(replies);
  }

  /** Whether commands that change something must be refused. */
  get isFailing(): boolean {
    return this.#parts.log.isFailing;
  }

  /** Failed syncs, as main counts them, that this log knows of. */
  get syncFailures(): number {
    return this.#syncFailures;
  }

  /** Another thread has had the log. Nothing is left over, unless it failed in those hands. */
  resume(): void {
    this.#lengthSeen = this.#effects.length;
    this.#tellOfChange();
  }

  beginTurn(nowMs: number): void {
    this.#nowMs = nowMs;
    const { log } = this.#parts;
    this.#takeNews();
    if (!log.isFailing) return;
    const bytes = log.effects.bytes;
    if (log.retry(nowMs) && bytes > 0) this.#written(bytes);
    this.#tellOfChange();
    const mayExtend = !log.isFailing || log.effects.bytes < HELD_BYTES_MAX;
    for (const state of this.#parts.states) state.mayExtendOnRead = mayExtend;
  }

  /** A command has run and its reply is the last one written to the sink. */
  executed(sink: WaitingReplies, changes: boolean): void {
    const { length } = this.#effects;
    if (length === this.#lengthSeen) return;
    this.#lengthSeen = length;
    if (changes) sink.waitForLog();
    if (length > FLUSH_BYTES) this.flush();
  }

  /** Within work that appends much and writes no replies. */
  flushIfLarge(): void {
    if (this.#parts.log.effects.bytes > FLUSH_BYTES) this.flush();
  }

  /** @returns whether all that was appended so far is as durable as --fsync says. */
  flush(): boolean {
    const { log } = this.#parts;
    const { bytes, isEmpty } = log.effects;
    if (!log.isFailing && (isEmpty || log.flush(this.#nowMs))) {
      if (!isEmpty) this.#written(bytes);
      return true;
    }
    this.#tellOfChange();
    if (isEmpty) return false;
    let failed = 0;
    for (const replies of this.#waiting) failed += replies.logHasFailed();
    if (failed > 0) this.#parts.counters.add('notDurable', failed);
    return false;
  }

  #takeNews(): void {
    const { board, log } = this.#parts;
    if (board === undefined) return;
    if (board.syncFailures !== this.#syncFailures) {
      this.#syncFailures = board.syncFailures;
      log.syncFailed();
    }
    if (board.snapshotDone !== this.#snapshotDone) {
      this.#snapshotDone = board.snapshotDone;
      log.snapshotDone(this.#snapshotDone);
    }
  }

  #written(bytes: number): void {
    const { counters, log } = this.#parts;
    this.#lengthSeen = log.effects.length;
    counters.add('logBatches', 1);
    counters.add('logBytes', bytes);
    for (const replies of this.#waiting) replies.logHasIt();
  }

  #tellOfChange(): void {
    const { counters, log, report } = this.#parts;
    if (log.isFailing === this.#wasFailing || this.#parts.board === undefined) return;
    this.#wasFailing = log.isFailing;
    if (log.isFailing) {
      counters.add('logFailures', 1);
      report({ type: 'log-failing', reason: log.failure });
    } else {
      report({ type: 'log-healed' });
    }
  }
}
