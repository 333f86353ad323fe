/**
 * Words that main and one shard share, in one SharedArrayBuffer. Each word has one writer; the other
 * side may read it at any time. What needs more than a word follows in a message.
 *
 *   i32 words 0 to 15, written by main
 *     0 orders posted        1 chunks of walks that are done   2 failed syncs of segments
 *     3 logFrom of the newest snapshot in the manifest         4 synced: low half of a sequence
 *     5 1: a sync is under way
 *   i32 words 16 to 31, written by the shard
 *    16 written: low half of the sequence   17 segment number   18 its descriptor, or -1   19 1: failing
 *    20 reports of segments posted
 *   f64 from byte 128, written by the shard
 *    16 sequence of the last batch written  17 position in the segment   18 bytes of log since the
 *       last snapshot began                 19 first segment that a needed snapshot may begin with, or 0
 *    20 with --fsync always: how long a sync has taken of late, milliseconds
 *    21 with --fsync always: where the zeros end that were written ahead
 *
 * Halves of sequences: no more than 2^32 batches are ever between two of them, so a difference gives
 * the whole. The shard's state of the log is here and not in its head, so that whoever holds the
 * shard's lease can go on with it.
 */
export const SHARD_BOARD_BYTES = 256;

const ORDERS_POSTED = 0;
const CHUNKS_DONE = 1;
const SYNC_FAILURES = 2;
const SNAPSHOT_DONE = 3;
const SYNCED = 4;
const SYNCING = 5;
const WRITTEN = 16;
const SEGMENT = 17;
const DESCRIPTOR = 18;
const FAILING = 19;
const REPORTS = 20;
const SEQUENCE_DOUBLE = 16;
const POSITION_DOUBLE = 17;
const LOG_BYTES_DOUBLE = 18;
const NEEDED_FROM_DOUBLE = 19;
const SYNC_DOUBLE = 20;
const FILLED_TO_DOUBLE = 21;

/** Of the last sync in the mean over them. */
const SYNC_PART = 1 / 8;

export const NO_DESCRIPTOR = -1;

export function allocateShardBoard(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARD_BOARD_BYTES);
}

export class ShardBoard {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(shared: SharedArrayBuffer = allocateShardBoard()) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
    this.#doubles = new Float64Array(shared);
  }

  /** Main has posted an order; the shard compares with how many it has taken. */
  get ordersPosted(): number {
    return Atomics.load(this.#words, ORDERS_POSTED);
  }

  countOrder(): void {
    Atomics.add(this.#words, ORDERS_POSTED, 1);
  }

  get chunksDone(): number {
    return Atomics.load(this.#words, CHUNKS_DONE);
  }

  countChunkDone(): void {
    Atomics.add(this.#words, CHUNKS_DONE, 1);
  }

  get syncFailures(): number {
    return Atomics.load(this.#words, SYNC_FAILURES);
  }

  countSyncFailure(): void {
    Atomics.add(this.#words, SYNC_FAILURES, 1);
  }

  /** Main is syncing the log: until it is done, a write may wait for the disk. */
  get isSyncing(): boolean {
    return Atomics.load(this.#words, SYNCING) !== 0;
  }

  set isSyncing(isSyncing: boolean) {
    Atomics.store(this.#words, SYNCING, isSyncing ? 1 : 0);
  }

  /** Set by main after the manifest names a new snapshot: the segment where its log begins. */
  get snapshotDone(): number {
    return Atomics.load(this.#words, SNAPSHOT_DONE);
  }

  set snapshotDone(logFrom: number) {
    Atomics.store(this.#words, SNAPSHOT_DONE, logFrom);
  }

  /**
   * Main: the value of writtenLow as it was before all segments were synced. All: if segmentReports,
   * read after writtenLow, is more than the reports received, there is one more that main does not
   * know yet, and nothing can be said this time.
   */
  set syncedLow(low: number) {
    Atomics.store(this.#words, SYNCED, low);
  }

  /** The shard: the sequence that is on disk, given the last one written. */
  syncedSequence(written: number): number {
    return written - (((written | 0) - Atomics.load(this.#words, SYNCED)) >>> 0);
  }

  get writtenLow(): number {
    return Atomics.load(this.#words, WRITTEN);
  }

  /** Of the last batch written; 0 before the first. */
  get sequence(): number {
    return this.#doubles[SEQUENCE_DOUBLE] as number;
  }

  /** The shard: a batch is in its segment, with all its bytes. */
  set sequence(sequence: number) {
    this.#doubles[SEQUENCE_DOUBLE] = sequence;
    // Main may read the word at once; whatever it then syncs holds the batch.
    Atomics.store(this.#words, WRITTEN, sequence | 0);
  }

  /** Number of the segment that takes the next batch; it may not exist yet. */
  get segment(): number {
    return Atomics.load(this.#words, SEGMENT);
  }

  set segment(number: number) {
    Atomics.store(this.#words, SEGMENT, number);
  }

  /** Descriptor of the segment, or NO_DESCRIPTOR before it exists. */
  get descriptor(): number {
    return Atomics.load(this.#words, DESCRIPTOR);
  }

  set descriptor(fd: number) {
    Atomics.store(this.#words, DESCRIPTOR, fd);
  }

  /** How many reports of segments were posted; each before the first batch of what it reports. */
  get segmentReports(): number {
    return Atomics.load(this.#words, REPORTS);
  }

  countSegmentReport(): void {
    Atomics.add(this.#words, REPORTS, 1);
  }

  /**
   * Read without Atomics, which is a call: every command that writes asks. Whoever holds the shard's
   * lease has written it or seen it with the lease; main may see it a moment late.
   */
  get isFailing(): boolean {
    return this.#words[FAILING] !== 0;
  }

  set isFailing(isFailing: boolean) {
    Atomics.store(this.#words, FAILING, isFailing ? 1 : 0);
  }

  /** Where in the segment the next batch goes; 0 while the segment has no header. */
  get position(): number {
    return this.#doubles[POSITION_DOUBLE] as number;
  }

  set position(bytes: number) {
    this.#doubles[POSITION_DOUBLE] = bytes;
  }

  /** Written since the last snapshot began, with what recovery replayed. */
  get logBytes(): number {
    return this.#doubles[LOG_BYTES_DOUBLE] as number;
  }

  set logBytes(bytes: number) {
    this.#doubles[LOG_BYTES_DOUBLE] = bytes;
  }

  /** Not 0: part of the log may be lost, and only a snapshot whose log begins here or later heals it. */
  get neededFrom(): number {
    return this.#doubles[NEEDED_FROM_DOUBLE] as number;
  }

  set neededFrom(segment: number) {
    this.#doubles[NEEDED_FROM_DOUBLE] = segment;
  }

  /** How long a sync has taken of late, milliseconds: a mean over the last few. */
  get syncMs(): number {
    return this.#doubles[SYNC_DOUBLE] as number;
  }

  noteSync(durationMs: number): void {
    this.#doubles[SYNC_DOUBLE] = this.syncMs + (durationMs - this.syncMs) * SYNC_PART;
  }

  /** Where the zeros end that were written ahead in the segment. */
  get filledTo(): number {
    return this.#doubles[FILLED_TO_DOUBLE] as number;
  }

  set filledTo(bytes: number) {
    this.#doubles[FILLED_TO_DOUBLE] = bytes;
  }
}
