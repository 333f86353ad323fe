/**
 * The record of a small session: one block of the arena that holds its pairs in insertion order.
 *
 * Pairs are as pairs.ts draws them, with prefixes of 1 or 2 bytes. The length up front makes a scan
 * skip a value without decoding it; key and value lie together, as a reply wants them. At most 32
 * pairs and 4 KiB; beyond that the session gets a big map. Nothing here knows sessions: callers hold
 * the pointer and the count.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { type Arena } from '../memory/arena.js';
import { NIL } from '../memory/shared-memory.js';
import { prefixBytesOf, writePrefix } from './pairs.js';
import { keyHeaderBytesOf, writeKey } from './stored-key.js';

export const SMALL_KEYS_MAX = 32;
export const SMALL_BYTES_MAX = 4_096;

/** Bytes a pair takes in a record. */
export function pairRecordBytes(pairBytes: number): number {
  return pairBytes + prefixBytesOf(pairBytes);
}

export class SmallRecords {
  readonly #arena: Arena;
  readonly #scratch = new ByteSpace(new ArrayBuffer(SMALL_BYTES_MAX));
  /** Where find() and next() left off: the pair's prefix, its key, the bytes of key and value. */
  prefixAt = 0;
  keyAt = 0;
  pairBytes = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Finds a key given by its characters' bytes, without msgpack header. */
  find(pointer: number, key: ByteSpace, at: number, length: number): boolean {
    const space = this.#arena.spaceOf(pointer);
    const bytes = space.bytes;
    const headerBytes = keyHeaderBytesOf(length);
    let offset = this.#arena.payloadAt(pointer);
    const end = offset + this.#arena.bytesOf(pointer);
    while (offset < end) {
      this.#readPrefix(bytes, offset);
      if (isKeyAt(space, this.keyAt, headerBytes, key, at, length)) return true;
      offset = this.keyAt + this.pairBytes;
    }
    return false;
  }

  /** Reads the pair at an offset; returns the offset behind it. */
  readAt(pointer: number, offset: number): number {
    this.#readPrefix(this.#arena.spaceOf(pointer).bytes, offset);
    return this.keyAt + this.pairBytes;
  }

