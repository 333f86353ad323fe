/**
 * SH_CLEAR_SET: replaces all keys by these, in one step.
 *
 * Refused  100, 204 over --max-session-bytes, 205 over --max-memory
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { CNT } from './names.js';
import { isTooLarge, refuseTooLarge, storeKeys } from './storing.js';

export const clearSet: Command = {
  name: 'SH_CLEAR_SET',
  needs: 'session',
  grows: true,
  changes: true,

  execute(context, row) {
    const { state, reply } = context;
    if (isTooLarge(context, row, 0, true)) {
      refuseTooLarge(context);
      return;
    }
    const removed = state.clear(row);
    storeKeys(context, row);
    state.wrote(row);
    reply.single(STATUSES.OK.code, CNT, removed);
  },
};
