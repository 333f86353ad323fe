/**
 * The data of a big session: one entry per key, found through one hash index for the whole shard
 * and linked in insertion order, so that no command costs more than the keys it names.
 *
 *   map, 32 bytes     0 row of the session, GARBAGE or FREE   1 first entry   2 last entry   3 keys
 *                     4 bytes of keys and values   5 next garbage map + 1   6-7 links while free
 *   entry, 32 bytes   0 map, FREE while free   1 hash   2 link of the index   3 next   4 previous
 *                     5 pointer to the pair   6 bytes of the pair
 *
 * A pair is key and value together in a block, or, when larger than a block, in a chain of blocks
 * that each begin with the pointer to the next (block-chain.ts).
 *
 * Clearing a map of any size is one step: the map becomes garbage, which no look-up reaches because
 * the session has another map by then, and reclaim() takes its entries apart a few at a time.
 */
import { type ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { halfSipHash } from '../core/half-siphash.js';
import type { Arena } from '../memory/arena.js';
import { CellPool } from '../memory/cell-pool.js';
import { HashIndex } from '../memory/hash-index.js';
import { NIL, type SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import { BlockChain } from './block-chain.js';
import {
  GARBAGE_STATE_WORD,
  OWNER_ENTRY,
  SEED_STATE_WORD,
  STRUCTURE_ENTRIES,
  STRUCTURE_ENTRY_INDEX,
  STRUCTURE_MAPS,
} from './layout.js';
import { ADDED, MapJournal, REMOVED, REPLACED } from './map-journal.js';
import { isKeyAt } from './small-records.js';
import { keyHeaderBytesOf } from './stored-key.js';

const GARBAGE = -2;
const RECLAIMED_PER_APPEND = 2;
const MAP_FIRST = 1;
const MAP_LAST = 2;
const MAP_KEYS = 3;
const MAP_BYTES = 4;
const MAP_NEXT_GARBAGE = 5;
const ENTRY_HASH = 1;
const ENTRY_CHAIN = 2;
const ENTRY_NEXT = 3;
const ENTRY_PREVIOUS = 4;
const ENTRY_POINTER = 5;
const ENTRY_BYTES = 6;

export class BigMaps {
  readonly maps: CellPool;
  readonly entries: CellPool;
  readonly index: HashIndex;
  readonly pairs: BlockChain;
  /** What a map that may have to be put back has gone through. */
  readonly journal = new MapJournal();
  readonly #control: Int32Array;
  readonly #arena: Arena;

  constructor(memory: SharedMemory, arena: Arena) {
    this.#control = memory.control;
    this.#arena = arena;
    this.maps = new CellPool(memory, {
      structure: STRUCTURE_MAPS,
      cellBytes: 32,
      markWord: 0,
      nextWord: 6,
      previousWord: 7,
    });
    this.entries = new CellPool(memory, {
      structure: STRUCTURE_ENTRIES,
      cellBytes: 32,
      markWord: 0,
      nextWord: ENTRY_NEXT,
      previousWord: ENTRY_PREVIOUS,
    });
    this.index = new HashIndex(memory, this.entries, {
      structure: STRUCTURE_ENTRY_INDEX,
      hashWord: ENTRY_HASH,
      chainWord: ENTRY_CHAIN,
    });
    this.pairs = new BlockChain(arena);
  }

  reset(): void {
    this.maps.reset();
    this.entries.reset();
    this.index.reset();
  }

  get bytes(): number {
    return (this.maps.live + this.entries.live) * 32 + this.index.bytes;
  }

  create(row: number): number {
    const map = this.maps.allocate();
    assert(map !== NIL, 'out of pages');
    this.#setMap(map, 0, row);
    this.#setMap(map, MAP_FIRST, NIL);
    this.#setMap(map, MAP_LAST, NIL);
    this.#setMap(map, MAP_KEYS, 0);
    this.#setMap(map, MAP_BYTES, 0);
    return map;
  }

  keysOf(map: number): number {
    return this.#map(map, MAP_KEYS);
  }

  bytesOf(map: number): number {
    return this.#map(map, MAP_BYTES);
  }

  setRow(map: number, row: number): void {
    this.#setMap(map, 0, row);
  }

  rowOf(map: number): number {
    return this.#map(map, 0);
  }

  firstOf(map: number): number {
    return this.#map(map, MAP_FIRST);
  }

  nextOf(entry: number): number {
    return this.#entry(entry, ENTRY_NEXT);
  }

  pointerOf(entry: number): number {
    return this.#entry(entry, ENTRY_POINTER);
  }

  pairBytesOf(entry: number): number {
    return this.#entry(entry, ENTRY_BYTES);
  }

  /** The entry of a key, or NIL. */
  find(map: number, key: ByteSpace, at: number, length: number): number {
    const hash = this.#hashOf(map, key, at, length);
    const headerBytes = keyHeaderBytesOf(length);
    let entry = this.index.firstOf(hash);
    while (entry !== NIL) {
      if (this.#entry(entry, ENTRY_HASH) === hash && this.#entry(entry, 0) === map) {
        const pointer = this.#entry(entry, ENTRY_POINTER);
        const isChained = this.pairs.isChained(this.#entry(entry, ENTRY_BYTES));
        const storedAt = this.#arena.payloadAt(pointer) + (isChained ? 4 : 0);
        if (isKeyAt(this.#arena.spaceOf(pointer), storedAt, headerBytes, key, at, length)) break;
      }
      entry = this.index.nextOf(entry);
    }
    return entry;
  }

  /** Adds a key that is not there yet, as the last one. */
  append(
    map: number,
    key: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): void {
    // A shard that is never idle would else pile up what it discards.
    if (this.hasGarbage) this.reclaim(RECLAIMED_PER_APPEND);
    const entry = this.entries.allocate();
    assert(entry !== NIL, 'out of pages');
    const hash = this.#hashOf(map, key, keyAt, keyBytes);
    const last = this.#map(map, MAP_LAST);
    this.#setEntry(entry, 0, map);
    this.#setEntry(entry, ENTRY_HASH, hash);
    this.#setEntry(entry, ENTRY_NEXT, NIL);
    this.#setEntry(entry, ENTRY_PREVIOUS, last);
    const isIndexed = this.index.insert(entry, hash);
    assert(isIndexed, 'out of pages');
    if (last === NIL) this.#setMap(map, MAP_FIRST, entry);
    else this.#setEntry(last, ENTRY_NEXT, entry);
    this.#setMap(map, MAP_LAST, entry);
    this.#setMap(map, MAP_KEYS, this.#map(map, MAP_KEYS) + 1);
    this.#store(map, entry, key, keyAt, keyBytes, valueAt, valueBytes, 0);
    if (this.journal.map === map) this.journal.note(ADDED, entry);
  }

  /** Replaces the value of an entry that find() gave. */
  replace(
    map: number,
    entry: number,
    key: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): void {
    const pointer = this.#entry(entry, ENTRY_POINTER);
    const oldBytes = this.#entry(entry, ENTRY_BYTES);
    if (this.journal.map === map) this.journal.note(REPLACED, entry, pointer, oldBytes);
    else this.pairs.free(pointer, oldBytes);
    this.#store(map, entry, key, keyAt, keyBytes, valueAt, valueBytes, oldBytes);
  }

  remove(map: number, entry: number): void {
    const next = this.#entry(entry, ENTRY_NEXT);
    const previous = this.#entry(entry, ENTRY_PREVIOUS);
    if (previous === NIL) this.#setMap(map, MAP_FIRST, next);
    else this.#setEntry(previous, ENTRY_NEXT, next);
    if (next === NIL) this.#setMap(map, MAP_LAST, previous);
    else this.#setEntry(next, ENTRY_PREVIOUS, previous);
    this.#setMap(map, MAP_KEYS, this.#map(map, MAP_KEYS) - 1);
    this.#setMap(map, MAP_BYTES, this.#map(map, MAP_BYTES) - this.#entry(entry, ENTRY_BYTES));
    this.index.remove(entry, this.#entry(entry, ENTRY_HASH));
    if (this.journal.map === map) this.journal.note(REMOVED, entry);
    else this.#free(entry);
  }

  /** What the journal holds of its map is not needed any more. */
  keepJournal(): void {
    const { map, isDetached } = this.journal;
    this.journal.forEach(false, (what, entry, pointer, bytes) => {
      if (what === REPLACED) this.pairs.free(pointer, bytes);
      else if (what === REMOVED) this.#free(entry);
    });
    this.journal.end();
    if (isDetached) this.discard(map);
  }

  /** Puts the journal's map back to what it was when the journal began. */
  rollBack(): void {
    const { map } = this.journal;
    // What is undone is not noted.
    this.journal.map = NIL;
    this.journal.forEach(true, (what, entry, pointer, bytes) => {
      if (what === ADDED) this.remove(map, entry);
      else if (what === REMOVED) this.#putBack(map, entry);
      else this.#restore(map, entry, pointer, bytes);
    });
    this.journal.end();
  }

  /** Gives the map up, with all that is in it. */
  discard(map: number): void {
    if (this.journal.map === map) {
      this.journal.isDetached = true;
      return;
    }
    this.#setMap(map, 0, GARBAGE);
    this.#setMap(map, MAP_NEXT_GARBAGE, this.#control[STATE_WORD + GARBAGE_STATE_WORD]!);
    this.#control[STATE_WORD + GARBAGE_STATE_WORD] = map + 1;
  }

  get hasGarbage(): boolean {
    return this.#control[STATE_WORD + GARBAGE_STATE_WORD] !== 0;
  }

  /** Takes apart up to entriesMax entries of discarded maps; returns how many. */
  reclaim(entriesMax: number): number {
    let taken = 0;
    while (taken < entriesMax && this.hasGarbage) {
      const map = this.#control[STATE_WORD + GARBAGE_STATE_WORD]! - 1;
      const entry = this.#map(map, MAP_FIRST);
      if (entry === NIL) {
        this.#control[STATE_WORD + GARBAGE_STATE_WORD] = this.#map(map, MAP_NEXT_GARBAGE);
        this.maps.free(map);
        continue;
      }
      const next = this.#entry(entry, ENTRY_NEXT);
      this.#setMap(map, MAP_FIRST, next);
      if (next === NIL) this.#setMap(map, MAP_LAST, NIL);
      else this.#setEntry(next, ENTRY_PREVIOUS, NIL);
      this.#drop(entry);
      taken += 1;
    }
    return taken;
  }

  /** Moves entries into holes. Maps stay where they are: few, and many places know their numbers. */
  compact(cellsMax: number): void {
    this.entries.compact(cellsMax, (from, to) => this.#relocate(from, to));
  }

  /** The block of an entry, or one of its chain, has moved. */
  relocateBlock(entry: number, from: number, to: number): void {
    const pointer = this.#entry(entry, ENTRY_POINTER);
    if (pointer === from) this.#setEntry(entry, ENTRY_POINTER, to);
    else this.pairs.relocate(pointer, from, to);
  }

  #store(
    map: number,
    entry: number,
    key: ByteSpace,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
    oldBytes: number,
  ): void {
    const pairBytes = keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes;
    const owner = (entry << 2) | OWNER_ENTRY;
    const pointer = this.pairs.store(owner, key, keyAt, keyBytes, valueAt, valueBytes);
    this.#setEntry(entry, ENTRY_POINTER, pointer);
    this.#setEntry(entry, ENTRY_BYTES, pairBytes);
    this.#setMap(map, MAP_BYTES, this.#map(map, MAP_BYTES) + pairBytes - oldBytes);
  }

  #drop(entry: number): void {
    this.index.remove(entry, this.#entry(entry, ENTRY_HASH));
    this.#free(entry);
  }

  #free(entry: number): void {
    this.pairs.free(this.#entry(entry, ENTRY_POINTER), this.#entry(entry, ENTRY_BYTES));
    this.entries.free(entry);
  }

  /** Undoes a remove(): the entry's neighbours are what they were then. */
  #putBack(map: number, entry: number): void {
    const next = this.#entry(entry, ENTRY_NEXT);
    const previous = this.#entry(entry, ENTRY_PREVIOUS);
    if (previous === NIL) this.#setMap(map, MAP_FIRST, entry);
    else this.#setEntry(previous, ENTRY_NEXT, entry);
    if (next === NIL) this.#setMap(map, MAP_LAST, entry);
    else this.#setEntry(next, ENTRY_PREVIOUS, entry);
    this.#setMap(map, MAP_KEYS, this.#map(map, MAP_KEYS) + 1);
    this.#setMap(map, MAP_BYTES, this.#map(map, MAP_BYTES) + this.#entry(entry, ENTRY_BYTES));
    const isIndexed = this.index.insert(entry, this.#entry(entry, ENTRY_HASH));
    assert(isIndexed, 'out of pages');
  }

  /** Undoes a replace(). */
  #restore(map: number, entry: number, pointer: number, bytes: number): void {
    const replacedBytes = this.#entry(entry, ENTRY_BYTES);
    this.pairs.free(this.#entry(entry, ENTRY_POINTER), replacedBytes);
    this.#setEntry(entry, ENTRY_POINTER, pointer);
    this.#setEntry(entry, ENTRY_BYTES, bytes);
    this.#setMap(map, MAP_BYTES, this.#map(map, MAP_BYTES) + bytes - replacedBytes);
  }

  #relocate(from: number, to: number): void {
    this.index.relocate(from, to, this.#entry(to, ENTRY_HASH));
    const map = this.#entry(to, 0);
    const next = this.#entry(to, ENTRY_NEXT);
    const previous = this.#entry(to, ENTRY_PREVIOUS);
    if (previous === NIL) this.#setMap(map, MAP_FIRST, to);
    else this.#setEntry(previous, ENTRY_NEXT, to);
    if (next === NIL) this.#setMap(map, MAP_LAST, to);
    else this.#setEntry(next, ENTRY_PREVIOUS, to);
    const pointer = this.#entry(to, ENTRY_POINTER);
    this.pairs.setOwner(pointer, this.#entry(to, ENTRY_BYTES), (to << 2) | OWNER_ENTRY);
  }

  #hashOf(map: number, key: ByteSpace, at: number, length: number): number {
    const seed0 = this.#control[STATE_WORD + SEED_STATE_WORD]!;
    const seed1 = this.#control[STATE_WORD + SEED_STATE_WORD + 1]!;
    return halfSipHash(seed0, seed1, map, key, at, length);
  }

  #map(map: number, word: number): number {
    return this.maps.wordsOf(map)[this.maps.wordAt(map) + word]!;
  }

  #setMap(map: number, word: number, value: number): void {
    this.maps.wordsOf(map)[this.maps.wordAt(map) + word] = value;
  }

  #entry(entry: number, word: number): number {
    return this.entries.wordsOf(entry)[this.entries.wordAt(entry) + word]!;
  }

  #setEntry(entry: number, word: number, value: number): void {
    this.entries.wordsOf(entry)[this.entries.wordAt(entry) + word] = value;
  }
}
