/**
 * The keys and values of sessions, by row: small records and big maps behind one set of calls.
 *
 * A session changes to a big map beyond 32 keys or 4 KiB and back once it has at most half of that,
 * so that one key more or less does not change it each time. Values are msgpack bytes, never
 * decoded.
 *
 * find() and the walk leave the pair they stand on in foundPointer, foundAt and foundBytes; valid
 * until the next write.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import type { Arena } from '../memory/arena.js';
import { NIL, type SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import { BigMaps } from './big-maps.js';
import {
  COUNT_MASK,
  COUNT_SHIFT,
  FLAG_BIG,
  KEYS_STATE_WORD,
  META_WORD,
  OWNER_SESSION,
} from './layout.js';
import { forEachPair } from './pairs.js';
import type { SessionRows } from './session-rows.js';
import { pairRecordBytes, SMALL_BYTES_MAX, SMALL_KEYS_MAX, SmallRecords } from './small-records.js';
import { headerBytesOfStored, keyHeaderBytesOf, storedKeyBytes } from './stored-key.js';

export class SessionKeys {
  readonly big: BigMaps;
  /** The pair found: its first block, the key's offset in it, bytes of key and value. */
  foundPointer = NIL;
  foundAt = 0;
  foundBytes = 0;
  readonly #control: Int32Array;
  readonly #arena: Arena;
  readonly #rows: SessionRows;
  readonly #small: SmallRecords;
  #foundEntry = NIL; // in a big map: the entry found
  #walkRow = NIL;
  #walkAt = 0; // small: offset of the next pair; big: next entry

  constructor(memory: SharedMemory, arena: Arena, rows: SessionRows) {
    this.#control = memory.control;
    this.#arena = arena;
    this.#rows = rows;
    this.#small = new SmallRecords(arena);
    this.big = new BigMaps(memory, arena);
  }

  /** Keys in all live sessions. */
  get total(): number {
    return this.#control[STATE_WORD + KEYS_STATE_WORD]!;
  }

  countOf(row: number): number {
    const meta = this.#rows.word(row, META_WORD);
    if ((meta & FLAG_BIG) !== 0) return this.big.keysOf(this.#rows.pointerOf(row));
    return (meta & COUNT_MASK) >>> COUNT_SHIFT;
  }

  /** Bytes of keys and values as stored. */
  bytesOf(row: number): number {
    if (this.isBig(row)) return this.big.bytesOf(this.#rows.pointerOf(row));
    let bytes = 0;
    this.walk(row);
    while (this.next()) bytes += this.foundBytes;
    return bytes;
  }

  /** At least bytesOf(), without a walk. */
  bytesBoundOf(row: number): number {
    const pointer = this.#rows.pointerOf(row);
    if (this.isBig(row)) return this.big.bytesOf(pointer);
    return pointer === NIL ? 0 : this.#arena.bytesOf(pointer);
  }

  find(row: number, key: ByteSpace, at: number, length: number): boolean {
    const pointer = this.#rows.pointerOf(row);
    if (this.isBig(row)) {
      const entry = this.big.find(pointer, key, at, length);
      this.#foundEntry = entry;
      if (entry === NIL) return false;
      this.#standOn(entry);
      return true;
    }
    if (pointer === NIL || !this.#small.find(pointer, key, at, length)) return false;
    this.foundPointer = pointer;
    this.foundAt = this.#small.keyAt;
    this.foundBytes = this.#small.pairBytes;
    return true;
  }

  /** Copies a pair as found, key and value. */
  copyPair(to: ByteSpace, toAt: number, pointer: number, at: number, bytes: number): void {
    if (this.big.pairs.isChained(bytes)) this.big.pairs.copyTo(to, toAt, pointer, bytes);
    else copyBytes(to, toAt, this.#arena.spaceOf(pointer), at, bytes);
  }

  /** Bytes of the found pair's key, msgpack header included. */
  foundKeyBytes(): number {
    return storedKeyBytes(this.#arena.spaceOf(this.foundPointer), this.foundAt);
  }

  copyFoundKey(to: ByteSpace, toAt: number, keyBytes: number): void {
    copyBytes(to, toAt, this.#arena.spaceOf(this.foundPointer), this.foundAt, keyBytes);
  }

  /** Stands before the first pair; next() goes on to each in insertion order. No writes between. */
  walk(row: number): void {
    const pointer = this.#rows.pointerOf(row);
    this.#walkRow = row;
    if (this.isBig(row)) this.#walkAt = this.big.firstOf(pointer);
    else this.#walkAt = pointer === NIL ? 0 : this.#arena.payloadAt(pointer);
  }

  next(): boolean {
    const pointer = this.#rows.pointerOf(this.#walkRow);
    if (this.isBig(this.#walkRow)) {
      if (this.#walkAt === NIL) return false;
      this.#standOn(this.#walkAt);
      this.#walkAt = this.big.nextOf(this.#walkAt);
      return true;
    }
    if (pointer === NIL) return false;
    const end = this.#arena.payloadAt(pointer) + this.#arena.bytesOf(pointer);
    if (this.#walkAt === end) return false;
    this.#walkAt = this.#small.readAt(pointer, this.#walkAt);
    this.foundPointer = pointer;
    this.foundAt = this.#small.keyAt;
    this.foundBytes = this.#small.pairBytes;
    return true;
  }

  /** Stores a key, new or not. Key and value lie in the same space. */
  set(
    row: number,
    from: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): void {
    const pairBytes = keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes;
    const isThere = this.find(row, from, keyAt, keyBytes);
    if (!this.isBig(row)) {
      if (isThere && pairBytes === this.foundBytes) {
        // The usual write, in place: nothing moves, and no count changes.
        const valueTo = this.foundAt + pairBytes - valueBytes;
        copyBytes(this.#arena.spaceOf(this.foundPointer), valueTo, from, valueAt, valueBytes);
        return;
      }
      const pointer = this.#rows.pointerOf(row);
      const recordBytes = pointer === NIL ? 0 : this.#arena.bytesOf(pointer);
      const replaced = isThere ? pairRecordBytes(this.foundBytes) : 0;
      const count = this.countOf(row) + (isThere ? 0 : 1);
      const owner = (row << 2) | OWNER_SESSION;
      if (
        count <= SMALL_KEYS_MAX &&
        recordBytes - replaced + pairRecordBytes(pairBytes) <= SMALL_BYTES_MAX
      ) {
        const record = isThere
          ? this.#small.replace(pointer, owner, keyBytes, from, valueAt, valueBytes)
          : this.#small.append(pointer, owner, from, keyAt, keyBytes, valueAt, valueBytes);
        if (record !== pointer) this.#rows.setPointer(row, record);
        if (!isThere) this.#addCount(row, 1);
        return;
      }
      this.#toBig(row);
      if (isThere) this.find(row, from, keyAt, keyBytes);
    }
    const map = this.#rows.pointerOf(row);
    if (isThere) {
      this.big.replace(map, this.#foundEntry, from, keyAt, keyBytes, valueAt, valueBytes);
      return;
    }
    this.big.append(map, from, keyAt, keyBytes, valueAt, valueBytes);
    this.#control[STATE_WORD + KEYS_STATE_WORD]! += 1;
  }

  /** Removes the pair that find() has just found. */
  removeFound(row: number): void {
    const pointer = this.#rows.pointerOf(row);
    if (!this.isBig(row)) {
      const record = this.#small.remove(pointer, (row << 2) | OWNER_SESSION);
      if (record !== pointer) this.#rows.setPointer(row, record);
      this.#addCount(row, -1);
      return;
    }
    this.big.remove(pointer, this.#foundEntry);
    this.#control[STATE_WORD + KEYS_STATE_WORD]! -= 1;
    // One that may have to be put back stays as it is until then.
    if (this.big.journal.map !== pointer) this.#shrink(row);
  }

  /** Removes all keys in one step, however many; returns how many. */
  clear(row: number): number {
    const count = this.countOf(row);
    const pointer = this.#rows.pointerOf(row);
    if (this.isBig(row)) this.big.discard(pointer);
    else if (pointer !== NIL) this.#arena.free(pointer);
    this.#rows.setPointer(row, NIL);
    this.#rows.setWord(row, META_WORD, this.#rows.word(row, META_WORD) & ~(FLAG_BIG | COUNT_MASK));
    this.#control[STATE_WORD + KEYS_STATE_WORD]! -= count;
    return count;
  }

  /** What happens to a big session's keys from here on can be undone, by rollBack(). */
  beginJournal(row: number): void {
    this.big.journal.begin(this.#rows.pointerOf(row));
  }

  /** Ends what beginJournal() began: the keys stay as they are. */
  keepJournal(row: number): void {
    this.big.keepJournal();
    if (this.isBig(row)) this.#shrink(row);
  }

  /** Ends what beginJournal() began: the keys are as they were then. */
  rollBack(row: number): void {
    const { map, isDetached } = this.big.journal;
    if (isDetached) {
      this.clear(row);
      this.#rows.setPointer(row, map);
      this.#rows.setWord(row, META_WORD, this.#rows.word(row, META_WORD) | FLAG_BIG);
    }
    const keys = isDetached ? 0 : this.big.keysOf(map);
    this.big.rollBack();
    this.#control[STATE_WORD + KEYS_STATE_WORD]! += this.big.keysOf(map) - keys;
  }

  /** A small session's record as it is, bytesBoundOf() long. */
  copyRecord(to: ByteSpace, toAt: number, row: number): void {
    const pointer = this.#rows.pointerOf(row);
    if (pointer === NIL) return;
    const bytes = this.#arena.bytesOf(pointer);
    copyBytes(to, toAt, this.#arena.spaceOf(pointer), this.#arena.payloadAt(pointer), bytes);
  }

  /**
   * Places pairs as pairs.ts draws them, checked already, in a session that has none: as one record
   * where they are few.
   */
  place(row: number, count: number, from: ByteSpace, at: number, bytes: number): void {
    if (count === 0) return;
    if (count > SMALL_KEYS_MAX || bytes > SMALL_BYTES_MAX) {
      forEachPair(from, at, at + bytes, (keyAt, keyBytes, valueAt, valueBytes) =>
        this.set(row, from, keyAt, keyBytes, valueAt, valueBytes),
      );
      return;
    }
    const record = this.#arena.allocate(bytes, (row << 2) | OWNER_SESSION);
    assert(record !== NIL, 'out of pages');
    copyBytes(this.#arena.spaceOf(record), this.#arena.payloadAt(record), from, at, bytes);
    this.#rows.setPointer(row, record);
    this.#addCount(row, count);
  }

  /**
   * Makes the small record of a row that has none, from words that are its bytes. The row's pointer
   * and count are the caller's to set.
   *
   * @returns the record.
   */
  newRecord(row: number, count: number, from: Int32Array, wordAt: number, bytes: number): number {
    const record = this.#arena.allocate(bytes, (row << 2) | OWNER_SESSION);
    assert(record !== NIL, 'out of pages');
    const to = this.#arena.wordsOf(record);
    const at = this.#arena.payloadAt(record) >>> 2;
    // Cells are whole words, so the last one may be filled up.
    const words = (bytes + 3) >>> 2;
    for (let word = 0; word < words; word += 1) to[at + word] = from[wordAt + word]!;
    this.#control[STATE_WORD + KEYS_STATE_WORD]! += count;
    return record;
  }

  /** Says that about so many bytes of new pairs follow, so that a record is placed once. */
  reserve(row: number, pairsBytes: number): void {
    const pointer = this.#rows.pointerOf(row);
    if (this.isBig(row)) return;
    const recordBytes = pointer === NIL ? 0 : this.#arena.bytesOf(pointer);
    if (recordBytes + pairsBytes > SMALL_BYTES_MAX) return;
    const record = this.#small.reserve(pointer, (row << 2) | OWNER_SESSION, pairsBytes);
    if (record !== pointer) this.#rows.setPointer(row, record);
  }

  /** After reserve(): gives back what was not used. */
  trim(row: number): void {
    const pointer = this.#rows.pointerOf(row);
    if (this.isBig(row) || pointer === NIL) return;
    const record = this.#small.trim(pointer, (row << 2) | OWNER_SESSION);
    if (record !== pointer) this.#rows.setPointer(row, record);
  }

  isBig(row: number): boolean {
    return (this.#rows.word(row, META_WORD) & FLAG_BIG) !== 0;
  }

  #standOn(entry: number): void {
    this.foundPointer = this.big.pointerOf(entry);
    this.foundBytes = this.big.pairBytesOf(entry);
    const isChained = this.big.pairs.isChained(this.foundBytes);
    this.foundAt = this.#arena.payloadAt(this.foundPointer) + (isChained ? 4 : 0);
  }

  /** Makes a big session a small one if it has little enough. */
  #shrink(row: number): void {
    const map = this.#rows.pointerOf(row);
    const isSmall =
      this.big.keysOf(map) <= SMALL_KEYS_MAX / 2 && this.big.bytesOf(map) <= SMALL_BYTES_MAX / 2;
    if (isSmall) this.#toSmall(row);
  }

  #addCount(row: number, by: number): void {
    const meta = this.#rows.word(row, META_WORD);
    this.#rows.setWord(row, META_WORD, meta + by * (1 << COUNT_SHIFT));
    this.#control[STATE_WORD + KEYS_STATE_WORD]! += by;
  }

  /** At most 32 keys: a bounded step. */
  #toBig(row: number): void {
    const record = this.#rows.pointerOf(row);
    const map = this.big.create(row);
    if (record !== NIL) {
      this.walk(row);
      // The walk reads the record through the row, so the row keeps it until the walk is over.
      while (this.next()) this.#moveToMap(map);
      this.#arena.free(record);
    }
    this.#rows.setPointer(row, map);
    const meta = this.#rows.word(row, META_WORD);
    this.#rows.setWord(row, META_WORD, (meta & ~COUNT_MASK) | FLAG_BIG);
  }

  #moveToMap(map: number): void {
    const space = this.#arena.spaceOf(this.foundPointer);
    const storedBytes = storedKeyBytes(space, this.foundAt);
    const keyBytes = storedBytes - headerBytesOfStored(storedBytes);
    const keyAt = this.foundAt + storedBytes - keyBytes;
    const valueAt = this.foundAt + storedBytes;
    this.big.append(map, space, keyAt, keyBytes, valueAt, this.foundBytes - storedBytes);
  }

  /** At most 16 keys: a bounded step. */
  #toSmall(row: number): void {
    const map = this.#rows.pointerOf(row);
    const owner = (row << 2) | OWNER_SESSION;
    const count = this.big.keysOf(map);
    let record =
      count === 0 ? NIL : this.#small.reserve(NIL, owner, this.big.bytesOf(map) + 2 * count);
    for (let entry = this.big.firstOf(map); entry !== NIL; entry = this.big.nextOf(entry)) {
      this.#standOn(entry);
      const space = this.#arena.spaceOf(this.foundPointer);
      const storedBytes = storedKeyBytes(space, this.foundAt);
      const keyBytes = storedBytes - headerBytesOfStored(storedBytes);
      const keyAt = this.foundAt + storedBytes - keyBytes;
      const valueAt = this.foundAt + storedBytes;
      const valueBytes = this.foundBytes - storedBytes;
      record = this.#small.append(record, owner, space, keyAt, keyBytes, valueAt, valueBytes);
    }
    if (record !== NIL) record = this.#small.trim(record, owner);
    this.big.discard(map);
    this.#rows.setPointer(row, record);
    const meta = this.#rows.word(row, META_WORD) & ~FLAG_BIG;
    this.#rows.setWord(row, META_WORD, meta | (count << COUNT_SHIFT));
    assert(count <= SMALL_KEYS_MAX, 'a small session has few keys');
  }
}
