/**
 * SH_TOUCH: restarts the idle clock, whatever the flags.
 *
 * Refused  100
 */
import type { Command } from './command.js';
import { replyRemaining } from './remaining.js';

export const touch: Command = {
  name: 'SH_TOUCH',
  needs: 'session',
  grows: false,
  changes: true,

  execute({ state, reply }, row) {
    state.touch(row);
    replyRemaining(reply, state.remainingMsOf(row));
  },
};
