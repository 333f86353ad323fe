/**
 * SH_EXPIRE: replaces the expiry, or removes it. The idle clock restarts now; maxAge counts from the
 * session's creation, so it can end the session on the spot.
 *
 * Refused  100
 */
import type { Command } from './command.js';
import { parameterIndex } from './parameters.js';
import { replyRemaining } from './remaining.js';

const EXPIRY_PARAMETER = parameterIndex('SH_EXPIRE', 'expiry');

export const expire: Command = {
  name: 'SH_EXPIRE',
  needs: 'session',
  grows: false,
  changes: true,

  execute({ body, state, reply }, row) {
    const policy = body.isNil(EXPIRY_PARAMETER) ? null : body.expiry;
    replyRemaining(reply, state.setExpiry(row, policy));
  },
};
