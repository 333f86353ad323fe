/**
 * SH_GET: reads keys; absent ones are left out. With version: true the session's version, too.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { mapHeaderBytes, uintBytes } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { FoundPairs } from './found-pairs.js';
import { KEYS, VERSION } from './names.js';
import { parameterIndex } from './parameters.js';

const VERSION_PARAMETER = parameterIndex('SH_GET', 'version');
const found = new FoundPairs();

export const get: Command = {
  name: 'SH_GET',
  needs: 'session',
  grows: false,
  changes: false,

  execute({ body, state, reply }, row) {
    const { keys } = state;
    const list = body.keys;
    found.clear();
    for (let index = 0; index < list.count; index += 1) {
      if (!keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
      found.add(keys.foundPointer, keys.foundAt, keys.foundBytes);
    }
    const withVersion = body.isTrue(VERSION_PARAMETER);
    const version = withVersion ? state.versionOf(row) : 0;
    const versionBytes = withVersion ? VERSION.bytes.length + uintBytes(version) : 0;
    const pairsBytes = mapHeaderBytes(found.count) + found.bytes;
    reply.begin(STATUSES.OK.code, 1 + KEYS.bytes.length + pairsBytes + versionBytes);
    reply.map(withVersion ? 2 : 1);
    reply.constant(KEYS);
    reply.map(found.count);
    for (let index = 0; index < found.count; index += 1) {
      const bytes = found.pairBytes(index);
      keys.copyPair(reply.space, reply.at, found.pointer(index), found.at(index), bytes);
      reply.at += bytes;
    }
    if (withVersion) {
      reply.constant(VERSION);
      reply.uint(version);
    }
    reply.end();
  },
};
