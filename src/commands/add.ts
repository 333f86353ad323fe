/**
 * SH_ADD: stores those keys that are absent.
 *
 * Refused  100, 204 over --max-session-bytes, 205 over --max-memory
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { isTooLarge, refuseTooLarge, storeKey } from './storing.js';

export const add: Command = {
  name: 'SH_ADD',
  needs: 'session',
  grows: true,
  changes: true,

  execute(context, row) {
    const { body, state, reply } = context;
    if (isTooLarge(context, row, state.keys.bytesBoundOf(row), false)) {
      refuseTooLarge(context);
      return;
    }
    const list = body.keys;
    let added = 0;
    for (let index = 0; index < list.count; index += 1) {
      if (state.keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
      storeKey(context, row, index);
      added += 1;
    }
    if (added > 0) state.wrote(row);
    reply.bare(STATUSES.OK.code);
  },
};
