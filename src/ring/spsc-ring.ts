/**
 * Single-producer single-consumer ring of variable-length records.
 *
 * Layout of the SharedArrayBuffer, in bytes:
 *
 *   0     head    i32   consumed up to here; written by the consumer only
 *   4     closed  i32   1 once the consumer takes nothing any more; written by the consumer only
 *   64    tail    i32   published up to here; written by the producer only
 *   68    wanted  i32   1 while the producer waits for room; written by the producer only
 *   128   data    capacityBytes (a power of two)
 *
 *   record: | payloadBytes i32 | payload | zero to seven bytes of padding |
 *
 * head and tail count bytes and wrap at 2^32, so `(tail - head) | 0` is the number of bytes in
 * use and a full ring needs no spare slot. They sit 64 bytes apart so that the two threads do not
 * share a cache line. A record never straddles the end of the data: a SKIP mark fills the gap and
 * the record starts again at 0, which is what lets both sides work on one contiguous view. Payloads
 * start 4-byte aligned, so their words may be read through `words`.
 *
 * Ordering: payload bytes are plain writes, published by the Atomics.store of tail and read after
 * the Atomics.load of tail; space is handed back the same way through head. Neither side waits
 * here: see doorbell.ts for sleeping and waking.
 */
import { assert } from '../core/errors.js';
import { ByteSpace } from '../core/copy.js';

const HEAD = 0; // index into the i32 view: byte 0
const CLOSED = 1; // index into the i32 view: byte 4
const TAIL = 16; // index into the i32 view: byte 64
const WANTED = 17; // index into the i32 view: byte 68
const DATA_OFFSET_BYTES = 128;
const RECORD_HEADER_BYTES = 4;
const RECORD_ALIGN_BYTES = 8;
const SKIP = -1;

export const RING_FULL = -1;
export const RING_EMPTY = -1;
export const RING_CAPACITY_BYTES_MIN = 4 * 1024;
export const RING_CAPACITY_BYTES_MAX = 1024 * 1024 * 1024;

/** @param capacityBytes data bytes: a power of two from 4 KiB to 1 GiB. */
export function allocateRing(capacityBytes: number): SharedArrayBuffer {
  assert(capacityBytes >= RING_CAPACITY_BYTES_MIN, 'a ring has at least 4 KiB');
  assert(capacityBytes <= RING_CAPACITY_BYTES_MAX, 'a ring has at most 1 GiB');
  assert((capacityBytes & (capacityBytes - 1)) === 0, 'capacityBytes is a power of two');
  return new SharedArrayBuffer(DATA_OFFSET_BYTES + capacityBytes);
}

function recordBytesOf(payloadBytes: number): number {
  return (RECORD_HEADER_BYTES + payloadBytes + RECORD_ALIGN_BYTES - 1) & -RECORD_ALIGN_BYTES;
}

/** What both ends see of the memory. */
class RingEnd {
  readonly capacityBytes: number;
  /** A quarter of the ring. Any larger payload takes the side road. */
  readonly payloadBytesMax: number;
  /** The data region, thrice: reserve() and next() give offsets into bytes and view. */
  readonly space: ByteSpace;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  protected readonly positions: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.capacityBytes = shared.byteLength - DATA_OFFSET_BYTES;
    this.payloadBytesMax = this.capacityBytes / 4 - RECORD_HEADER_BYTES;
    this.space = new ByteSpace(shared, DATA_OFFSET_BYTES);
    this.bytes = this.space.bytes;
    this.view = this.space.view;
    this.words = new Int32Array(shared, DATA_OFFSET_BYTES);
    this.positions = new Int32Array(shared, 0, DATA_OFFSET_BYTES / 4);
  }
}

export class RingProducer extends RingEnd {
  #tail: number; // reserved up to here; ahead of the shared tail until publish()
  #published: number;
  #headSeen: number; // the last head loaded; stale only in the safe direction

  constructor(shared: SharedArrayBuffer) {
    super(shared);
    this.#tail = Atomics.load(this.positions, TAIL);
    this.#published = this.#tail;
    this.#headSeen = Atomics.load(this.positions, HEAD);
  }

  /** Another thread has produced meanwhile, and published all of it: goes on where it left off. */
  resume(): void {
    this.#tail = Atomics.load(this.positions, TAIL);
    this.#published = this.#tail;
    this.#headSeen = Atomics.load(this.positions, HEAD);
  }

  /** Whether records are reserved that the consumer cannot see yet. */
  get hasUnpublished(): boolean {
    return this.#tail !== this.#published;
  }

  /** Whether the consumer has released all that was published. */
  isDrained(): boolean {
    return Atomics.load(this.positions, HEAD) === this.#published;
  }

