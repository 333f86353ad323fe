/**
 * SH_RMV: removes keys; unknown ones are passed over.
 *
 * Errors   42 for an empty list
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { CNT } from './names.js';

export const rmv: Command = {
  name: 'SH_RMV',
  needs: 'session',
  grows: false,
  changes: true,

  validate({ body }) {
    if (!body.isListEmpty) return STATUSES.OK.code;
    body.detail = 'keys is empty';
    return STATUSES.WRONG_VALUE.code;
  },

  execute({ body, state, reply }, row) {
    const list = body.keys;
    let removed = 0;
    for (let index = 0; index < list.count; index += 1) {
      if (!state.keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
      state.removeFound(row);
      removed += 1;
    }
    if (removed > 0) state.wrote(row);
    reply.single(STATUSES.OK.code, CNT, removed);
  },
};
