/**
 * SH_LIST, one shard's part: the owner's sessions here. The I/O thread puts the parts together. Those
 * that are due are removed first, so that what it lists lives.
 *
 * While the I/O thread holds the owner's lock (io/owner-limit.ts) the answer is {cnt, oldest}: how
 * many there are, and the OLDEST_MAX started first, LISTED_BYTES each: when (double), and the id.
 *
 * Errors   42
 */
import { OLDEST_BYTES, OLDEST_MAX } from '../core/oldest.js';
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import {
  arrayHeaderBytes,
  binHeaderBytes,
  numberBytes,
  putArrayHeader,
  putBinHeader,
  uintBytes,
} from '../protocol/msgpack-put.js';
import type { Command, CommandContext } from './command.js';
import { CNT, CREATED, ID, KEY_CNT, LAST_USED, OLDEST, REMAINING, SESSIONS } from './names.js';
import { findLiveOwner, validateOwner } from './owners.js';
import { parameterIndex } from './parameters.js';
import { remainingSeconds } from './remaining.js';
import { ID_ITEM_BYTES, putIdOf } from './starting.js';

const OWNER_PARAMETER = parameterIndex('SH_LIST', 'owner');
const FIXED_BYTES =
  1 +
  ID_ITEM_BYTES +
  [ID, CREATED, LAST_USED, KEY_CNT].reduce((sum, { bytes }) => sum + bytes.length, 0);

export const list: Command = {
  name: 'SH_LIST',
  needs: 'none',
  grows: false,
  changes: false,

  validate({ body }) {
    return validateOwner(body, OWNER_PARAMETER);
  },

  execute(context) {
    const { reply, state } = context;
    const { owners } = state;
    const owner = findLiveOwner(context, OWNER_PARAMETER);
    if (context.isOwnerLocked) {
      replyOldest(context, owner);
      return;
    }
    const first = owner === NIL ? NIL : owners.firstOf(owner);
    const count = owner === NIL ? 0 : owners.countOf(owner);
    let bytes = 1 + SESSIONS.bytes.length + arrayHeaderBytes(count);
    for (let row = first; row !== NIL; row = owners.nextOf(row)) bytes += itemBytes(context, row);
    reply.begin(STATUSES.OK.code, bytes);
    reply.map(1);
    reply.constant(SESSIONS);
    reply.at = putArrayHeader(reply.space, reply.at, count);
    for (let row = first; row !== NIL; row = owners.nextOf(row)) putItem(context, row);
    reply.end();
  },
};

function itemBytes({ state }: CommandContext, row: number): number {
  const remaining = remainingSeconds(state.remainingMsOf(row));
  return (
    FIXED_BYTES +
    numberBytes(state.createdMsOf(row) / 1_000) +
    numberBytes(state.lastUsedMsOf(row) / 1_000) +
    uintBytes(state.keys.countOf(row)) +
    (remaining === Infinity ? 0 : REMAINING.bytes.length + numberBytes(remaining))
  );
}

function putItem(context: CommandContext, row: number): void {
  const { reply, state } = context;
  const remaining = remainingSeconds(state.remainingMsOf(row));
  reply.map(remaining === Infinity ? 4 : 5);
  reply.constant(ID);
  putIdOf(context, row);
  reply.constant(CREATED);
  reply.number(state.createdMsOf(row) / 1_000);
  reply.constant(LAST_USED);
  reply.number(state.lastUsedMsOf(row) / 1_000);
  if (remaining !== Infinity) {
    reply.constant(REMAINING);
    reply.number(remaining);
  }
  reply.constant(KEY_CNT);
  reply.uint(state.keys.countOf(row));
}

function replyOldest({ limits, reply, state }: CommandContext, owner: number): void {
  const { owners } = state;
  const count = owner === NIL ? 0 : owners.countOf(owner);
  // Only who ends the oldest needs to know them, and sorting may take long.
  const bytes = limits.endsOldest ? Math.min(count, OLDEST_MAX) * OLDEST_BYTES : 0;
  const namesBytes = CNT.bytes.length + OLDEST.bytes.length;
  reply.begin(STATUSES.OK.code, 1 + namesBytes + uintBytes(count) + binHeaderBytes(bytes) + bytes);
  reply.map(2);
  reply.constant(CNT);
  reply.uint(count);
  reply.constant(OLDEST);
  reply.at = putBinHeader(reply.space, reply.at, bytes);
  const end = reply.at + bytes;
  let row = bytes === 0 ? NIL : owners.firstOf(owner);
  for (; reply.at < end; reply.at += OLDEST_BYTES) {
    const { view } = reply.space;
    view.setFloat64(reply.at, state.createdMsOf(row), true);
    for (let word = 0; word < 3; word += 1) {
      view.setInt32(reply.at + 8 + word * 4, state.rows.word(row, word), true);
    }
    row = owners.nextOf(row);
  }
  reply.end();
}
