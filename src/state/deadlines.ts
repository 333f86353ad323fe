/**
 * When the sessions of a shard end or lose their data: their expiry, their deadline, and their
 * place on the timing wheel. It moves deadlines; what is to happen at one is ShardState's part.
 */
import { assert } from '../core/errors.js';
import { TimingWheel } from '../expiry/timing-wheel.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import {
  CREATED_DOUBLE,
  DEADLINE_DOUBLE,
  EXPIRY_FLAGS,
  FLAG_DELETE,
  FLAG_EXPIRES,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  IDLE_DOUBLE,
  META_WORD,
  NEXT_WORD,
  PREVIOUS_WORD,
} from './layout.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';

/** An expiry in the state's terms: milliseconds; idleMs 0 and maxAgeMs Infinity for none. */
export interface ExpiryPolicy {
  idleMs: number;
  maxAgeMs: number;
  deletesSession: boolean;
  extendsOnWrite: boolean;
  extendsOnRead: boolean;
}

export class Deadlines {
  readonly wheel: TimingWheel;
  readonly #rows: SessionRows;
  readonly #keys: SessionKeys;

  constructor(memory: SharedMemory, rows: SessionRows, keys: SessionKeys) {
    this.wheel = new TimingWheel(memory, rows.pool, {
      nextWord: NEXT_WORD,
      previousWord: PREVIOUS_WORD,
      deadlineDouble: DEADLINE_DOUBLE,
    });
    this.#rows = rows;
    this.#keys = keys;
  }

  of(row: number): number {
    return this.#rows.double(row, DEADLINE_DOUBLE);
  }

  /** The instant that the session cannot outlive; Infinity without a maxAge. */
  absoluteOf(row: number): number {
    return this.#rows.double(row, CREATED_DOUBLE) + this.#rows.maxAgeOf(row);
  }

  /** Whether the deadline ends the session; otherwise it removes the data. */
  endsSession(row: number, nowMs: number): boolean {
    const deletes = (this.#rows.word(row, META_WORD) & FLAG_DELETE) !== 0;
    return deletes || this.absoluteOf(row) <= nowMs;
  }

  /**
   * Restarts the idle clock: never adds, never passes the maxAge. @returns whether the deadline
   * moved.
   */
  restart(row: number, nowMs: number): boolean {
    const idleMs = this.#rows.double(row, IDLE_DOUBLE);
    const idleDeadline = idleMs > 0 ? nowMs + idleMs : Infinity;
    const deadlineMs = Math.min(idleDeadline, this.absoluteOf(row));
    if (this.of(row) === deadlineMs) return false;
    this.#rows.setDouble(row, DEADLINE_DOUBLE, deadlineMs);
    return true;
  }

  /**
   * Restarts the idle clock from the deadline that has come, as often as it takes to get past now.
   */
  restartFromDeadline(row: number, nowMs: number): void {
    const deadlineMs = this.of(row);
    const idleMs = this.#rows.double(row, IDLE_DOUBLE);
    let next = deadlineMs + (Math.floor((nowMs - deadlineMs) / idleMs) + 1) * idleMs;
    // Where the idle duration is less than the deadline's precision.
    if (!(next > nowMs)) next = idleMs > 0 ? nowMs + idleMs : Infinity;
    next = Math.min(next, this.absoluteOf(row));
    // The wheel has no place for it.
    if (next === Infinity) this.wheel.cancel(row);
    this.#rows.setDouble(row, DEADLINE_DOUBLE, next);
  }

  /** Moves the deadline to an instant, earlier or later, and the row to where it then belongs. */
  moveTo(row: number, deadlineMs: number): void {
    // The wheel finds out by itself about one that is later, but has no place for one that never
    // comes.
    if (deadlineMs < this.of(row) || deadlineMs === Infinity) this.wheel.cancel(row);
    this.#rows.setDouble(row, DEADLINE_DOUBLE, deadlineMs);
    this.ensureFiled(row);
  }

  /** Replaces the expiry; the deadline stays. */
  setPolicy(row: number, idleMs: number, maxAgeMs: number, flags: number): void {
    const meta = this.#rows.word(row, META_WORD) & ~EXPIRY_FLAGS;
    this.#rows.setWord(row, META_WORD, meta | flags);
    this.#rows.setDouble(row, IDLE_DOUBLE, idleMs);
    const isPlaced = this.#rows.setMaxAge(row, maxAgeMs);
    assert(isPlaced, 'out of pages');
  }

  /** Fills in the session's expiry; returns false if it has none. */
  readPolicy(row: number, policy: ExpiryPolicy): boolean {
    const meta = this.#rows.word(row, META_WORD);
    policy.idleMs = this.#rows.double(row, IDLE_DOUBLE);
    policy.maxAgeMs = this.#rows.maxAgeOf(row);
    policy.deletesSession = (meta & FLAG_DELETE) !== 0;
    policy.extendsOnWrite = (meta & FLAG_EXTEND_ON_WRITE) !== 0;
    policy.extendsOnRead = (meta & FLAG_EXTEND_ON_READ) !== 0;
    return (meta & FLAG_EXPIRES) !== 0;
  }

  /** Files the row anew: its deadline may be earlier than where it is filed. */
  refile(row: number): void {
    this.wheel.cancel(row);
    this.ensureFiled(row);
  }

  /**
   * An empty session that outlives its deadline is left off the wheel, for nothing would happen:
   * otherwise a short duration would keep the shard busy for ever.
   */
  ensureFiled(row: number): void {
    if (this.wheel.isFiled(row) || this.of(row) === Infinity) return;
    const deletes = (this.#rows.word(row, META_WORD) & FLAG_DELETE) !== 0;
    const ends = deletes || this.#rows.maxAgeOf(row) !== Infinity;
    if (ends || this.#keys.countOf(row) > 0) this.wheel.schedule(row);
  }
}

/** The flags of a policy, as a header keeps them. */
export function flagsOfPolicy(policy: ExpiryPolicy): number {
  let flags = FLAG_EXPIRES;
  if (policy.deletesSession) flags |= FLAG_DELETE;
  if (policy.extendsOnWrite) flags |= FLAG_EXTEND_ON_WRITE;
  if (policy.extendsOnRead) flags |= FLAG_EXTEND_ON_READ;
  return flags;
}
