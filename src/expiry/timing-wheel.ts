/**
 * Hierarchical timing wheel (Varghese and Lauck, 1987): which session rows are due, in O(1) per
 * schedule and cancel.
 *
 * Shape: LEVELS wheels; a tick is 1 ms, and a bucket of a level spans 256 of the level below. A wheel
 * has 512 buckets, two turns of 256: the turn that time is in and the one after it. A row is filed on
 * the finest level whose two turns hold its deadline. Before time comes to a bucket of a coarser level
 * its rows move to finer ones (a cascade), at most LEVELS - 1 times a row. 256^6 ms are 8,900 years, so
 * every deadline has a place. Buckets are doubly linked lists through the rows; a bitmap a level finds
 * the next one that is not empty, so idle time costs nothing.
 *
 * Two turns, so that a cascade has all the time of the bucket before it: a few rows a tick are moved
 * ahead, for a million sessions may be due within seconds. What is not moved in time moves then, all of
 * it before anything comes up.
 *
 * A row's own deadline may be later than where the row is filed: extending a session writes the
 * header only, and a row that comes up early files itself again. Moving a deadline to an earlier
 * instant needs schedule().
 *
 *   words in the control block
 *     0     levels x 512 heads: row + 1, 0 empty
 *     3072  levels x 16 words of bitmap
 *     3168  rows filed
 *     3170  current tick, as a double
 *     3172  instant of tick 0, as a double: milliseconds
 *
 * Both expiring and cascading take rows one by one, so advance() can stop after any row and go on
 * later: what is left stays in the bucket of the current tick, where advance() looks first.
 */
import { assert } from '../core/errors.js';
import { type CellPool } from '../memory/cell-pool.js';
import { NIL, type SharedMemory, WHEEL_WORD } from '../memory/shared-memory.js';

const LEVELS = 6;
/** Of a level; a turn is half of them. */
const BUCKETS = 512;
const BITMAP_WORDS = BUCKETS / 32;
const BITMAP_WORD = WHEEL_WORD + LEVELS * BUCKETS;
const FILED_WORD = BITMAP_WORD + LEVELS * BITMAP_WORDS;
const TICK_DOUBLE = (FILED_WORD + 2) / 2;
const START_DOUBLE = TICK_DOUBLE + 1;
/** Ticks that one bucket of each level spans. */
const SPANS = [1, 256, 256 ** 2, 256 ** 3, 256 ** 4, 256 ** 5, 256 ** 6] as const;

/**
 * Rows moved ahead in a tick, as a multiple of those that may be touched. With the 256 of a shard 1,536,
 * about 0.2 ms: enough for 1.5 million due a second.
 */
const AHEAD_FACTOR = 6;

/** Rows compared in search of the nearest deadline: of one bucket, and in all (about 1 ms). */
const BUCKET_LOOKS = 256;
const LOOKS_MAX = 16_384;

/** In a row's previous word: not on the wheel. Below it: first of bucket -2 - previous. */
const UNFILED = -1;

/** Where in a row the wheel finds its links and its deadline. */
export interface WheelFields {
  readonly nextWord: number;
  readonly previousWord: number;
  /** Index of the deadline among the row's doubles: milliseconds. */
  readonly deadlineDouble: number;
}

export class TimingWheel {
  readonly #control: Int32Array;
  readonly #doubles: Float64Array;
  readonly #rows: CellPool;
  readonly #next: number;
  readonly #previous: number;
  readonly #deadline: number;
  /** Rows were last moved ahead at that tick, by this thread. */
  #aheadTick = -1;

  constructor(memory: SharedMemory, rows: CellPool, fields: WheelFields) {
    this.#control = memory.control;
    this.#doubles = memory.controlDoubles;
    this.#rows = rows;
    this.#next = fields.nextWord;
    this.#previous = fields.previousWord;
    this.#deadline = fields.deadlineDouble;
  }

  /** Starts an empty wheel at an instant, milliseconds. */
  start(nowMs: number): void {
    this.#control.fill(0, WHEEL_WORD, FILED_WORD + 1);
    this.#doubles[TICK_DOUBLE] = 0;
    this.#doubles[START_DOUBLE] = Math.floor(nowMs);
  }

  /** Rows now on the wheel. */
  get size(): number {
    return this.#control[FILED_WORD]!;
  }

  /** A new row's link word, before its first schedule(). */
  clear(row: number): void {
    this.#rows.wordsOf(row)[this.#rows.wordAt(row) + this.#previous] = UNFILED;
  }

  isFiled(row: number): boolean {
    return this.#rows.wordsOf(row)[this.#rows.wordAt(row) + this.#previous] !== UNFILED;
  }

  /** Files the row under the deadline in its fields; one in the past is due at once. */
  schedule(row: number): void {
    this.cancel(row);
    this.#file(row);
    this.#control[FILED_WORD]! += 1;
  }

