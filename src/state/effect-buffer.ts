/**
 * The entries (entry-format.ts) of what has changed and is not written yet: one buffer a shard,
 * filled by ShardState, taken by the log once a turn. A walk over the sessions fills one of its
 * own.
 *
 *   | room for the header of a batch, `start` bytes | entry | entry | ... | free |
 *                                                                 length ^
 *
 * Between commands it holds whole entries only. Within a command the last one may be open:
 * operations on one session gather in it until closeChange().
 */
import { ByteSpace, copyBytes } from '../core/copy.js';
import {
  alignedUp,
  CHANGE_HEADER_BYTES,
  END_BYTES,
  ENTRY_CHANGE,
  ENTRY_DEADLINE,
  ENTRY_DEFAULT_MAP,
  ENTRY_END,
  ENTRY_END_ALL,
  ENTRY_EXPIRY,
  entryFlagsOf,
  EXPIRY_BYTES,
  EXPIRY_FLAGS_AT,
  IDLE_AT,
  MAX_AGE_AT,
  OP_CLEAR,
  OP_PUT,
  OP_REMOVE,
} from './entry-format.js';
import {
  DEADLINE_WORD,
  IDLE_DOUBLE,
  META_WORD,
  ROW_WORDS_SHIFT,
  ROWS_MASK,
  ROWS_SHIFT,
  SLOT_MASK,
  VERSION_WORD,
} from './layout.js';
import { PREFIX_BYTES_MAX, writePrefix } from './pairs.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';
import { isStoredForm, keyHeaderBytesOf, writeKey } from './stored-key.js';

/** Room in front of the entries for what the log writes before them. */
export const BATCH_HEADER_BYTES = 48;

const BYTES_MIN = 1024 * 1024;
/** A buffer that has grown beyond this is given up once it is empty. */
const BYTES_KEPT_MAX = 8 * 1024 * 1024;
const OP_BYTES = 1;
/** Zero bytes are written four at once, of which those beyond the padding are overwritten. */
const PADDING_ROOM_BYTES = 4;
const NONE = -1;

/** Of a header's words: where each lies in an entry. */
const KIND_WORD = 1;
const DIGEST_WORD = 2;
const VERSION_ENTRY_WORD = 6;
const DEADLINE_ENTRY_WORD = 7;

/** What it reads of a ShardState. */
export interface LoggedState {
  readonly rows: SessionRows;
  readonly isDefaultMap: boolean;
}

export class EffectBuffer {
  readonly start = BATCH_HEADER_BYTES;
  /** The buffer's bytes; another one after it has grown. */
  space: ByteSpace;
  /** Where the entries end. */
  length = BATCH_HEADER_BYTES;
  /** How many there are. */
  entries = 0;
  #words: Int32Array;
  /** Where the entry begins that takes operations, or NONE. */
  #openAt = NONE;

  constructor() {
    this.space = new ByteSpace(new ArrayBuffer(BYTES_MIN));
    this.#words = new Int32Array(this.space.bytes.buffer);
  }

  get isEmpty(): boolean {
    return this.length === BATCH_HEADER_BYTES;
  }

  /** Bytes of the entries. */
  get bytes(): number {
    return this.length - BATCH_HEADER_BYTES;
  }

  clear(): void {
    this.length = BATCH_HEADER_BYTES;
    this.entries = 0;
    this.#openAt = NONE;
    if (this.space.bytes.length > BYTES_KEPT_MAX) this.#replaceBy(new ArrayBuffer(BYTES_MIN));
  }

  /** A place to rewind() to, as long as nothing before it is cleared. */
  mark(): number {
    return this.length;
  }

  /** Takes back all entries since the mark. */
  rewind(mark: number): void {
    for (
      let at = mark;
      at < this.length;
      at = alignedUp(at + this.space.view.getUint32(at, true))
    ) {
      this.entries -= 1;
    }
    this.length = mark;
    this.#openAt = NONE;
  }

