/**
 * The log of one shard: the changes of each turn, written as one batch to the newest of its segments
 * (one pwrite, and one fdatasync with --fsync always), before any client hears of them.
 *
 *   segment = file header (64 bytes), batch, batch, ...      begun lazily, by the first batch
 *
 * What can fail, and what follows; meanwhile flush() answers false and the effects are kept:
 *
 *   open, write     the same bytes go to the same place again, every 100 ms at most
 *   sync, always    nothing is known of what the segment holds beyond the batches synced before: it
 *                   is given up, and the batch goes to a new one, at once and then every 100 ms
 *   sync by main    batches already acknowledged may be lost: the segment is given up, and nothing
 *                   is written until a snapshot that began after it is in the manifest
 *
 * An I/O thread that has borrowed the shard writes by a log of its own over the same board, where all
 * that a log must know is; between two turns neither holds anything back, unless the log fails.
 *
 * In a segment given up, what the next one repeats does not count (see log-reader.ts).
 */
import type { Clock } from '../core/clock.js';
import { EffectBuffer } from '../state/effect-buffer.js';
import { encodeBatchHeader, emptyBatchHeader } from './batch.js';
import { checksumSeed } from './checksum.js';
import { encodeFileHeader, FILE_HEADER_BYTES, FILE_KINDS } from './file-header.js';
import { LOG_FOLDER, logPath } from './file-names.js';
import type { Files } from './files.js';
import { NO_DESCRIPTOR, type ShardBoard } from './shard-board.js';
import { codeOf } from './storage-error.js';

/** always: synced before acknowledged. everysec: by main, once a second. no: by the system. */
export type FsyncChoice = 'always' | 'everysec' | 'no';

/**
 * A segment was begun, or (isClosed) takes no more: main syncs the descriptor, and closes it after
 * isClosed. With always the log does both itself, and tells of no segment.
 */
export interface SegmentReport {
  readonly number: number;
  readonly fd: number;
  readonly isClosed: boolean;
}

/** Where the log of a recovered shard begins. */
export interface LogBeginning {
  readonly nextSegment: number;
  readonly nextSequence: number;
  /** Bytes of log that the newest snapshot does not spare a recovery; none unless said. */
  readonly logBytes?: number;
}

export interface ShardLogOptions {
  readonly files: Files;
  /** The data directory. */
  readonly directory: string;
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  readonly secretCheck: string;
  /** Undefined for a second log beside the shard's own, over the same board: it goes on where that is. */
  readonly begin: LogBeginning | undefined;
  readonly fsync: FsyncChoice;
  readonly segmentBytes: number;
  readonly board: ShardBoard;
  /** Measures syncs. */
  readonly clock: Clock;
  readonly effects?: EffectBuffer;
  readonly onSegment: (report: SegmentReport) => void;
}

export const RETRY_MS = 100;
/** Zeros written ahead of batches at once. */
export const FILL_BYTES = 512 * 1024;
/** The failure that is told when main could not sync a segment; its own code is in main's line. */
const SYNC_BY_MAIN = 'EIO';

export class ShardLog {
  readonly effects: EffectBuffer;
  readonly #options: ShardLogOptions;
  readonly #files: Files;
  readonly #board: ShardBoard;
  readonly #syncsEach: boolean;
  readonly #header = emptyBatchHeader();
  /** Of the number of a segment; changes with it. */
  #seed = 0;
  #seedSegment = 0;
  #retryAtMs = -Infinity;
  #failure = '';

  constructor(options: ShardLogOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#board = options.board;
    this.#syncsEach = options.fsync === 'always';
    this.effects = options.effects ?? new EffectBuffer();
    if (options.begin === undefined) this.resume();
    else this.#begin(options.begin);
  }