  /** Appends a pair that is not there yet; returns the record's pointer, which may have changed. */
  append(
    pointer: number,
    owner: number,
    key: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): number {
    const pairBytes = keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes;
    const oldBytes = pointer === NIL ? 0 : this.#arena.bytesOf(pointer);
    const record = this.#resize(pointer, owner, oldBytes + pairRecordBytes(pairBytes), oldBytes);
    const space = this.#arena.spaceOf(record);
    const at = writePrefix(space, this.#arena.payloadAt(record) + oldBytes, pairBytes);
    const to = writeKey(space, at, key, keyAt, keyBytes);
    copyBytes(space, to, key, valueAt, valueBytes);
    return record;
  }

  /** Replaces the value of the pair that find() has just found by one of another length. */
  replace(
    pointer: number,
    owner: number,
    keyBytes: number,
    value: ByteSpace,
    valueAt: number,
    valueBytes: number,
  ): number {
    const keyLength = keyHeaderBytesOf(keyBytes) + keyBytes;
    const newPairBytes = keyLength + valueBytes;
    const start = this.#arena.payloadAt(pointer);
    const pairAt = this.prefixAt - start;
    const tailAt = this.keyAt + this.pairBytes - start;
    const oldBytes = this.#arena.bytesOf(pointer);
    const tailBytes = oldBytes - tailAt;
    const old = this.#arena.spaceOf(pointer);
    // The tail moves by way of the scratch space, for the record may grow in place or elsewhere.
    copyBytes(this.#scratch, 0, old, start + tailAt, tailBytes);
    const keyStart = this.keyAt - start;
    const newTailAt = pairAt + pairRecordBytes(newPairBytes);
    const grown = Math.max(oldBytes, newTailAt + tailBytes);
    let record = this.#resize(pointer, owner, grown, oldBytes);
    let to = this.#arena.payloadAt(record);
    let space = this.#arena.spaceOf(record);
    const newKeyAt = pairAt + prefixBytesOf(newPairBytes);
    if (newKeyAt !== keyStart) {
      space.bytes.copyWithin(to + newKeyAt, to + keyStart, to + keyStart + keyLength);
    }
    writePrefix(space, to + pairAt, newPairBytes);
    copyBytes(space, to + newKeyAt + keyLength, value, valueAt, valueBytes);
    copyBytes(space, to + newTailAt, this.#scratch, 0, tailBytes);
    if (newTailAt + tailBytes < grown) {
      record = this.#resize(record, owner, newTailAt + tailBytes, newTailAt + tailBytes);
      space = this.#arena.spaceOf(record);
      to = this.#arena.payloadAt(record);
    }
    return record;
  }

  /** Removes the pair that find() has just found; NIL when none is left. */
  remove(pointer: number, owner: number): number {
    const space = this.#arena.spaceOf(pointer);
    const start = this.#arena.payloadAt(pointer);
    const bytes = this.#arena.bytesOf(pointer);
    const tailAt = this.keyAt + this.pairBytes;
    const left = bytes - (tailAt - this.prefixAt);
    if (left === 0) {
      this.#arena.free(pointer);
      return NIL;
    }
    space.bytes.copyWithin(this.prefixAt, tailAt, start + bytes);
    return this.#resize(pointer, owner, left, left);
  }

  /** Makes room ahead for several appends, so that the record is placed once. */
  reserve(pointer: number, owner: number, moreBytes: number): number {
    const bytes = pointer === NIL ? 0 : this.#arena.bytesOf(pointer);
    if (pointer !== NIL && bytes + moreBytes <= this.#arena.capacityOf(pointer)) return pointer;
    const record = this.#resize(pointer, owner, bytes + moreBytes, bytes);
    this.#arena.setBytes(record, bytes);
    return record;
  }

  /** Gives back what a reserve() asked for in vain; NIL when the record is empty. */
  trim(pointer: number, owner: number): number {
    const bytes = this.#arena.bytesOf(pointer);
    if (bytes === 0) {
      this.#arena.free(pointer);
      return NIL;
    }
    const isTight =
      this.#arena.cellBytesOf(bytes) === this.#arena.cellBytesOf(this.#arena.capacityOf(pointer));
    return isTight ? pointer : this.#move(pointer, owner, bytes, bytes);
  }

  /** Sets the record's size, in a block of the fitting class; keeps the first keepBytes. */
  #resize(pointer: number, owner: number, bytes: number, keepBytes: number): number {
    if (pointer !== NIL) {
      const capacity = this.#arena.capacityOf(pointer);
      const isGrowth = bytes >= this.#arena.bytesOf(pointer);
      const isTight = this.#arena.cellBytesOf(bytes) === this.#arena.cellBytesOf(capacity);
      if (bytes <= capacity && (isTight || isGrowth)) {
        this.#arena.setBytes(pointer, bytes);
        return pointer;
      }
    }
    return this.#move(pointer, owner, bytes, keepBytes);
  }

  #move(pointer: number, owner: number, bytes: number, keepBytes: number): number {
    const moved = this.#arena.allocate(bytes, owner);
    assert(moved !== NIL, 'out of pages');
    if (pointer === NIL) return moved;
    copyBytes(
      this.#arena.spaceOf(moved),
      this.#arena.payloadAt(moved),
      this.#arena.spaceOf(pointer),
      this.#arena.payloadAt(pointer),
      keepBytes,
    );
    this.#arena.free(pointer);
    return moved;
  }

  #readPrefix(bytes: Uint8Array, offset: number): void {
    const first = bytes[offset]!;
    this.prefixAt = offset;
    if (first < 128) {
      this.pairBytes = first;
      this.keyAt = offset + 1;
    } else {
      this.pairBytes = ((first & 127) << 8) | bytes[offset + 1]!;
      this.keyAt = offset + 2;
    }
  }
}

/** Whether the msgpack key stored at an offset has these bytes. */
export function isKeyAt(
  stored: ByteSpace,
  storedAt: number,
  headerBytes: number,
  key: ByteSpace,
  at: number,
  length: number,
): boolean {
  const bytes = stored.bytes;
  const first = bytes[storedAt]!;
  if (headerBytes === 1) {
    if (first !== (0xa0 | length)) return false;
  } else if (headerBytes === 2) {
    if (first !== 0xd9 || bytes[storedAt + 1] !== length) return false;
  } else if (first !== 0xda || ((bytes[storedAt + 1]! << 8) | bytes[storedAt + 2]!) !== length) {
    return false;
  }
  const from = storedAt + headerBytes;
  let done = 0;
  for (; done + 4 <= length; done += 4) {
    if (stored.view.getInt32(from + done, true) !== key.view.getInt32(at + done, true))
      return false;
  }
  for (; done < length; done += 1) {
    if (bytes[from + done] !== key.bytes[at + done]) return false;
  }
  return true;
}
