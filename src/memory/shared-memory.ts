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
 *     4                 changes of the directory: who sees another number than last time looks again
 *     5                 changes of the extents, likewise
 *     6                 extents there are
 *     16   STRUCTURES   8 words for each structure, see CellPool and HashIndex
 *     ...  WHEEL        the timing wheel's buckets and bitmaps
 *     ...  STATE        the session state's own words
 *     ...  EXTENTS      16 words an extent: [exists, free frames, made, -, -, -, -, -, bitmap x 8]
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
import {
  CHANGES_MASK,
  EXTENT_WORDS,
  type ExtentHandles,
  Extents,
  EXTENTS_MAX,
  FIRST_FRAME_AT,
  FRAMES,
  NIL,
  PAGE_BYTES,
} from './extents.js';

export { NIL, PAGE_BYTES };
export const PAGE_WORDS = PAGE_BYTES / 4;

const PAGES_MAX = EXTENTS_MAX * FRAMES;
/**
 * Frames that are kept free beyond one extent's worth when pages move to empty an extent: what
 * spare() makes sure of is not taken away again at once.
 */
export const SPARE_FRAMES = 192;

export const STRUCTURES_MAX = 240;
export const STRUCTURE_WORDS = 8;
export const STRUCTURES_WORD = 16;
export const WHEEL_WORD = STRUCTURES_WORD + STRUCTURES_MAX * STRUCTURE_WORDS;
export const WHEEL_WORDS = 3_200;
export const STATE_WORD = WHEEL_WORD + WHEEL_WORDS;
export const STATE_WORDS = 64;
/** Index into controlDoubles: bytes of the arena's live blocks. The other state words are state's. */
export const ARENA_BYTES_DOUBLE = STATE_WORD / 2;
const EXTENTS_WORD = STATE_WORD + STATE_WORDS;
const DIRECTORY_WORD = EXTENTS_WORD + EXTENTS_MAX * EXTENT_WORDS;
const CONTROL_WORDS = DIRECTORY_WORD + PAGES_MAX * 2;

const PAGES_USED = 0;
const FREE_PAGE = 1;
const PAGES_SEEN = 2;
const PAGES_MOVED = 3;
const PAGE_CHANGES = 4;
const EXTENT_CHANGES = 5;
const EXTENTS_USED = 6;

const NO_FRAME = -1;

/** In the place of what is not there. */
export const NO_WORDS = new Int32Array(0);
export const NO_DOUBLES = new Float64Array(0);
const NO_SPACE = new ByteSpace(new ArrayBuffer(0));

/** What another thread needs to see the same memory. */
export interface MemoryHandles extends ExtentHandles {
  readonly control: SharedArrayBuffer;
}

export class SharedMemory {
  readonly control: Int32Array;
  readonly controlDoubles: Float64Array;
  /** By page number. Valid while the page is in use and until the next compact(). */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly spaces: ByteSpace[] = [];
  readonly #controlShared: SharedArrayBuffer;
  readonly #extents: Extents;
  /** By page number: the frame that its views are of. */
  readonly #frames: number[] = [];
  #pageChangesSeen = 0;
  /** Called when a page's views change because the page moved: (structure, ordinal, page). */
  readonly #onMoved: ((structure: number, ordinal: number, page: number) => void)[] = [];

