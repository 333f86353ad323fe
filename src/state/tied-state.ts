/**
 * What a shard's sessions have to do with others: owners, tokens they had before, watchers, and who
 * is told of their lives. The part of ShardState that most sessions have no use for.
 */
import type { ByteSpace } from '../core/copy.js';
import type { TimingWheel } from '../expiry/timing-wheel.js';
import { Arena } from '../memory/arena.js';
import { type MemoryHandles, NIL, SharedMemory } from '../memory/shared-memory.js';
import { Deadlines } from './deadlines.js';
import type { EffectBuffer } from './effect-buffer.js';
import { putOwner, putRotate } from './encode-session.js';
import { FLAG_OWNED, FLAG_SUPERSEDED, FLAG_WATCHED, META_WORD } from './layout.js';
import { Notices } from './notices.js';
import type { LifecycleObserver } from './observers.js';
import { Owners } from './owners.js';
import { SessionKeys } from './session-keys.js';
import { SessionRows, wordAtOf } from './session-rows.js';
import { SupersededTokens } from './superseded.js';

const SUPERSEDED_MAX = 8;

export interface TiedStateOptions {
  readonly nowMs: number;
  /** Replaced tokens remembered of a session; 8 unless said otherwise. */
  readonly supersededMax?: number;
  /** Whether it holds the default map alone, which is no session. */
  readonly isDefaultMap?: boolean;
}

export abstract class TiedState {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly deadlines: Deadlines;
  readonly wheel: TimingWheel;
  readonly owners: Owners;
  readonly superseded: SupersededTokens;
  readonly notices: Notices;
  readonly isDefaultMap: boolean;
  /** Where changes leave their entries; undefined where nothing is to last. */
  effects: EffectBuffer | undefined = undefined;
  /** Told of each session; undefined during recoveries and where nobody asks. */
  lifecycle: LifecycleObserver | undefined = undefined;
  /**
   * After a find() that gave NIL: whether it was for a token that the session of a row had before,
   * and that no longer reaches it.
   */
  isSuperseded = false;
  supersededRow = NIL;
  nowMs: number;

  constructor(options: TiedStateOptions, handles?: MemoryHandles) {
    this.memory = new SharedMemory(handles);
    this.arena = new Arena(this.memory);
    this.rows = new SessionRows(this.memory);
    this.keys = new SessionKeys(this.memory, this.arena, this.rows);
    this.deadlines = new Deadlines(this.memory, this.rows, this.keys);
    this.wheel = this.deadlines.wheel;
    this.owners = new Owners(this.memory, this.arena, this.rows);
    const supersededMax = options.supersededMax ?? SUPERSEDED_MAX;
    this.superseded = new SupersededTokens(this.memory, this.rows, supersededMax);
    this.notices = new Notices(this);
    this.isDefaultMap = options.isDefaultMap ?? false;
    this.nowMs = options.nowMs;
  }

  /** Whether the session lives: if its deadline has come, what is due happens now. */
  abstract isAlive(row: number): boolean;

  /** Whether changes of the session leave entries: not while it is being started. */
  abstract isLogged(row: number): boolean;

  /** Bytes of all structures, exactly as --max-memory counts them. */
  get bytes(): number {
    const { arena, rows, keys, owners, superseded } = this;
    return arena.bytes + rows.bytes + keys.big.bytes + owners.bytes + superseded.bytes;
  }

  /** As find(), but nothing happens that is due. */
  peek(digest: Int32Array, at: number, slot: number): number {
    const row = this.rows.find(digest, at, slot);
    if (row !== NIL) return row;
    const cell = this.superseded.find(digest, at, slot);
    const isReached = cell !== NIL && this.superseded.graceUntilMsOf(cell) > this.nowMs;
    return isReached ? this.superseded.rowOf(cell) : NIL;
  }

  /** A command that neither reads nor writes data has found the session. */
  used(row: number): void {
    const isOwned = (this.rows.word(row, META_WORD) & FLAG_OWNED) !== 0;
    if (isOwned) this.owners.setLastUsed(row, this.nowMs);
  }

