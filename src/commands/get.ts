/**
 * SH_GET: reads keys; absent ones are left out. With version: true the session's version, too.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { mapHeaderBytes, uintBytes } from '../protocol/msgpack-put.js';
import type { Command, CommandContext } from './command.js';
import { FoundPairs } from './found-pairs.js';
import { KEYS, VERSION } from './names.js';
import { parameterIndex } from './parameters.js';
import { ONLY_KEYS_BYTES } from './reply.js';

const VERSION_PARAMETER = parameterIndex('SH_GET', 'version');
const found = new FoundPairs();

export const get: Command = {
  name: 'SH_GET',
  needs: 'session',
  grows: false,
  changes: false,

  execute(context, row) {
    const { body, state, reply } = context;
    const { keys } = state;
    const list = body.keys;
    const withVersion = body.isTrue(VERSION_PARAMETER);
    if (list.count === 1 && !withVersion) {
      getOne(context, row);
      return;
    }
    found.clear();
    for (let index = 0; index < list.count; index += 1) {
      if (!keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
      found.add(keys.foundPointer, keys.foundAt, keys.foundBytes);
    }
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

/** What the general way comes to for one key, which is what most ask for. */
function getOne({ body, state, reply }: CommandContext, row: number): void {
  const { keys } = state;
  const list = body.keys;
  const isThere = keys.find(row, body.space, list.keyAt(0), list.keyBytes(0));
  const pairBytes = isThere ? keys.foundBytes : 0;
  reply.begin(STATUSES.OK.code, ONLY_KEYS_BYTES + 1 + pairBytes);
  reply.onlyKeys();
  reply.map(isThere ? 1 : 0);
  if (isThere) {
    keys.copyPair(reply.space, reply.at, keys.foundPointer, keys.foundAt, pairBytes);
    reply.at += pairBytes;
  }
  reply.end();
}
