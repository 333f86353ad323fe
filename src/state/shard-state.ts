/**
 * What one shard knows: its sessions, their data and their deadlines, all of it in shared memory.
 * A second ShardState over the same memory (attach) goes on where the first left off.
 *
 * Time is nowMs, set once a turn by beginTurn(), so that all commands of a turn agree on it. Every
 * look-up goes through find(), which is where expiry is exact: a session whose deadline has
 * come is ended or emptied there and then, whether or not the wheel has got to it.
 */
import { assert } from '../core/errors.js';
import { TimingWheel } from '../expiry/timing-wheel.js';
import { Arena, ARENA_STRUCTURE } from '../memory/arena.js';
import { type MemoryHandles, NIL, SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import {
  CREATED_DOUBLE,
  DEADLINE_DOUBLE,
  EXPIRY_FLAGS,
  FLAG_DELETE,
  FLAG_EXPIRES,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  FLAG_SHARED,
  IDLE_DOUBLE,
  META_WORD,
  NEXT_WORD,
  OWNER_SESSION,
  PREVIOUS_WORD,
  SEED_STATE_WORD,
  STRUCTURE_ENTRIES,
  STRUCTURE_ENTRY_INDEX,
  STRUCTURE_EXTRAS,
  STRUCTURE_MAPS,
  STRUCTURE_ROW_INDEX,
  STRUCTURE_ROWS,
  VERSION_WORD,
} from './layout.js';
import { SessionKeys } from './session-keys.js';
import { SessionRows } from './session-rows.js';

/** Digests in one readAhead() at most. */
export const READ_AHEAD_MAX = 16;

/** An expiry in the state's terms: milliseconds; idleMs 0 and maxAgeMs Infinity for none. */
export interface ExpiryPolicy {
  idleMs: number;
  maxAgeMs: number;
  deletesSession: boolean;
  extendsOnWrite: boolean;
  extendsOnRead: boolean;
}

/** Told of what happens to sessions, for counters. */
export interface SessionObserver {
  sessionStarted(): void;
  /** Ended by command. */
  sessionsEnded(count: number): void;
  sessionExpired(lagMs: number): void;
  sessionCleared(lagMs: number): void;
}

export interface ShardStateOptions {
  readonly nowMs: number;
  /** Two random words: the seed of the key hash. */
  readonly seed: readonly [number, number];
  readonly observer: SessionObserver;
}

export class ShardState {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly wheel: TimingWheel;
  nowMs: number;
  readonly #seed: readonly [number, number];
  readonly #observer: SessionObserver;
  readonly #ahead = new Int32Array(READ_AHEAD_MAX);
  /** Of no use, but reads whose result goes nowhere may be left out by the compiler. */
  #aheadSum = 0;
  readonly #onDue = (row: number): void => this.#due(row);

  constructor(options: ShardStateOptions, handles?: MemoryHandles) {
    this.memory = new SharedMemory(handles);
    this.arena = new Arena(this.memory);
    this.rows = new SessionRows(this.memory);
    this.keys = new SessionKeys(this.memory, this.arena, this.rows);
    this.wheel = new TimingWheel(this.memory, this.rows.pool, {
      nextWord: NEXT_WORD,
      previousWord: PREVIOUS_WORD,
      deadlineDouble: DEADLINE_DOUBLE,
    });
    this.nowMs = options.nowMs;
    this.#seed = options.seed;
    this.#observer = options.observer;
    if (handles === undefined) this.#start();
    else this.#attachPages();
  }

  beginTurn(nowMs: number): void {
    this.nowMs = nowMs;
  }

  get sessionCount(): number {
    return this.rows.pool.live;
  }

  /** Bytes of all structures, exactly as --max-memory counts them. */
  get bytes(): number {
    return this.arena.bytes + this.rows.bytes + this.keys.big.bytes;
  }

  /** The row of a live session, or NIL. */
  find(digest: Int32Array, at: number, slot: number): number {
    const row = this.rows.find(digest, at, slot);
    if (row === NIL || this.rows.double(row, DEADLINE_DOUBLE) > this.nowMs) return row;
    return this.#reachDeadline(row) ? row : NIL;
  }

  /**
   * Reads ahead what look-ups of these digests will read: bucket, header, record, each for all of them
   * before the next. The reads do not wait for one another, so their cache misses overlap.
   *
   * @param places offsets of the digests, `count` of them.
   */
  readAhead(digests: Int32Array, places: Int32Array, count: number): void {
    this.#aheadSum += this.rows.readAhead(digests, places, count, this.#ahead);
    for (let index = 0; index < count; index += 1) {
      const pointer = this.#ahead[index]!;
      if (pointer !== NIL) this.#aheadSum += this.arena.bytesOf(pointer);
    }
  }

  /** A new session; the digest must be unused. It has no expiry until setExpiry(). */
  create(digest: Int32Array, at: number, slot: number, isShared: boolean): number {
    const row = this.rows.create(digest, at, slot, isShared ? FLAG_SHARED : 0, this.nowMs);
    assert(row !== NIL, 'out of pages');
    this.wheel.clear(row);
    this.#observer.sessionStarted();
    return row;
  }

  end(row: number): void {
    this.#remove(row);
    this.#observer.sessionsEnded(1);
  }

  /** Ends every session at once; returns how many were alive. */
  endAll(): number {
    while (this.advance(Infinity) > 0);
    const count = this.sessionCount;
    this.memory.reset();
    this.arena.reset();
    this.rows.reset();
    this.keys.big.reset();
    this.#start();
    this.#observer.sessionsEnded(count);
    return count;
  }

  /**
   * Replaces the expiry; null removes it. The idle clock restarts now.
   *
   * @returns milliseconds left; 0 if the session has ended, because it is older than its maxAge.
   */
  setExpiry(row: number, policy: ExpiryPolicy | null): number {
    const expires = policy !== null && (policy.idleMs > 0 || policy.maxAgeMs !== Infinity);
    let flags = 0;
    if (expires) {
      flags = FLAG_EXPIRES;
      if (policy.deletesSession) flags |= FLAG_DELETE;
      if (policy.extendsOnWrite) flags |= FLAG_EXTEND_ON_WRITE;
      if (policy.extendsOnRead) flags |= FLAG_EXTEND_ON_READ;
    }
    this.rows.setWord(row, META_WORD, (this.rows.word(row, META_WORD) & ~EXPIRY_FLAGS) | flags);
    this.rows.setDouble(row, IDLE_DOUBLE, expires ? policy.idleMs : 0);
    const isPlaced = this.rows.setMaxAge(row, expires ? policy.maxAgeMs : Infinity);
    assert(isPlaced, 'out of pages');
    this.touch(row);
    // The new deadline may be earlier than the old one, so the row must move on the wheel.
    this.wheel.cancel(row);
    this.#ensureFiled(row);
    const remainingMs = this.remainingMsOf(row);
    return remainingMs > 0 || this.#reachDeadline(row) ? this.remainingMsOf(row) : 0;
  }

  /** Fills in the session's expiry; returns false if it has none. */
  readExpiry(row: number, policy: ExpiryPolicy): boolean {
    const meta = this.rows.word(row, META_WORD);
    policy.idleMs = this.rows.double(row, IDLE_DOUBLE);
    policy.maxAgeMs = this.rows.maxAgeOf(row);
    policy.deletesSession = (meta & FLAG_DELETE) !== 0;
    policy.extendsOnWrite = (meta & FLAG_EXTEND_ON_WRITE) !== 0;
    policy.extendsOnRead = (meta & FLAG_EXTEND_ON_READ) !== 0;
    return (meta & FLAG_EXPIRES) !== 0;
  }

  /** Milliseconds until the deadline, never negative; Infinity without one. */
  remainingMsOf(row: number): number {
    return Math.max(0, this.rows.double(row, DEADLINE_DOUBLE) - this.nowMs);
  }

  createdMsOf(row: number): number {
    return this.rows.double(row, CREATED_DOUBLE);
  }

  isShared(row: number): boolean {
    return (this.rows.word(row, META_WORD) & FLAG_SHARED) !== 0;
  }

  /** Writes so far, u32. */
  versionOf(row: number): number {
    return this.rows.word(row, VERSION_WORD) >>> 0;
  }

  /** Restarts the idle clock: never adds, never passes the maxAge. */
  touch(row: number): void {
    const idleMs = this.rows.double(row, IDLE_DOUBLE);
    const idleDeadline = idleMs > 0 ? this.nowMs + idleMs : Infinity;
    this.rows.setDouble(row, DEADLINE_DOUBLE, Math.min(idleDeadline, this.#absoluteOf(row)));
  }

  /** A reading command is about to run. */
  touchForRead(row: number): void {
    if ((this.rows.word(row, META_WORD) & FLAG_EXTEND_ON_READ) !== 0) this.touch(row);
  }

  /** A writing command is about to run. */
  touchForWrite(row: number): void {
    if ((this.rows.word(row, META_WORD) & FLAG_EXTEND_ON_WRITE) !== 0) this.touch(row);
  }

  /** A writing command has run: bumps the version, and puts data that now can expire on the wheel. */
  wrote(row: number): void {
    this.rows.setWord(row, VERSION_WORD, (this.rows.word(row, VERSION_WORD) + 1) | 0);
    this.#ensureFiled(row);
  }

  /**
   * Removes what is due, touching at most rowsMax rows.
   *
   * @returns rows touched; rowsMax means there may be more.
   */
  advance(rowsMax: number): number {
    return this.wheel.advance(this.nowMs, rowsMax, this.#onDue);
  }

  /** Ends the session whose deadline is nearest; false if none expires. */
  evictSoonest(): boolean {
    const row = this.wheel.soonest();
    if (row === NIL) return false;
    this.#remove(row);
    return true;
  }

  /**
   * Repays fragmentation: reclaims discarded data and moves cells into holes, up to about
   * cellsMax of them, and at most one page.
   *
   * @returns whether there is more to do.
   */
  tidy(cellsMax: number): boolean {
    let isBusy = this.keys.big.reclaim(cellsMax) === cellsMax;
    if (this.rows.pool.isSparse) {
      this.rows.pool.compact(cellsMax, (from, to) => this.#relocateRow(from, to));
      isBusy = true;
    }
    this.rows.compactExtras(cellsMax);
    this.keys.big.compact(cellsMax);
    isBusy = isBusy || this.rows.extras.isSparse || this.keys.big.entries.isSparse;
    isBusy = this.arena.compact(cellsMax, this.#relocateBlock) || isBusy;
    return this.memory.compact() || isBusy;
  }

  #start(): void {
    this.memory.control[STATE_WORD + SEED_STATE_WORD] = this.#seed[0];
    this.memory.control[STATE_WORD + SEED_STATE_WORD + 1] = this.#seed[1];
    this.wheel.start(this.nowMs);
  }

  #attachPages(): void {
    const structures = new Map<number, { attachPage(ordinal: number, page: number): void }>([
      [STRUCTURE_ROWS, this.rows.pool],
      [STRUCTURE_ROW_INDEX, this.rows.index],
      [STRUCTURE_EXTRAS, this.rows.extras],
      [STRUCTURE_MAPS, this.keys.big.maps],
      [STRUCTURE_ENTRIES, this.keys.big.entries],
      [STRUCTURE_ENTRY_INDEX, this.keys.big.index],
    ]);
    this.memory.forEachPage((structure, ordinal, page) => {
      if (structure >= ARENA_STRUCTURE) this.arena.attachPage(structure, ordinal, page);
      else structures.get(structure)?.attachPage(ordinal, page);
    });
  }

  #remove(row: number): void {
    this.wheel.cancel(row);
    this.keys.clear(row);
    this.rows.free(row);
  }

  #absoluteOf(row: number): number {
    return this.rows.double(row, CREATED_DOUBLE) + this.rows.maxAgeOf(row);
  }

  /**
   * An empty session that outlives its deadline is left off the wheel, for nothing would happen:
   * otherwise a short duration would keep the shard busy for ever.
   */
  #ensureFiled(row: number): void {
    if (this.wheel.isFiled(row) || this.rows.double(row, DEADLINE_DOUBLE) === Infinity) return;
    const deletes = (this.rows.word(row, META_WORD) & FLAG_DELETE) !== 0;
    const ends = deletes || this.rows.maxAgeOf(row) !== Infinity;
    if (ends || this.keys.countOf(row) > 0) this.wheel.schedule(row);
  }

  #due(row: number): void {
    if (this.#reachDeadline(row)) this.#ensureFiled(row);
  }

  /**
   * The session's deadline has come. Ends it, or removes its data and restarts the idle clock from
   * the deadline, as often as it takes to get past now: the outcome is the same whenever it is noticed.
   *
   * @returns whether the session lives on.
   */
  #reachDeadline(row: number): boolean {
    const deadlineMs = this.rows.double(row, DEADLINE_DOUBLE);
    const absoluteMs = this.#absoluteOf(row);
    const deletes = (this.rows.word(row, META_WORD) & FLAG_DELETE) !== 0;
    if (deletes || absoluteMs <= this.nowMs) {
      this.#remove(row);
      this.#observer.sessionExpired(this.nowMs - deadlineMs);
      return false;
    }
    const idleMs = this.rows.double(row, IDLE_DOUBLE);
    let next = deadlineMs + (Math.floor((this.nowMs - deadlineMs) / idleMs) + 1) * idleMs;
    if (next <= this.nowMs) next = this.nowMs + idleMs;
    this.rows.setDouble(row, DEADLINE_DOUBLE, Math.min(next, absoluteMs));
    if (this.keys.clear(row) > 0) {
      this.rows.setWord(row, VERSION_WORD, (this.rows.word(row, VERSION_WORD) + 1) | 0);
      this.#observer.sessionCleared(this.nowMs - deadlineMs);
    }
    return true;
  }

  #relocateRow(from: number, to: number): void {
    this.rows.relocate(from, to);
    this.wheel.relocate(to);
    const pointer = this.rows.pointerOf(to);
    if (pointer === NIL) return;
    if (this.keys.isBig(to)) this.keys.big.setRow(pointer, to);
    else this.arena.setOwner(pointer, (to << 2) | OWNER_SESSION);
  }

  readonly #relocateBlock = (owner: number, from: number, to: number): void => {
    const row = owner >> 2;
    if ((owner & 3) === OWNER_SESSION) this.rows.setPointer(row, to);
    else this.keys.big.relocateBlock(row, from, to);
  };
}
