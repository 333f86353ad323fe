/**
 * SH_INC: adds to a number, in one step; an absent key counts as 0. Integers stay exact up to 64
 * bits; with a float the sum is one, too.
 *
 * Errors   42 for a sum that no number holds
 * Refused  100, 208, 204 over --max-session-bytes, 205 over --max-memory
 */
import { ByteSpace } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { findKey, validateKey } from './key-parameter.js';
import { VALUE } from './names.js';
import { PairDraft } from './pair-draft.js';
import { parameterIndex } from './parameters.js';
import { isNumberByte } from './scalars.js';
import { StoredPair } from './stored-pair.js';
import { NUMBER_BYTES_MAX, putSum } from './sum.js';

const BY_PARAMETER = parameterIndex('SH_INC', 'by');
const KEY_PARAMETER = parameterIndex('SH_INC', 'key');
/** What an absent key counts as. */
const ZERO = new ByteSpace(new ArrayBuffer(1));
const stored = new StoredPair();
const draft = new PairDraft();

export const inc: Command = {
  name: 'SH_INC',
  needs: 'session',
  grows: true,
  changes: true,

  validate(context) {
    const { body } = context;
    const status = validateKey(context, KEY_PARAMETER);
    if (status !== STATUSES.OK.code) return status;
    // What the session can grow by.
    const at = body.textAt(KEY_PARAMETER);
    body.keys.add(at, body.textBytes(KEY_PARAMETER), at, NUMBER_BYTES_MAX);
    return status;
  },

  execute(context, row) {
    const { body, state, reply } = context;
    const isThere = findKey(context, row, KEY_PARAMETER);
    if (isThere) stored.take(state.keys);
    if (isThere && !isNumberByte(stored.space.bytes[stored.valueAt]!)) {
      reply.refuse(STATUSES.NOT_A_NUMBER.code, 'the value of the key is not a number');
      return;
    }
    const keyBytes = body.textBytes(KEY_PARAMETER);
    draft.begin(body.space, body.textAt(KEY_PARAMETER), keyBytes, NUMBER_BYTES_MAX);
    const [from, at] = isThere ? [stored.space, stored.valueAt] : [ZERO, 0];
    const byAt = body.has(BY_PARAMETER) ? body.startOf(BY_PARAMETER) : -1;
    const end = putSum(draft.space, draft.at, from, at, body.space, byAt);
    if (end < 0) {
      reply.refuse(STATUSES.WRONG_VALUE.code, 'the sum is beyond 64 bits or not finite');
      return;
    }
    draft.at = end;
    if (!draft.store(context, row, isThere ? stored.bytes : 0)) return;
    reply.begin(STATUSES.OK.code, 1 + VALUE.bytes.length + draft.valueBytes);
    reply.map(1);
    reply.constant(VALUE);
    reply.bytes(draft.space, keyBytes, draft.valueBytes);
    reply.end();
  },
};
