/**
 * SH_WATCH: the session's changes are pushed to a connection of the calling I/O thread. Which one,
 * and how many there may be, is that thread's business (io/watches.ts): it takes the reply's row and
 * watch number and gives the client the id alone. Extends nothing.
 *
 * Refused  100, 110
 */
import { STATUSES } from '../core/statuses.js';
import { uintBytes } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { ID, ROW, WATCH } from './names.js';
import { ID_ITEM_BYTES, putIdOf } from './starting.js';

const NAMES_BYTES = ID.bytes.length + ROW.bytes.length + WATCH.bytes.length;

export const watch: Command = {
  name: 'SH_WATCH',
  needs: 'session',
  grows: false,
  changes: false,

  execute(context, row) {
    const { state, reply } = context;
    const number = state.watch(row, reply.io);
    const numbersBytes = uintBytes(row) + uintBytes(number);
    reply.begin(STATUSES.OK.code, 1 + NAMES_BYTES + ID_ITEM_BYTES + numbersBytes);
    reply.map(3);
    reply.constant(ID);
    putIdOf(context, row);
    reply.constant(ROW);
    reply.uint(row);
    reply.constant(WATCH);
    reply.uint(number);
    reply.end();
  },
};
