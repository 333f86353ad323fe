/**
 * SH_SET: stores keys, new or not, in one step.
 *
 * Refused  100, 204 over --max-session-bytes, 205 over --max-memory
 */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { isTooLarge, refuseTooLarge, storeKeys } from './storing.js';

export const set: Command = {
  name: 'SH_SET',
  needs: 'session',
  grows: true,
  changes: true,

  execute(context, row) {
    const { state, reply } = context;
    if (isTooLarge(context, row, state.keys.bytesBoundOf(row), true)) {
      refuseTooLarge(context);
      return;
    }
    storeKeys(context, row);
    state.wrote(row);
    reply.bare(STATUSES.OK.code);
  },
};
