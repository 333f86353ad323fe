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
import { READ_AHEAD_MAX } from '../memory/arena.js';
import { type MemoryHandles, NIL, STATE_WORD } from '../memory/shared-memory.js';
import { attachPages, letPagesGo } from './attach-pages.js';
import { Compaction } from './compaction.js';
import { type ExpiryPolicy, flagsOfPolicy } from './deadlines.js';
import { encodeSession } from './encode-session.js';
import {
  CREATED_DOUBLE,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  FLAG_EXTRAS,
  FLAG_OWNED,
  FLAG_SHARED,
  FLAG_WATCHED,
  META_WORD,
  SEED_STATE_WORD,
  VERSION_WORD,
} from './layout.js';
import type { SessionObserver } from './observers.js';
import { wordAtOf } from './session-rows.js';
import { TiedState, type TiedStateOptions } from './tied-state.js';
import { Undo } from './undo.js';

export { READ_AHEAD_MAX };
export type { SessionObserver };

export interface ShardStateOptions extends TiedStateOptions {
  /** Two random words: the seed of the key hash. */
  readonly seed: readonly [number, number];
  readonly observer: SessionObserver;
}

/** Rows touched by one slice of endRecovery(). */
const RECOVERY_ROWS = 4_096;

export class ShardState extends TiedState {
  readonly undo: Undo;
  /** Off while entries cannot be written: reads then extend nothing. */
  mayExtendOnRead = true;
  /** On while a walk over the rows is under way: tidy() moves no row then. */
  keepsRowsInPlace = false;
  readonly #seed: readonly [number, number];
  readonly #observer: SessionObserver;
  readonly #compaction: Compaction;
  #isObserved = true;
  /** The session that create() has begun and started() will log as a whole; NIL mostly. */
  #starting = NIL;
  readonly #ahead = new Int32Array(READ_AHEAD_MAX);
  /** Of no use, but reads whose result goes nowhere may be left out by the compiler. */
  protected aheadSum = 0;
  readonly #onDue = (row: number): void => this.#due(row);

  constructor(options: ShardStateOptions, handles?: MemoryHandles) {
    super(options, handles);
    this.undo = new Undo(this);
    this.#compaction = new Compaction(this);
    this.#seed = options.seed;
    this.#observer = options.observer;
    if (handles === undefined) this.#start();
    else attachPages(this);
  }

  /** Extents have gone or come: holds on to none that has gone. refresh() must follow before use. */
  adoptExtents(handles: MemoryHandles): void {
    this.memory.adoptExtents(handles);
    letPagesGo(this);
  }

  /** Another thread has had the memory, whose extents are known: goes on from what is there now. */
  refresh(): void {
    if (this.memory.refresh()) attachPages(this);
    this.notices.refresh();
  }

  beginTurn(nowMs: number): void {
    this.nowMs = nowMs;
  }

  get sessionCount(): number {
    return this.rows.pool.live;
  }

  /** The row of a live session, or NIL. @param guess as for SessionRows.find(). */
  find(digest: Int32Array, at: number, slot: number, guess = NIL): number {
    const row = this.rows.find(digest, at, slot, guess);
    if (row === NIL) return this.findSuperseded(digest, at, slot);
    if (this.isAlive(row)) return row;
    this.isSuperseded = false;
    return NIL;
  }

  override isAlive(row: number): boolean {
    return this.deadlines.of(row) > this.nowMs || this.#reachDeadline(row);
  }

  override isLogged(row: number): boolean {
    return this.effects !== undefined && row !== this.#starting;
  }

  /**
   * Reads ahead what look-ups of these digests will read: bucket, header, record, each for all of
   * them before the next. The reads do not wait for one another, so their cache misses overlap.
   *
   * @param places offsets of the digests, `count` of them.
   * @param guesses gets what to give find() for each.
   */
  readAhead(digests: Int32Array, places: Int32Array, count: number, guesses: Int32Array): void {
    this.rows.readAhead(digests, places, count, guesses, this.#ahead);
    this.aheadSum = this.arena.readAhead(this.#ahead, count);
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
    this.lifecycle?.happened('created', digest, at);
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
    this.lifecycle?.happened('created', this.rows.wordsOf(row), wordAtOf(row));
    this.started(row);
  }

  end(row: number): void {
    this.takeLeave(row, 'ended');
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
    this.takeLeaveOfAll();
    this.dropAll();
    effects?.putEndAll();
    this.#observer.sessionsEnded(count);
    return count;
  }

  /** Takes a session away, unlogged and uncounted. */
  drop(row: number): void {
    this.undo.forget(row);
    this.wheel.cancel(row);
    this.keys.clear(row);
    if ((this.rows.word(row, META_WORD) & FLAG_EXTRAS) !== 0) this.untie(row);
    this.rows.free(row);
    if (row === this.#starting) this.#starting = NIL;
  }

  /** Takes all sessions away, unlogged and uncounted. */
  dropAll(): void {
    const lastWatch = this.notices.last;
    this.memory.reset();
    this.arena.reset();
    this.rows.reset();
    this.keys.big.reset();
    this.owners.reset();
    this.superseded.reset();
    this.notices.reset(lastWatch);
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
    const changeAt = this.effects.closeChange(words, base, this.isDefaultMap);
    if ((words[base + META_WORD]! & FLAG_WATCHED) !== 0) {
      this.notices.changed(row, this.effects, changeAt);
    }
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
    const flags = this.rows.word(row, META_WORD) & (FLAG_EXTEND_ON_READ | FLAG_OWNED);
    if (flags === 0) return;
    if ((flags & FLAG_OWNED) !== 0) this.owners.setLastUsed(row, this.nowMs);
    if ((flags & FLAG_EXTEND_ON_READ) !== 0 && this.mayExtendOnRead) this.touch(row);
  }

  /** A writing command is about to run. What it changes joins the entry of the moved deadline. */
  touchForWrite(row: number): void {
    this.effects?.settle();
    const flags = this.rows.word(row, META_WORD) & (FLAG_EXTEND_ON_WRITE | FLAG_OWNED);
    if (flags === 0) return;
    if ((flags & FLAG_OWNED) !== 0) this.owners.setLastUsed(row, this.nowMs);
    if ((flags & FLAG_EXTEND_ON_WRITE) !== 0) this.touch(row);
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
    this.takeLeave(row, 'ended');
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
    this.owners.sortAll();
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
      this.notices.wasDeadline(row);
      if (this.#isObserved) {
        this.#observer.sessionCleared(lagMs);
        this.lifecycle?.happened('cleared', this.rows.wordsOf(row), wordAtOf(row));
      }
    }
    return true;
  }

  #expire(row: number): void {
    const lagMs = this.nowMs - this.deadlines.of(row);
    if (this.#isObserved) this.takeLeave(row, 'expired');
    this.drop(row);
    if (this.#isObserved) this.#observer.sessionExpired(lagMs);
  }
}
