/**
 * SH_OPEN: gives the token of the shared session of a name; with create, starts it if there is none.
 *
 * Errors   42
 * Refused  102 where there is none and create is not set, 204, 205, 210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command } from './command.js';
import { CREATED } from './names.js';
import { parameterIndex } from './parameters.js';
import {
  putTokenAndId,
  refusesStart,
  startSession,
  TOKEN_AND_ID_BYTES,
  validateName,
} from './starting.js';

const CREATE_PARAMETER = parameterIndex('SH_OPEN', 'create');
const EXPIRY_PARAMETER = parameterIndex('SH_OPEN', 'expiry');
const NAME_PARAMETER = parameterIndex('SH_OPEN', 'name');

export const open: Command = {
  name: 'SH_OPEN',
  needs: 'none',
  grows: false, // a session that exists
  changes: 'to start',

  validate({ body }) {
    return validateName(body, NAME_PARAMETER);
  },

  execute(context) {
    const { body, state, reply } = context;
    const row = state.find(context.digest, context.digestAt, context.slot);
    const isThere = row !== NIL && state.isShared(row);
    if (!isThere && !body.isTrue(CREATE_PARAMETER)) {
      reply.bare(STATUSES.NO_SUCH_SHARED.code);
      return;
    }
    if (!isThere) {
      if (refusesStart(context)) return;
      startSession(context, true, EXPIRY_PARAMETER);
    }
    reply.begin(STATUSES.OK.code, 1 + TOKEN_AND_ID_BYTES + CREATED.bytes.length + 1);
    reply.map(3);
    putTokenAndId(context);
    reply.constant(CREATED);
    reply.bool(!isThere);
    reply.end();
  },
};
