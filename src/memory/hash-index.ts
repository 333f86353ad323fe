/**
 * Linear hashing (Litwin, 1980) over the cells of a pool: from a 32-bit hash to the cells that have
 * it. Buckets hold the first cell; further cells follow through a link in the cells themselves.
 *
 * It grows by one bucket an insertion, so there is no pause, no second table and no tombstone, and at
 * one bucket a cell it costs 4 bytes beside the link. It shrinks by a call of its own, a few buckets at a
 * time: where many sessions go at once, that is for later. Measured against pairs in an open-addressed
 * table: see docs/adr/0002.
 *
 *   control words of the structure
 *     0  pages    1  buckets    2  cells held
 */
import { assert } from '../core/errors.js';
import type { CellPool } from './cell-pool.js';
import {
  NIL,
  NO_WORDS,
  PAGE_WORDS,
  type SharedMemory,
  STRUCTURE_WORDS,
  STRUCTURES_WORD,
} from './shared-memory.js';

const PAGES = 0;
const BUCKETS = 1;
const HELD = 2;
const BUCKETS_MIN = 64;
const PAGE_SHIFT = 16; // PAGE_WORDS buckets a page
const PAGE_MASK = PAGE_WORDS - 1;
const EMPTY = 0; // buckets and links hold a cell's number plus one

export interface HashIndexOptions {
  readonly structure: number;
  /** Words of a cell: its hash, and the link to the next cell of its bucket. */
  readonly hashWord: number;
  readonly chainWord: number;
}

export class HashIndex {
  readonly #memory: SharedMemory;
  readonly #pool: CellPool;
  readonly #control: Int32Array;
  readonly #base: number;
  readonly #structure: number;
  readonly #hash: number;
  readonly #chain: number;
  readonly #pages: number[] = [];
  readonly #words: Int32Array[] = [];

  constructor(memory: SharedMemory, pool: CellPool, options: HashIndexOptions) {
    this.#memory = memory;
    this.#pool = pool;
    this.#control = memory.control;
    this.#structure = options.structure;
    this.#base = STRUCTURES_WORD + options.structure * STRUCTURE_WORDS;
    this.#hash = options.hashWord;
    this.#chain = options.chainWord;
    memory.onMoved(options.structure, (_structure, ordinal, page) =>
      this.attachPage(ordinal, page),
    );
  }

  /** As CellPool.letGo(). */
  letGo(): void {
    this.#words.fill(NO_WORDS);
  }

  /** As CellPool.beginAttaching(). */
  beginAttaching(): void {
    const pages = this.#control[this.#base + PAGES]!;
    while (this.#pages.length < pages) {
      this.#pages.push(NIL);
      this.#words.push(NO_WORDS);
    }
    this.#pages.length = pages;
    this.#words.length = pages;
  }

  attachPage(ordinal: number, page: number): void {
    this.#pages[ordinal] = page;
    this.#words[ordinal] = this.#memory.words[page]!;
  }

  /** Forgets everything, after SharedMemory.reset(). */
  reset(): void {
    this.#pages.length = 0;
    this.#words.length = 0;
  }

  /** Bytes of the buckets. */
  get bytes(): number {
    return this.#control[this.#base + BUCKETS]! * 4;
  }

  /** First cell of the hash's bucket, or NIL. The caller compares and follows nextOf(). */
  firstOf(hash: number): number {
    const buckets = this.#control[this.#base + BUCKETS]!;
    if (buckets === 0) return NIL;
    const bucket = bucketOf(hash, buckets);
    return this.#words[bucket >>> PAGE_SHIFT]![bucket & PAGE_MASK]! - 1;
  }

  nextOf(cell: number): number {
    return this.#pool.wordsOf(cell)[this.#pool.wordAt(cell) + this.#chain]! - 1;
  }

