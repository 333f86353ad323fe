/**
 * One key-value pair of a big map in the arena: in one block where it fits, else in a chain of blocks.
 *
 *   one block    | key | value |
 *   chained      | next pointer i32 | key, first bytes of the value |  ->  | next | more |  -> ...
 *
 * A key has at most 515 bytes with its header, so it always lies in the first block whole.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { type Arena, BLOCK_PAYLOAD_BYTES_MAX } from '../memory/arena.js';
import { NIL } from '../memory/shared-memory.js';
import { OWNER_CHUNK } from './layout.js';
import { keyHeaderBytesOf, writeKey } from './stored-key.js';

const LINK_BYTES = 4;
const CHUNK_BYTES = BLOCK_PAYLOAD_BYTES_MAX - LINK_BYTES;

export class BlockChain {
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  isChained(pairBytes: number): boolean {
    return pairBytes > BLOCK_PAYLOAD_BYTES_MAX;
  }

  /** Places a pair; owner is row << 2 | OWNER_ENTRY, and its row owns the rest of the chain, too. */
  store(
    owner: number,
    from: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): number {
    const pairBytes = keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes;
    if (!this.isChained(pairBytes)) {
      const pointer = this.#allocate(pairBytes, owner);
      const space = this.#arena.spaceOf(pointer);
      const at = writeKey(space, this.#arena.payloadAt(pointer), from, keyAt, keyBytes);
      copyBytes(space, at, from, valueAt, valueBytes);
      return pointer;
    }
    const first = this.#allocate(BLOCK_PAYLOAD_BYTES_MAX, owner);
    const start = this.#arena.payloadAt(first);
    const space = this.#arena.spaceOf(first);
    const at = writeKey(space, start + LINK_BYTES, from, keyAt, keyBytes);
    let taken = start + BLOCK_PAYLOAD_BYTES_MAX - at;
    copyBytes(space, at, from, valueAt, taken);
    let last = first;
    const chunkOwner = (owner & ~3) | OWNER_CHUNK;
    while (taken < valueBytes) {
      const bytes = Math.min(valueBytes - taken, CHUNK_BYTES);
      const chunk = this.#allocate(bytes + LINK_BYTES, chunkOwner);
      const chunkAt = this.#arena.payloadAt(chunk) + LINK_BYTES;
      copyBytes(this.#arena.spaceOf(chunk), chunkAt, from, valueAt + taken, bytes);
      this.#setNext(last, chunk);
      last = chunk;
      taken += bytes;
    }
    this.#setNext(last, NIL);
    return first;
  }

  /** Copies key and value, pairBytes in all. */
  copyTo(to: ByteSpace, toAt: number, pointer: number, pairBytes: number): void {
    if (!this.isChained(pairBytes)) {
      copyBytes(to, toAt, this.#arena.spaceOf(pointer), this.#arena.payloadAt(pointer), pairBytes);
      return;
    }
    let done = 0;
    for (let block = pointer; block !== NIL; block = this.#nextOf(block)) {
      const bytes = this.#arena.bytesOf(block) - LINK_BYTES;
      const at = this.#arena.payloadAt(block) + LINK_BYTES;
      copyBytes(to, toAt + done, this.#arena.spaceOf(block), at, bytes);
      done += bytes;
    }
    assert(done === pairBytes, 'a chain is as long as its pair');
  }

  free(pointer: number, pairBytes: number): void {
    if (!this.isChained(pairBytes)) {
      this.#arena.free(pointer);
      return;
    }
    let block = pointer;
    while (block !== NIL) {
      const next = this.#nextOf(block);
      this.#arena.free(block);
      block = next;
    }
  }

  /** A block of the chain other than the first has moved. */
  relocate(first: number, from: number, to: number): void {
    for (let block = first; block !== NIL; block = this.#nextOf(block)) {
      if (this.#nextOf(block) !== from) continue;
      this.#setNext(block, to);
      return;
    }
    assert(false, 'a moved block is in no chain');
  }

  setOwner(first: number, pairBytes: number, owner: number): void {
    this.#arena.setOwner(first, owner);
    if (!this.isChained(pairBytes)) return;
    const chunkOwner = (owner & ~3) | OWNER_CHUNK;
    let block = this.#nextOf(first);
    for (; block !== NIL; block = this.#nextOf(block)) this.#arena.setOwner(block, chunkOwner);
  }

  #allocate(bytes: number, owner: number): number {
    const pointer = this.#arena.allocate(bytes, owner);
    assert(pointer !== NIL, 'out of pages');
    return pointer;
  }

  #nextOf(block: number): number {
    return this.#arena.spaceOf(block).view.getInt32(this.#arena.payloadAt(block), true);
  }

  #setNext(block: number, next: number): void {
    this.#arena.spaceOf(block).view.setInt32(this.#arena.payloadAt(block), next, true);
  }
}
