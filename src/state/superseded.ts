/**
 * Tokens that sessions had before SH_ROTATE gave them others. While its grace lasts, such a token
 * reaches the session still; afterwards it tells a token that is stale or stolen from one that
 * never was. A session has a chain of them, newest first, of which only the newest may have a grace
 * left; they go with it, and beyond so many the oldest goes.
 *
 *   token, 40 bytes   0-3 digest   4 row, FREE while free   5 link of the index
 *                     6-7 end of the grace, double: milliseconds   8 next older one, or NIL
 *
 * Rotation keeps the slot, so a token is its row's slot's.
 */
import { assert } from '../core/errors.js';
import { CellPool } from '../memory/cell-pool.js';
import { HashIndex } from '../memory/hash-index.js';
import { NIL, type SharedMemory } from '../memory/shared-memory.js';
import {
  EXTRAS_SUPERSEDED_WORD,
  FLAG_SUPERSEDED,
  META_WORD,
  SLOT_MASK,
  STRUCTURE_SUPERSEDED,
  STRUCTURE_SUPERSEDED_INDEX,
  SUPERSEDED_CELL_BYTES,
} from './layout.js';
import type { SessionRows } from './session-rows.js';

const ROW_WORD = 4;
const CHAIN_WORD = 5;
const GRACE_DOUBLE = 3;
const OLDER_WORD = 8;
/** Free cells keep their links where the digest was. */
const FREE_LINKS = { nextWord: 0, previousWord: 1 };
const GONE_MS = 0;

export class SupersededTokens {
  readonly pool: CellPool;
  readonly index: HashIndex;
  readonly #rows: SessionRows;
  readonly #perSessionMax: number;

  constructor(memory: SharedMemory, rows: SessionRows, perSessionMax: number) {
    this.#rows = rows;
    this.#perSessionMax = perSessionMax;
    this.pool = new CellPool(memory, {
      structure: STRUCTURE_SUPERSEDED,
      cellBytes: SUPERSEDED_CELL_BYTES,
      markWord: ROW_WORD,
      ...FREE_LINKS,
    });
    this.index = new HashIndex(memory, this.pool, {
      structure: STRUCTURE_SUPERSEDED_INDEX,
      hashWord: 0,
      chainWord: CHAIN_WORD,
    });
  }

  reset(): void {
    this.pool.reset();
    this.index.reset();
  }

  get bytes(): number {
    return this.pool.live * SUPERSEDED_CELL_BYTES + this.index.bytes;
  }

