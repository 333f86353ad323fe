/**
 * The headers of a shard's sessions (layout.ts) and the index from digest to header. A row is the
 * number of a header; it may change between turns, when headers move into holes.
 */
import { assert } from '../core/errors.js';
import { CellPool, FREE } from '../memory/cell-pool.js';
import { HashIndex } from '../memory/hash-index.js';
import { NIL, type SharedMemory } from '../memory/shared-memory.js';
import {
  CHAIN_WORD,
  CREATED_DOUBLE,
  DEADLINE_DOUBLE,
  EXTRAS_BYTES,
  EXTRAS_LAST_USED_DOUBLE,
  EXTRAS_MAX_AGE_DOUBLE,
  EXTRAS_NEXT_WORD,
  EXTRAS_OWNER_WORD,
  EXTRAS_POINTER_WORD,
  EXTRAS_PREVIOUS_WORD,
  EXTRAS_SUPERSEDED_WORD,
  EXTRAS_WATCH_WORD,
  EXTRAS_WATCHERS_WORD,
  FLAG_BIG,
  FLAG_EXTRAS,
  IDLE_DOUBLE,
  META_WORD,
  NEXT_WORD,
  POINTER_WORD,
  PREVIOUS_WORD,
  ROW_BYTES,
  ROW_DOUBLES_SHIFT,
  ROW_WORDS_SHIFT,
  ROWS_MASK,
  ROWS_SHIFT,
  SLOT_MASK,
  STRUCTURE_EXTRAS,
  STRUCTURE_ROW_INDEX,
  STRUCTURE_ROWS,
  TIE_FLAGS,
  VERSION_WORD,
} from './layout.js';

export class SessionRows {
  readonly pool: CellPool;
  readonly index: HashIndex;
  readonly extras: CellPool;

  constructor(memory: SharedMemory) {
    this.pool = new CellPool(memory, {
      structure: STRUCTURE_ROWS,
      cellBytes: ROW_BYTES,
      markWord: META_WORD,
      nextWord: NEXT_WORD,
      previousWord: PREVIOUS_WORD,
    });
    this.index = new HashIndex(memory, this.pool, {
      structure: STRUCTURE_ROW_INDEX,
      hashWord: 0,
      chainWord: CHAIN_WORD,
    });
    this.extras = new CellPool(memory, {
      structure: STRUCTURE_EXTRAS,
      cellBytes: EXTRAS_BYTES,
      markWord: 0,
      nextWord: 4,
      previousWord: 5,
    });
  }

  reset(): void {
    this.pool.reset();
    this.index.reset();
    this.extras.reset();
  }

  get bytes(): number {
    return this.pool.live * ROW_BYTES + this.index.bytes + this.extras.live * EXTRAS_BYTES;
  }

