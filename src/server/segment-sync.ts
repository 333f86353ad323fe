/**
 * Main's care for the segments of one shard's log, with --fsync everysec and no: the shard writes
 * them and hands their descriptors over; main syncs them beside the shard's path, and closes those
 * that take no more. With always the shard does both, and there is nothing to do here.
 *
 * A pass notes the last sequence written, then syncs all segments that are open, then says on the
 * shard's board that the log is on the disk up to that sequence. A sync that fails says nothing of
 * what is in the file, and one that succeeds later says nothing either (Linux forgets what it could
 * not write). So such a segment is lost: the shard is told, stops acknowledging and leaves it, and
 * no further sequence is said to be synced before a snapshot has begun behind the lost segment.
 */
import { LOG_FOLDER } from '../storage/file-names.js';
import type { Files } from '../storage/files.js';
import type { SegmentReport } from '../storage/shard-log.js';
import { codeOf, StorageError } from '../storage/storage-error.js';
import type { ShardChannel } from './shard-channel.js';

/** Looks for reports under way, each one turn of the event loop later. */
const LOOKS_MAX = 100;
const NO_SEGMENT = -1;

interface OpenSegment {
  readonly number: number;
  readonly fd: number;
  isClosed: boolean;
}

export class SegmentSync {
  readonly #channel: ShardChannel;
  readonly #files: Files;
  readonly #folder: string;
  readonly #open = new Map<number, OpenSegment>();
  #reports = 0;
  /** A segment has been made since the folder was synced. */
  #hasNewName = false;
  #lostUpTo = NO_SEGMENT;
  #syncedLow: number;
  #pass: Promise<void> | undefined;

  /** @param directory the data directory. */
  constructor(channel: ShardChannel, files: Files, directory: string) {
    this.#channel = channel;
    this.#files = files;
    this.#folder = `${directory}/${LOG_FOLDER}`;
    this.#syncedLow = channel.board.writtenLow;
    channel.on('segment', (report) => this.#take(report));
  }

  /** Whether a segment waits to be closed. */
  get hasClosed(): boolean {
    for (const { isClosed } of this.#open.values()) if (isClosed) return true;
    return false;
  }

  get isSyncing(): boolean {
    return this.#pass !== undefined;
  }

  /**
   * What was written before the call is on the disk when it resolves, save for what was lost in an
   * earlier pass and is for a snapshot to bring back. Rejects with StorageError if a sync fails, or
   * if anything was lost from segment `from` on: a snapshot whose log begins there cannot do that.
   */
  async sync(from = Infinity): Promise<void> {
    // A pass under way may have noted the sequence too early for this caller.
    while (this.#pass !== undefined) await this.#pass.catch(() => undefined);
    this.#pass = this.#run();
    try {
      await this.#pass;
    } finally {
      this.#pass = undefined;
    }
    if (this.#lostUpTo >= from) throw new StorageError('its log could not be synced');
  }

  /** Closes what is left, unsynced. */
  close(): void {
    for (const segment of this.#open.values()) this.#close(segment);
  }

  #take({ number, fd, isClosed }: SegmentReport): void {
    this.#reports += 1;
    const known = this.#open.get(number);
    if (known !== undefined) {
      known.isClosed = isClosed;
      return;
    }
    this.#open.set(number, { number, fd, isClosed });
    this.#hasNewName = true;
  }

  async #run(): Promise<void> {
    const { board } = this.#channel;
    const writtenLow = board.writtenLow;
    await this.#allReports();
    const isHealed = board.snapshotDone > this.#lostUpTo;
    if (writtenLow === this.#syncedLow && !this.hasClosed) return;
    const segments = [...this.#open.values()];
    const wanted = segments.filter(({ number }) => number > this.#lostUpTo);
    // Now: one that is left while it is being synced has batches that this sync may not have seen.
    const closed = segments.filter(({ isClosed }) => isClosed);
    const hadNewName = this.#hasNewName;
    this.#hasNewName = false;
    board.isSyncing = true;
    const results = await Promise.allSettled([
      ...wanted.map(({ fd }) => this.#files.syncLater(fd)),
      hadNewName ? this.#files.syncDirectoryLater(this.#folder) : undefined,
    ]);
    board.isSyncing = false;
    for (const segment of closed) this.#close(segment);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      this.#lose(Math.max(...segments.map(({ number }) => number)), failure.reason);
    }
    // What is lost stays so, however well later segments fare; the snapshot has it, or will have it.
    if (!isHealed) return;
    this.#lostUpTo = NO_SEGMENT;
    this.#syncedLow = writtenLow;
    board.syncedLow = writtenLow;
  }

  /** Reports of segments that the shard has made or left by now may still be under way. */
  async #allReports(): Promise<void> {
    const posted = this.#channel.board.segmentReports;
    for (let looks = 0; this.#reports < posted; looks += 1) {
      if (looks === LOOKS_MAX) throw new StorageError('the shard has not said what it writes to');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #lose(lastNumber: number, reason: unknown): never {
    this.#lostUpTo = lastNumber;
    this.#channel.board.countSyncFailure();
    this.#channel.wake();
    throw new StorageError(`the log could not be synced: ${codeOf(reason)}`, { cause: reason });
  }

  #close(segment: OpenSegment): void {
    this.#open.delete(segment.number);
    try {
      this.#files.close(segment.fd);
    } catch {
      // It is synced or lost; what close() could report adds nothing.
    }
  }
}
