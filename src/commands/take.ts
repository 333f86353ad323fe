/**
 * SH_TAKE: reads keys and removes them, in one step, so that each value is given out once: one-time
 * codes. Absent keys are left out.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { mapHeaderBytes } from '../protocol/msgpack-put.js';
import type { Command, CommandContext } from './command.js';
import { FoundPairs } from './found-pairs.js';
import { KEYS } from './names.js';

const found = new FoundPairs();

export const take: Command = {
  name: 'SH_TAKE',
  needs: 'session',
  grows: false,
  changes: true,

  execute(context, row) {
    const { body, state, reply } = context;
    const { keys } = state;
    const list = body.keys;
    found.clear();
    for (let index = 0; index < list.count; index += 1) {
      if (!keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
      found.add(keys.foundPointer, keys.foundAt, keys.foundBytes);
    }
    const pairsBytes = mapHeaderBytes(found.count) + found.bytes;
    reply.begin(STATUSES.OK.code, 1 + KEYS.bytes.length + pairsBytes);
    reply.map(1);
    reply.constant(KEYS);
    reply.map(found.count);
    for (let index = 0; index < found.count; index += 1) {
      const bytes = found.pairBytes(index);
      keys.copyPair(reply.space, reply.at, found.pointer(index), found.at(index), bytes);
      reply.at += bytes;
    }
    // Both begin() and end() may wait for room, and then the log is flushed. What is removed only
    // now is flushed after this reply has joined those that wait for the log: a value whose removal
    // could not be logged is not given out.
    reply.end();
    if (found.count > 0) removeKeys(context, row);
  },
};

function removeKeys({ body, state }: CommandContext, row: number): void {
  const list = body.keys;
  for (let index = 0; index < list.count; index += 1) {
    if (!state.keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
    state.removeFound(row);
  }
  state.wrote(row);
}
