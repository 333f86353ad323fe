/**
 * SH_END_ALL, one shard's part: ends all of its sessions, or all of an owner's, but that of the token
 * to be spared, whose digest the I/O thread sends (FLAG_MINTED). The default map is none of them.
 *
 * Errors   42
 * Refused  210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { endAllBut } from '../state/end-all-but.js';
import type { Command, CommandContext } from './command.js';
import { CNT } from './names.js';
import { findLiveOwner, validateOwner } from './owners.js';
import { parameterIndex } from './parameters.js';

const OWNER_PARAMETER = parameterIndex('SH_END_ALL', 'owner');

export const endAll: Command = {
  name: 'SH_END_ALL',
  needs: 'none',
  grows: false,
  changes: true,

  validate({ body }) {
    return validateOwner(body, OWNER_PARAMETER);
  },

  execute(context) {
    const { body, minted, reply, slot, state } = context;
    const spared = context.hasMinted ? state.find(minted, 0, slot) : NIL;
    let count = 0;
    if (body.has(OWNER_PARAMETER)) count = endAllOfOwner(context, spared);
    else if (spared === NIL) count = state.endAll();
    else count = endAllBut(state, spared);
    reply.single(STATUSES.OK.code, CNT, count);
  },
};

function endAllOfOwner(context: CommandContext, spared: number): number {
  const { state } = context;
  const owner = findLiveOwner(context, OWNER_PARAMETER);
  let row = owner === NIL ? NIL : state.owners.firstOf(owner);
  let count = 0;
  while (row !== NIL) {
    const next = state.owners.nextOf(row);
    if (row !== spared) {
      state.end(row);
      count += 1;
    }
    row = next;
  }
  return count;
}
