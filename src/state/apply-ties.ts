/** What entries say of owners and tokens, applied: the part of apply.ts that few sessions need. */
import type { ByteSpace } from '../core/copy.js';
import { NIL } from '../memory/shared-memory.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_LAST_USED,
  ATTRIBUTE_OWNER,
  ATTRIBUTE_SUPERSEDED,
  ATTRIBUTES_BYTES_AT,
  CHANGE_HEADER_BYTES,
  DIGEST_BYTES,
  ENTRY_CHANGE,
  GRACE_AT,
  KIND_AT,
  LAST_USED_AT,
  NEW_DIGEST_AT,
  OP_CLEAR,
  OWNER_HEADER_BYTES,
  SESSION_HEADER_BYTES,
  SUPERSEDED_BYTES,
} from './entry-format.js';
import { FLAG_OWNED, FLAG_SUPERSEDED, META_WORD, SLOT_MASK } from './layout.js';
import type { ShardState } from './shard-state.js';

const DIGEST_WORDS = 4;

const digest = new Int32Array(DIGEST_WORDS);
const oldDigest = new Int32Array(DIGEST_WORDS);

/** Copies the digest at an offset to where it can be looked up. */
export function readDigest(space: ByteSpace, at: number, to: Int32Array): Int32Array {
  for (let word = 0; word < DIGEST_WORDS; word += 1) {
    to[word] = space.view.getInt32(at + word * 4, true);
  }
  return to;
}

/** The session is about to be replaced: its owner and its former tokens go. */
export function clearTies(state: ShardState, row: number): void {
  const meta = state.rows.word(row, META_WORD);
  if ((meta & FLAG_OWNED) !== 0) state.owners.clear(row);
  if ((meta & FLAG_SUPERSEDED) !== 0) state.superseded.clear(row);
}

/** The attributes of a SESSION entry; the session has none yet. */
export function placeAttributes(
  state: ShardState,
  row: number,
  space: ByteSpace,
  entryAt: number,
): void {
  const { view } = space;
  const start = entryAt + SESSION_HEADER_BYTES;
  const end = start + view.getUint32(entryAt + ATTRIBUTES_BYTES_AT, true);
  for (let at = start; at < end;) {
    const tag = space.bytes[at]!;
    const bytes = view.getUint16(at + 1, true);
    at += ATTRIBUTE_HEADER_BYTES;
    if (tag === ATTRIBUTE_OWNER) state.owners.set(row, space, at, bytes, 0);
    else if (tag === ATTRIBUTE_LAST_USED) placeLastUsed(state, row, view.getFloat64(at, true));
    else if (tag === ATTRIBUTE_SUPERSEDED) placeSuperseded(state, row, space, at, at + bytes);
    at += bytes;
  }
}

/**
 * An entry written at an instant is about to be applied or passed over: a session with an owner has been
 * used then, if not later. Data that were cleared and nothing else may have been a deadline's doing.
 */
export function noteUse(
  state: ShardState,
  row: number,
  space: ByteSpace,
  at: number,
  writtenMs: number,
): void {
  if ((state.rows.word(row, META_WORD) & FLAG_OWNED) === 0) return;
  const isClear =
    space.bytes[at + KIND_AT] === ENTRY_CHANGE &&
    space.view.getUint32(at, true) === CHANGE_HEADER_BYTES + 1 &&
    space.bytes[at + CHANGE_HEADER_BYTES] === OP_CLEAR;
  if (!isClear && writtenMs > state.lastUsedMsOf(row)) state.owners.setLastUsed(row, writtenMs);
}

/** An OWNER entry. */
export function placeOwner(state: ShardState, row: number, space: ByteSpace, at: number): void {
  const nameBytes = space.view.getUint32(at, true) - OWNER_HEADER_BYTES;
  state.owners.set(row, space, at + OWNER_HEADER_BYTES, nameBytes, 0);
  placeLastUsed(state, row, space.view.getFloat64(at + LAST_USED_AT, true));
}

/**
 * A ROTATE entry. Where the new digest is there already, it comes from a snapshot taken after the
 * rotation, and holds all that this session has become: this one goes.
 *
 * @returns whether the session is still there.
 */
export function rotateSession(
  state: ShardState,
  row: number,
  space: ByteSpace,
  at: number,
): boolean {
  const { rows, superseded } = state;
  readDigest(space, at + NEW_DIGEST_AT, digest);
  if (rows.find(digest, 0, rows.word(row, META_WORD) & SLOT_MASK) !== NIL) {
    state.drop(row);
    return false;
  }
  for (let word = 0; word < DIGEST_WORDS; word += 1) oldDigest[word] = rows.word(row, word);
  superseded.add(row, oldDigest, 0, space.view.getFloat64(at + GRACE_AT, true));
  rows.rename(row, digest, 0);
  return true;
}

function placeLastUsed(state: ShardState, row: number, ms: number): void {
  const isOwned = (state.rows.word(row, META_WORD) & FLAG_OWNED) !== 0;
  if (isOwned) state.owners.setLastUsed(row, ms);
}

function placeSuperseded(
  state: ShardState,
  row: number,
  space: ByteSpace,
  start: number,
  end: number,
): void {
  for (let at = start; at < end; at += SUPERSEDED_BYTES) {
    readDigest(space, at, digest);
    state.superseded.add(row, digest, 0, space.view.getFloat64(at + DIGEST_BYTES, true));
  }
}
