/**
 * What one shard knows: its sessions, their data and their deadlines, all of it in shared memory.
 * A second ShardState over the same memory (attach) goes on where the first left off.
 *
 * Time is nowMs, set once a turn by beginTurn(), so that all commands of a turn agree on it. Every
 * look-up goes through find(), which is where expiry is exact: a session whose deadline has
 * come is ended or emptied there and then, whether or not the wheel has got to it.
 *
 * Every change goes through here and, where there is an EffectBuffer, leaves an entry there. The
 * operations of one command on a session gather in one entry: touchForWrite(), set(),
 * removeFound(), clear(), wrote().
 */
import type { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import type { TimingWheel } from '../expiry/timing-wheel.js';
import { Arena } from '../memory/arena.js';
import { type MemoryHandles, NIL, SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import { attachPages } from './attach-pages.js';
import { Compaction } from './compaction.js';
import { Deadlines, type ExpiryPolicy, flagsOfPolicy } from './deadlines.js';
import type { EffectBuffer } from './effect-buffer.js';
import { encodeSession } from './encode-session.js';
import {
  CREATED_DOUBLE,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  FLAG_SHARED,
  META_WORD,
  SEED_STATE_WORD,
  VERSION_WORD,
} from './layout.js';
import { SessionKeys } from './session-keys.js';
import { SessionRows, wordAtOf } from './session-rows.js';

/** Digests in one readAhead() at most. */
export const READ_AHEAD_MAX = 16;

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
  /** Whether it holds the default map alone, which is no session. */
  readonly isDefaultMap?: boolean;
}

/** Rows touched by one slice of endRecovery(). */
const RECOVERY_ROWS = 4_096;

export class ShardState {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly deadlines: Deadlines;
  readonly wheel: TimingWheel;
  readonly isDefaultMap: boolean;
  /** Where changes leave their entries; undefined where nothing is to last. */
  effects: EffectBuffer | undefined = undefined;
  /** Off while entries cannot be written: reads then extend nothing. */
  mayExtendOnRead = true;
  /** On while a walk over the rows is under way: tidy() moves no row then. */
  keepsRowsInPlace = false;
  nowMs: number;
  readonly #seed: readonly [number, number];
  readonly #observer: SessionObserver;
  readonly #compaction: Compaction;
  #isObserved = true;
  /** The session that create() has begun and started() will log as a whole; NIL mostly. */
  #starting = NIL;
  readonly #ahead = new Int32Array(READ_AHEAD_MAX);
  /** Of no use, but reads whose result goes nowhere may be left out by the compiler. */
  #aheadSum = 0;
  readonly #onDue = (row: number): void => this.#due(row);

  constructor(options: ShardStateOptions, handles?: MemoryHandles) {
    this.memory = new SharedMemory(handles);
    this.arena = new Arena(this.memory);
    this.rows = new SessionRows(this.memory);
    this.keys = new SessionKeys(this.memory, this.arena, this.rows);
    this.deadlines = new Deadlines(this.memory, this.rows, this.keys);
    this.wheel = this.deadlines.wheel;
    this.#compaction = new Compaction(this);
    this.isDefaultMap = options.isDefaultMap ?? false;
    this.nowMs = options.nowMs;
    this.#seed = options.seed;
    this.#observer = options.observer;
    if (handles === undefined) this.#start();
    else attachPages(this);
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
    if (row === NIL || this.deadlines.of(row) > this.nowMs) return row;
    return this.#reachDeadline(row) ? row : NIL;
  }

  /**
   * Reads ahead what look-ups of these digests will read: bucket, header, record, each for all of
   * them before the next. The reads do not wait for one another, so their cache misses overlap.
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

  /**
   * A new session; the digest must be unused. It has no expiry until setExpiry(). Its keys and
   * expiry are logged with it, by started(), which must follow in the same turn.
   */
  create(digest: Int32Array, at: number, slot: number, isShared: boolean): number {
    const row = this.rows.create(digest, at, slot, isShared ? FLAG_SHARED : 0, this.nowMs);
    assert(row !== NIL, 'out of pages');
    this.wheel.clear(row);
    this.#starting = this.effects === undefined ? NIL : row;
    this.#observer.sessionStarted();
    return row;
  }

  /** The session that create() began is complete. */
  started(row: number): void {
    this.#starting = NIL;
    if (this.effects !== undefined) encodeSession(this, row, this.effects);
  }

  /** A saved session has been put in its place: as live a change as a start. */
  adopted(row: number): void {
    this.#observer.sessionStarted();
    this.started(row);
  }

  end(row: number): void {
    this.effects?.putEnd(this, row);
    this.drop(row);
    this.#observer.sessionsEnded(1);
  }

  /** Ends every session at once; returns how many were alive. */
  endAll(): number {
    const { effects } = this;
    // What is due loses its data with all the rest: one entry says it.
    this.effects = undefined;
    while (this.advance(Infinity) > 0);
    this.effects = effects;
    const count = this.sessionCount;
    this.dropAll();
    effects?.putEndAll();
    this.#observer.sessionsEnded(count);
    return count;
  }

  /** Takes a session away, unlogged and uncounted. */
  drop(row: number): void {
    this.wheel.cancel(row);
    this.keys.clear(row);
    this.rows.free(row);
    if (row === this.#starting) this.#starting = NIL;
  }

  /** Takes all sessions away, unlogged and uncounted. */
  dropAll(): void {
    this.memory.reset();
    this.arena.reset();
    this.rows.reset();
    this.keys.big.reset();
    this.#start();
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
    this.keys.set(row, from, keyAt, keyBytes, valueAt, valueBytes);
    const { effects } = this;
    if (effects === undefined || row === this.#starting) return;
    const words = this.rows.wordsOf(row);
    effects.putPair(words, wordAtOf(row), from, keyAt, keyBytes, valueAt, valueBytes);
  }

  /** Removes the pair that keys.find() has just found. */
  removeFound(row: number): void {
    if (this.effects !== undefined && row !== this.#starting) {
      this.effects.putRemoval(this.rows.wordsOf(row), wordAtOf(row), this.keys);
    }
    this.keys.removeFound(row);
  }

  /** Removes all keys in one step, however many; returns how many. */
  clear(row: number): number {
    const count = this.keys.clear(row);
    if (count > 0 && this.effects !== undefined && row !== this.#starting) {
      this.effects.putClear(this.rows.wordsOf(row), wordAtOf(row));
    }
    return count;
  }

  /**
   * A writing command has run: bumps the version, and puts data that now can expire on the wheel.
   */
  wrote(row: number): void {
    const words = this.rows.wordsOf(row);
    const base = wordAtOf(row);
    words[base + VERSION_WORD] = (words[base + VERSION_WORD]! + 1) | 0;
    this.deadlines.ensureFiled(row);
    if (this.effects === undefined || row === this.#starting) return;
    this.effects.closeChange(words, base, this.isDefaultMap);
  }

  /**
   * Replaces the expiry; null removes it. The idle clock restarts now.
   *
   * @returns milliseconds left; 0 if the session has ended, because it is older than its maxAge.
   */
  setExpiry(row: number, policy: ExpiryPolicy | null): number {
    const { deadlines } = this;
    const expires = policy !== null && (policy.idleMs > 0 || policy.maxAgeMs !== Infinity);
    if (expires) {
      deadlines.setPolicy(row, policy.idleMs, policy.maxAgeMs, flagsOfPolicy(policy));
    } else {
      deadlines.setPolicy(row, 0, Infinity, 0);
    }
    deadlines.restart(row, this.nowMs);
    // The new deadline may be earlier than the old one.
    deadlines.refile(row);
    const isLogged = this.effects !== undefined && row !== this.#starting;
    if (this.remainingMsOf(row) > 0) {
      if (isLogged) this.effects?.putExpiry(this, row);
      return this.remainingMsOf(row);
    }
    // Only a maxAge can be over at once, and that is an end.
    if (isLogged) this.effects?.putEnd(this, row);
    this.#expire(row);
    return 0;
  }

  /** Milliseconds until the deadline, never negative; Infinity without one. */
  remainingMsOf(row: number): number {
    return Math.max(0, this.deadlines.of(row) - this.nowMs);
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
    if (this.deadlines.restart(row, this.nowMs)) this.effects?.putDeadline(this, row);
  }

  /** A reading command is about to run. */
  touchForRead(row: number): void {
    if ((this.rows.word(row, META_WORD) & FLAG_EXTEND_ON_READ) === 0) return;
    if (this.mayExtendOnRead) this.touch(row);
  }

  /** A writing command is about to run. What it changes joins the entry of the moved deadline. */
  touchForWrite(row: number): void {
    this.effects?.settle();
    if ((this.rows.word(row, META_WORD) & FLAG_EXTEND_ON_WRITE) !== 0) this.touch(row);
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
    this.effects?.putEnd(this, row);
    this.drop(row);
    return true;
  }

  /**
   * After a recovery, which looks at no clock: removes what came due while nobody was there. None
   * of it is counted, for nobody was late; data that went is logged, for later entries build on
   * that.
   *
   * @param onSlice called every few thousand rows, so that the effects need not pile up.
   */
  endRecovery(nowMs: number, onSlice: () => void = () => undefined): void {
    this.beginTurn(nowMs);
    this.#isObserved = false;
    while (this.advance(RECOVERY_ROWS) > 0) onSlice();
    this.#isObserved = true;
  }

  /**
   * Repays fragmentation: reclaims discarded data and moves cells into holes, up to about
   * cellsMax of them, and at most one page.
   *
   * @returns whether there is more to do.
   */
  tidy(cellsMax: number): boolean {
    return this.#compaction.step(cellsMax, this.keepsRowsInPlace);
  }

  #start(): void {
    this.memory.control[STATE_WORD + SEED_STATE_WORD] = this.#seed[0];
    this.memory.control[STATE_WORD + SEED_STATE_WORD + 1] = this.#seed[1];
    this.wheel.start(this.nowMs);
  }

  #due(row: number): void {
    if (this.#reachDeadline(row)) this.deadlines.ensureFiled(row);
  }

  /**
   * The session's deadline has come. Ends it, or removes its data and restarts the idle clock from
   * the deadline, as often as it takes to get past now: the outcome is the same whenever it is
   * noticed. An end leaves no entry, since the deadline says it all.
   *
   * @returns whether the session lives on.
   */
  #reachDeadline(row: number): boolean {
    const lagMs = this.nowMs - this.deadlines.of(row);
    if (this.deadlines.endsSession(row, this.nowMs)) {
      this.#expire(row);
      return false;
    }
    this.deadlines.restartFromDeadline(row, this.nowMs);
    this.effects?.settle();
    if (this.clear(row) > 0) {
      this.wrote(row);
      if (this.#isObserved) this.#observer.sessionCleared(lagMs);
    }
    return true;
  }

  #expire(row: number): void {
    const lagMs = this.nowMs - this.deadlines.of(row);
    this.drop(row);
    if (this.#isObserved) this.#observer.sessionExpired(lagMs);
  }
}
