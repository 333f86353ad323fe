/**
 * SH_CLEAR: removes all keys in one step; the session stays.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { CNT } from './names.js';

export const clear: Command = {
  name: 'SH_CLEAR',
  needs: 'session',
  grows: false,
  changes: true,

  execute({ state, reply }, row) {
    const removed = state.clear(row);
    if (removed > 0) state.wrote(row);
    reply.single(STATUSES.OK.code, CNT, removed);
  },
};
