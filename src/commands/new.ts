/**
 * SH_NEW: starts a session under the token that the I/O thread has minted, with its keys and expiry
 * in the same step. A shared one's token derives from its name, so it may be there already.
 *
 * Errors   26 shared without a name, 42
 * Refused  103 with the token of the session that has the name, 204, 205
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command, CommandContext } from './command.js';
import { NAME, TOKEN } from './names.js';
import { parameterIndex } from './parameters.js';
import { TOKEN_ITEM_BYTES } from './reply.js';
import {
  nameBytes,
  putName,
  putTokenAndId,
  refusesStart,
  startSession,
  TOKEN_AND_ID_BYTES,
  validateName,
} from './starting.js';

const EXPIRY_PARAMETER = parameterIndex('SH_NEW', 'expiry');
const NAME_PARAMETER = parameterIndex('SH_NEW', 'name');
const SHARED_PARAMETER = parameterIndex('SH_NEW', 'shared');

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
    return validateName(body, NAME_PARAMETER);
  },

  execute(context) {
    const { body, state, reply } = context;
    const isShared = body.isTrue(SHARED_PARAMETER);
    if (state.find(context.digest, context.digestAt, context.slot) !== NIL) {
      refuseTaken(context, isShared);
      return;
    }
    if (refusesStart(context)) return;
    startSession(context, isShared, EXPIRY_PARAMETER);
    const hasName = body.has(NAME_PARAMETER);
    const named = hasName ? NAME.bytes.length + nameBytes(body, NAME_PARAMETER) : 0;
    reply.begin(STATUSES.OK.code, 1 + TOKEN_AND_ID_BYTES + named);
    reply.map(hasName ? 3 : 2);
    putTokenAndId(context);
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
  const tokenBytes = TOKEN.bytes.length + TOKEN_ITEM_BYTES;
  const named = NAME.bytes.length + nameBytes(body, NAME_PARAMETER);
  reply.begin(STATUSES.NAME_TAKEN.code, 1 + tokenBytes + named);
  reply.map(2);
  reply.constant(TOKEN);
  reply.token();
  reply.constant(NAME);
  putName(reply, body, NAME_PARAMETER, body.space);
  reply.end();
}
