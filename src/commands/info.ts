/**
 * SH_INFO: describes the session. Never extends it.
 *
 * Refused  100
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { numberBytes, strBytes } from '../protocol/msgpack-put.js';
import type { Command, CommandContext } from './command.js';
import { emptyPolicy } from './limits.js';
import {
  BYTES,
  CREATED,
  DELETE_SESSION,
  DURATION,
  EXPIRES,
  EXPIRY,
  EXTEND_ON_GET,
  EXTEND_ON_SET_ADD,
  ID,
  KEY_CNT,
  MAX_AGE,
  OWNER,
  REMAINING,
  SHARED,
  VERSION,
} from './names.js';
import { remainingSeconds } from './remaining.js';
import { ownerItemBytes, putOwnerOf } from './owners.js';
import { putIdOf } from './starting.js';

const NAMES_BYTES = [ID, SHARED, KEY_CNT, BYTES, CREATED, VERSION, EXPIRES]
  .map((name) => name.bytes.length)
  .reduce((sum, bytes) => sum + bytes);
const EXPIRY_NAMES_BYTES = [DURATION, DELETE_SESSION, EXTEND_ON_SET_ADD, EXTEND_ON_GET, REMAINING]
  .map((name) => name.bytes.length)
  .reduce((sum, bytes) => sum + bytes);
const BOOL_BYTES = 1;
const policy = emptyPolicy();

export const info: Command = {
  name: 'SH_INFO',
  needs: 'session',
  grows: false,
  changes: false,

  execute(context, row) {
    const { state, reply } = context;
    const expires = state.deadlines.readPolicy(row, policy);
    const keyCount = state.keys.countOf(row);
    const bytes = state.keys.bytesOf(row);
    const created = state.createdMsOf(row) / 1_000;
    const version = state.versionOf(row);
    const numbersBytes =
      numberBytes(keyCount) + numberBytes(bytes) + numberBytes(created) + numberBytes(version);
    const owner = state.ownerOf(row);
    const ownerBytes = owner === NIL ? 0 : OWNER.bytes.length + ownerItemBytes(context, owner);
    const expiryBytes = expires ? EXPIRY.bytes.length + expiryBodyBytes(context, row) : 0;
    const fixedBytes = NAMES_BYTES + strBytes(24) + 2 * BOOL_BYTES;
    reply.begin(STATUSES.OK.code, 1 + fixedBytes + numbersBytes + ownerBytes + expiryBytes);
    reply.map(7 + (owner === NIL ? 0 : 1) + (expires ? 1 : 0));
    reply.constant(ID);
    putIdOf(context, row);
    reply.constant(SHARED);
    reply.bool(state.isShared(row));
    reply.constant(KEY_CNT);
    reply.number(keyCount);
    reply.constant(BYTES);
    reply.number(bytes);
    reply.constant(CREATED);
    reply.number(created);
    reply.constant(VERSION);
    reply.number(version);
    if (owner !== NIL) {
      reply.constant(OWNER);
      putOwnerOf(context, owner);
    }
    reply.constant(EXPIRES);
    reply.bool(expires);
    if (expires) putExpiry(context, row);
    reply.end();
  },
};

function expiryBodyBytes({ state }: CommandContext, row: number): number {
  const maxAge = policy.maxAgeMs / 1_000;
  return (
    1 +
    EXPIRY_NAMES_BYTES +
    numberBytes(policy.idleMs / 1_000) +
    3 * BOOL_BYTES +
    numberBytes(remainingSeconds(state.remainingMsOf(row))) +
    (maxAge === Infinity ? 0 : MAX_AGE.bytes.length + numberBytes(maxAge))
  );
}

function putExpiry({ state, reply }: CommandContext, row: number): void {
  const maxAge = policy.maxAgeMs / 1_000;
  reply.constant(EXPIRY);
  reply.map(maxAge === Infinity ? 5 : 6);
  reply.constant(DURATION);
  reply.number(policy.idleMs / 1_000);
  reply.constant(DELETE_SESSION);
  reply.bool(policy.deletesSession);
  reply.constant(EXTEND_ON_SET_ADD);
  reply.bool(policy.extendsOnWrite);
  reply.constant(EXTEND_ON_GET);
  reply.bool(policy.extendsOnRead);
  reply.constant(REMAINING);
  reply.number(remainingSeconds(state.remainingMsOf(row)));
  if (maxAge === Infinity) return;
  reply.constant(MAX_AGE);
  reply.number(maxAge);
}