  /** The cell of a digest, four words from `at` on, and slot; NIL if there is none. */
  find(digest: Int32Array, at: number, slot: number): number {
    const d0 = digest[at]!;
    let cell = this.index.firstOf(d0);
    while (cell !== NIL) {
      const words = this.pool.wordsOf(cell);
      const base = this.pool.wordAt(cell);
      if (
        words[base] === d0 &&
        words[base + 1] === digest[at + 1] &&
        words[base + 2] === digest[at + 2] &&
        words[base + 3] === digest[at + 3] &&
        (this.#rows.word(words[base + ROW_WORD]!, META_WORD) & SLOT_MASK) === slot
      ) {
        return cell;
      }
      cell = words[base + CHAIN_WORD]! - 1;
    }
    return NIL;
  }

  rowOf(cell: number): number {
    return this.#word(cell, ROW_WORD);
  }

  /** The instant from which on it no longer reaches the session. */
  graceUntilMsOf(cell: number): number {
    const doubles = this.pool.doubles[(cell / this.pool.cellsPerPage) >>> 0]!;
    return doubles[(this.pool.wordAt(cell) >>> 1) + GRACE_DOUBLE]!;
  }

  /** The session's newest, or NIL. */
  newestOf(row: number): number {
    if ((this.#rows.word(row, META_WORD) & FLAG_SUPERSEDED) === 0) return NIL;
    return this.#rows.extra(row, EXTRAS_SUPERSEDED_WORD);
  }

  olderOf(cell: number): number {
    return this.#word(cell, OLDER_WORD);
  }

  /** Where the digest's four words are, from digestAtOf() on. */
  digestsOf(cell: number): Int32Array {
    return this.pool.wordsOf(cell);
  }

  digestAtOf(cell: number): number {
    return this.pool.wordAt(cell);
  }

  /** One more of the session; the older ones lose what they have left of their grace. */
  add(row: number, digest: Int32Array, at: number, graceUntilMs: number): void {
    const rows = this.#rows;
    const hasExtras = rows.needExtras(row);
    const cell = this.pool.allocate();
    assert(hasExtras && cell !== NIL, 'out of pages');
    rows.setWord(row, META_WORD, rows.word(row, META_WORD) | FLAG_SUPERSEDED);
    const words = this.pool.wordsOf(cell);
    const base = this.pool.wordAt(cell);
    for (let word = 0; word < 4; word += 1) words[base + word] = digest[at + word]!;
    words[base + ROW_WORD] = row;
    words[base + OLDER_WORD] = rows.extra(row, EXTRAS_SUPERSEDED_WORD);
    this.#setGrace(cell, graceUntilMs);
    rows.setExtra(row, EXTRAS_SUPERSEDED_WORD, cell);
    const isPlaced = this.index.insert(cell, words[base]!);
    assert(isPlaced, 'out of pages');
    this.#limit(cell);
  }

  /** Forgets all of the session. */
  clear(row: number): void {
    const rows = this.#rows;
    this.#freeFrom(this.newestOf(row));
    rows.setExtra(row, EXTRAS_SUPERSEDED_WORD, NIL);
    rows.setWord(row, META_WORD, rows.word(row, META_WORD) & ~FLAG_SUPERSEDED);
    rows.dropExtras(row);
  }

  /** The session, which has some, has another row now; its extras are there already. */
  rowMoved(to: number): void {
    for (let cell = this.newestOf(to); cell !== NIL; cell = this.olderOf(cell)) {
      this.#setWord(cell, ROW_WORD, to);
    }
  }

  /** Moves cells into holes. */
  compact(cellsMax: number): void {
    this.pool.compact(cellsMax, (from, to) => {
      this.index.relocate(from, to, this.#word(to, 0));
      const row = this.#word(to, ROW_WORD);
      if (this.#rows.extra(row, EXTRAS_SUPERSEDED_WORD) === from) {
        this.#rows.setExtra(row, EXTRAS_SUPERSEDED_WORD, to);
        return;
      }
      let cell = this.newestOf(row);
      while (this.olderOf(cell) !== from) cell = this.olderOf(cell);
      this.#setWord(cell, OLDER_WORD, to);
    });
  }

  /** Ends the grace of those older than the newest, and forgets the oldest beyond the limit. */
  #limit(newest: number): void {
    let last = newest;
    let count = 1;
    for (let cell = this.olderOf(newest); cell !== NIL; cell = this.olderOf(cell)) {
      if (count === this.#perSessionMax) {
        this.#freeFrom(cell);
        this.#setWord(last, OLDER_WORD, NIL);
        return;
      }
      this.#setGrace(cell, GONE_MS);
      last = cell;
      count += 1;
    }
  }

  #freeFrom(newest: number): void {
    let cell = newest;
    while (cell !== NIL) {
      const older = this.olderOf(cell);
      this.index.remove(cell, this.#word(cell, 0));
      this.pool.free(cell);
      cell = older;
    }
  }

  #setGrace(cell: number, ms: number): void {
    const doubles = this.pool.doubles[(cell / this.pool.cellsPerPage) >>> 0]!;
    doubles[(this.pool.wordAt(cell) >>> 1) + GRACE_DOUBLE] = ms;
  }

  #word(cell: number, word: number): number {
    return this.pool.wordsOf(cell)[this.pool.wordAt(cell) + word]!;
  }

  #setWord(cell: number, word: number, value: number): void {
    this.pool.wordsOf(cell)[this.pool.wordAt(cell) + word] = value;
  }
}
