/**
 * Cells of one size, numbered from 0, in pages of shared memory. Freed cells are reused first; when
 * many are free, compact() moves the last cells into the holes, so the pages go back.
 *
 *   control words of the structure
 *     0  pages        1  end: cells ever placed and not cut off since
 *     2  live cells   3  first free cell, or NIL
 *
 * A free cell holds FREE (-1) in its mark word, which no live cell may, and the links of a doubly
 * linked list in two others: doubly, because cutting off the end takes cells out of the middle.
 */
import { assert } from '../core/errors.js';
import {
  NIL,
  NO_DOUBLES,
  NO_WORDS,
  PAGE_BYTES,
  type SharedMemory,
  STRUCTURE_WORDS,
  STRUCTURES_WORD,
} from './shared-memory.js';

export const FREE = -1;

const PAGES = 0;
const END = 1;
const LIVE = 2;
const FREE_HEAD = 3;

export interface CellPoolOptions {
  readonly structure: number;
  readonly cellBytes: number;
  /** Words of a cell that are used while it is free. */
  readonly markWord: number;
  readonly nextWord: number;
  readonly previousWord: number;
}

export class CellPool {
  readonly cellBytes: number;
  readonly cellWords: number;
  readonly cellsPerPage: number;
  /** Page numbers by ordinal: a cache of the directory. */
  readonly pages: number[] = [];
  /** Views by ordinal: a cache of the memory's own. */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly #memory: SharedMemory;
  readonly #control: Int32Array;
  readonly #base: number;
  readonly #structure: number;
  readonly #mark: number;
  readonly #next: number;
  readonly #previous: number;