  /** One entry, padded, that another buffer or this one had before. */
  append(entry: Uint8Array): void {
    this.reserve(entry.length);
    this.space.bytes.set(entry, this.length);
    this.length += entry.length;
    this.entries += 1;
  }

  /** All the entries of another buffer. */
  adopt(entries: Uint8Array, count: number): void {
    this.append(entries);
    this.entries += count - 1;
  }

  /** Makes room for so many bytes behind the length. */
  reserve(bytes: number): void {
    const needed = this.length + bytes + PADDING_ROOM_BYTES;
    if (needed > this.space.bytes.length) this.#grow(needed);
  }

  /** Entries of what follows start anew: an open one takes no more. */
  settle(): void {
    this.#openAt = NONE;
  }

  /** Says that the deadline has moved; the entry stays open, to take what the command changes. */
  putDeadline(of: LoggedState, row: number): void {
    this.#openAt = this.begin(ENTRY_DEADLINE, of, row, CHANGE_HEADER_BYTES);
  }

  putExpiry(of: LoggedState, row: number): void {
    const at = this.begin(ENTRY_EXPIRY, of, row, EXPIRY_BYTES);
    const { view } = this.space;
    view.setFloat64(at + IDLE_AT, of.rows.double(row, IDLE_DOUBLE), true);
    view.setFloat64(at + MAX_AGE_AT, of.rows.maxAgeOf(row), true);
    view.setUint32(at + EXPIRY_FLAGS_AT, entryFlagsOf(of.rows.word(row, META_WORD)), true);
  }

  putEnd(of: LoggedState, row: number): void {
    this.begin(ENTRY_END, of, row, END_BYTES);
  }

  putEndAll(): void {
    this.reserve(END_BYTES);
    const at = this.length;
    this.#words.fill(0, at >>> 2, (at + END_BYTES) >>> 2);
    this.#words[at >>> 2] = END_BYTES;
    this.#words[(at >>> 2) + KIND_WORD] = ENTRY_END_ALL;
    this.length = at + END_BYTES;
    this.entries += 1;
    this.#openAt = NONE;
  }

  /**
   * A pair has been stored in the session whose header's words begin at base. Key and value lie in
   * one space.
   */
  putPair(
    words: Int32Array,
    base: number,
    from: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): void {
    const keyHeaderBytes = keyHeaderBytesOf(keyBytes);
    const pairBytes = keyHeaderBytes + keyBytes + valueBytes;
    this.#open(words, base, OP_BYTES + PREFIX_BYTES_MAX + pairBytes);
    const { space } = this;
    space.bytes[this.length] = OP_PUT;
    const at = writePrefix(space, this.length + OP_BYTES, pairBytes);
    if (isStoredForm(from, keyAt, keyBytes, valueAt)) {
      copyBytes(space, at, from, keyAt - keyHeaderBytes, pairBytes);
    } else {
      copyBytes(space, writeKey(space, at, from, keyAt, keyBytes), from, valueAt, valueBytes);
    }
    this.length = at + pairBytes;
  }

  /** The pair that the keys have just found is about to be removed. */
  putRemoval(words: Int32Array, base: number, keys: SessionKeys): void {
    const keyBytes = keys.foundKeyBytes();
    this.#open(words, base, OP_BYTES + keyBytes);
    this.space.bytes[this.length] = OP_REMOVE;
    keys.copyFoundKey(this.space, this.length + OP_BYTES, keyBytes);
    this.length += OP_BYTES + keyBytes;
  }

  putClear(words: Int32Array, base: number): void {
    this.#open(words, base, OP_BYTES);
    this.space.bytes[this.length] = OP_CLEAR;
    this.length += OP_BYTES;
  }

