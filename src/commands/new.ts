/**
 * SH_NEW: starts a session under the token that the I/O thread has minted, with its keys and expiry
 * in the same step. A shared one's token derives from its name, so it may be there already.
 *
 * Errors   26 shared without a name, 42
 * Refused  103 with the token of the session that has the name, 110 where the token of the name was
 *          replaced (it stays taken as long as that session lives), 204, 205, 206
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command, CommandContext } from './command.js';
import { NAME, TOKEN } from './names.js';
import { parameterIndex } from './parameters.js';
import { validateOwner } from './owners.js';
import {
  nameBytes,
  putName,
  putTokenAndId,
  refusesStart,
  startSession,
  tokenAndIdBytes,
  validateName,
} from './starting.js';

const NAME_PARAMETER = parameterIndex('SH_NEW', 'name');
const SHARED_PARAMETER = parameterIndex('SH_NEW', 'shared');
const START = {
  expiry: parameterIndex('SH_NEW', 'expiry'),
  owner: parameterIndex('SH_NEW', 'owner'),
};

export const newSession: Command = {
  name: 'SH_NEW',
  needs: 'none',
  grows: false, // a session that exists
  changes: true,

  validate({ body }) {
    if (body.isTrue(SHARED_PARAMETER) && !body.has(NAME_PARAMETER)) {
      body.detail = 'a shared session needs a name';
      return STATUSES.MISSING_PARAMETER.code;
    }
    const status = validateName(body, NAME_PARAMETER);
    return status === STATUSES.OK.code ? validateOwner(body, START.owner) : status;
  },

  execute(context) {
    const { body, state, reply } = context;
    const isShared = body.isTrue(SHARED_PARAMETER);
    if (state.find(context.digest, context.digestAt, context.slot) !== NIL) {
      refuseTaken(context, isShared);
      return;
    }
    if (state.isSuperseded) {
      reply.bare(STATUSES.TOKEN_REUSED.code);
      return;
    }
    if (refusesStart(context, START)) return;
    const row = startSession(context, isShared, START);
    const hasName = body.has(NAME_PARAMETER);
    const named = hasName ? NAME.bytes.length + nameBytes(body, NAME_PARAMETER) : 0;
    reply.begin(STATUSES.OK.code, 1 + tokenAndIdBytes(reply) + named);
    reply.map(hasName ? 3 : 2);
    putTokenAndId(context, row);
    if (hasName) {
      reply.constant(NAME);
      putName(reply, body, NAME_PARAMETER, body.space);
    }
    reply.end();
  },
};

/** A minted token that is in use would be a collision in 176 random bits: our fault, not theirs. */
function refuseTaken({ body, reply }: CommandContext, isShared: boolean): void {
  if (!isShared) {
    reply.bare(STATUSES.INTERNAL.code);
    return;
  }
  const tokenBytes = TOKEN.bytes.length + reply.tokenItemBytes;
  const named = NAME.bytes.length + nameBytes(body, NAME_PARAMETER);
  reply.begin(STATUSES.NAME_TAKEN.code, 1 + tokenBytes + named);
  reply.map(2);
  reply.constant(TOKEN);
  reply.token();
  reply.constant(NAME);
  putName(reply, body, NAME_PARAMETER, body.space);
  reply.end();
}
