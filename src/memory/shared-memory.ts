/**
 * A shard's memory: pages of 256 KiB, cut from extents of 64 MiB, all of it shared between threads.
 *
 * Who uses which page is in the control block, and nothing but a cache of it in JavaScript fields:
 * a second SharedMemory attached to the same buffers sees the same pages. Only the holder of the
 * shard's lease may call anything here.
 *
 *   control block, i32 words
 *     0                 pages in use
 *     1                 first free page number, chained through the directory; NIL when none
 *     2                 page numbers handed out so far
 *     3                 page moves made to empty an extent
 *     16   STRUCTURES   8 words for each structure, see CellPool and HashIndex
 *     ...  WHEEL        the timing wheel's buckets and bitmaps
 *     ...  STATE        the session state's own words
 *     ...  EXTENTS      16 words an extent: [exists, free frames, -, -, -, -, -, -, bitmap x 8]
 *     ...  DIRECTORY    2 words a page: [frame or ~next free, structure | ordinal << 8]
 *
 * Why 64 MiB: smaller buffers come from the C heap, which keeps what is freed (measured: 300
 * buffers of 1 MiB freed, none of it returned); from 32 MiB on each is mapped and unmapped. Untouched
 * parts of an extent take no memory. Growable buffers would be mapped too, but reads are 4 times slower.
 * Why pages: an emptied page serves any other structure, and pages move between extents (one copy,
 * one word of the directory), so that extents can be emptied and given back.
 */
import { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';

export const PAGE_BYTES = 256 * 1024;
export const PAGE_WORDS = PAGE_BYTES / 4;
export const NIL = -1;

const FRAMES = 256; // of an extent
const EXTENT_BYTES = FRAMES * PAGE_BYTES;
/**
 * Where the first frame begins in an extent. A buffer of this size begins 16 bytes behind a cache line
 * (the allocator's own header), and cells of 64 and 128 bytes would each lie across one line more
 * (engine bench: GET 406 to 319 ns at 100k sessions, 661 to 552 ns at 4M).
 */
const CACHE_LINE_BYTES = 64;
const FIRST_FRAME_AT = CACHE_LINE_BYTES - 16;
const EXTENTS_MAX = 1_024; // 64 GiB a shard
const PAGES_MAX = EXTENTS_MAX * FRAMES;
/** Frames that must be free beyond one extent's worth before pages move to empty an extent. */
const SPARE_FRAMES = 64;

export const STRUCTURES_MAX = 240;
export const STRUCTURE_WORDS = 8;
export const STRUCTURES_WORD = 16;
export const WHEEL_WORD = STRUCTURES_WORD + STRUCTURES_MAX * STRUCTURE_WORDS;
export const WHEEL_WORDS = 2_048;
export const STATE_WORD = WHEEL_WORD + WHEEL_WORDS;
export const STATE_WORDS = 64;
/** Index into controlDoubles: bytes of the arena's live blocks. The other state words are state's. */
export const ARENA_BYTES_DOUBLE = STATE_WORD / 2;
const EXTENTS_WORD = STATE_WORD + STATE_WORDS;
const EXTENT_WORDS = 16;
const BITMAP = 8;
const DIRECTORY_WORD = EXTENTS_WORD + EXTENTS_MAX * EXTENT_WORDS;
const CONTROL_WORDS = DIRECTORY_WORD + PAGES_MAX * 2;

const PAGES_USED = 0;
const FREE_PAGE = 1;
const PAGES_SEEN = 2;
const PAGES_MOVED = 3;

const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
const NO_SPACE = new ByteSpace(new ArrayBuffer(0));

/** What another thread needs to see the same memory. */
export interface MemoryHandles {
  readonly control: SharedArrayBuffer;
  readonly extents: readonly (SharedArrayBuffer | undefined)[];
}

export class SharedMemory {
  readonly control: Int32Array;
  readonly controlDoubles: Float64Array;
  /** By page number. Valid while the page is in use and until the next compact(). */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly spaces: ByteSpace[] = [];
  readonly #controlShared: SharedArrayBuffer;
  readonly #extents: (SharedArrayBuffer | undefined)[];
  /** Called when a page's views change because the page moved: (structure, ordinal, page). */
  readonly #onMoved: ((structure: number, ordinal: number, page: number) => void)[] = [];

  constructor(handles?: MemoryHandles) {
    this.#controlShared = handles?.control ?? new SharedArrayBuffer(CONTROL_WORDS * 4);
    this.#extents = handles === undefined ? [] : [...handles.extents];
    this.control = new Int32Array(this.#controlShared);
    this.controlDoubles = new Float64Array(this.#controlShared);
    if (handles === undefined) this.control[FREE_PAGE] = NIL;
    else this.#attach();
  }

  handles(): MemoryHandles {
    return { control: this.#controlShared, extents: [...this.#extents] };
  }

  get pageCount(): number {
    return this.control[PAGES_USED]!;
  }

  get extentCount(): number {
    return this.#extents.reduce((count, extent) => count + (extent === undefined ? 0 : 1), 0);
  }

  get pagesMoved(): number {
    return this.control[PAGES_MOVED]!;
  }

  /** The structure's own cache of views must follow when one of its pages moves. */
  onMoved(
    structure: number,
    callback: (structure: number, ordinal: number, page: number) => void,
  ): void {
    this.#onMoved[structure] = callback;
  }

  /** A page for a structure, its content undefined, or NIL when all are in use. */
  allocate(structure: number, ordinal: number): number {
    const frame = this.#takeFrame(NIL);
    if (frame === NIL) return NIL;
    const page = this.#takePageNumber();
    const at = DIRECTORY_WORD + page * 2;
    this.control[at] = frame;
    this.control[at + 1] = structure | (ordinal << 8);
    this.control[PAGES_USED]! += 1;
    this.#view(page, frame);
    return page;
  }

  release(page: number): void {
    const at = DIRECTORY_WORD + page * 2;
    const frame = this.control[at]!;
    assert(frame >= 0, 'page released twice');
    this.control[at] = ~(this.control[FREE_PAGE]! + 1);
    this.control[FREE_PAGE] = page;
    this.control[PAGES_USED]! -= 1;
    // Not deleted: a hole would turn the arrays into slower ones.
    this.words[page] = NO_WORDS;
    this.doubles[page] = NO_DOUBLES;
    this.spaces[page] = NO_SPACE;
    this.#giveFrame(frame);
  }

  structureOf(page: number): number {
    return this.control[DIRECTORY_WORD + page * 2 + 1]! & 255;
  }

  ordinalOf(page: number): number {
    return this.control[DIRECTORY_WORD + page * 2 + 1]! >>> 8;
  }

  /** Calls back for every page in use; what structures rebuild their caches from. */
  forEachPage(visit: (structure: number, ordinal: number, page: number) => void): void {
    const seen = this.control[PAGES_SEEN]!;
    for (let page = 0; page < seen; page += 1) {
      if (this.control[DIRECTORY_WORD + page * 2]! < 0) continue;
      visit(this.structureOf(page), this.ordinalOf(page), page);
    }
  }

  /** Drops everything at once, as after the construction. */
  reset(): void {
    const seen = this.control[PAGES_SEEN]!;
    this.control.fill(0, 0, DIRECTORY_WORD + seen * 2);
    this.control[FREE_PAGE] = NIL;
    this.words.length = 0;
    this.doubles.length = 0;
    this.spaces.length = 0;
    this.#extents.length = 0;
  }

  /**
   * Moves at most one page out of the emptiest extent if the others have room for all of it.
   *
   * @returns whether a page moved: then views taken before are stale.
   */
  compact(): boolean {
    let free = 0;
    let emptiest = NIL;
    let mostFree = 0;
    for (let extent = 0; extent < this.#extents.length; extent += 1) {
      if (this.#extents[extent] === undefined) continue;
      const freeHere = this.control[EXTENTS_WORD + extent * EXTENT_WORDS + 1]!;
      free += freeHere;
      if (freeHere >= mostFree) {
        mostFree = freeHere;
        emptiest = extent;
      }
    }
    if (free < FRAMES + SPARE_FRAMES || emptiest === NIL) return false;
    const page = this.#pageIn(emptiest);
    const frame = this.#takeFrame(emptiest);
    if (page === NIL || frame === NIL) return false;
    const from = this.spaces[page]!.bytes;
    const oldFrame = this.control[DIRECTORY_WORD + page * 2]!;
    this.control[DIRECTORY_WORD + page * 2] = frame;
    this.#view(page, frame);
    this.spaces[page]!.bytes.set(from);
    this.control[PAGES_MOVED]! += 1;
    this.#giveFrame(oldFrame);
    const structure = this.structureOf(page);
    this.#onMoved[structure]?.(structure, this.ordinalOf(page), page);
    return true;
  }

  #pageIn(extent: number): number {
    const seen = this.control[PAGES_SEEN]!;
    for (let page = 0; page < seen; page += 1) {
      const frame = this.control[DIRECTORY_WORD + page * 2]!;
      if (frame >= 0 && (frame / FRAMES) >>> 0 === extent) return page;
    }
    return NIL;
  }

  #attach(): void {
    this.forEachPage((_structure, _ordinal, page) => {
      this.#view(page, this.control[DIRECTORY_WORD + page * 2]!);
    });
  }

  #view(page: number, frame: number): void {
    const shared = this.#extents[(frame / FRAMES) >>> 0]!;
    const offset = FIRST_FRAME_AT + (frame % FRAMES) * PAGE_BYTES;
    this.words[page] = new Int32Array(shared, offset, PAGE_WORDS);
    this.doubles[page] = new Float64Array(shared, offset, PAGE_BYTES / 8);
    this.spaces[page] = new ByteSpace(shared, offset, PAGE_BYTES);
  }

  #takePageNumber(): number {
    const free = this.control[FREE_PAGE]!;
    if (free !== NIL) {
      this.control[FREE_PAGE] = ~this.control[DIRECTORY_WORD + free * 2]! - 1;
      return free;
    }
    const page = this.control[PAGES_SEEN]!;
    this.control[PAGES_SEEN] = page + 1;
    return page;
  }

  /** A free frame of the lowest extent but one; a new extent where none has any. */
  #takeFrame(exceptExtent: number): number {
    for (let extent = 0; extent < this.#extents.length; extent += 1) {
      if (extent === exceptExtent || this.#extents[extent] === undefined) continue;
      const at = EXTENTS_WORD + extent * EXTENT_WORDS;
      if (this.control[at + 1] === 0) continue;
      return this.#takeFrameOf(extent);
    }
    if (exceptExtent !== NIL) return NIL;
    let extent = this.#extents.indexOf(undefined);
    if (extent < 0) extent = this.#extents.length;
    // The last frame is left out for good: a page number and cell of all ones is NIL.
    if (extent >= EXTENTS_MAX - 1) return NIL;
    this.#extents[extent] = new SharedArrayBuffer(EXTENT_BYTES + CACHE_LINE_BYTES);
    const at = EXTENTS_WORD + extent * EXTENT_WORDS;
    this.control[at] = 1;
    this.control[at + 1] = FRAMES;
    this.control.fill(0, at + BITMAP, at + BITMAP + FRAMES / 32);
    return this.#takeFrameOf(extent);
  }

  #takeFrameOf(extent: number): number {
    const at = EXTENTS_WORD + extent * EXTENT_WORDS;
    for (let word = 0; word < FRAMES / 32; word += 1) {
      const used = this.control[at + BITMAP + word]!;
      if (used === -1) continue;
      const bit = 31 - Math.clz32(~used & -~used);
      this.control[at + BITMAP + word] = used | (1 << bit);
      this.control[at + 1]! -= 1;
      return extent * FRAMES + word * 32 + bit;
    }
    return NIL;
  }

  #giveFrame(frame: number): void {
    const extent = (frame / FRAMES) >>> 0;
    const at = EXTENTS_WORD + extent * EXTENT_WORDS;
    const index = frame % FRAMES;
    this.control[at + BITMAP + (index >>> 5)]! &= ~(1 << (index & 31));
    this.control[at + 1]! += 1;
    if (this.control[at + 1] !== FRAMES) return;
    this.control[at] = 0;
    this.#extents[extent] = undefined;
  }
}
