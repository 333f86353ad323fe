/**
 * SH_ROTATE: gives the session the token that the I/O thread has minted in the slot of the old one;
 * all else of it stays. The old token reaches it until the grace ends, and is answered 110 from then
 * on, as long as the session lives. A grace that still ran ends with this.
 *
 * Errors   41 grace no number or negative, 42 beyond 100 years
 * Refused  100, 110, 205, 210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Command } from './command.js';
import { parameterIndex } from './parameters.js';
import { putTokenAndId, tokenAndIdBytes } from './starting.js';

const GRACE_PARAMETER = parameterIndex('SH_ROTATE', 'grace');

export const rotate: Command = {
  name: 'SH_ROTATE',
  needs: 'session',
  grows: true,
  changes: true,

  execute(context, row) {
    const { body, minted, reply, slot, state } = context;
    // A minted token that is in use would be a collision of random bits: our fault, not theirs.
    const isTaken = state.find(minted, 0, slot) !== NIL || state.isSuperseded;
    if (!context.hasMinted || isTaken) {
      reply.bare(STATUSES.INTERNAL.code);
      return;
    }
    const graceMs = body.has(GRACE_PARAMETER) ? body.numberOf(GRACE_PARAMETER) * 1_000 : 0;
    state.rotate(row, minted, 0, state.nowMs + graceMs);
    context.countRotation();
    reply.begin(STATUSES.OK.code, 1 + tokenAndIdBytes(reply));
    reply.map(2);
    putTokenAndId(context, row);
    reply.end();
  },
};
