/** The pairs a reading command has found: where they lie, until they are copied into the reply. */
const ITEM_WORDS = 3;

export class FoundPairs {
  count = 0;
  bytes = 0;
  #items = new Int32Array(64 * ITEM_WORDS);
  /** Only for long lists: short ones are searched. */
  readonly #seen = new Set<number>();

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    if (this.#seen.size > 0) this.#seen.clear();
  }

  /** Adds a pair unless it is there already: a key named twice is answered once. */
  add(pointer: number, at: number, bytes: number): void {
    if (this.count > 0 && this.#isThere(pointer, at)) return;
    const base = this.count * ITEM_WORDS;
    if (base === this.#items.length) {
      const grown = new Int32Array(this.#items.length * 2);
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[base] = pointer;
    this.#items[base + 1] = at;
    this.#items[base + 2] = bytes;
    this.count += 1;
    this.bytes += bytes;
  }

  pointer(index: number): number {
    return this.#items[index * ITEM_WORDS]!;
  }

  at(index: number): number {
    return this.#items[index * ITEM_WORDS + 1]!;
  }

  pairBytes(index: number): number {
    return this.#items[index * ITEM_WORDS + 2]!;
  }

  #isThere(pointer: number, at: number): boolean {
    if (this.count < 16) {
      for (let index = 0; index < this.count; index += 1) {
        if (this.pointer(index) === pointer && this.at(index) === at) return true;
      }
      return false;
    }
    if (this.#seen.size === 0) {
      for (let index = 0; index < this.count; index += 1) {
        this.#seen.add(placeOf(this.pointer(index), this.at(index)));
      }
    }
    const place = placeOf(pointer, at);
    if (this.#seen.has(place)) return true;
    this.#seen.add(place);
    return false;
  }
}

/** One number for pointer and offset: 32 and 18 bits. */
function placeOf(pointer: number, at: number): number {
  return (pointer >>> 0) * 0x4_0000 + at;
}
