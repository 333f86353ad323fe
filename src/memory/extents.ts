/**
 * The extents of a shard's memory, 64 MiB each, and which of their frames are taken: 256 of 256 KiB
 * in each. Part of SharedMemory, in whose control block the bitmaps are; it draws them.
 */
export const PAGE_BYTES = 256 * 1024;
/** Of an extent. */
export const FRAMES = 256;
export const EXTENTS_MAX = 1_024; // 64 GiB a shard
export const EXTENT_WORDS = 16;
export const NIL = -1;

const EXTENT_BYTES = FRAMES * PAGE_BYTES;
/**
 * Where the first frame begins in an extent. A buffer of this size begins 16 bytes behind a cache line
 * (the allocator's own header), and cells of 64 and 128 bytes would each lie across one line more
 * (engine bench: GET 406 to 319 ns at 100k sessions, 661 to 552 ns at 4M).
 */
const CACHE_LINE_BYTES = 64;
export const FIRST_FRAME_AT = CACHE_LINE_BYTES - 16;
/**
 * In an extent's words: frames free, the count of changes when it was made, and from BITMAP on a bit for
 * each frame that is taken.
 */
const FREE = 1;
const MADE = 2;
const BITMAP = 8;
/** Numbers of changes come round; nobody sleeps through so many. */
export const CHANGES_MASK = 0x3fff_ffff;

/** What another thread needs to see the same extents. */
export interface ExtentHandles {
  readonly extents: readonly (SharedArrayBuffer | undefined)[];
  /** By extent: a number that no earlier one in its place had. A buffer that was posted is another object. */
  readonly made: readonly number[];
  /** Which state of them that is. */
  readonly extentChanges: number;
}

export class Extents {
  readonly #control: Int32Array;
  /** Where the words of extent 0 are. */
  readonly #word: number;
  /** Control words: how many there are, and how often that has changed. */
  readonly #usedWord: number;
  readonly #changesWord: number;
  readonly #extents: (SharedArrayBuffer | undefined)[];
  /** Of those known here. */
  #made: readonly number[];
  /** Only who makes extents drops them: others could not tell it. */
  readonly #isMaker: boolean;
  #changesSeen = 0;

  constructor(
    control: Int32Array,
    words: { readonly extents: number; readonly used: number; readonly changes: number },
    handles: ExtentHandles | undefined,
  ) {
    this.#control = control;
    this.#word = words.extents;
    this.#usedWord = words.used;
    this.#changesWord = words.changes;
    this.#isMaker = handles === undefined;
    this.#extents = handles === undefined ? [] : [...handles.extents];
    this.#made = handles?.made ?? [];
    this.#changesSeen = handles?.extentChanges ?? 0;
  }

  handles(): ExtentHandles {
    const made = this.#extents.map((_, extent) => this.#wordOf(extent, MADE));
    return { extents: [...this.#extents], made, extentChanges: this.#changesSeen };
  }

  get count(): number {
    return this.#control[this.#usedWord]!;
  }

  get changes(): number {
    return this.#control[this.#changesWord]!;
  }

  /** Whether those known here are those that there are. */
  get areKnown(): boolean {
    return this.#changesSeen === this.changes;
  }

  /** @param onOther called with the number of each that is another one than was known. */
  adopt({ extents, made, extentChanges }: ExtentHandles, onOther: (extent: number) => void): void {
    for (let extent = 0; extent < Math.max(extents.length, this.#extents.length); extent += 1) {
      const isSame = extents[extent] !== undefined && made[extent] === this.#made[extent];
      if (isSame && this.#extents[extent] !== undefined) continue;
      onOther(extent);
      this.#extents[extent] = extents[extent];
    }
    this.#made = made;
    this.#changesSeen = extentChanges;
  }

  /** The bytes that a frame is in. */
  of(frame: number): SharedArrayBuffer {
    return this.#extents[(frame / FRAMES) >>> 0]!;
  }

  /** After the control block has been emptied, but for the count of changes. */
  reset(): void {
    this.#extents.length = 0;
    this.#changed();
  }

  /** A free frame of the lowest extent but one; of a new extent where none has any and none is excepted. */
  take(exceptExtent: number): number {
    for (let extent = 0; extent < this.#extents.length; extent += 1) {
      if (extent === exceptExtent || this.#extents[extent] === undefined) continue;
      if (this.#freeOf(extent) > 0) return this.#takeOf(extent);
    }
    if (exceptExtent !== NIL) return NIL;
    const extent = this.add();
    return extent === NIL ? NIL : this.#takeOf(extent);
  }

  /** An extent without a frame taken goes, unless this is a borrower's view of it. */
  give(frame: number): void {
    const extent = (frame / FRAMES) >>> 0;
    const at = this.#word + extent * EXTENT_WORDS;
    const index = frame % FRAMES;
    this.#control[at + BITMAP + (index >>> 5)]! &= ~(1 << (index & 31));
    this.#control[at + FREE]! += 1;
    if (this.#isMaker && this.#control[at + FREE] === FRAMES) this.drop(extent);
  }

  /** One more, untouched as yet. @returns its number, or NIL when there are as many as can be. */
  add(): number {
    let extent = this.#extents.indexOf(undefined);
    if (extent < 0) extent = this.#extents.length;
    // The last frame is left out for good: a page number and cell of all ones is NIL.
    if (extent >= EXTENTS_MAX - 1) return NIL;
    this.#extents[extent] = new SharedArrayBuffer(EXTENT_BYTES + CACHE_LINE_BYTES);
    const at = this.#word + extent * EXTENT_WORDS;
    this.#control[at] = 1;
    this.#control[at + FREE] = FRAMES;
    this.#control[at + MADE] = this.changes;
    this.#control.fill(0, at + BITMAP, at + BITMAP + FRAMES / 32);
    this.#control[this.#usedWord]! += 1;
    this.#changed();
    return extent;
  }

  drop(extent: number): void {
    this.#control[this.#word + extent * EXTENT_WORDS] = 0;
    this.#control[this.#usedWord]! -= 1;
    this.#extents[extent] = undefined;
    this.#changed();
  }

  /** The one with the most free frames, or NIL. */
  emptiest(): number {
    let emptiest = NIL;
    for (let extent = 0; extent < this.#extents.length; extent += 1) {
      if (this.#extents[extent] === undefined) continue;
      if (emptiest === NIL || this.#freeOf(extent) >= this.#freeOf(emptiest)) emptiest = extent;
    }
    return emptiest;
  }

  /** Whether no frame of it is taken. */
  isEmpty(extent: number): boolean {
    return this.#freeOf(extent) === FRAMES;
  }

  #freeOf(extent: number): number {
    return this.#wordOf(extent, FREE);
  }

  #wordOf(extent: number, word: number): number {
    return this.#control[this.#word + extent * EXTENT_WORDS + word]!;
  }

  #takeOf(extent: number): number {
    const at = this.#word + extent * EXTENT_WORDS;
    for (let word = 0; word < FRAMES / 32; word += 1) {
      const used = this.#control[at + BITMAP + word]!;
      if (used === -1) continue;
      const bit = 31 - Math.clz32(~used & -~used);
      this.#control[at + BITMAP + word] = used | (1 << bit);
      this.#control[at + FREE]! -= 1;
      return extent * FRAMES + word * 32 + bit;
    }
    return NIL;
  }

  #changed(): void {
    const changes = (this.changes + 1) & CHANGES_MASK;
    this.#control[this.#changesWord] = changes;
    this.#changesSeen = changes;
  }
}
