/**
 * SH_KEYS: lists the key names, in insertion order.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { arrayHeaderBytes, putArrayHeader } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { KEYS } from './names.js';

export const keys: Command = {
  name: 'SH_KEYS',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ state, reply }, row) {
    const stored = state.keys;
    const count = stored.countOf(row);
    let bytes = 0;
    stored.walk(row);
    while (stored.next()) bytes += stored.foundKeyBytes();
    reply.begin(STATUSES.OK.code, 1 + KEYS.bytes.length + arrayHeaderBytes(count) + bytes);
    reply.map(1);
    reply.constant(KEYS);
    reply.at = putArrayHeader(reply.space, reply.at, count);
    stored.walk(row);
    while (stored.next()) {
      const keyBytes = stored.foundKeyBytes();
      stored.copyFoundKey(reply.space, reply.at, keyBytes);
      reply.at += keyBytes;
    }
    reply.end();
  },
};