  /**
   * The row of a digest, four words from `at` on, and slot; NIL if there is none.
   *
   * @param guess a row that it may be, of whatever it is a row by now.
   */
  find(digest: Int32Array, at: number, slot: number, guess = NIL): number {
    // A free row still has its digest.
    if (guess !== NIL && this.isLive(guess) && this.#is(guess, digest, at, slot)) return guess;
    let row = this.index.firstOf(digest[at]!);
    while (row !== NIL && !this.#is(row, digest, at, slot)) row = this.index.nextOf(row);
    return row;
  }

  /**
   * Reads the header of each digest; see ShardState.readAhead(). More than a third of the sessions are
   * not the first of their bucket, so the first that is another's leads to the second, by arithmetic:
   * a branch on what has just been asked of memory would be guessed wrong too often, and everything
   * behind it begun anew.
   *
   * @param guesses gets the rows that they may be, or NIL.
   * @param pointers gets where their records may lie in the arena; NIL for none and for big sessions.
   */
  readAhead(
    digests: Int32Array,
    places: Int32Array,
    count: number,
    guesses: Int32Array,
    pointers: Int32Array,
  ): void {
    const pages = this.pool.words;
    if (pages.length === 0) {
      guesses.fill(NIL, 0, count);
      pointers.fill(NIL, 0, count);
      return;
    }
    for (let each = 0; each < count; each += 1) {
      guesses[each] = this.index.firstOf(digests[places[each]!]!);
    }
    for (let each = 0; each < count; each += 1) {
      const first = guesses[each]!;
      // NIL stays NIL: where row 0 is free, what it was linked to may have gone with its page.
      const isNone = first >> 31; // all ones, or 0
      const row = first & ~isNone;
      const words = pages[row >>> ROWS_SHIFT]!;
      const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
      const difference = words[base]! ^ digests[places[each]!]!;
      const isOther = (difference | -difference) >> 31; // as above
      guesses[each] = (row & ~isOther) | ((words[base + CHAIN_WORD]! - 1) & isOther) | isNone;
    }
    for (let each = 0; each < count; each += 1) {
      const row = orRow0(guesses[each]!);
      const words = pages[row >>> ROWS_SHIFT]!;
      const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
      // Of a free row all flags are set.
      const isElsewhere = (words[base + META_WORD]! & (FLAG_BIG | FLAG_EXTRAS)) !== 0;
      pointers[each] = isElsewhere ? NIL : words[base + POINTER_WORD]!;
    }
  }

  /** A row for a new session without keys and without expiry; NIL when out of pages. */
  create(digest: Int32Array, at: number, slot: number, flags: number, nowMs: number): number {
    const row = this.pool.allocate();
    if (row === NIL) return NIL;
    const words = this.pool.words[row >>> ROWS_SHIFT]!;
    const doubles = this.pool.doubles[row >>> ROWS_SHIFT]!;
    const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
    const doublesBase = (row & ROWS_MASK) << ROW_DOUBLES_SHIFT;
    for (let word = 0; word < 4; word += 1) words[base + word] = digest[at + word]!;
    doubles[doublesBase + DEADLINE_DOUBLE] = Infinity;
    doubles[doublesBase + IDLE_DOUBLE] = 0;
    words[base + META_WORD] = slot | flags;
    words[base + VERSION_WORD] = 0;
    words[base + POINTER_WORD] = NIL;
    words[base + NEXT_WORD] = NIL;
    words[base + PREVIOUS_WORD] = NIL;
    doubles[doublesBase + CREATED_DOUBLE] = nowMs;
    if (this.index.insert(row, words[base]!)) return row;
    this.pool.free(row);
    return NIL;
  }

  /** The row must be off the wheel, and its data gone. */
  free(row: number): void {
    const words = this.pool.words[row >>> ROWS_SHIFT]!;
    const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
    if ((words[base + META_WORD]! & FLAG_EXTRAS) !== 0)
      this.extras.free(words[base + POINTER_WORD]!);
    this.index.remove(row, words[base]!);
    this.pool.free(row);
  }

  /** Where the header's words are, from wordAtOf(row) on. Valid until headers or pages move. */
  wordsOf(row: number): Int32Array {
    return this.pool.words[row >>> ROWS_SHIFT]!;
  }

  /** As wordsOf(), from doubleAtOf(row) on. */
  doublesOf(row: number): Float64Array {
    return this.pool.doubles[row >>> ROWS_SHIFT]!;
  }

  word(row: number, word: number): number {
    return this.pool.words[row >>> ROWS_SHIFT]![((row & ROWS_MASK) << ROW_WORDS_SHIFT) + word]!;
  }

  setWord(row: number, word: number, value: number): void {
    this.pool.words[row >>> ROWS_SHIFT]![((row & ROWS_MASK) << ROW_WORDS_SHIFT) + word] = value;
  }

  double(row: number, double: number): number {
    return this.pool.doubles[row >>> ROWS_SHIFT]![
      ((row & ROWS_MASK) << ROW_DOUBLES_SHIFT) + double
    ]!;
  }

  setDouble(row: number, double: number, value: number): void {
    const at = ((row & ROWS_MASK) << ROW_DOUBLES_SHIFT) + double;
    this.pool.doubles[row >>> ROWS_SHIFT]![at] = value;
  }

  /** What the session's pointer says: the record in the arena or the number of its big map. */
  pointerOf(row: number): number {
    if ((this.word(row, META_WORD) & FLAG_EXTRAS) === 0) return this.word(row, POINTER_WORD);
    return this.extra(row, EXTRAS_POINTER_WORD);
  }

  setPointer(row: number, pointer: number): void {
    if ((this.word(row, META_WORD) & FLAG_EXTRAS) === 0) this.setWord(row, POINTER_WORD, pointer);
    else this.setExtra(row, EXTRAS_POINTER_WORD, pointer);
  }

  /** Milliseconds, or Infinity for none. */
  maxAgeOf(row: number): number {
    if ((this.word(row, META_WORD) & FLAG_EXTRAS) === 0) return Infinity;
    return this.extraDouble(row, EXTRAS_MAX_AGE_DOUBLE);
  }

  /** Infinity removes it. @returns false when out of pages. */
  setMaxAge(row: number, maxAgeMs: number): boolean {
    if (maxAgeMs === Infinity && (this.word(row, META_WORD) & FLAG_EXTRAS) === 0) return true;
    if (!this.needExtras(row)) return false;
    this.setExtraDouble(row, EXTRAS_MAX_AGE_DOUBLE, maxAgeMs);
    if (maxAgeMs === Infinity) this.dropExtras(row);
    return true;
  }

  /** Gives the session an extras cell unless it has one. @returns false when out of pages. */
  needExtras(row: number): boolean {
    const meta = this.word(row, META_WORD);
    if ((meta & FLAG_EXTRAS) !== 0) return true;
    const cell = this.extras.allocate();
    if (cell === NIL) return false;
    const words = this.extras.wordsOf(cell);
    const at = this.extras.wordAt(cell);
    words[at] = row;
    words[at + EXTRAS_POINTER_WORD] = this.word(row, POINTER_WORD);
    words[at + EXTRAS_OWNER_WORD] = NIL;
    words[at + EXTRAS_NEXT_WORD] = NIL;
    words[at + EXTRAS_PREVIOUS_WORD] = NIL;
    words[at + EXTRAS_SUPERSEDED_WORD] = NIL;
    words[at + EXTRAS_WATCH_WORD] = 0;
    words[at + EXTRAS_WATCHERS_WORD] = 0;
    this.setWord(row, META_WORD, meta | FLAG_EXTRAS);
    this.setWord(row, POINTER_WORD, cell);
    this.setExtraDouble(row, EXTRAS_MAX_AGE_DOUBLE, Infinity);
    this.setExtraDouble(row, EXTRAS_LAST_USED_DOUBLE, 0);
    return true;
  }

  /** Takes the extras cell back unless something of the session still needs it. */
  dropExtras(row: number): void {
    const meta = this.word(row, META_WORD);
    if ((meta & TIE_FLAGS) !== 0 || this.maxAgeOf(row) !== Infinity) return;
    const pointer = this.pointerOf(row);
    this.extras.free(this.word(row, POINTER_WORD));
    this.setWord(row, META_WORD, meta & ~FLAG_EXTRAS);
    this.setWord(row, POINTER_WORD, pointer);
  }

  /** A word of the session's extras cell, which it has. */
  extra(row: number, word: number): number {
    const cell = this.word(row, POINTER_WORD);
    return this.extras.wordsOf(cell)[this.extras.wordAt(cell) + word]!;
  }

  setExtra(row: number, word: number, value: number): void {
    const cell = this.word(row, POINTER_WORD);
    this.extras.wordsOf(cell)[this.extras.wordAt(cell) + word] = value;
  }

  extraDouble(row: number, double: number): number {
    const cell = this.word(row, POINTER_WORD);
    return this.#extrasDoubles(cell)[(this.extras.wordAt(cell) >>> 1) + double]!;
  }

  setExtraDouble(row: number, double: number, value: number): void {
    const cell = this.word(row, POINTER_WORD);
    this.#extrasDoubles(cell)[(this.extras.wordAt(cell) >>> 1) + double] = value;
  }

  /** The session has another digest from now on, unused so far and of the same slot. */
  rename(row: number, digest: Int32Array, at: number): void {
    const words = this.wordsOf(row);
    const base = wordAtOf(row);
    this.index.remove(row, words[base]!);
    for (let word = 0; word < 4; word += 1) words[base + word] = digest[at + word]!;
    const isPlaced = this.index.insert(row, words[base]!);
    assert(isPlaced, 'out of pages');
  }

  isLive(row: number): boolean {
    return row < this.pool.end && this.word(row, META_WORD) !== FREE;
  }

  /** Moves extras into holes; each knows its row. */
  compactExtras(cellsMax: number): void {
    this.extras.compact(cellsMax, (_from, to) => {
      const row = this.extras.wordsOf(to)[this.extras.wordAt(to)]!;
      this.setWord(row, POINTER_WORD, to);
    });
  }

  #is(row: number, digest: Int32Array, at: number, slot: number): boolean {
    const words = this.pool.words[row >>> ROWS_SHIFT]!;
    const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
    return (
      words[base] === digest[at] &&
      words[base + 1] === digest[at + 1] &&
      words[base + 2] === digest[at + 2] &&
      words[base + 3] === digest[at + 3] &&
      (words[base + META_WORD]! & SLOT_MASK) === slot
    );
  }

  /** After a header's words were copied: repairs the index and the extras. */
  relocate(from: number, to: number): void {
    this.index.relocate(from, to, this.word(to, 0));
    if ((this.word(to, META_WORD) & FLAG_EXTRAS) !== 0) this.setExtra(to, 0, to);
  }

  #extrasDoubles(cell: number): Float64Array {
    return this.extras.doubles[(cell / this.extras.cellsPerPage) >>> 0]!;
  }
}

/** The row, or row 0 in place of NIL. */
function orRow0(row: number): number {
  return row & ~(row >> 31);
}

export function wordAtOf(row: number): number {
  return (row & ROWS_MASK) << ROW_WORDS_SHIFT;
}

export function doubleAtOf(row: number): number {
  return (row & ROWS_MASK) << ROW_DOUBLES_SHIFT;
}
