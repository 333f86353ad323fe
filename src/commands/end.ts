/**
 * SH_END: ends the session and removes its data.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';

export const end: Command = {
  name: 'SH_END',
  needs: 'session',
  grows: false,
  changes: true,

  execute({ state, reply }, row) {
    state.end(row);
    reply.bare(STATUSES.OK.code);
  },
};
