/**
 * SH_UNWATCH: tells the calling I/O thread the session's row and watch number, 0 if nobody watches
 * it; that thread ends the connection's watch (io/watches.ts). Extends nothing.
 *
 * Refused  100, 110
 */
import { STATUSES } from '../core/statuses.js';
import { uintBytes } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { ROW, WATCH } from './names.js';

const NAMES_BYTES = ROW.bytes.length + WATCH.bytes.length;

export const unwatch: Command = {
  name: 'SH_UNWATCH',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ state, reply }, row) {
    const number = state.notices.numberOf(row);
    reply.begin(STATUSES.OK.code, 1 + NAMES_BYTES + uintBytes(row) + uintBytes(number));
    reply.map(2);
    reply.constant(ROW);
    reply.uint(row);
    reply.constant(WATCH);
    reply.uint(number);
    reply.end();
  },
};
