/**
 * SH_GET_ALL: reads all keys, in insertion order.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { mapHeaderBytes } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { KEYS } from './names.js';

export const getAll: Command = {
  name: 'SH_GET_ALL',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ state, reply }, row) {
    const { keys } = state;
    const count = keys.countOf(row);
    const pairsBytes = mapHeaderBytes(count) + keys.bytesOf(row);
    reply.begin(STATUSES.OK.code, 1 + KEYS.bytes.length + pairsBytes);
    reply.map(1);
    reply.constant(KEYS);
    reply.map(count);
    keys.walk(row);
    while (keys.next()) {
      keys.copyPair(reply.space, reply.at, keys.foundPointer, keys.foundAt, keys.foundBytes);
      reply.at += keys.foundBytes;
    }
    reply.end();
  },
};
