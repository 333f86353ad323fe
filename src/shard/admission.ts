/**
 * The limits that all sessions of a shard share: --max-sessions and --max-memory, each dealt evenly
 * over the shards. At the memory limit a write is refused with 205 or, with --evict soonest, the
 * sessions nearest their deadline go first; a session without expiry never does.
 */
import type { ShardState } from '../state/shard-state.js';
import type { ShardCounters } from './shard-counters.js';

/** Sessions ended for one write at most; beyond that the write is refused. */
const EVICTIONS_MAX = 1_024;
/** Due rows removed for one write at most. */
const SWEPT_ROWS = 64;
/** Entries taken apart before the memory is counted again. */
const RECLAIMED_ENTRIES = 64;

export interface AdmissionLimits {
  /** 0 for none. */
  readonly sessionsMax: number;
  /** 0 for none. */
  readonly memoryBytesMax: number;
  readonly evictsSoonest: boolean;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #sessions: ShardState;
  readonly #states: readonly ShardState[];
  readonly #counters: ShardCounters;

  /** @param states all that count against the memory limit, the sessions among them. */
  constructor(
    limits: AdmissionLimits,
    sessions: ShardState,
    states: readonly ShardState[],
    counters: ShardCounters,
  ) {
    this.#limits = limits;
    this.#sessions = sessions;
    this.#states = states;
    this.#counters = counters;
  }

  get isLimited(): boolean {
    return this.#limits.memoryBytesMax > 0;
  }

  mayCreate(): boolean {
    const max = this.#limits.sessionsMax;
    if (max === 0 || this.#sessions.sessionCount < max) return true;
    // The dead do not count; they may only not have been removed yet.
    this.#sessions.advance(SWEPT_ROWS);
    if (this.#sessions.sessionCount < max) return true;
    this.#counters.add('memoryLimitHits', 1);
    return false;
  }

  /** Makes room for so many bytes if that is allowed and possible. */
  admit(bytes: number): boolean {
    const max = this.#limits.memoryBytesMax;
    if (max === 0 || this.#used() + bytes <= max) return true;
    // What is dead already goes first.
    this.#sessions.advance(SWEPT_ROWS);
    let evicted = 0;
    while (this.#used() + bytes > max) {
      if (this.#reclaim()) continue;
      // What can never fit must not end anyone.
      const mayEvict = this.#limits.evictsSoonest && bytes <= max;
      const hasMore = mayEvict && evicted < EVICTIONS_MAX;
      if (!hasMore || !this.#sessions.evictSoonest()) {
        this.#counters.add('memoryLimitHits', 1);
        return false;
      }
      evicted += 1;
      this.#counters.add('sessionsEvicted', 1);
    }
    return true;
  }

  /** Takes apart some of what big sessions have left behind; false if there is nothing. */
  #reclaim(): boolean {
    for (const state of this.#states)
      if (state.keys.big.reclaim(RECLAIMED_ENTRIES) > 0) return true;
    return false;
  }

  #used(): number {
    let bytes = 0;
    for (const state of this.#states) bytes += state.bytes;
    return bytes;
  }
}
