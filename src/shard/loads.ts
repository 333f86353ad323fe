/**
 * Loads of saved sets on a shard. Main sends entries in pieces; they are put in place a slice between
 * turns, as changes like any other: limits hold, they are logged, and main is told of a piece only
 * after the flush that made it durable.
 *
 * A piece ends early where a limit is reached or the log fails; what was put in place before stays.
 */
import type { LoadOrder, LoadProblem, LoadReport } from '../config/load-messages.js';
import type { Clock } from '../core/clock.js';
import { ByteSpace } from '../core/copy.js';
import { pairsAtOf } from '../state/apply.js';
import { entryProblem } from '../state/check-entry.js';
import { loadEntries, type LoadTarget } from '../state/load-entries.js';
import { forEachPair } from '../state/pairs.js';
import type { ShardState } from '../state/shard-state.js';
import { SMALL_BYTES_MAX, SMALL_KEYS_MAX } from '../state/small-records.js';
import { keyHeaderBytesOf } from '../state/stored-key.js';
import type { Admission } from './admission.js';

/** How long a slice may take: while requests come in, and while none do. */
const BUSY_SLICE_MS = 0.25;
const IDLE_SLICE_MS = 1;
/** Entries between two looks at the clock, 10 to 20 µs for small sessions. */
const ENTRIES_PER_LOOK = 8;
/** Looks in a slice, for a clock that stands still. */
const LOOKS_MAX = 128;
/** A session beside its pairs: header, extras, first buckets of an index, a class size up. */
const SESSION_BOUND_BYTES = 768;
/** A key of a big session beside its bytes. */
const KEY_BOUND_BYTES = 64;

const SESSION_LIMIT = 'the session limit is reached';
const MEMORY_LIMIT = 'the memory limit is reached';
const NOT_DURABLE = 'the log cannot be written, so that what is loaded would not last';

export interface LoadsParts {
  readonly sessions: ShardState;
  /** On the first shard: the default map, and its row. */
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  readonly admission: Admission;
  /** Of the default map. */
  readonly sessionBytesMax: number;
  readonly clock: Clock;
  readonly isLogFailing: () => boolean;
  /** Writes what has gathered, if that is much. */
  readonly flushIfLarge: () => void;
  readonly report: (report: LoadReport) => void;
}

interface Piece {
  readonly order: LoadOrder;
  readonly space: ByteSpace;
  at: number;
  sessions: number;
  keys: number;
  problem: LoadProblem | undefined;
}

export class Loads {
  readonly types = ['load'] as const;
  readonly #parts: LoadsParts;
  readonly #target: LoadTarget;
  readonly #waiting: Piece[] = [];
  /** Put in place, and not yet known to be durable. */
  readonly #placed: Piece[] = [];
  #limitText = MEMORY_LIMIT;

  constructor(parts: LoadsParts) {
    this.#parts = parts;
    this.#target = {
      sessions: parts.sessions,
      defaults: parts.defaults,
      // Main has sorted them.
      ownsSlot: () => true,
      admits: (keys, pairsBytes) => this.#admits(keys, pairsBytes),
    };
  }

  take(order: LoadOrder): void {
    const space = new ByteSpace(order.entries);
    this.#waiting.push({ order, space, at: 0, sessions: 0, keys: 0, problem: undefined });
  }

  get isActive(): boolean {
    return this.#waiting.length > 0;
  }

  slice(hasRequests: boolean): void {
    const { clock, flushIfLarge } = this.#parts;
    const untilMs = clock.nowMs() + (hasRequests ? BUSY_SLICE_MS : IDLE_SLICE_MS);
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      const piece = this.#waiting[0];
      if (piece === undefined) return;
      this.#step(piece);
      flushIfLarge();
      if (piece.problem !== undefined || piece.at >= piece.space.bytes.length) {
        this.#waiting.shift();
        this.#placed.push(piece);
      }
      if (clock.nowMs() >= untilMs) return;
    }
  }

  /** The last flush of the turn is done. */
  flushed(isDurable: boolean): void {
    for (const piece of this.#placed.splice(0)) {
      const { sessions, keys } = piece;
      const problem = isDurable ? piece.problem : notDurable();
      this.#parts.report({ type: 'loaded', id: piece.order.id, sessions, keys, problem });
    }
  }

  #step(piece: Piece): void {
    if (this.#parts.isLogFailing()) {
      piece.problem = notDurable();
      return;
    }
    const { space, at, order } = piece;
    const end = space.bytes.length;
    const isDefaultMap = order.kind === 'default-map';
    if (isDefaultMap && !this.#fitsDefaultMap(space, at, end)) {
      const text = `the default map holds at most ${this.#parts.sessionBytesMax} bytes`;
      piece.problem = { kind: 'limit', text };
      return;
    }
    const entriesMax = isDefaultMap ? 1 : ENTRIES_PER_LOOK;
    const result = loadEntries(this.#target, space, at, end, entriesMax);
    piece.at = result.at;
    piece.keys += result.keys;
    // Parts of the default map are no sessions.
    if (!isDefaultMap) piece.sessions += result.loaded;
    if (result.problem !== undefined) piece.problem = { kind: 'damaged', text: result.problem };
    else if (result.refused > 0) piece.problem = { kind: 'limit', text: this.#limitText };
  }

  #admits(keys: number, pairsBytes: number): boolean {
    const { admission } = this.#parts;
    const isDefaultMap = this.#waiting[0]?.order.kind === 'default-map';
    if (!isDefaultMap && !admission.mayCreate()) {
      this.#limitText = SESSION_LIMIT;
      return false;
    }
    this.#limitText = MEMORY_LIMIT;
    if (!admission.isLimited) return true;
    const isSmall = keys <= SMALL_KEYS_MAX && pairsBytes <= SMALL_BYTES_MAX && !isDefaultMap;
    const keyBytes = isSmall ? 0 : keys * KEY_BOUND_BYTES;
    return admission.admit(SESSION_BOUND_BYTES + pairsBytes + (pairsBytes >>> 4) + keyBytes);
  }

  /** Whether the map may take the pairs of the entry: exact only where the bound is passed. */
  #fitsDefaultMap(space: ByteSpace, at: number, end: number): boolean {
    const { defaults, sessionBytesMax } = this.#parts;
    if (defaults === undefined || entryProblem(space, at, end) !== undefined) return true;
    const { state, row } = defaults;
    const entryEnd = at + space.view.getUint32(at, true);
    const pairsAt = pairsAtOf(space, at);
    const heldBytes = state.keys.bytesOf(row);
    if (heldBytes + (entryEnd - pairsAt) <= sessionBytesMax) return true;
    let added = 0;
    forEachPair(space, pairsAt, entryEnd, (keyAt, keyBytes, _valueAt, valueBytes) => {
      added += keyHeaderBytesOf(keyBytes) + keyBytes + valueBytes;
      if (state.keys.find(row, space, keyAt, keyBytes)) added -= state.keys.foundBytes;
    });
    return heldBytes + added <= sessionBytesMax;
  }
}

function notDurable(): LoadProblem {
  return { kind: 'not-durable', text: NOT_DURABLE };
}