  constructor(memory: SharedMemory, options: CellPoolOptions) {
    assert(options.cellBytes % 4 === 0, 'cells are whole words');
    this.cellBytes = options.cellBytes;
    this.cellWords = options.cellBytes / 4;
    this.cellsPerPage = Math.floor(PAGE_BYTES / options.cellBytes);
    this.#memory = memory;
    this.#control = memory.control;
    this.#structure = options.structure;
    this.#base = STRUCTURES_WORD + options.structure * STRUCTURE_WORDS;
    this.#mark = options.markWord;
    this.#next = options.nextWord;
    this.#previous = options.previousWord;
    memory.onMoved(options.structure, (_structure, ordinal, page) => this.#cache(ordinal, page));
    // Live cells without a page cannot be: zero words mean a fresh control block.
    if (this.#control[this.#base + PAGES] === 0) this.#control[this.#base + FREE_HEAD] = NIL;
  }

  /** Holds no page any more, until beginAttaching(): what has gone must not stay because of it. */
  letGo(): void {
    this.words.fill(NO_WORDS);
    this.doubles.fill(NO_DOUBLES);
  }

  /** Another thread has had the memory: attachPage() follows for each page that there is now. */
  beginAttaching(): void {
    const pages = this.#control[this.#base + PAGES]!;
    // Page by page in the order of the directory would leave holes, and slower arrays.
    while (this.pages.length < pages) {
      this.pages.push(NIL);
      this.words.push(NO_WORDS);
      this.doubles.push(NO_DOUBLES);
    }
    this.pages.length = pages;
    this.words.length = pages;
    this.doubles.length = pages;
  }

  /** Rebuilds the cache for one page; for a pool attached to memory that is in use. */
  attachPage(ordinal: number, page: number): void {
    this.#cache(ordinal, page);
  }

  /** Forgets everything, after SharedMemory.reset(). */
  reset(): void {
    this.pages.length = 0;
    this.words.length = 0;
    this.doubles.length = 0;
    this.#control[this.#base + FREE_HEAD] = NIL;
  }

  get live(): number {
    return this.#control[this.#base + LIVE]!;
  }

  /** One past the last cell ever placed: the bound of a walk. */
  get end(): number {
    return this.#control[this.#base + END]!;
  }

  /** A cell, its content undefined but for the mark, which must be written; NIL when out of pages. */
  allocate(): number {
    const control = this.#control;
    const base = this.#base;
    const free = control[base + FREE_HEAD]!;
    if (free !== NIL) {
      this.#unlink(free);
      control[base + LIVE]! += 1;
      return free;
    }
    const cell = control[base + END]!;
    const pages = control[base + PAGES]!;
    if (cell === pages * this.cellsPerPage) {
      const page = this.#memory.allocate(this.#structure, pages);
      if (page === NIL) return NIL;
      control[base + PAGES] = pages + 1;
      this.#cache(pages, page);
    }
    control[base + END] = cell + 1;
    control[base + LIVE]! += 1;
    return cell;
  }

  free(cell: number): void {
    const words = this.wordsOf(cell);
    const at = this.wordAt(cell);
    const head = this.#control[this.#base + FREE_HEAD]!;
    words[at + this.#mark] = FREE;
    words[at + this.#next] = head;
    words[at + this.#previous] = NIL;
    if (head !== NIL) this.wordsOf(head)[this.wordAt(head) + this.#previous] = cell;
    this.#control[this.#base + FREE_HEAD] = cell;
    this.#control[this.#base + LIVE]! -= 1;
    if (this.#control[this.#base + LIVE] === 0) this.#cutOff(0);
  }

  isLive(cell: number): boolean {
    return this.wordsOf(cell)[this.wordAt(cell) + this.#mark] !== FREE;
  }

  wordsOf(cell: number): Int32Array {
    return this.words[(cell / this.cellsPerPage) >>> 0]!;
  }

  /** Index of the cell's first word in wordsOf(cell). */
  wordAt(cell: number): number {
    return (cell % this.cellsPerPage) * this.cellWords;
  }

  /** Whether enough is free for compact() to be worth its while. */
  get isSparse(): boolean {
    const free = this.end - this.live;
    return free > this.cellsPerPage && free > this.live >>> 3;
  }

  /**
   * Takes up to cellsMax cells off the end, moving the live ones into holes.
   *
   * @param relocate must update everything that points to the cell; its words are copied already.
   */
  compact(cellsMax: number, relocate: (from: number, to: number) => void): void {
    for (let step = 0; step < cellsMax && this.isSparse; step += 1) {
      const last = this.end - 1;
      if (!this.isLive(last)) {
        this.#unlink(last);
        this.#cutOff(last);
        continue;
      }
      const hole = this.#control[this.#base + FREE_HEAD]!;
      this.#unlink(hole);
      const from = this.wordAt(last);
      const target = this.wordsOf(hole);
      const to = this.wordAt(hole);
      const source = this.wordsOf(last);
      for (let word = 0; word < this.cellWords; word += 1) target[to + word] = source[from + word]!;
      relocate(last, hole);
      this.#cutOff(last);
    }
  }

  /** Lowers the end; pages wholly behind it go back. */
  #cutOff(end: number): void {
    const control = this.#control;
    control[this.#base + END] = end;
    if (end === 0) control[this.#base + FREE_HEAD] = NIL;
    const pages = Math.ceil(end / this.cellsPerPage);
    while (control[this.#base + PAGES]! > pages) {
      const ordinal = control[this.#base + PAGES]! - 1;
      control[this.#base + PAGES] = ordinal;
      this.#memory.release(this.pages[ordinal]!);
      // By pop(), which is compiled; setting the length is a call into the runtime.
      this.pages.pop();
      this.words.pop();
      this.doubles.pop();
    }
  }

  #unlink(cell: number): void {
    const words = this.wordsOf(cell);
    const at = this.wordAt(cell);
    const next = words[at + this.#next]!;
    const previous = words[at + this.#previous]!;
    if (previous === NIL) this.#control[this.#base + FREE_HEAD] = next;
    else this.wordsOf(previous)[this.wordAt(previous) + this.#next] = next;
    if (next !== NIL) this.wordsOf(next)[this.wordAt(next) + this.#previous] = previous;
  }

  #cache(ordinal: number, page: number): void {
    this.pages[ordinal] = page;
    this.words[ordinal] = this.#memory.words[page]!;
    this.doubles[ordinal] = this.#memory.doubles[page]!;
  }
}