  /**
   * Claims room for one record. The consumer cannot see it before publish().
   *
   * @returns the offset to write the payload at, a multiple of 4, or RING_FULL.
   */
  reserve(payloadBytes: number): number {
    assert(payloadBytes > 0 && payloadBytes <= this.payloadBytesMax, 'a payload that fits');
    const recordBytes = recordBytesOf(payloadBytes);
    const at = this.#tail & (this.capacityBytes - 1);
    const toEndBytes = this.capacityBytes - at;
    const skipBytes = recordBytes <= toEndBytes ? 0 : toEndBytes;
    if (!this.#hasRoom(skipBytes + recordBytes)) return RING_FULL;

    const start = skipBytes === 0 ? at : 0;
    if (skipBytes > 0) this.words[at >>> 2] = SKIP;
    this.words[start >>> 2] = payloadBytes;
    this.#tail = (this.#tail + skipBytes + recordBytes) | 0;
    return start + RECORD_HEADER_BYTES;
  }

  /** Whether nobody will take what is written from now on. */
  isClosed(): boolean {
    return Atomics.load(this.positions, CLOSED) !== 0;
  }

  /** Makes every record reserved so far visible at once. One store, however many records. */
  publish(): void {
    this.#published = this.#tail;
    Atomics.store(this.positions, TAIL, this.#tail);
  }

  /**
   * Says whether this end is about to wait for room. The consumer looks after it has given space
   * back, so set it, try reserve() once more, and only then sleep on the bell.
   */
  wantRoom(isWanted: boolean): void {
    Atomics.store(this.positions, WANTED, isWanted ? 1 : 0);
  }

  #hasRoom(bytes: number): boolean {
    if (this.capacityBytes - ((this.#tail - this.#headSeen) | 0) >= bytes) return true;
    // Only now touch the consumer's cache line.
    this.#headSeen = Atomics.load(this.positions, HEAD);
    return this.capacityBytes - ((this.#tail - this.#headSeen) | 0) >= bytes;
  }
}

export class RingConsumer extends RingEnd {
  /** Length of the record that next() gave last. */
  payloadBytes = 0;
  #head: number; // taken up to here; ahead of the shared head until release()
  #released: number;
  #tailSeen: number; // the last tail loaded; stale only in the safe direction

  constructor(shared: SharedArrayBuffer) {
    super(shared);
    this.#head = Atomics.load(this.positions, HEAD);
    this.#released = this.#head;
    this.#tailSeen = this.#head;
  }

  /** Another thread has consumed meanwhile, and released all of it: goes on where it left off. */
  resume(): void {
    this.#head = Atomics.load(this.positions, HEAD);
    this.#released = this.#head;
    this.#tailSeen = this.#head;
  }

  /**
   * Takes the next record. Its bytes stay valid until release().
   *
   * @returns the offset of its payload, payloadBytes long, or RING_EMPTY.
   */
  next(): number {
    if (this.#head === this.#tailSeen) {
      // What the producer wrote before it stored this tail is visible from here on.
      this.#tailSeen = Atomics.load(this.positions, TAIL);
      if (this.#head === this.#tailSeen) return RING_EMPTY;
    }
    let at = this.#head & (this.capacityBytes - 1);
    let payloadBytes = this.words[at >>> 2]!;
    if (payloadBytes === SKIP) {
      this.#head = (this.#head + this.capacityBytes - at) | 0;
      at = 0;
      payloadBytes = this.words[0]!;
    }
    this.#head = (this.#head + recordBytesOf(payloadBytes)) | 0;
    this.payloadBytes = payloadBytes;
    return at + RECORD_HEADER_BYTES;
  }

  /** Length of a record taken and not released yet, by the offset of its payload. */
  payloadBytesAt(at: number): number {
    return this.words[(at - RECORD_HEADER_BYTES) >>> 2]!;
  }

  /** Whether next() would find nothing. Costs one load of the producer's cache line. */
  isEmpty(): boolean {
    return this.#head === this.#tailSeen && Atomics.load(this.positions, TAIL) === this.#head;
  }

  /** Whether what is there to take has at least the bytes of what was taken since release(). */
  hasAsMuchAgain(): boolean {
    this.#tailSeen = Atomics.load(this.positions, TAIL);
    const taken = (this.#head - this.#released) | 0;
    return ((this.#tailSeen - this.#head) | 0) >= taken;
  }

  /** Gives the space of every record taken so far back to the producer, in one store. */
  release(): void {
    if (this.#head === this.#released) return;
    this.#released = this.#head;
    Atomics.store(this.positions, HEAD, this.#head);
  }

  /**
   * Takes nothing any more. What is there is thrown away, so that a producer that waits for room, or has
   * just found the ring open, has it once more.
   */
  close(): void {
    Atomics.store(this.positions, CLOSED, 1);
    while (this.next() !== RING_EMPTY);
    this.release();
  }

  /** Whether the producer waits for room: after release(), ring its bell. */
  isRoomWanted(): boolean {
    return Atomics.load(this.positions, WANTED) !== 0;
  }
}