  /** Does nothing if the row is not on the wheel. */
  cancel(row: number): void {
    if (!this.isFiled(row)) return;
    this.#unlink(row);
    this.#control[FILED_WORD]! -= 1;
  }

  /** The row's words have been copied to another row: makes its neighbours point there. */
  relocate(to: number): void {
    const words = this.#rows.wordsOf(to);
    const at = this.#rows.wordAt(to);
    const previous = words[at + this.#previous]!;
    if (previous === UNFILED) return;
    if (previous < UNFILED) this.#control[WHEEL_WORD - 2 - previous] = to + 1;
    else this.#setWord(previous, this.#next, to);
    const next = words[at + this.#next]!;
    if (next !== NIL) this.#setWord(next, this.#previous, to);
  }

  /**
   * Moves time on to nowMs and hands over due rows, each already off the wheel, so that onDue may
   * schedule, cancel or free any row.
   *
   * @param rowsMax rows to touch at most, cascading included; once a tick, when all that is due has
   *     come up, AHEAD_FACTOR times as many are moved ahead besides.
   * @returns rows touched; rowsMax means call again soon.
   */
  advance(nowMs: number, rowsMax: number, onDue: (row: number) => void): number {
    const target = Math.floor(nowMs - this.#doubles[START_DOUBLE]!);
    if (this.size === 0) {
      if (target > this.#doubles[TICK_DOUBLE]!) this.#doubles[TICK_DOUBLE] = target;
      return 0;
    }
    let touched = 0;
    while (touched < rowsMax) {
      const bucket = this.#pending();
      if (bucket < 0) {
        if (!this.#stepTo(target)) break;
        continue;
      }
      touched += this.#empty(bucket, nowMs, rowsMax - touched, onDue);
    }
    if (touched < rowsMax && target !== this.#aheadTick) {
      this.#aheadTick = target;
      this.#moveAhead(rowsMax * AHEAD_FACTOR);
    }
    return touched;
  }

  /** The instant before which nothing will come up, milliseconds; Infinity for an empty wheel. */
  nextMs(): number {
    const bucket = this.#firstBucket();
    return bucket < 0 ? Infinity : this.#doubles[START_DOUBLE]! + this.#tickOf(bucket);
  }

  /**
   * The row whose deadline is nearest, or NIL: for eviction. Rows that have been extended since they
   * were filed are filed again on the way, so each extension is paid for once. It is the nearest of
   * the first rows of its bucket only where that has more than BUCKET_LOOKS.
   */
  soonest(): number {
    let nearest = NIL;
    let nearestMs = Infinity;
    for (let looks = 0; looks < LOOKS_MAX;) {
      const bucket = this.#firstBucket();
      if (bucket < 0) break;
      let row = this.#control[WHEEL_WORD + bucket]! - 1;
      let isFiledRight = false;
      for (let here = 0; here < BUCKET_LOOKS && row !== NIL; here += 1, looks += 1) {
        const next = this.#rows.wordsOf(row)[this.#rows.wordAt(row) + this.#next]!;
        const deadlineMs = this.#deadlineOf(row);
        if (deadlineMs < nearestMs) {
          nearest = row;
          nearestMs = deadlineMs;
        }
        if (this.#bucketOf(deadlineMs) === bucket) isFiledRight = true;
        else this.#refile(row);
        row = next;
      }
      if (isFiledRight) break;
    }
    return nearest;
  }

  /** Buckets whose time has come, then by time; -1 where the wheel is empty. */
  #firstBucket(): number {
    const pending = this.#pending();
    return pending >= 0 ? pending : this.#nextBucket();
  }

  /** The one that time comes to next, the finest of those; -1 where there is none. */
  #nextBucket(): number {
    let nearest = -1;
    let nearestTick = Infinity;
    for (let level = 0; level < LEVELS; level += 1) {
      const bucket = this.#nextOf(level);
      if (bucket < 0) continue;
      const tick = this.#tickOf(bucket);
      if (tick >= nearestTick) continue;
      nearest = bucket;
      nearestTick = tick;
    }
    return nearest;
  }

  /** When the span of a bucket begins or has begun. */
  #tickOf(bucket: number): number {
    const level = Math.floor(bucket / BUCKETS);
    const span = SPANS[level]!;
    const position = Math.floor(this.#doubles[TICK_DOUBLE]! / span);
    const ahead = ((bucket % BUCKETS) - (position % BUCKETS) + BUCKETS) % BUCKETS;
    return (position + ahead) * span;
  }

  #refile(row: number): void {
    this.#unlink(row);
    this.#file(row);
  }

  /** A bucket whose time has come and that is not empty, the coarsest first, or -1. */
  #pending(): number {
    const tick = this.#doubles[TICK_DOUBLE]!;
    for (let level = LEVELS - 1; level >= 0; level -= 1) {
      const bucket = level * BUCKETS + this.#digit(tick, level);
      if (this.#control[WHEEL_WORD + bucket] !== 0) return bucket;
    }
    return -1;
  }

  /** Moves the tick to the next bucket that is not empty, or to the target. */
  #stepTo(target: number): boolean {
    if (this.#doubles[TICK_DOUBLE]! >= target) return false;
    const bucket = this.#nextBucket();
    const next = bucket < 0 ? Infinity : this.#tickOf(bucket);
    this.#doubles[TICK_DOUBLE] = Math.min(next, target);
    return true;
  }

  /** Rows of the buckets that time comes to next, of all levels but the finest, to finer ones. */
  #moveAhead(rowsMax: number): void {
    const tick = this.#doubles[TICK_DOUBLE]!;
    let left = rowsMax;
    for (let level = 1; level < LEVELS; level += 1) {
      const bucket = level * BUCKETS + ((this.#digit(tick, level) + 1) % BUCKETS);
      for (; left > 0; left -= 1) {
        const row = this.#control[WHEEL_WORD + bucket]! - 1;
        if (row === NIL) break;
        this.#refile(row);
      }
    }
  }

  #empty(bucket: number, nowMs: number, rowsMax: number, onDue: (row: number) => void): number {
    let touched = 0;
    while (touched < rowsMax) {
      const row = this.#control[WHEEL_WORD + bucket]! - 1;
      if (row === NIL) break;
      this.#unlink(row);
      touched += 1;
      if (this.#deadlineOf(row) > nowMs) {
        this.#file(row);
        continue;
      }
      this.#control[FILED_WORD]! -= 1;
      onDue(row);
    }
    return touched;
  }

  /** Where a deadline belongs at the current tick. */
  #bucketOf(deadlineMs: number): number {
    const tick = this.#doubles[TICK_DOUBLE]!;
    const due = Math.ceil(deadlineMs - this.#doubles[START_DOUBLE]!);
    if (due <= tick) return this.#digit(tick, 0);
    let level = 0;
    while (turnOf(due, level) - turnOf(tick, level) > 1) level += 1;
    return level * BUCKETS + this.#digit(due, level);
  }

  #file(row: number): void {
    const bucket = this.#bucketOf(this.#deadlineOf(row));
    const head = this.#control[WHEEL_WORD + bucket]!;
    const words = this.#rows.wordsOf(row);
    const at = this.#rows.wordAt(row);
    words[at + this.#next] = head - 1;
    words[at + this.#previous] = -2 - bucket;
    if (head !== 0) this.#setWord(head - 1, this.#previous, row);
    else this.#control[BITMAP_WORD + (bucket >>> 5)]! |= 1 << (bucket & 31);
    this.#control[WHEEL_WORD + bucket] = row + 1;
  }

  #unlink(row: number): void {
    const words = this.#rows.wordsOf(row);
    const at = this.#rows.wordAt(row);
    const next = words[at + this.#next]!;
    const previous = words[at + this.#previous]!;
    assert(previous !== UNFILED, 'a row leaves the wheel twice');
    if (next !== NIL) this.#setWord(next, this.#previous, previous);
    if (previous >= 0) this.#setWord(previous, this.#next, next);
    else {
      const bucket = -2 - previous;
      this.#control[WHEEL_WORD + bucket] = next + 1;
      if (next === NIL) this.#control[BITMAP_WORD + (bucket >>> 5)]! &= ~(1 << (bucket & 31));
    }
    words[at + this.#previous] = UNFILED;
  }

  /** The bucket of the level that time comes to next of those that are not empty, or -1. */
  #nextOf(level: number): number {
    const from = (this.#digit(this.#doubles[TICK_DOUBLE]!, level) + 1) % BUCKETS;
    const bitmap = BITMAP_WORD + level * BITMAP_WORDS;
    // What is before it in its word would be further off than two turns.
    for (let step = 0; step < BITMAP_WORDS; step += 1) {
      const at = ((from >>> 5) + step) % BITMAP_WORDS;
      let word = this.#control[bitmap + at]!;
      if (step === 0) word &= -1 << (from & 31);
      if (word !== 0) return level * BUCKETS + at * 32 + 31 - Math.clz32(word & -word);
    }
    return -1;
  }

  #digit(tick: number, level: number): number {
    return Math.floor(tick / SPANS[level]!) % BUCKETS;
  }

  #deadlineOf(row: number): number {
    const doubles = this.#rows.doubles[(row / this.#rows.cellsPerPage) >>> 0]!;
    return doubles[(this.#rows.wordAt(row) >>> 1) + this.#deadline]!;
  }

  #setWord(row: number, word: number, value: number): void {
    this.#rows.wordsOf(row)[this.#rows.wordAt(row) + word] = value;
  }
}

/** Number of the turn of a level that a tick is in. */
function turnOf(tick: number, level: number): number {
  return Math.floor(tick / SPANS[level + 1]!);
}
