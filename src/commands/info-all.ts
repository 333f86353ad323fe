/**
 * SH_INFO_ALL, one shard's part: counts its sessions and their keys, from counters.
 *
 * Sessions that are due but not yet removed are removed first, as many as a short pause allows: only
 * after a burst of more than that can the count include some that are already dead.
 */
import { STATUSES } from '../core/statuses.js';
import { uintBytes } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { TOTAL_KEYS, TOTAL_SESSIONS } from './names.js';

/** About 5 ms of removing. */
const SWEPT_ROWS_MAX = 10_000;

export const infoAll: Command = {
  name: 'SH_INFO_ALL',
  needs: 'none',
  grows: false,
  changes: false,

  execute({ state, reply }) {
    state.advance(SWEPT_ROWS_MAX);
    const sessions = state.sessionCount;
    const keys = state.keys.total;
    const namesBytes = TOTAL_SESSIONS.bytes.length + TOTAL_KEYS.bytes.length;
    reply.begin(STATUSES.OK.code, 1 + namesBytes + uintBytes(sessions) + uintBytes(keys));
    reply.map(2);
    reply.constant(TOTAL_SESSIONS);
    reply.uint(sessions);
    reply.constant(TOTAL_KEYS);
    reply.uint(keys);
    reply.end();
  },
};
