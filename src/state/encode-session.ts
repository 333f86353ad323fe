/**
 * A whole session as one entry: for what starts, and for a walk that writes down what there is. A
 * small record is copied as it lies, a big map pair by pair. And entries of what few sessions have:
 * OWNER, ROTATE.
 */
import { copyBytes } from '../core/copy.js';
import { NIL } from '../memory/shared-memory.js';
import type { EffectBuffer, LoggedState } from './effect-buffer.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_LAST_USED,
  ATTRIBUTE_OWNER,
  ATTRIBUTE_SUPERSEDED,
  ATTRIBUTES_BYTES_AT,
  CREATED_AT,
  DIGEST_BYTES,
  ENTRY_OWNER,
  ENTRY_ROTATE,
  ENTRY_SESSION,
  entryFlagsOf,
  GRACE_AT,
  IDLE_AT,
  KEYS_AT,
  LAST_USED_AT,
  MAX_AGE_AT,
  NEW_DIGEST_AT,
  OWNER_HEADER_BYTES,
  ROTATE_BYTES,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
  SUPERSEDED_BYTES,
} from './entry-format.js';
import { CREATED_DOUBLE, FLAG_EXTRAS, IDLE_DOUBLE, META_WORD } from './layout.js';
import type { Owners } from './owners.js';
import { PREFIX_BYTES_MAX, writePrefix } from './pairs.js';
import type { SessionKeys } from './session-keys.js';
import type { SupersededTokens } from './superseded.js';

const DIGEST_WORDS = 4;
const INSTANT_BYTES = 8;

/** What an encoder reads of a ShardState. */
export interface EncodedState extends LoggedState {
  readonly keys: SessionKeys;
  readonly owners: Owners;
  readonly superseded: SupersededTokens;
}

/** Appends a SESSION entry. The row is live, its deadline may have passed. */
export function encodeSession(state: EncodedState, row: number, to: EffectBuffer): void {
  const { rows, keys } = state;
  const at = to.begin(ENTRY_SESSION, state, row, SESSION_HEADER_BYTES);
  const { view } = to.space;
  view.setFloat64(at + IDLE_AT, rows.double(row, IDLE_DOUBLE), true);
  view.setFloat64(at + MAX_AGE_AT, rows.maxAgeOf(row), true);
  view.setFloat64(at + CREATED_AT, rows.double(row, CREATED_DOUBLE), true);
  view.setUint32(at + SESSION_FLAGS_AT, entryFlagsOf(rows.word(row, META_WORD)), true);
  view.setUint32(at + KEYS_AT, keys.countOf(row), true);
  view.setUint32(at + ATTRIBUTES_BYTES_AT, 0, true);
  if ((rows.word(row, META_WORD) & FLAG_EXTRAS) !== 0) {
    putOwnerAttributes(state, row, to);
    putSuperseded(state.superseded, row, to);
    const bytes = to.length - at - SESSION_HEADER_BYTES;
    to.space.view.setUint32(at + ATTRIBUTES_BYTES_AT, bytes, true);
  }
  if (keys.isBig(row)) putBigMap(keys, row, to);
  else putRecord(keys, row, to);
  to.end(at);
}

/** Appends an OWNER entry: whose the session is now. */
export function putOwner(state: EncodedState, row: number, to: EffectBuffer): void {
  const { owners } = state;
  const at = to.begin(ENTRY_OWNER, state, row, OWNER_HEADER_BYTES);
  to.space.view.setFloat64(at + LAST_USED_AT, owners.lastUsedMsOf(row), true);
  putName(owners, owners.of(row), to);
  to.end(at);
}

/** Appends a ROTATE entry, as long as the session has its old digest. */
export function putRotate(
  state: EncodedState,
  row: number,
  digest: Int32Array,
  digestAt: number,
  graceUntilMs: number,
  to: EffectBuffer,
): void {
  const at = to.begin(ENTRY_ROTATE, state, row, ROTATE_BYTES);
  const { view } = to.space;
  for (let word = 0; word < DIGEST_WORDS; word += 1) {
    view.setInt32(at + NEW_DIGEST_AT + word * 4, digest[digestAt + word]!, true);
  }
  view.setFloat64(at + GRACE_AT, graceUntilMs, true);
}

function putOwnerAttributes({ owners }: EncodedState, row: number, to: EffectBuffer): void {
  const owner = owners.of(row);
  if (owner === NIL) return;
  putAttribute(ATTRIBUTE_OWNER, owners.nameBytesOf(owner), to);
  putName(owners, owner, to);
  putAttribute(ATTRIBUTE_LAST_USED, INSTANT_BYTES, to);
  to.space.view.setFloat64(to.length, owners.lastUsedMsOf(row), true);
  to.length += INSTANT_BYTES;
}

/** The oldest first, as they were superseded. */
function putSuperseded(tokens: SupersededTokens, row: number, to: EffectBuffer): void {
  let count = 0;
  for (let cell = tokens.newestOf(row); cell !== NIL; cell = tokens.olderOf(cell)) count += 1;
  if (count === 0) return;
  putAttribute(ATTRIBUTE_SUPERSEDED, count * SUPERSEDED_BYTES, to);
  const { view } = to.space;
  to.length += count * SUPERSEDED_BYTES;
  let at = to.length;
  for (let cell = tokens.newestOf(row); cell !== NIL; cell = tokens.olderOf(cell)) {
    at -= SUPERSEDED_BYTES;
    const words = tokens.digestsOf(cell);
    const base = tokens.digestAtOf(cell);
    for (let word = 0; word < DIGEST_WORDS; word += 1) {
      view.setInt32(at + word * 4, words[base + word]!, true);
    }
    view.setFloat64(at + DIGEST_BYTES, tokens.graceUntilMsOf(cell), true);
  }
}

/** Its header, and room for its bytes. */
function putAttribute(tag: number, bytes: number, to: EffectBuffer): void {
  to.reserve(ATTRIBUTE_HEADER_BYTES + bytes);
  to.space.bytes[to.length] = tag;
  to.space.view.setUint16(to.length + 1, bytes, true);
  to.length += ATTRIBUTE_HEADER_BYTES;
}

function putName(owners: Owners, owner: number, to: EffectBuffer): void {
  if (owner === NIL) return;
  const bytes = owners.nameBytesOf(owner);
  to.reserve(bytes);
  copyBytes(to.space, to.length, owners.nameSpaceOf(owner), owners.nameAtOf(owner), bytes);
  to.length += bytes;
}

function putRecord(keys: SessionKeys, row: number, to: EffectBuffer): void {
  const bytes = keys.bytesBoundOf(row);
  to.reserve(bytes);
  keys.copyRecord(to.space, to.length, row);
  to.length += bytes;
}

function putBigMap(keys: SessionKeys, row: number, to: EffectBuffer): void {
  to.reserve(keys.bytesOf(row) + keys.countOf(row) * PREFIX_BYTES_MAX);
  const { space } = to;
  keys.walk(row);
  while (keys.next()) {
    const at = writePrefix(space, to.length, keys.foundBytes);
    keys.copyPair(space, at, keys.foundPointer, keys.foundAt, keys.foundBytes);
    to.length = at + keys.foundBytes;
  }
}
