/**
 * SH_CONTAINS: tells which of the keys exist, in request order, duplicates repeated.
 *
 * Refused  100
 */
import { copyBytes } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import {
  arrayHeaderBytes,
  putArrayHeader,
  putStrHeader,
  strBytes,
} from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { CONTAINS } from './names.js';

export const contains: Command = {
  name: 'SH_CONTAINS',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ body, state, reply }, row) {
    const list = body.keys;
    const { space } = body;
    let count = 0;
    let bytes = 0;
    for (let index = 0; index < list.count; index += 1) {
      if (!state.keys.find(row, space, list.keyAt(index), list.keyBytes(index))) continue;
      list.keep(index, count);
      bytes += strBytes(list.keyBytes(count));
      count += 1;
    }
    const bodyBytes = 1 + CONTAINS.bytes.length + arrayHeaderBytes(count) + bytes;
    reply.begin(STATUSES.OK.code, bodyBytes);
    reply.map(1);
    reply.constant(CONTAINS);
    reply.at = putArrayHeader(reply.space, reply.at, count);
    for (let index = 0; index < count; index += 1) {
      const length = list.keyBytes(index);
      reply.at = putStrHeader(reply.space, reply.at, length);
      copyBytes(reply.space, reply.at, space, list.keyAt(index), length);
      reply.at += length;
    }
    reply.end();
  },
};
