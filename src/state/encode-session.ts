/**
 * A whole session as one entry: for what starts, and for a walk that writes down what there is. A
 * small record is copied as it lies, a big map pair by pair.
 */
import type { EffectBuffer, LoggedState } from './effect-buffer.js';
import {
  ATTRIBUTES_BYTES_AT,
  CREATED_AT,
  ENTRY_SESSION,
  entryFlagsOf,
  IDLE_AT,
  KEYS_AT,
  MAX_AGE_AT,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
} from './entry-format.js';
import { CREATED_DOUBLE, IDLE_DOUBLE, META_WORD } from './layout.js';
import { PREFIX_BYTES_MAX, writePrefix } from './pairs.js';
import type { SessionKeys } from './session-keys.js';

/** What an encoder reads of a ShardState. */
export interface EncodedState extends LoggedState {
  readonly keys: SessionKeys;
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
  if (keys.isBig(row)) putBigMap(keys, row, to);
  else putRecord(keys, row, to);
  to.end(at);
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
