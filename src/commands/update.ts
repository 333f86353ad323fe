/**
 * SH_UPDATE: replaces a place within a value, named by a JSON pointer. What is around it keeps its
 * bytes as they are; nothing is decoded. A place that is not there is not made.
 *
 * Errors   4 no JSON pointer, 42
 * Refused  22, 42 for a value that would nest too deeply there, 100, 204 over --max-session-bytes,
 *          205 over --max-memory
 */
import { STATUSES } from '../core/statuses.js';
import { skipItem, TOO_DEEP } from '../protocol/msgpack-walk.js';
import type { Command, CommandContext } from './command.js';
import { isJsonPointer, locate, type Place } from './json-pointer.js';
import { findKey, validateKey } from './key-parameter.js';
import { CNT } from './names.js';
import { PairDraft } from './pair-draft.js';
import { parameterIndex } from './parameters.js';
import { StoredPair } from './stored-pair.js';

const OK = STATUSES.OK.code;
const KEY_PARAMETER = parameterIndex('SH_UPDATE', 'key');
const PATH_PARAMETER = parameterIndex('SH_UPDATE', 'path');
const VALUE_PARAMETER = parameterIndex('SH_UPDATE', 'value');
const stored = new StoredPair();
const draft = new PairDraft();
const place: Place = { at: 0, end: 0, depth: 0 };

export const update: Command = {
  name: 'SH_UPDATE',
  needs: 'session',
  grows: true,
  changes: true,

  validate(context) {
    const { body } = context;
    const status = validateKey(context, KEY_PARAMETER);
    if (status !== OK) return status;
    const pathAt = body.textAt(PATH_PARAMETER);
    if (!isJsonPointer(body.space.bytes, pathAt, body.endOf(PATH_PARAMETER))) {
      body.detail = 'path must be a JSON pointer: empty, or /name/0 with ~1 for / and ~0 for ~';
      return STATUSES.BAD_PATH.code;
    }
    // What the session can grow by.
    const valueAt = body.startOf(VALUE_PARAMETER);
    const valueBytes = body.endOf(VALUE_PARAMETER) - valueAt;
    const keyBytes = body.textBytes(KEY_PARAMETER);
    body.keys.add(body.textAt(KEY_PARAMETER), keyBytes, valueAt, valueBytes);
    return OK;
  },

  execute(context, row) {
    const { body, state, reply } = context;
    if (!findKey(context, row, KEY_PARAMETER)) {
      reply.single(STATUSES.NO_SUCH_KEY.code, CNT, 0);
      return;
    }
    stored.take(state.keys);
    const pathAt = body.textAt(PATH_PARAMETER);
    const pathEnd = body.endOf(PATH_PARAMETER);
    const { space, valueAt, end } = stored;
    if (!locate(space, valueAt, end, body.space.bytes, pathAt, pathEnd, place)) {
      reply.single(OK, CNT, 0);
      return;
    }
    if (nestsTooDeeply(context)) {
      const depthMax = context.limits.valueDepthMax;
      reply.refuse(STATUSES.WRONG_VALUE.code, `the value would nest deeper than ${depthMax}`);
      return;
    }
    splice(context);
    if (draft.store(context, row, stored.bytes)) reply.single(OK, CNT, 1);
  },
};

function nestsTooDeeply({ body, limits }: CommandContext): boolean {
  const at = body.startOf(VALUE_PARAMETER);
  const depthMax = Math.max(0, limits.valueDepthMax - place.depth);
  return skipItem(body.space, at, body.endOf(VALUE_PARAMETER), depthMax) === TOO_DEEP;
}

/** What is before the place, the new value, what is behind the place: counts stay what they were. */
function splice({ body }: CommandContext): void {
  const { space, valueAt, end } = stored;
  const at = body.startOf(VALUE_PARAMETER);
  const bytes = body.endOf(VALUE_PARAMETER) - at;
  draft.begin(space, stored.keyAt, stored.keyBytes, stored.valueBytes + bytes);
  draft.put(space, valueAt, place.at - valueAt);
  draft.put(body.space, at, bytes);
  draft.put(space, place.end, end - place.end);
}