  /** Another thread has written meanwhile, and left nothing over. */
  resume(): void {
    if (this.#board.segment !== this.#seedSegment) this.#enter(this.#board.segment);
  }

  /** Whether so many bytes would go to the segment in hand, so that no file begins or ends. */
  isSteady(bytes: number): boolean {
    const { descriptor, position } = this.#board;
    return descriptor !== NO_DESCRIPTOR && position + bytes < this.#options.segmentBytes;
  }

  /** Effects that another thread could not log come first; this log fails from here on as that did. */
  adopt(effects: Uint8Array, entries: number, failure: string): void {
    this.effects.adopt(effects, entries);
    this.#failure = failure;
  }

  get isFailing(): boolean {
    return this.#board.isFailing;
  }

  /** The system's code of the last failure; '' if there was none. */
  get failure(): string {
    return this.#failure;
  }

  /** Of the last batch written. */
  get sequence(): number {
    return this.#board.sequence;
  }

  /** Of the segment that takes the next batch. */
  get segmentNumber(): number {
    return this.#board.segment;
  }

  get bytesSinceSnapshotStart(): number {
    return this.#board.logBytes;
  }

  /**
   * Writes the effects as one batch and clears them.
   *
   * @returns whether all that was appended so far is durable in the configured sense; if not, the
   *     log is failing and the effects stay.
   */
  flush(nowMs: number): boolean {
    if (this.#board.isFailing) return this.retry(nowMs);
    if (this.effects.isEmpty) return true;
    return this.#commit(nowMs);
  }

  /** While failing: tries again, at most every RETRY_MS. With no effects it writes an empty batch. */
  retry(nowMs: number): boolean {
    if (!this.#board.isFailing) return true;
    if (this.#board.neededFrom !== 0 || nowMs < this.#retryAtMs) return false;
    return this.#commit(nowMs);
  }

  /** The next batch goes to a new segment, whose number no snapshot has had; returns the number. */
  beginSegment(): number {
    if (this.#board.descriptor === NO_DESCRIPTOR) this.#enter(this.#board.segment + 1);
    else this.#retire();
    this.#board.logBytes = 0;
    return this.#board.segment;
  }

  /** Main could not sync a segment. */
  syncFailed(): void {
    if (this.#board.descriptor !== NO_DESCRIPTOR) this.#retire();
    this.#board.neededFrom = this.#board.segment;
    this.#failed(SYNC_BY_MAIN, -Infinity);
  }

  /** The manifest names a snapshot whose log begins with this segment. */
  snapshotDone(logFrom: number): void {
    if (logFrom >= this.#board.neededFrom) this.#board.neededFrom = 0;
  }

  /** Hands the segment over to main, or closes it. Effects not flushed are lost. */
  close(): void {
    if (this.#board.descriptor !== NO_DESCRIPTOR) this.#retire();
  }

  #begin({ nextSegment, nextSequence, logBytes }: LogBeginning): void {
    const board = this.#board;
    board.sequence = nextSequence - 1;
    // What recovery has read it has also synced.
    board.syncedLow = board.writtenLow;
    board.descriptor = NO_DESCRIPTOR;
    board.position = 0;
    board.filledTo = 0;
    board.logBytes = logBytes ?? 0;
    this.#enter(nextSegment);
  }

  #commit(nowMs: number): boolean {
    if (!this.#write(nowMs)) return false;
    if (this.#syncsEach && !this.#sync(nowMs)) {
      this.#abandon();
      // At once, so that one bad spot of the disk costs no acknowledgement.
      if (!this.#write(nowMs)) return false;
      if (!this.#sync(nowMs)) {
        this.#abandon();
        return false;
      }
    }
    const board = this.#board;
    const bytes = this.effects.length;
    board.sequence += 1;
    board.position += bytes;
    board.logBytes += bytes;
    this.effects.clear();
    if (board.isFailing) board.isFailing = false;
    if (board.position >= this.#options.segmentBytes) this.#retire();
    return true;
  }

  #write(nowMs: number): boolean {
    const board = this.#board;
    const { effects } = this;
    try {
      if (board.position === 0) this.#beginFile(nowMs);
      const header = this.#header;
      const { sequence } = board;
      header.entries = effects.entries;
      header.sequence = sequence + 1;
      header.timeMs = nowMs;
      header.synced = this.#syncsEach ? sequence : board.syncedSequence(sequence);
      encodeBatchHeader(effects.space, effects.length, header, this.#seed);
      const { length, space } = effects;
      this.#files.write(board.descriptor, space.bytes, 0, length, board.position);
      if (this.#syncsEach) this.#fillAhead(board.position + length);
      return true;
    } catch (error) {
      this.#failed(codeOf(error), nowMs);
      return false;
    }
  }

  #sync(nowMs: number): boolean {
    const { descriptor, position } = this.#board;
    const { clock } = this.#options;
    const startedMs = clock.nowMs();
    try {
      this.#files.sync(descriptor);
      this.#board.noteSync(clock.nowMs() - startedMs);
      // The first batch of a segment: the name of the file must be on the disk, too.
      if (position === FILE_HEADER_BYTES) {
        this.#files.syncDirectory(`${this.#options.directory}/${LOG_FOLDER}`);
      }
      return true;
    } catch (error) {
      this.#failed(codeOf(error), nowMs);
      return false;
    }
  }

  /** Makes the segment's file; goes on where it failed before. */
  #beginFile(nowMs: number): void {
    const board = this.#board;
    const { epoch, shard, shards, secretCheck, directory, onSegment } = this.#options;
    const number = board.segment;
    if (board.descriptor === NO_DESCRIPTOR) {
      board.descriptor = this.#create(`${directory}/${logPath({ epoch, shard, number })}`);
      if (!this.#syncsEach) {
        board.countSegmentReport();
        onSegment({ number, fd: board.descriptor, isClosed: false });
      }
    }
    const { sequence } = board;
    const header = encodeFileHeader({
      kind: 'log',
      epoch,
      shard,
      shards,
      number,
      createdMs: nowMs,
      firstSequence: sequence + 1,
      backlog: this.#syncsEach ? 0 : sequence - board.syncedSequence(sequence),
      secretCheck,
      hasSpareLength: this.#syncsEach,
    });
    this.#files.write(board.descriptor, header, 0, header.length, 0);
    board.position = FILE_HEADER_BYTES;
  }

  /**
   * Writes zeros behind a batch, for those that follow to lie upon. A sync that finds the file longer
   * or on more blocks than before must write the file system's journal, too: on ext4, batches of
   * 4 KB, 145 to 175 µs instead of 90 (410 instead of 92 where others keep the cores busy), and twice
   * the CPU. Zeros at the end of such a file say nothing, see hasSpareLength.
   */
  #fillAhead(end: number): void {
    const board = this.#board;
    const bytes = Math.min(FILL_BYTES, this.#options.segmentBytes - end);
    if (end <= board.filledTo || bytes <= 0) return;
    // Once, whether or not it works: what keeps zeros from the disk may let batches through.
    board.filledTo = end + bytes;
    try {
      this.#files.write(board.descriptor, zeros(), 0, bytes, end);
    } catch {
      // The room that is left is for batches.
      this.#shorten(board.descriptor, end);
    }
  }

  /** Takes zeros away that no batch will lie upon. They do no harm where that fails. */
  #shorten(fd: number, bytes: number): void {
    try {
      this.#files.truncate(fd, bytes);
    } catch {
      // As above.
    }
  }

  #create(path: string): number {
    try {
      return this.#files.open(path, 'create');
    } catch (error) {
      // A file given up that could not be removed either: the next number is free.
      if (codeOf(error) === 'EEXIST') this.#enter(this.#board.segment + 1);
      throw error;
    }
  }

  /** With always, after a failed sync. */
  #abandon(): void {
    const board = this.#board;
    const { epoch, shard, directory } = this.#options;
    const number = board.segment;
    const isEmpty = board.position === FILE_HEADER_BYTES;
    this.#leave();
    if (!isEmpty) return;
    // Nothing in it was ever acknowledged. A new file of the same number takes its place, so that a
    // sync that fails for hours leaves no thousands of files.
    try {
      this.#files.remove(`${directory}/${logPath({ epoch, shard, number })}`);
      this.#enter(number);
    } catch {
      // Then the next number is taken; what it repeats supersedes what is here.
    }
  }

  /** The segment is full, or done with for another reason. */
  #retire(): void {
    const { descriptor, position } = this.#board;
    if (this.#syncsEach && position > 0) this.#shorten(descriptor, position);
    this.#leave();
  }

  /** The segment takes no more batches. */
  #leave(): void {
    const board = this.#board;
    const { segment, descriptor } = board;
    board.descriptor = NO_DESCRIPTOR;
    board.position = 0;
    board.filledTo = 0;
    this.#enter(segment + 1);
    if (this.#syncsEach) {
      this.#closeQuietly(descriptor);
      return;
    }
    board.countSegmentReport();
    this.#options.onSegment({ number: segment, fd: descriptor, isClosed: true });
  }

  /** All that counts in it is on the disk; what close() could still report concerns the rest. */
  #closeQuietly(fd: number): void {
    try {
      this.#files.close(fd);
    } catch {
      // As above.
    }
  }

  #enter(number: number): void {
    this.#board.segment = number;
    this.#seedSegment = number;
    const { epoch, shard, secretCheck } = this.#options;
    this.#seed = checksumSeed({ kind: FILE_KINDS.log, epoch, shard, number, secretCheck });
  }

  #failed(code: string, nowMs: number): void {
    this.#failure = code;
    this.#retryAtMs = nowMs + RETRY_MS;
    this.#board.isFailing = true;
  }
}

let allZeros: Uint8Array | undefined;

/** Made once it is needed. */
function zeros(): Uint8Array {
  allZeros ??= new Uint8Array(FILL_BYTES);
  return allZeros;
}
