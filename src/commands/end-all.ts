/** SH_END_ALL, one shard's part: ends all of its sessions. The default map is none of them. */
import { STATUSES } from '../core/statuses.js';
import type { Command } from './command.js';
import { CNT } from './names.js';

export const endAll: Command = {
  name: 'SH_END_ALL',
  needs: 'none',
  grows: false,
  changes: true,

  execute({ state, reply }) {
    reply.single(STATUSES.OK.code, CNT, state.endAll());
  },
};