  /** Milliseconds; 0 of a session without an owner. */
  lastUsedMsOf(row: number): number {
    return this.owners.lastUsedMsOf(row);
  }

  /** The cell of the session's owner, or NIL. */
  ownerOf(row: number): number {
    return this.owners.of(row);
  }

  /** Gives the session to an owner of 1 to 256 bytes, or to nobody: no bytes. */
  setOwner(row: number, name: ByteSpace, at: number, bytes: number): void {
    const isNew = this.owners.set(row, name, at, bytes, this.nowMs);
    if (isNew && this.effects !== undefined && this.isLogged(row))
      putOwner(this, row, this.effects);
  }

  /**
   * What is due of an owner's sessions happens now.
   *
   * @returns how many are left; 0 where the cell went with the last one.
   */
  removeDueOf(owner: number): number {
    let left = this.owners.countOf(owner);
    for (let row = this.owners.anyOf(owner); row !== NIL;) {
      const next = this.owners.nextOf(row);
      if (!this.isAlive(row)) left -= 1;
      row = next;
    }
    return left;
  }

  /**
   * The session has another digest, unused and of the same slot, from now on. The one it had
   * reaches it until an instant, and those before it no more.
   */
  rotate(row: number, digest: Int32Array, at: number, graceUntilMs: number): void {
    const words = this.rows.wordsOf(row);
    const base = wordAtOf(row);
    if ((words[base + META_WORD]! & FLAG_WATCHED) !== 0) this.notices.rotated(row, digest, at);
    this.lifecycle?.rotated(words, base, digest, at);
    if (this.effects !== undefined) putRotate(this, row, digest, at, graceUntilMs, this.effects);
    this.superseded.add(row, words, base, graceUntilMs);
    this.rows.rename(row, digest, at);
  }

  /** An I/O thread has watchers of the session from now on. @returns its watch number. */
  watch(row: number, io: number): number {
    return this.notices.watch(row, io);
  }

  /** An I/O thread has none left; passed over where the row is another session's by now. */
  unwatch(row: number, watch: number, io: number): void {
    this.notices.unwatch(row, watch, io);
  }

  /** No session has the digest: it may be one that a session had before. */
  findSuperseded(digest: Int32Array, at: number, slot: number): number {
    this.isSuperseded = false;
    if (this.superseded.pool.live === 0) return NIL;
    const cell = this.superseded.find(digest, at, slot);
    if (cell === NIL) return NIL;
    const row = this.superseded.rowOf(cell);
    const graceUntilMs = this.superseded.graceUntilMsOf(cell);
    if (!this.isAlive(row)) return NIL;
    if (graceUntilMs > this.nowMs) return row;
    this.isSuperseded = true;
    this.supersededRow = row;
    return NIL;
  }

  /** The session is about to go. */
  takeLeave(row: number, kind: 'expired' | 'ended'): void {
    const words = this.rows.wordsOf(row);
    const base = wordAtOf(row);
    if ((words[base + META_WORD]! & FLAG_WATCHED) !== 0) this.notices.ended(row, kind);
    this.lifecycle?.happened(kind, words, base);
  }

  takeLeaveOfAll(): void {
    if (this.notices.watched > 0) this.notices.endedAll();
    if (this.lifecycle === undefined) return;
    for (let row = 0; row < this.rows.pool.end; row += 1) {
      if (!this.rows.isLive(row)) continue;
      this.lifecycle.happened('ended', this.rows.wordsOf(row), wordAtOf(row));
    }
  }

  /** Takes a session that goes out of what refers to it. */
  untie(row: number): void {
    const meta = this.rows.word(row, META_WORD);
    if ((meta & FLAG_WATCHED) !== 0) this.notices.forget(row);
    if ((meta & FLAG_SUPERSEDED) !== 0) this.superseded.clear(row);
    if ((meta & FLAG_OWNED) !== 0) this.owners.clear(row);
  }
}
