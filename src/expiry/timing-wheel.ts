/**
 * Hierarchical timing wheel (Varghese and Lauck, 1987): which session rows are due, in O(1) per
 * schedule and cancel.
 *
 * Shape: LEVELS wheels of 256 buckets; a tick is 1 ms. The deadline tick, written in base 256, names
 * the place: the level is that of the highest digit in which it differs from the current tick, the
 * bucket is that digit. When time comes to a bucket of a coarser level, its rows move to finer ones
 * (a cascade), at most LEVELS - 1 times a row. 256^6 ms are 8,900 years, so every deadline has a place.
 * Buckets are doubly linked lists through the rows; a bitmap a level finds the next one that is not
 * empty, so idle time costs nothing.
 *
 * A row's own deadline may be later than where the row is filed: extending a session writes the
 * header only, and a row that comes up early files itself again. Moving a deadline to an earlier
 * instant needs schedule().
 *
 *   words in the control block
 *     0     levels x 256 heads: row + 1, 0 empty
 *     1536  levels x 8 words of bitmap
 *     1584  rows filed
 *     1586  current tick, as a double
 *     1588  instant of tick 0, as a double: milliseconds
 *
 * Both expiring and cascading take rows one by one, so advance() can stop after any row and go on
 * later: what is left stays in the bucket of the current tick, where advance() looks first.
 */
import { assert } from '../core/errors.js';
import { type CellPool } from '../memory/cell-pool.js';
import { NIL, type SharedMemory, WHEEL_WORD } from '../memory/shared-memory.js';

const LEVELS = 6;
const BUCKETS = 256;
const BITMAP_WORD = WHEEL_WORD + LEVELS * BUCKETS;
const FILED_WORD = BITMAP_WORD + LEVELS * (BUCKETS / 32);
const TICK_DOUBLE = (FILED_WORD + 2) / 2;
const START_DOUBLE = TICK_DOUBLE + 1;
/** Ticks that one bucket of each level spans. */
const SPANS = [1, 256, 256 ** 2, 256 ** 3, 256 ** 4, 256 ** 5, 256 ** 6] as const;

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
   * @param rowsMax rows to touch at most, cascading included.
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
    return touched;
  }

  /** The instant before which nothing will come up, milliseconds; Infinity for an empty wheel. */
  nextMs(): number {
    const tick = this.#doubles[TICK_DOUBLE]!;
    const bucket = this.#firstBucket();
    if (bucket < 0) return Infinity;
    const level = Math.floor(bucket / BUCKETS);
    const turn = SPANS[level + 1]!;
    const due = Math.floor(tick / turn) * turn + (bucket % BUCKETS) * SPANS[level]!;
    return this.#doubles[START_DOUBLE]! + due;
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
    if (pending >= 0) return pending;
    const tick = this.#doubles[TICK_DOUBLE]!;
    for (let level = 0; level < LEVELS; level += 1) {
      const found = this.#nextDigit(level, this.#digit(tick, level) + 1);
      if (found >= 0) return level * BUCKETS + found;
    }
    return -1;
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
    const tick = this.#doubles[TICK_DOUBLE]!;
    if (tick >= target) return false;
    for (let level = 0; level < LEVELS; level += 1) {
      const digit = this.#nextDigit(level, this.#digit(tick, level) + 1);
      if (digit < 0) continue;
      const span = SPANS[level]!;
      const turn = SPANS[level + 1]!;
      const next = Math.floor(tick / turn) * turn + digit * span;
      if (next > target) break;
      this.#doubles[TICK_DOUBLE] = next;
      return true;
    }
    this.#doubles[TICK_DOUBLE] = target;
    return true;
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
    while (Math.floor(due / SPANS[level + 1]!) !== Math.floor(tick / SPANS[level + 1]!)) level += 1;
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

  /** The smallest digit from `from` on whose bucket of the level is not empty, or -1. */
  #nextDigit(level: number, from: number): number {
    for (let digit = from; digit < BUCKETS;) {
      const word = this.#control[BITMAP_WORD + level * 8 + (digit >>> 5)]! >>> (digit & 31);
      if (word !== 0) return digit + 31 - Math.clz32(word & -word);
      digit = (digit | 31) + 1;
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
