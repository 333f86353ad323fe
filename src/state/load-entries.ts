/**
 * Loads a saved set, SESSION entries all, into a state in use. Sessions that are there are left
 * alone, and those that are dead by now are left out; the others come back with the instants that
 * the set has, so that no life is prolonged. The keys of a saved default map are stored over those
 * that are there.
 *
 * These are changes like any other: they leave entries in the state's effects and count as sessions
 * started.
 */
import type { ByteSpace } from '../core/copy.js';
import { NIL } from '../memory/shared-memory.js';
import { digestOf, isOfDefaultMap, pairsAtOf, placeSession, slotOf } from './apply.js';
import { entryProblem, entryStride } from './check-entry.js';
import {
  CREATED_AT,
  DEADLINE_AT,
  ENTRY_SESSION,
  KEYS_AT,
  KIND_AT,
  MAX_AGE_AT,
  metaFlagsOf,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
} from './entry-format.js';
import { FLAG_DELETE, OWNED_BOUND_BYTES } from './layout.js';
import { forEachPair } from './pairs.js';
import type { ShardState } from './shard-state.js';

export interface LoadTarget {
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  /** Entries for slots of others are passed over. */
  ownsSlot(slot: number): boolean;
  /**
   * Whether so many keys, so many bytes of pairs, may be added: limits of memory and of sessions.
   */
  admits?(keys: number, pairsBytes: number): boolean;
}

/** What has become of the entries, those of other shards' slots left out. */
export interface LoadResult {
  /** Where to go on. */
  at: number;
  /** Sessions started, and default maps merged: 0 or 1 a set. */
  loaded: number;
  /** Keys in them. */
  keys: number;
  /** Left alone, for the session is there. */
  present: number;
  /** Left out, for it would have ended by now. */
  dead: number;
  /** Left out for want of room. */
  refused: number;
  /** What is wrong with the entry at `at`, for people. */
  problem?: string;
}

/** Loads up to entriesMax of the entries in [start, end). Never reads outside of it. */
export function loadEntries(
  target: LoadTarget,
  space: ByteSpace,
  start: number,
  end: number,
  entriesMax = Infinity,
): LoadResult {
  const result: LoadResult = { at: start, loaded: 0, keys: 0, present: 0, dead: 0, refused: 0 };
  for (let entry = 0; entry < entriesMax && result.at < end; entry += 1) {
    const problem = entryProblem(space, result.at, end) ?? kindProblem(space, result.at);
    if (problem !== undefined) {
      result.problem = problem;
      break;
    }
    loadEntry(target, space, result.at, result);
    result.at += entryStride(space, result.at);
  }
  return result;
}

function kindProblem(space: ByteSpace, at: number): string | undefined {
  const kind = space.bytes[at + KIND_AT]!;
  return kind === ENTRY_SESSION ? undefined : `a saved set has an entry of kind ${kind}`;
}

function loadEntry(target: LoadTarget, space: ByteSpace, at: number, result: LoadResult): void {
  const { sessions, defaults } = target;
  const isDefaultMap = isOfDefaultMap(space, at);
  if (isDefaultMap ? defaults === undefined : !target.ownsSlot(slotOf(space, at))) return;
  if (!isDefaultMap && isDead(space, at, sessions.nowMs)) {
    result.dead += 1;
    return;
  }
  if (!isDefaultMap && isPresent(sessions, space, at)) {
    result.present += 1;
    return;
  }
  const keys = space.view.getUint32(at + KEYS_AT, true);
  const pairsAt = pairsAtOf(space, at);
  const end = at + space.view.getUint32(at, true);
  const attributesBytes = pairsAt - at - SESSION_HEADER_BYTES;
  const tiesBytes = attributesBytes === 0 ? 0 : OWNED_BOUND_BYTES + 2 * attributesBytes;
  if (target.admits?.(keys, end - pairsAt + tiesBytes) === false) {
    result.refused += 1;
    return;
  }
  if (isDefaultMap && defaults !== undefined) {
    mergePairs(defaults.state, defaults.row, space, pairsAt, end);
  } else {
    sessions.adopted(placeSession(sessions, NIL, space, at));
  }
  result.loaded += 1;
  if (isDefaultMap || space.view.getFloat64(at + DEADLINE_AT, true) > sessions.nowMs) {
    result.keys += keys;
  } else {
    // Its data went at the deadline: they go now, and are not counted.
    sessions.find(digestOf(space, at), 0, slotOf(space, at));
  }
}

/** Under a token that was replaced since, too: that must not come to life again. */
function isPresent(sessions: ShardState, space: ByteSpace, at: number): boolean {
  return sessions.find(digestOf(space, at), 0, slotOf(space, at)) !== NIL || sessions.isSuperseded;
}

/**
 * A session that only loses its data by its deadline is alive; it loses them as soon as it is
 * looked at.
 */
function isDead({ view }: ByteSpace, at: number, nowMs: number): boolean {
  if (view.getFloat64(at + DEADLINE_AT, true) > nowMs) return false;
  const flags = metaFlagsOf(view.getUint32(at + SESSION_FLAGS_AT, true));
  const endMs = view.getFloat64(at + CREATED_AT, true) + view.getFloat64(at + MAX_AGE_AT, true);
  return (flags & FLAG_DELETE) !== 0 || endMs <= nowMs;
}

function mergePairs(
  state: ShardState,
  row: number,
  space: ByteSpace,
  start: number,
  end: number,
): void {
  state.touchForWrite(row);
  forEachPair(space, start, end, (keyAt, keyBytes, valueAt, valueBytes) =>
    state.set(row, space, keyAt, keyBytes, valueAt, valueBytes),
  );
  if (end > start) state.wrote(row);
}
