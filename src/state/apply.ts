/**
 * Applies entries to a shard's state: the second half of a recovery. Pure: it looks at no clock and
 * expires nothing, so the same entries give the same state whenever they are applied;
 * ShardState.endRecovery() follows.
 *
 * Applied over a snapshot that was taken while they were being written, entries meet sessions that
 * have them already. Versions tell: a change whose version the session has reached is passed over,
 * and so are moves of deadline and expiry older than the session's version. Keys thus keep their
 * order, too.
 *
 * Entries of sessions that are not there are passed over: these have ended since.
 */
import type { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { NIL } from '../memory/shared-memory.js';
import { entryProblem, entryStride } from './check-entry.js';
import {
  ATTRIBUTES_BYTES_AT,
  CHANGE_HEADER_BYTES,
  CREATED_AT,
  DEADLINE_AT,
  DIGEST_AT,
  ENTRY_CHANGE,
  ENTRY_DEADLINE,
  ENTRY_DEFAULT_MAP,
  ENTRY_END,
  ENTRY_END_ALL,
  ENTRY_EXPIRY,
  ENTRY_OWNER,
  ENTRY_ROTATE,
  ENTRY_SESSION,
  EXPIRY_FLAGS_AT,
  IDLE_AT,
  KEYS_AT,
  KIND_AT,
  MAX_AGE_AT,
  metaFlagsOf,
  OP_CLEAR,
  OP_PUT,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
  SLOT_AT,
  VERSION_AT,
} from './entry-format.js';
import {
  CREATED_DOUBLE,
  DEADLINE_DOUBLE,
  EXPIRY_FLAGS,
  FLAG_SHARED,
  META_WORD,
  SLOT_MASK,
  VERSION_WORD,
} from './layout.js';
import { pairBytesAt, prefixBytesOf } from './pairs.js';
import {
  clearTies,
  noteUse,
  placeAttributes,
  placeOwner,
  readDigest,
  rotateSession,
} from './apply-ties.js';
import type { ShardState } from './shard-state.js';
import { headerBytesOfStored, storedKeyBytes } from './stored-key.js';

export interface ApplyTarget {
  /** Without effects, for nothing of this is new. */
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  /** Entries for slots of others are passed over. */
  ownsSlot(slot: number): boolean;
  /**
   * The slots of the shard that wrote the entries, where those are not the target's: what END_ALL
   * ended.
   */
  readonly endAllSlots?: ((slot: number) => boolean) | undefined;
}

export interface ApplyResult {
  /** Entries read, those passed over among them. */
  readonly entries: number;
  /** The offset behind them: of the bad one, if there is a problem. */
  readonly at: number;
  /** What is wrong with the next entry, for people. It has not been applied. */
  readonly problem?: string;
}

const digest = new Int32Array(4);

/**
 * Applies the entries in [start, end), up to the first that is damaged. Never reads outside of it.
 *
 * @param writtenMs when they were, for those that are of a log: sessions have been used by then.
 */
export function applyEntries(
  target: ApplyTarget,
  space: ByteSpace,
  start: number,
  end: number,
  writtenMs = 0,
): ApplyResult {
  let at = start;
  let entries = 0;
  while (at < end) {
    const problem = entryProblem(space, at, end);
    if (problem !== undefined) return { entries, at, problem };
    applyEntry(target, space, at, writtenMs);
    entries += 1;
    at += entryStride(space, at);
  }
  return { entries, at };
}

function applyEntry(target: ApplyTarget, space: ByteSpace, at: number, writtenMs: number): void {
  const kind = space.bytes[at + KIND_AT]!;
  if (kind === ENTRY_END_ALL) {
    endAll(target);
    return;
  }
  if (isOfDefaultMap(space, at)) {
    const { defaults } = target;
    if (defaults === undefined) return;
    if (kind === ENTRY_SESSION) placeSession(defaults.state, defaults.row, space, at);
    // It does not end, has no owner and no token.
    else if (kind <= ENTRY_DEADLINE) changeSession(defaults.state, defaults.row, space, at, kind);
    return;
  }
  if (!target.ownsSlot(slotOf(space, at))) return;
  const row = findRow(target.sessions, space, at);
  if (kind === ENTRY_SESSION) {
    placeSession(target.sessions, row, space, at);
  } else if (row !== NIL && kind === ENTRY_END) {
    target.sessions.drop(row);
  } else if (row !== NIL) {
    noteUse(target.sessions, row, space, at, writtenMs);
    changeSession(target.sessions, row, space, at, kind);
  }
}

export function isOfDefaultMap(space: ByteSpace, at: number): boolean {
  return (space.bytes[at + KIND_AT + 1]! & ENTRY_DEFAULT_MAP) !== 0;
}

export function slotOf(space: ByteSpace, at: number): number {
  return space.view.getUint16(at + SLOT_AT, true);
}

/** Where the pairs of a SESSION entry begin. */
export function pairsAtOf(space: ByteSpace, at: number): number {
  return at + SESSION_HEADER_BYTES + space.view.getUint32(at + ATTRIBUTES_BYTES_AT, true);
}

/** The row of the entry's session, dead or alive, or NIL. */
function findRow(state: ShardState, space: ByteSpace, at: number): number {
  return state.rows.find(digestOf(space, at), 0, slotOf(space, at));
}

/** Valid until the next call. */
export function digestOf(space: ByteSpace, at: number): Int32Array {
  return readDigest(space, at + DIGEST_AT, digest);
}

/**
 * Makes the session of a SESSION entry, checked already, as the entry has it.
 *
 * @param found its row if there is one, whose content is replaced.
 * @returns its row.
 */
export function placeSession(
  state: ShardState,
  found: number,
  space: ByteSpace,
  at: number,
): number {
  const { rows, keys } = state;
  const { view } = space;
  const createdMs = view.getFloat64(at + CREATED_AT, true);
  const flags = metaFlagsOf(view.getUint32(at + SESSION_FLAGS_AT, true));
  let row = found;
  if (found === NIL) {
    row = rows.create(digestOf(space, at), 0, slotOf(space, at), flags & FLAG_SHARED, createdMs);
    assert(row !== NIL, 'out of pages');
    state.wheel.clear(row);
  } else {
    state.wheel.cancel(row);
    keys.clear(row);
    // An owner's sessions are in the order of their creation.
    clearTies(state, row);
    rows.setDouble(row, CREATED_DOUBLE, createdMs);
    const meta = rows.word(row, META_WORD) & ~FLAG_SHARED;
    rows.setWord(row, META_WORD, meta | (flags & FLAG_SHARED));
  }
  rows.setWord(row, VERSION_WORD, view.getInt32(at + VERSION_AT, true));
  rows.setDouble(row, DEADLINE_DOUBLE, view.getFloat64(at + DEADLINE_AT, true));
  setPolicy(state, row, space, at, flags);
  if (!state.isDefaultMap) placeAttributes(state, row, space, at);
  const pairsAt = pairsAtOf(space, at);
  const pairsBytes = at + view.getUint32(at, true) - pairsAt;
  keys.place(row, view.getUint32(at + KEYS_AT, true), space, pairsAt, pairsBytes);
  state.deadlines.ensureFiled(row);
  return row;
}

function changeSession(
  state: ShardState,
  row: number,
  space: ByteSpace,
  at: number,
  kind: number,
): void {
  const version = space.view.getInt32(at + VERSION_AT, true);
  // Versions wrap around, so their difference is what counts.
  const ahead = (version - state.rows.word(row, VERSION_WORD)) | 0;
  if (ahead < 0 || (ahead === 0 && kind === ENTRY_CHANGE)) return;
  if (kind === ENTRY_CHANGE) {
    replayOperations(state, row, space, at);
    state.rows.setWord(row, VERSION_WORD, version);
  } else if (kind === ENTRY_EXPIRY) {
    const flags = metaFlagsOf(space.view.getUint32(at + EXPIRY_FLAGS_AT, true));
    setPolicy(state, row, space, at, flags);
  } else if (kind === ENTRY_OWNER) {
    placeOwner(state, row, space, at);
  } else if (kind === ENTRY_ROTATE && !rotateSession(state, row, space, at)) {
    return;
  }
  state.deadlines.moveTo(row, space.view.getFloat64(at + DEADLINE_AT, true));
}

function setPolicy(
  state: ShardState,
  row: number,
  space: ByteSpace,
  at: number,
  flags: number,
): void {
  const idleMs = space.view.getFloat64(at + IDLE_AT, true);
  const maxAgeMs = space.view.getFloat64(at + MAX_AGE_AT, true);
  state.deadlines.setPolicy(row, idleMs, maxAgeMs, flags & EXPIRY_FLAGS);
}

function replayOperations(state: ShardState, row: number, space: ByteSpace, entryAt: number): void {
  const { keys } = state;
  const end = entryAt + space.view.getUint32(entryAt, true);
  for (let at = entryAt + CHANGE_HEADER_BYTES; at < end;) {
    const op = space.bytes[at]!;
    at += 1;
    if (op === OP_CLEAR) {
      keys.clear(row);
      continue;
    }
    const pairBytes = op === OP_PUT ? pairBytesAt(space, at) : 0;
    const storedAt = op === OP_PUT ? at + prefixBytesOf(pairBytes) : at;
    const storedBytes = storedKeyBytes(space, storedAt);
    const headerBytes = headerBytesOfStored(storedBytes);
    const keyAt = storedAt + headerBytes;
    const keyBytes = storedBytes - headerBytes;
    if (op === OP_PUT) {
      const valueAt = storedAt + storedBytes;
      keys.set(row, space, keyAt, keyBytes, valueAt, pairBytes - storedBytes);
      at = storedAt + pairBytes;
    } else {
      if (keys.find(row, space, keyAt, keyBytes)) keys.removeFound(row);
      at = storedAt + storedBytes;
    }
  }
}

function endAll({ sessions, endAllSlots }: ApplyTarget): void {
  if (endAllSlots === undefined) {
    sessions.dropAll();
    return;
  }
  const { rows } = sessions;
  // From the end: dropping the last session left gives all rows back.
  for (let row = rows.pool.end - 1; row >= 0; row -= 1) {
    if (!rows.isLive(row)) continue;
    if (endAllSlots(rows.word(row, META_WORD) & SLOT_MASK)) sessions.drop(row);
  }
}
