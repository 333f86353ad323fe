/**
 * SH_SET_OWNER: says whose session it is, or with nil that it is nobody's. That of the same owner
 * again changes nothing, whatever the owner's limit.
 *
 * Errors   42
 * Refused  100, 110, 205, 206, 210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command } from './command.js';
import { endOldest, findOwner, refusesOwner, validateOwner } from './owners.js';
import { parameterIndex } from './parameters.js';

const OWNER_PARAMETER = parameterIndex('SH_SET_OWNER', 'owner');

export const setOwner: Command = {
  name: 'SH_SET_OWNER',
  needs: 'session',
  grows: true,
  changes: true,

  validate({ body }) {
    return validateOwner(body, OWNER_PARAMETER);
  },

  execute(context, row) {
    const { body, reply, state } = context;
    const isNobody = body.isNil(OWNER_PARAMETER);
    const owner = isNobody ? NIL : findOwner(context, OWNER_PARAMETER);
    const isSame = state.ownerOf(row) === owner && (isNobody || owner !== NIL);
    if (!isSame) {
      if (refusesOwner(context, OWNER_PARAMETER)) return;
      if (!isNobody) endOldest(context, OWNER_PARAMETER);
      if (isNobody) state.setOwner(row, body.space, 0, 0);
      else {
        const at = body.textAt(OWNER_PARAMETER);
        state.setOwner(row, body.space, at, body.textBytes(OWNER_PARAMETER));
      }
    }
    reply.bare(STATUSES.OK.code);
  },
};
