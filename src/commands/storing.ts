/** Steps that the writing commands share. */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { OWNED_BOUND_BYTES } from '../state/layout.js';
import { SMALL_BYTES_MAX, SMALL_KEYS_MAX } from '../state/small-records.js';
import { keyHeaderBytesOf } from '../state/stored-key.js';
import type { CommandContext } from './command.js';

/** Header, extras, first buckets of an index, and a small record that moves up a size class. */
const SESSION_BOUND_BYTES = 768;
/** A key of a big session beside its bytes: entry, index, block header, rounding to 8 bytes. */
const KEY_BOUND_BYTES = 64;

/**
 * What the body's keys can take at most, beside what the session has; that includes another owner or
 * token. NIL: with a new session.
 */
export function growthBound(context: CommandContext, row: number): number {
  const { body, state } = context;
  const list = body.keys;
  // Size classes are at most 1/16 apart.
  const sessionBytes = SESSION_BOUND_BYTES + (row === NIL ? OWNED_BOUND_BYTES : 0);
  const bytes = sessionBytes + list.pairsBytes + (list.pairsBytes >>> 4);
  const keys = row === NIL ? 0 : state.keys.countOf(row);
  const held = row === NIL ? 0 : state.keys.bytesBoundOf(row);
  const isSmall = keys + list.count <= SMALL_KEYS_MAX && held + list.pairsBytes <= SMALL_BYTES_MAX;
  if (isSmall) return bytes;
  // Keys of a small session that becomes big are placed anew, too.
  return bytes + (list.count + Math.min(keys, SMALL_KEYS_MAX)) * KEY_BOUND_BYTES;
}

/** Stores all keys of the body, one record placement for all of them where the session is small. */
export function storeKeys(context: CommandContext, row: number): void {
  const { body, state } = context;
  const list = body.keys;
  const keys = state.keys;
  const isSeveral = list.count > 1;
  if (isSeveral && keys.countOf(row) === 0) keys.reserve(row, list.pairsBytes);
  for (let index = 0; index < list.count; index += 1) storeKey(context, row, index);
  if (isSeveral) keys.trim(row);
}

/** Stores one key of the body. */
export function storeKey(context: CommandContext, row: number, index: number): void {
  const list = context.body.keys;
  context.state.set(
    row,
    context.body.space,
    list.keyAt(index),
    list.keyBytes(index),
    list.valueAt(index),
    list.valueBytes(index),
  );
}

/**
 * Whether the session may take the body's keys: exact only where the bound is passed, so that the
 * usual write pays nothing. `keptBytes` is what the session holds besides; `replaces` says whether
 * keys that are there get the body's values or keep theirs.
 */
export function isTooLarge(
  context: CommandContext,
  row: number,
  keptBytes: number,
  replaces: boolean,
): boolean {
  const { body, state, limits } = context;
  const list = body.keys;
  if (keptBytes + list.pairsBytes <= limits.sessionBytesMax) return false;
  let added = 0;
  for (let index = 0; index < list.count; index += 1) {
    const keyBytes = list.keyBytes(index);
    const isThere = keptBytes > 0 && state.keys.find(row, body.space, list.keyAt(index), keyBytes);
    if (isThere && !replaces) continue;
    added += keyHeaderBytesOf(keyBytes) + keyBytes + list.valueBytes(index);
    if (isThere) added -= state.keys.foundBytes;
  }
  return keptBytes + added > limits.sessionBytesMax;
}

export function refuseTooLarge(context: CommandContext): void {
  const detail = `a session holds at most ${context.limits.sessionBytesMax} bytes`;
  context.reply.refuse(STATUSES.TOO_LARGE.code, detail);
}
