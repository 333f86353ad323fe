/**
 * Blocks of 8 bytes to 32 KiB with one owner each, in size classes at most 1/16 apart. A longer run
 * of bytes is a chain of blocks, see chain.ts in state.
 *
 *   a block     | owner i32 | bytes i32 | payload |
 *
 *   pointer     page << 14 | cell: reads need no look-up of the class; NIL is none
 *
 * The owner word says who holds the pointer (row << 2 | kind), so that a block can move and its
 * owner be told. The class of a block is the structure of its page.
 */
import { assert } from '../core/errors.js';
import type { ByteSpace } from '../core/copy.js';
import { CellPool } from './cell-pool.js';
import { ARENA_BYTES_DOUBLE, NIL, type SharedMemory } from './shared-memory.js';

export const BLOCK_HEADER_BYTES = 8;
export const BLOCK_PAYLOAD_BYTES_MAX = 32 * 1024 - BLOCK_HEADER_BYTES;
/** Structures from this one on are size classes. */
export const ARENA_STRUCTURE = 16;

/** Blocks read ahead at once, at most. */
export const READ_AHEAD_MAX = 16;
/** Two cache lines of 64 bytes. */
const AHEAD_WORDS_MAX = 32;

const CELL_BITS = 14;
const CELL_MASK = (1 << CELL_BITS) - 1;

/** Tells the owner of a moved block where it was and where it is. */
export type Relocate = (owner: number, from: number, to: number) => void;

const CLASS_BYTES = sizeClasses();
/** Class by cell size in units of 8 bytes, rounded up. */
const CLASS_OF = classTable(CLASS_BYTES);