  /** @returns false when out of pages; then nothing has changed. */
  insert(cell: number, hash: number): boolean {
    if (!this.#growTo(this.#control[this.#base + HELD]! + 1)) return false;
    const bucket = bucketOf(hash, this.#control[this.#base + BUCKETS]!);
    const words = this.#words[bucket >>> PAGE_SHIFT]!;
    this.#link(cell, words[bucket & PAGE_MASK]!);
    words[bucket & PAGE_MASK] = cell + 1;
    this.#control[this.#base + HELD]! += 1;
    return true;
  }

  /**
   * Says that so many cells will come, to an index that is empty: buckets for all of them at once
   * cost less than one more at each insertion.
   */
  expect(cells: number): void {
    if (this.#control[this.#base + HELD] !== 0) return;
    const buckets = Math.max(this.#control[this.#base + BUCKETS]!, BUCKETS_MIN, cells);
    while (this.#control[this.#base + PAGES]! * PAGE_WORDS < buckets) if (!this.#addPage()) return;
    this.#control[this.#base + BUCKETS] = buckets;
  }

  remove(cell: number, hash: number): void {
    this.#replace(cell, hash, this.nextOf(cell) + 1);
    this.#control[this.#base + HELD]! -= 1;
  }

  /** Whether fewer than half of the buckets are needed. */
  get isSparse(): boolean {
    const buckets = this.#control[this.#base + BUCKETS]!;
    return buckets > BUCKETS_MIN && this.#control[this.#base + HELD]! * 2 < buckets;
  }

  /** Takes back up to so many buckets that are not needed. */
  shrink(bucketsMax: number): void {
    for (let step = 0; step < bucketsMax && this.isSparse; step += 1) this.#dropLast();
  }

  /** The cell's words have been copied to another cell: makes the bucket point there. */
  relocate(from: number, to: number, hash: number): void {
    this.#replace(from, hash, to + 1);
  }

  /** Puts another link where the bucket's chain pointed to the cell. */
  #replace(cell: number, hash: number, link: number): void {
    const bucket = bucketOf(hash, this.#control[this.#base + BUCKETS]!);
    const heads = this.#words[bucket >>> PAGE_SHIFT]!;
    let at = heads[bucket & PAGE_MASK]! - 1;
    if (at === cell) {
      heads[bucket & PAGE_MASK] = link;
      return;
    }
    for (;;) {
      assert(at !== NIL, 'a cell is missing from its bucket');
      const next = this.nextOf(at);
      if (next === cell) {
        this.#link(at, link);
        return;
      }
      at = next;
    }
  }

  #link(cell: number, link: number): void {
    this.#pool.wordsOf(cell)[this.#pool.wordAt(cell) + this.#chain] = link;
  }

  #growTo(cells: number): boolean {
    const buckets = this.#control[this.#base + BUCKETS]!;
    if (buckets >= cells && buckets > 0) return true;
    if (buckets === 0) {
      if (!this.#addPage()) return false;
      this.#control[this.#base + BUCKETS] = BUCKETS_MIN;
      return true;
    }
    if (buckets >>> PAGE_SHIFT === this.#control[this.#base + PAGES] && !this.#addPage())
      return false;
    this.#split(buckets);
    return true;
  }

  #addPage(): boolean {
    const ordinal = this.#control[this.#base + PAGES]!;
    const page = this.#memory.allocate(this.#structure, ordinal);
    if (page === NIL) return false;
    this.attachPage(ordinal, page);
    this.#words[ordinal]!.fill(EMPTY);
    this.#control[this.#base + PAGES] = ordinal + 1;
    return true;
  }

  /** Adds bucket number `added` and deals it its part of the bucket it splits from. */
  #split(added: number): void {
    const base = highestPowerOf2(added);
    const from = added - base;
    const heads = this.#words[from >>> PAGE_SHIFT]!;
    let link = heads[from & PAGE_MASK]!;
    let stay = EMPTY;
    let go = EMPTY;
    while (link !== EMPTY) {
      const cell = link - 1;
      const words = this.#pool.wordsOf(cell);
      const at = this.#pool.wordAt(cell);
      link = words[at + this.#chain]!;
      if ((words[at + this.#hash]! & base) === 0) {
        words[at + this.#chain] = stay;
        stay = cell + 1;
      } else {
        words[at + this.#chain] = go;
        go = cell + 1;
      }
    }
    heads[from & PAGE_MASK] = stay;
    this.#words[added >>> PAGE_SHIFT]![added & PAGE_MASK] = go;
    this.#control[this.#base + BUCKETS] = added + 1;
  }

  /** Takes the last bucket back. */
  #dropLast(): void {
    const last = this.#control[this.#base + BUCKETS]! - 1;
    const to = last - highestPowerOf2(last);
    const ordinal = last >>> PAGE_SHIFT;
    let tail = this.#words[ordinal]![last & PAGE_MASK]!;
    const heads = this.#words[to >>> PAGE_SHIFT]!;
    while (tail !== EMPTY) {
      const cell = tail - 1;
      tail = this.nextOf(cell) + 1;
      this.#link(cell, heads[to & PAGE_MASK]!);
      heads[to & PAGE_MASK] = cell + 1;
    }
    this.#words[ordinal]![last & PAGE_MASK] = EMPTY;
    this.#control[this.#base + BUCKETS] = last;
    if ((last & PAGE_MASK) !== 0) return;
    this.#control[this.#base + PAGES] = ordinal;
    this.#memory.release(this.#pages[ordinal]!);
    this.#pages.pop();
    this.#words.pop();
  }
}

function highestPowerOf2(value: number): number {
  return 1 << (31 - Math.clz32(value));
}

/** The bucket among `buckets`: as many low bits of the hash as there are, one fewer if beyond. */
function bucketOf(hash: number, buckets: number): number {
  // Buckets 0..buckets-1 exist; the power at or below the last one splits next.
  const base = highestPowerOf2(buckets);
  const bucket = hash & (base * 2 - 1);
  return bucket < buckets ? bucket : bucket & (base - 1);
}
