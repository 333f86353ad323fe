/**
 * Who owns which of a shard's sessions: one cell an owner, found by name, with a list of its sessions
 * that runs through their extras cells (layout.ts), the one created first in front. A cell goes
 * with its last session, so nothing is kept of one that has ended.
 *
 *   owner, 32 bytes   0 pointer to the name, FREE while free   1 hash of the name   2 link of the index
 *                     3 first row   4 last row (links while free)   5 sessions   6 1: not in order
 *
 * A session created later than all the others is put at the end. One created earlier, where an
 * owner changes or a recovery comes by sessions in the order of their rows, is put there, too, and
 * the list is sorted once someone asks for its first: no insertion looks for its place. (A hundred
 * thousand sessions scattered over the rows: 0.1 to 0.2 s; a walk over them, 0.06 s.)
 *
 * Cells and rows may change their numbers between turns.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { halfSipHash } from '../core/half-siphash.js';
import type { Arena } from '../memory/arena.js';
import { CellPool } from '../memory/cell-pool.js';
import { HashIndex } from '../memory/hash-index.js';
import { NIL, type SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import {
  CREATED_DOUBLE,
  EXTRAS_LAST_USED_DOUBLE,
  EXTRAS_NEXT_WORD,
  EXTRAS_OWNER_WORD,
  EXTRAS_PREVIOUS_WORD,
  FLAG_OWNED,
  META_WORD,
  OWNER_CELL_BYTES,
  OWNER_NAME,
  SEED_STATE_WORD,
  STRUCTURE_OWNER_INDEX,
  STRUCTURE_OWNERS,
} from './layout.js';
import type { SessionRows } from './session-rows.js';

const NAME_WORD = 0;
const HASH_WORD = 1;
const CHAIN_WORD = 2;
const FIRST_WORD = 3;
const LAST_WORD = 4;
const COUNT_WORD = 5;
const DISORDER_WORD = 6;
/** Tells hashes of names from those of keys, which the number of their map salts. */
const SALT = NIL;

export class Owners {
  readonly pool: CellPool;
  readonly index: HashIndex;
  readonly #control: Int32Array;
  readonly #arena: Arena;
  readonly #rows: SessionRows;

  constructor(memory: SharedMemory, arena: Arena, rows: SessionRows) {
    this.#control = memory.control;
    this.#arena = arena;
    this.#rows = rows;
    this.pool = new CellPool(memory, {
      structure: STRUCTURE_OWNERS,
      cellBytes: OWNER_CELL_BYTES,
      markWord: NAME_WORD,
      nextWord: FIRST_WORD,
      previousWord: LAST_WORD,
    });
    this.index = new HashIndex(memory, this.pool, {
      structure: STRUCTURE_OWNER_INDEX,
      hashWord: HASH_WORD,
      chainWord: CHAIN_WORD,
    });
  }

  reset(): void {
    this.pool.reset();
    this.index.reset();
  }

  /** Without the names, which are the arena's. */
  get bytes(): number {
    return this.pool.live * OWNER_CELL_BYTES + this.index.bytes;
  }

  /** The cell of a name, or NIL if it owns no session here. */
  find(name: ByteSpace, at: number, bytes: number): number {
    return this.#find(this.#hashOf(name, at, bytes), name, at, bytes);
  }