export class Arena {
  readonly #memory: SharedMemory;
  readonly #pools: CellPool[];
  readonly #aheadPlaces = new Int32Array(READ_AHEAD_MAX);
  readonly #aheadLastPlaces = new Int32Array(READ_AHEAD_MAX);
  #sparse = 0; // the class that compact() looks at next

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    this.#pools = CLASS_BYTES.map(
      (cellBytes, index) =>
        new CellPool(memory, {
          structure: ARENA_STRUCTURE + index,
          cellBytes,
          markWord: 0,
          nextWord: 1,
          previousWord: 2,
        }),
    );
  }

  /** As CellPool.letGo(). */
  letGo(): void {
    for (const pool of this.#pools) pool.letGo();
  }

  /** As CellPool.beginAttaching(). */
  beginAttaching(): void {
    for (const pool of this.#pools) pool.beginAttaching();
  }

  attachPage(structure: number, ordinal: number, page: number): void {
    this.#pools[structure - ARENA_STRUCTURE]!.attachPage(ordinal, page);
  }

  reset(): void {
    for (const pool of this.#pools) pool.reset();
  }

  /** Bytes of all live blocks, headers and rounding included. */
  get bytes(): number {
    return this.#memory.controlDoubles[ARENA_BYTES_DOUBLE]!;
  }

  /** What a payload takes in the arena. */
  cellBytesOf(payloadBytes: number): number {
    return CLASS_BYTES[CLASS_OF[(payloadBytes + BLOCK_HEADER_BYTES + 7) >>> 3]!]!;
  }

  /** A block for payloadBytes, its payload undefined, or NIL when out of memory. */
  allocate(payloadBytes: number, owner: number): number {
    const index = CLASS_OF[(payloadBytes + BLOCK_HEADER_BYTES + 7) >>> 3]!;
    const pool = this.#pools[index]!;
    const cell = pool.allocate();
    if (cell === NIL) return NIL;
    const pointer = this.#pointerTo(pool, cell);
    const words = this.#memory.words[pointer >>> CELL_BITS]!;
    const at = (pointer & CELL_MASK) * pool.cellWords;
    words[at] = owner;
    words[at + 1] = payloadBytes;
    this.#memory.controlDoubles[ARENA_BYTES_DOUBLE]! += pool.cellBytes;
    return pointer;
  }

  free(pointer: number): void {
    const page = pointer >>> CELL_BITS;
    const pool = this.#poolOf(page);
    this.#memory.controlDoubles[ARENA_BYTES_DOUBLE]! -= pool.cellBytes;
    pool.free(this.#memory.ordinalOf(page) * pool.cellsPerPage + (pointer & CELL_MASK));
  }

  /** Where the block's bytes are; payloadAt() is relative to it. */
  spaceOf(pointer: number): ByteSpace {
    return this.#memory.spaces[pointer >>> CELL_BITS]!;
  }

  /** The same bytes as words. */
  wordsOf(pointer: number): Int32Array {
    return this.#memory.words[pointer >>> CELL_BITS]!;
  }

  payloadAt(pointer: number): number {
    return (
      (pointer & CELL_MASK) * this.#poolOf(pointer >>> CELL_BITS).cellBytes + BLOCK_HEADER_BYTES
    );
  }

  bytesOf(pointer: number): number {
    const page = pointer >>> CELL_BITS;
    return this.#memory.words[page]![(pointer & CELL_MASK) * this.#poolOf(page).cellWords + 1]!;
  }

  /**
   * Reads from blocks, none of which need be one: first works out where they are, then asks memory
   * for all of them in a loop so short that the processor has all of it in hand at once.
   *
   * @param pointers `count` of them, at most READ_AHEAD_MAX; they are overwritten.
   * @returns something made from all that was read.
   */
  readAhead(pointers: Int32Array, count: number): number {
    const pages = this.#memory.words;
    const places = this.#aheadPlaces;
    const lastPlaces = this.#aheadLastPlaces;
    let found = 0;
    for (let each = 0; each < count; each += 1) {
      const pointer = pointers[each]!;
      if (pointer === NIL) continue;
      const page = pointer >>> CELL_BITS;
      pointers[found] = page;
      const { cellWords } = this.#poolOf(page);
      const at = (pointer & CELL_MASK) * cellWords;
      places[found] = at;
      lastPlaces[found] = at + Math.min(cellWords, AHEAD_WORDS_MAX) - 1;
      found += 1;
    }
    let sum = 0;
    for (let each = 0; each < found; each += 1) {
      const words = pages[pointers[each]!]!;
      sum = (sum + words[places[each]!]! + words[lastPlaces[each]!]!) | 0;
    }
    return sum;
  }

  setBytes(pointer: number, payloadBytes: number): void {
    const page = pointer >>> CELL_BITS;
    const at = (pointer & CELL_MASK) * this.#poolOf(page).cellWords + 1;
    this.#memory.words[page]![at] = payloadBytes;
  }

  setOwner(pointer: number, owner: number): void {
    const page = pointer >>> CELL_BITS;
    this.#memory.words[page]![(pointer & CELL_MASK) * this.#poolOf(page).cellWords] = owner;
  }

  /** Payload bytes the block has room for. */
  capacityOf(pointer: number): number {
    return this.#poolOf(pointer >>> CELL_BITS).cellBytes - BLOCK_HEADER_BYTES;
  }

  /**
   * Moves up to blocksMax blocks of one sparse class.
   *
   * @returns whether there was a sparse class.
   */
  compact(blocksMax: number, relocate: Relocate): boolean {
    for (let looked = 0; looked < this.#pools.length; looked += 1) {
      const pool = this.#pools[this.#sparse]!;
      if (pool.isSparse) {
        pool.compact(blocksMax, (from, to) => {
          const owner = pool.wordsOf(to)[pool.wordAt(to)]!;
          relocate(owner, this.#pointerTo(pool, from), this.#pointerTo(pool, to));
        });
        return true;
      }
      this.#sparse = (this.#sparse + 1) % this.#pools.length;
    }
    return false;
  }

  #poolOf(page: number): CellPool {
    return this.#pools[this.#memory.structureOf(page) - ARENA_STRUCTURE]!;
  }

  #pointerTo(pool: CellPool, cell: number): number {
    const ordinal = (cell / pool.cellsPerPage) >>> 0;
    return (pool.pages[ordinal]! << CELL_BITS) | (cell - ordinal * pool.cellsPerPage);
  }
}

function sizeClasses(): number[] {
  const sizes: number[] = [];
  for (let size = 16; size <= 256; size += 8) sizes.push(size);
  for (let step = 16, base = 256; base < 32 * 1024; step *= 2, base *= 2) {
    for (let size = base + step; size <= base * 2; size += step) sizes.push(size);
  }
  return sizes;
}

function classTable(sizes: readonly number[]): Uint8Array {
  const last = sizes[sizes.length - 1]!;
  const table = new Uint8Array(last / 8 + 1);
  let index = 0;
  for (let units = 0; units < table.length; units += 1) {
    if (units * 8 > sizes[index]!) index += 1;
    table[units] = index;
  }
  assert(sizes.length + ARENA_STRUCTURE <= 240, 'size classes fit the structures');
  return table;
}
