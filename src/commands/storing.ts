/** Steps that the writing commands share. */
import { STATUSES } from '../core/statuses.js';
import type { CommandContext } from './command.js';

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
  context.state.keys.set(
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
 * usual write pays nothing. `keptBytes` is what the session holds besides.
 */
export function isTooLarge(context: CommandContext, row: number, keptBytes: number): boolean {
  const { body, state, limits } = context;
  if (keptBytes + body.keys.pairsBytes <= limits.sessionBytesMax) return false;
  let added = 0;
  for (let index = 0; index < body.keys.count; index += 1) {
    added += body.keys.keyBytes(index) + body.keys.valueBytes(index);
    const keyAt = body.keys.keyAt(index);
    if (keptBytes > 0 && state.keys.find(row, body.space, keyAt, body.keys.keyBytes(index))) {
      added -= state.keys.foundBytes;
    }
  }
  return keptBytes + added > limits.sessionBytesMax;
}

export function refuseTooLarge(context: CommandContext): void {
  const detail = `a session holds at most ${context.limits.sessionBytesMax} bytes`;
  context.reply.refuse(STATUSES.TOO_LARGE.code, detail);
}