  /**
   * The change is complete: notes the session's version and deadline as they are now.
   *
   * @returns where its entry begins.
   */
  closeChange(words: Int32Array, base: number, isDefaultMap: boolean): number {
    this.#open(words, base, 0);
    const target = this.#words;
    const at = this.#openAt;
    const to = at >>> 2;
    // It may have been begun as a move of the deadline.
    target[to + KIND_WORD] = kindWordOf(ENTRY_CHANGE, words[base + META_WORD]!, isDefaultMap);
    target[to + VERSION_ENTRY_WORD] = words[base + VERSION_WORD]!;
    target[to + DEADLINE_ENTRY_WORD] = words[base + DEADLINE_WORD]!;
    target[to + DEADLINE_ENTRY_WORD + 1] = words[base + DEADLINE_WORD + 1]!;
    this.end(at);
    return at;
  }

  /**
   * Begins an entry with the header that its kind has, bytes of it in all; what is not in the
   * session's own header words is left to the caller.
   *
   * @returns where it begins.
   */
  begin(kind: number, of: LoggedState, row: number, headerBytes: number): number {
    this.reserve(headerBytes);
    const at = this.length;
    const to = at >>> 2;
    const target = this.#words;
    const words = of.rows.pool.words[row >>> ROWS_SHIFT]!;
    const base = (row & ROWS_MASK) << ROW_WORDS_SHIFT;
    target[to] = headerBytes;
    target[to + KIND_WORD] = kindWordOf(kind, words[base + META_WORD]!, of.isDefaultMap);
    target[to + DIGEST_WORD] = words[base]!;
    target[to + DIGEST_WORD + 1] = words[base + 1]!;
    target[to + DIGEST_WORD + 2] = words[base + 2]!;
    target[to + DIGEST_WORD + 3] = words[base + 3]!;
    if (headerBytes > END_BYTES) {
      target[to + VERSION_ENTRY_WORD] = words[base + VERSION_WORD]!;
      target[to + DEADLINE_ENTRY_WORD] = words[base + DEADLINE_WORD]!;
      target[to + DEADLINE_ENTRY_WORD + 1] = words[base + DEADLINE_WORD + 1]!;
    }
    this.length = at + headerBytes;
    this.entries += 1;
    this.#openAt = NONE;
    return at;
  }

  /** The entry that began at an offset ends at the length. */
  end(at: number): void {
    const { length } = this;
    this.#words[at >>> 2] = length - at;
    this.space.view.setInt32(length, 0, true);
    this.length = alignedUp(length);
    this.#openAt = NONE;
  }

  /**
   * Makes room for so many bytes of operations in a change, which it opens, unless one is open, of
   * the session whose header's words begin at base. The rest of the header follows in
   * closeChange(): every write to the buffer counts here.
   */
  #open(words: Int32Array, base: number, operationBytes: number): void {
    this.reserve(CHANGE_HEADER_BYTES + operationBytes);
    if (this.#openAt !== NONE) return;
    const target = this.#words;
    const to = this.length >>> 2;
    target[to + DIGEST_WORD] = words[base]!;
    target[to + DIGEST_WORD + 1] = words[base + 1]!;
    target[to + DIGEST_WORD + 2] = words[base + 2]!;
    target[to + DIGEST_WORD + 3] = words[base + 3]!;
    this.#openAt = this.length;
    this.length += CHANGE_HEADER_BYTES;
    this.entries += 1;
  }

  #grow(bytes: number): void {
    let grown = this.space.bytes.length;
    while (grown < bytes) grown *= 2;
    const buffer = new ArrayBuffer(grown);
    new Uint8Array(buffer).set(this.space.bytes.subarray(0, this.length));
    this.#replaceBy(buffer);
  }

  #replaceBy(buffer: ArrayBuffer): void {
    this.space = new ByteSpace(buffer);
    this.#words = new Int32Array(buffer);
  }
}

function kindWordOf(kind: number, meta: number, isDefaultMap: boolean): number {
  return kind | (isDefaultMap ? ENTRY_DEFAULT_MAP << 8 : 0) | ((meta & SLOT_MASK) << 16);
}