  /** The cell of the session's owner, or NIL. */
  of(row: number): number {
    if ((this.#rows.word(row, META_WORD) & FLAG_OWNED) === 0) return NIL;
    return this.#rows.extra(row, EXTRAS_OWNER_WORD);
  }

  countOf(cell: number): number {
    return this.#word(cell, COUNT_WORD);
  }

  /** The session created first. */
  firstOf(cell: number): number {
    if (this.#word(cell, DISORDER_WORD) !== 0) this.#sort(cell);
    return this.#word(cell, FIRST_WORD);
  }

  /** One of the owner's sessions, from which nextOf() leads to all others, in whatever order. */
  anyOf(cell: number): number {
    return this.#word(cell, FIRST_WORD);
  }

  /** So that nobody has to wait for it later. */
  sortAll(): void {
    for (let cell = 0; cell < this.pool.end; cell += 1) {
      if (this.pool.isLive(cell)) this.firstOf(cell);
    }
  }

  /** The session of the same owner created next, or NIL; in order once firstOf() has been asked. */
  nextOf(row: number): number {
    return this.#rows.extra(row, EXTRAS_NEXT_WORD);
  }

  nameSpaceOf(cell: number): ByteSpace {
    return this.#arena.spaceOf(this.#word(cell, NAME_WORD));
  }

  nameAtOf(cell: number): number {
    return this.#arena.payloadAt(this.#word(cell, NAME_WORD));
  }

  nameBytesOf(cell: number): number {
    return this.#arena.bytesOf(this.#word(cell, NAME_WORD));
  }

  /**
   * Gives the session to the owner of that name, of 1 byte at least, or to nobody: no bytes.
   *
   * @returns whether that is another one than before.
   */
  set(row: number, name: ByteSpace, at: number, bytes: number, nowMs: number): boolean {
    const rows = this.#rows;
    const old = this.of(row);
    if (bytes === 0) {
      if (old !== NIL) this.clear(row);
      return old !== NIL;
    }
    const hash = this.#hashOf(name, at, bytes);
    let cell = this.#find(hash, name, at, bytes);
    if (cell !== NIL && cell === old) return false;
    if (cell === NIL) cell = this.#create(hash, name, at, bytes);
    if (old === NIL) {
      const hasExtras = rows.needExtras(row);
      assert(hasExtras, 'out of pages');
      rows.setWord(row, META_WORD, rows.word(row, META_WORD) | FLAG_OWNED);
      rows.setExtraDouble(row, EXTRAS_LAST_USED_DOUBLE, nowMs);
    } else {
      this.#unlink(row, old);
    }
    this.#append(row, cell);
    return true;
  }

  /** The session, which has an owner, has none from now on. */
  clear(row: number): void {
    const rows = this.#rows;
    this.#unlink(row, rows.extra(row, EXTRAS_OWNER_WORD));
    rows.setExtra(row, EXTRAS_OWNER_WORD, NIL);
    rows.setWord(row, META_WORD, rows.word(row, META_WORD) & ~FLAG_OWNED);
    rows.dropExtras(row);
  }

  /** Milliseconds; 0 of a session without an owner. */
  lastUsedMsOf(row: number): number {
    if ((this.#rows.word(row, META_WORD) & FLAG_OWNED) === 0) return 0;
    return this.#rows.extraDouble(row, EXTRAS_LAST_USED_DOUBLE);
  }

  setLastUsed(row: number, ms: number): void {
    this.#rows.setExtraDouble(row, EXTRAS_LAST_USED_DOUBLE, ms);
  }

  /** The session, which has an owner, has another row now; its extras are there already. */
  rowMoved(to: number): void {
    const rows = this.#rows;
    const cell = rows.extra(to, EXTRAS_OWNER_WORD);
    const next = rows.extra(to, EXTRAS_NEXT_WORD);
    const previous = rows.extra(to, EXTRAS_PREVIOUS_WORD);
    if (previous === NIL) this.#setWord(cell, FIRST_WORD, to);
    else rows.setExtra(previous, EXTRAS_NEXT_WORD, to);
    if (next === NIL) this.#setWord(cell, LAST_WORD, to);
    else rows.setExtra(next, EXTRAS_PREVIOUS_WORD, to);
  }

  /** The name's block has moved. */
  nameMoved(cell: number, to: number): void {
    this.#setWord(cell, NAME_WORD, to);
  }

  /**
   * Moves cells into holes, one of many sessions at most: each session of a moved owner is told.
   */
  compact(cellsMax: number): void {
    let told = 0;
    while (told < cellsMax && this.pool.isSparse) {
      told += 1;
      this.pool.compact(1, (from, to) => {
        told += this.#word(to, COUNT_WORD);
        this.#cellMoved(from, to);
      });
    }
  }

  #cellMoved(from: number, to: number): void {
    this.index.relocate(from, to, this.#word(to, HASH_WORD));
    this.#arena.setOwner(this.#word(to, NAME_WORD), (to << 2) | OWNER_NAME);
    for (let row = this.#word(to, FIRST_WORD); row !== NIL; row = this.nextOf(row)) {
      this.#rows.setExtra(row, EXTRAS_OWNER_WORD, to);
    }
  }

  #find(hash: number, name: ByteSpace, at: number, bytes: number): number {
    let cell = this.index.firstOf(hash);
    while (cell !== NIL) {
      if (this.#word(cell, HASH_WORD) === hash && this.#isNamed(cell, name, at, bytes)) return cell;
      cell = this.index.nextOf(cell);
    }
    return NIL;
  }

  #isNamed(cell: number, name: ByteSpace, at: number, bytes: number): boolean {
    if (this.nameBytesOf(cell) !== bytes) return false;
    const space = this.nameSpaceOf(cell);
    const start = this.nameAtOf(cell);
    for (let byte = 0; byte < bytes; byte += 1) {
      if (space.bytes[start + byte] !== name.bytes[at + byte]) return false;
    }
    return true;
  }

  #create(hash: number, name: ByteSpace, at: number, bytes: number): number {
    const cell = this.pool.allocate();
    const pointer = cell === NIL ? NIL : this.#arena.allocate(bytes, (cell << 2) | OWNER_NAME);
    assert(pointer !== NIL, 'out of pages');
    copyBytes(this.#arena.spaceOf(pointer), this.#arena.payloadAt(pointer), name, at, bytes);
    this.#setWord(cell, NAME_WORD, pointer);
    this.#setWord(cell, HASH_WORD, hash);
    this.#setWord(cell, FIRST_WORD, NIL);
    this.#setWord(cell, LAST_WORD, NIL);
    this.#setWord(cell, COUNT_WORD, 0);
    this.#setWord(cell, DISORDER_WORD, 0);
    const isPlaced = this.index.insert(cell, hash);
    assert(isPlaced, 'out of pages');
    return cell;
  }

  #append(row: number, cell: number): void {
    const rows = this.#rows;
    const last = this.#word(cell, LAST_WORD);
    rows.setExtra(row, EXTRAS_OWNER_WORD, cell);
    rows.setExtra(row, EXTRAS_NEXT_WORD, NIL);
    rows.setExtra(row, EXTRAS_PREVIOUS_WORD, last);
    if (last === NIL) this.#setWord(cell, FIRST_WORD, row);
    else {
      rows.setExtra(last, EXTRAS_NEXT_WORD, row);
      if (this.#createdMs(row) < this.#createdMs(last)) this.#setWord(cell, DISORDER_WORD, 1);
    }
    this.#setWord(cell, LAST_WORD, row);
    this.#setWord(cell, COUNT_WORD, this.#word(cell, COUNT_WORD) + 1);
  }

  /** Takes the session out of the list, and the cell away if it was the last one. */
  #unlink(row: number, cell: number): void {
    const rows = this.#rows;
    const count = this.#word(cell, COUNT_WORD) - 1;
    this.#setWord(cell, COUNT_WORD, count);
    if (count === 0) {
      this.#arena.free(this.#word(cell, NAME_WORD));
      this.index.remove(cell, this.#word(cell, HASH_WORD));
      this.pool.free(cell);
      return;
    }
    const next = rows.extra(row, EXTRAS_NEXT_WORD);
    const previous = rows.extra(row, EXTRAS_PREVIOUS_WORD);
    if (previous === NIL) this.#setWord(cell, FIRST_WORD, next);
    else rows.setExtra(previous, EXTRAS_NEXT_WORD, next);
    if (next === NIL) this.#setWord(cell, LAST_WORD, previous);
    else rows.setExtra(next, EXTRAS_PREVIOUS_WORD, previous);
  }

  /** Puts the sessions in order of creation, as they were put there where that is the same. */
  #sort(cell: number): void {
    const rows = this.#rows;
    const count = this.#word(cell, COUNT_WORD);
    const unsorted = new Int32Array(count);
    const createdMs = new Float64Array(count);
    let row = this.#word(cell, FIRST_WORD);
    for (let index = 0; index < count; index += 1) {
      unsorted[index] = row;
      createdMs[index] = this.#createdMs(row);
      row = this.nextOf(row);
    }
    const order = Int32Array.from(unsorted.keys());
    order.sort((one, other) => createdMs[one]! - createdMs[other]!);
    let previous = NIL;
    for (const index of order) {
      row = unsorted[index]!;
      if (previous === NIL) this.#setWord(cell, FIRST_WORD, row);
      else rows.setExtra(previous, EXTRAS_NEXT_WORD, row);
      rows.setExtra(row, EXTRAS_PREVIOUS_WORD, previous);
      previous = row;
    }
    rows.setExtra(previous, EXTRAS_NEXT_WORD, NIL);
    this.#setWord(cell, LAST_WORD, previous);
    this.#setWord(cell, DISORDER_WORD, 0);
  }

  #createdMs(row: number): number {
    return this.#rows.double(row, CREATED_DOUBLE);
  }

  #hashOf(name: ByteSpace, at: number, bytes: number): number {
    const seed0 = this.#control[STATE_WORD + SEED_STATE_WORD]!;
    const seed1 = this.#control[STATE_WORD + SEED_STATE_WORD + 1]!;
    return halfSipHash(seed0, seed1, SALT, name, at, bytes);
  }

  #word(cell: number, word: number): number {
    return this.pool.wordsOf(cell)[this.pool.wordAt(cell) + word]!;
  }

  #setWord(cell: number, word: number, value: number): void {
    this.pool.wordsOf(cell)[this.pool.wordAt(cell) + word] = value;
  }
}
