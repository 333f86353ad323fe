/**
 * SH_COUNT: counts the keys.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { CNT } from './names.js';

export const count: Command = {
  name: 'SH_COUNT',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ state, reply }, row) {
    reply.single(STATUSES.OK.code, CNT, state.keys.countOf(row));
  },
};
