/**
 * SH_CAS: compare and swap. If the session is still at the version given, removes keys and then
 * stores keys, in one step; else changes nothing and tells the version it has.
 *
 * Refused  100, 207, 204 over --max-session-bytes, 205 over --max-memory
 */
import { STATUSES } from '../core/statuses.js';
import { keyHeaderBytesOf } from '../state/stored-key.js';
import type { Command, CommandContext } from './command.js';
import { FoundPairs } from './found-pairs.js';
import type { KeyList } from './key-list.js';
import { VERSION } from './names.js';
import { parameterIndex } from './parameters.js';
import { refuseTooLarge, storeKeys } from './storing.js';

const RMV_PARAMETER = parameterIndex('SH_CAS', 'rmv');
const VERSION_PARAMETER = parameterIndex('SH_CAS', 'version');
const going = new FoundPairs();

export const cas: Command = {
  name: 'SH_CAS',
  needs: 'session',
  grows: true,
  changes: true,

  validate({ body }) {
    if (!body.has(RMV_PARAMETER)) body.removals.clear();
    return STATUSES.OK.code;
  },

  execute(context, row) {
    const { body, state, reply } = context;
    if (body.numberOf(VERSION_PARAMETER) !== state.versionOf(row)) {
      reply.single(STATUSES.VERSION_MISMATCH.code, VERSION, state.versionOf(row));
      return;
    }
    if (isTooLarge(context, row)) {
      refuseTooLarge(context);
      return;
    }
    const removed = removeKeys(context, row);
    if (body.keys.count > 0) storeKeys(context, row);
    if (removed + body.keys.count > 0) state.wrote(row);
    reply.single(STATUSES.OK.code, VERSION, state.versionOf(row));
  },
};

function removeKeys({ body, state }: CommandContext, row: number): number {
  const list = body.removals;
  let removed = 0;
  for (let index = 0; index < list.count; index += 1) {
    if (!state.keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
    state.removeFound(row);
    removed += 1;
  }
  return removed;
}

/** Whether the session would hold too much afterwards: exact only where the bound is passed. */
function isTooLarge(context: CommandContext, row: number): boolean {
  const { body, state, limits } = context;
  const list = body.keys;
  if (state.keys.bytesBoundOf(row) + list.pairsBytes <= limits.sessionBytesMax) return false;
  let added = 0;
  for (let index = 0; index < list.count; index += 1) {
    const keyBytes = list.keyBytes(index);
    added += keyHeaderBytesOf(keyBytes) + keyBytes + list.valueBytes(index);
  }
  // A pair goes once, however often it is removed and replaced.
  going.clear();
  gather(context, row, body.removals);
  gather(context, row, list);
  if (added <= going.bytes) return false;
  return state.keys.bytesOf(row) - going.bytes + added > limits.sessionBytesMax;
}

function gather({ body, state: { keys } }: CommandContext, row: number, list: KeyList): void {
  for (let index = 0; index < list.count; index += 1) {
    if (!keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) continue;
    going.add(keys.foundPointer, keys.foundAt, keys.foundBytes);
  }
}