  constructor(handles?: MemoryHandles) {
    this.#controlShared = handles?.control ?? new SharedArrayBuffer(CONTROL_WORDS * 4);
    this.control = new Int32Array(this.#controlShared);
    this.controlDoubles = new Float64Array(this.#controlShared);
    const words = { extents: EXTENTS_WORD, used: EXTENTS_USED, changes: EXTENT_CHANGES };
    this.#extents = new Extents(this.control, words, handles);
    if (handles === undefined) this.control[FREE_PAGE] = NIL;
    else this.#viewPages();
  }

  handles(): MemoryHandles {
    return { control: this.#controlShared, ...this.#extents.handles() };
  }

  /** Grows whenever an extent comes or goes. */
  get extentChanges(): number {
    return this.#extents.changes;
  }

  /** Whether the extents known here are those that there are. */
  get knowsExtents(): boolean {
    return this.#extents.areKnown;
  }

  /** Another thread has made or dropped extents; `handles` is how they stand. */
  adoptExtents(handles: MemoryHandles): void {
    this.#extents.adopt(handles, (extent) => {
      // Views of the old one must not be taken for views of this one.
      for (let page = 0; page < this.#frames.length; page += 1) {
        if (Math.floor(this.#frames[page]! / FRAMES) === extent) this.#forget(page);
      }
    });
    // Whatever refresh() saw last.
    this.#pageChangesSeen = NIL;
  }

  /**
   * Another thread has had the memory: sees its pages as they are now. The extents must be known.
   *
   * @returns whether pages have changed; if so, structures must look for theirs again.
   */
  refresh(): boolean {
    if (this.#pageChangesSeen === this.control[PAGE_CHANGES]) return false;
    assert(this.knowsExtents, 'the extents are known');
    this.#viewPages();
    return true;
  }

  /** Frames that pages can be placed in without another extent. */
  get freeFrames(): number {
    return this.#extents.count * FRAMES - this.control[PAGES_USED]!;
  }

  /** Makes another extent, untouched as yet, where fewer than SPARE_FRAMES are free. */
  spare(): void {
    if (this.freeFrames < SPARE_FRAMES) this.#extents.add();
  }

  get pageCount(): number {
    return this.control[PAGES_USED]!;
  }

  get extentCount(): number {
    return this.#extents.count;
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
    const frame = this.#extents.take(NIL);
    if (frame === NIL) return NIL;
    const page = this.#takePageNumber();
    const at = DIRECTORY_WORD + page * 2;
    this.control[at] = frame;
    this.control[at + 1] = structure | (ordinal << 8);
    this.control[PAGES_USED]! += 1;
    this.#pagesChanged();
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
    this.#pagesChanged();
    this.#forget(page);
    this.#extents.give(frame);
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
    const pageChanges = this.control[PAGE_CHANGES]!;
    const extentChanges = this.control[EXTENT_CHANGES]!;
    this.control.fill(0, 0, DIRECTORY_WORD + seen * 2);
    this.control[FREE_PAGE] = NIL;
    this.control[PAGE_CHANGES] = pageChanges;
    this.control[EXTENT_CHANGES] = extentChanges;
    this.#pagesChanged();
    this.#extents.reset();
    this.words.length = 0;
    this.doubles.length = 0;
    this.spaces.length = 0;
    this.#frames.length = 0;
  }

  /**
   * Moves at most one page out of the emptiest extent if the others have room for all of it.
   *
   * @returns whether a page moved: then views taken before are stale.
   */
  compact(): boolean {
    if (this.freeFrames < FRAMES + SPARE_FRAMES) return false;
    const emptiest = this.#extents.emptiest();
    if (this.#extents.isEmpty(emptiest)) {
      this.#extents.drop(emptiest);
      return false;
    }
    const page = this.#pageIn(emptiest);
    const frame = this.#extents.take(emptiest);
    if (page === NIL || frame === NIL) return false;
    const from = this.spaces[page]!.bytes;
    const oldFrame = this.control[DIRECTORY_WORD + page * 2]!;
    this.control[DIRECTORY_WORD + page * 2] = frame;
    this.#pagesChanged();
    this.#view(page, frame);
    this.spaces[page]!.bytes.set(from);
    this.control[PAGES_MOVED]! += 1;
    this.#extents.give(oldFrame);
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

  /** Makes the views of all pages in use that are not the right ones yet. */
  #viewPages(): void {
    const seen = this.control[PAGES_SEEN]!;
    for (let page = 0; page < seen; page += 1) {
      const frame = this.control[DIRECTORY_WORD + page * 2]!;
      if (frame < 0) this.#forget(page);
      else if (this.#frames[page] !== frame) this.#view(page, frame);
    }
    this.words.length = seen;
    this.doubles.length = seen;
    this.spaces.length = seen;
    this.#frames.length = seen;
    this.#pageChangesSeen = this.control[PAGE_CHANGES]!;
  }

  #view(page: number, frame: number): void {
    const shared = this.#extents.of(frame);
    const offset = FIRST_FRAME_AT + (frame % FRAMES) * PAGE_BYTES;
    this.words[page] = new Int32Array(shared, offset, PAGE_WORDS);
    this.doubles[page] = new Float64Array(shared, offset, PAGE_BYTES / 8);
    this.spaces[page] = new ByteSpace(shared, offset, PAGE_BYTES);
    this.#frames[page] = frame;
  }

  /** Not deleted: a hole would turn the arrays into slower ones. */
  #forget(page: number): void {
    this.words[page] = NO_WORDS;
    this.doubles[page] = NO_DOUBLES;
    this.spaces[page] = NO_SPACE;
    this.#frames[page] = NO_FRAME;
  }

  #pagesChanged(): void {
    const changes = (this.control[PAGE_CHANGES]! + 1) & CHANGES_MASK;
    this.control[PAGE_CHANGES] = changes;
    this.#pageChangesSeen = changes;
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
}
