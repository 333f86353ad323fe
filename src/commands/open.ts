/**
 * SH_OPEN: gives the token of the shared session of a name; with create, starts it if there is none.
 *
 * Errors   42
 * Refused  102 where there is none and create is not set, 110 where the token of the name was replaced
 *          (it stays taken as long as that session lives), 204, 205, 206, 210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command } from './command.js';
import { CREATED } from './names.js';
import { validateOwner } from './owners.js';
import { parameterIndex } from './parameters.js';
import {
  putTokenAndId,
  refusesStart,
  startSession,
  tokenAndIdBytes,
  validateName,
} from './starting.js';

const CREATE_PARAMETER = parameterIndex('SH_OPEN', 'create');
const NAME_PARAMETER = parameterIndex('SH_OPEN', 'name');
const START = {
  expiry: parameterIndex('SH_OPEN', 'expiry'),
  owner: parameterIndex('SH_OPEN', 'owner'),
};

export const open: Command = {
  name: 'SH_OPEN',
  needs: 'none',
  grows: false, // a session that exists
  changes: 'to start',

  validate({ body }) {
    const status = validateName(body, NAME_PARAMETER);
    return status === STATUSES.OK.code ? validateOwner(body, START.owner) : status;
  },

  execute(context) {
    const { body, state, reply } = context;
    const found = state.find(context.digest, context.digestAt, context.slot);
    if (found === NIL && state.isSuperseded) {
      reply.bare(STATUSES.TOKEN_REUSED.code);
      return;
    }
    const isThere = found !== NIL && state.isShared(found);
    let row = found;
    if (!isThere && !body.isTrue(CREATE_PARAMETER)) {
      reply.bare(STATUSES.NO_SUCH_SHARED.code);
      return;
    }
    if (!isThere) {
      if (refusesStart(context, START)) return;
      row = startSession(context, true, START);
    } else {
      state.used(row);
    }
    reply.begin(STATUSES.OK.code, 1 + tokenAndIdBytes(reply) + CREATED.bytes.length + 1);
    reply.map(3);
    putTokenAndId(context, row);
    reply.constant(CREATED);
    reply.bool(!isThere);
    reply.end();
  },
};
