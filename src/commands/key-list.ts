/**
 * The keys a command names, with their values where it gives any: offsets into the body, in reused
 * memory, so that a command makes no objects. A key's offset is that of its characters.
 */
import { pairRecordBytes } from '../state/small-records.js';
import { keyHeaderBytesOf } from '../state/stored-key.js';

const ITEM_WORDS = 4;
/** A longer list's memory is given back after its command. */
const KEPT_ITEMS = 4_096;

export class KeyList {
  count = 0;
  /** Bytes the pairs take in a small record; 0 for plain lists. */
  pairsBytes = 0;
  #items = new Int32Array(64 * ITEM_WORDS);

  clear(): void {
    this.count = 0;
    this.pairsBytes = 0;
    if (this.#items.length > KEPT_ITEMS * ITEM_WORDS) this.#items = new Int32Array(64 * ITEM_WORDS);
  }

  add(keyAt: number, keyBytes: number, valueAt: number, valueBytes: number): void {
    const at = this.count * ITEM_WORDS;
    if (at === this.#items.length) {
      const grown = new Int32Array(this.#items.length * 2);
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[at] = keyAt;
    this.#items[at + 1] = keyBytes;
    this.#items[at + 2] = valueAt;
    this.#items[at + 3] = valueBytes;
    this.count += 1;
    if (valueBytes === 0) return;
    this.pairsBytes += pairRecordBytes(keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes);
  }

  /** Moves an item to the front part of the list, where a command gathers those it wants. */
  keep(index: number, to: number): void {
    if (index !== to)
      this.#items.copyWithin(to * ITEM_WORDS, index * ITEM_WORDS, (index + 1) * ITEM_WORDS);
  }

  keyAt(index: number): number {
    return this.#items[index * ITEM_WORDS]!;
  }

  keyBytes(index: number): number {
    return this.#items[index * ITEM_WORDS + 1]!;
  }

  valueAt(index: number): number {
    return this.#items[index * ITEM_WORDS + 2]!;
  }

  valueBytes(index: number): number {
    return this.#items[index * ITEM_WORDS + 3]!;
  }
}
