/** Steps that SH_NEW and SH_OPEN share. */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { putStrHeader, strBytes } from '../protocol/msgpack-put.js';
import type { Body } from './body.js';
import type { CommandContext } from './command.js';
import { NAME_BYTES_MAX } from './limits.js';
import { ID, TOKEN } from './names.js';
import { type ReplyWriter, TOKEN_ITEM_BYTES } from './reply.js';
import { isTooLarge, refuseTooLarge, storeKeys } from './storing.js';

const ID_CHARACTERS = 24;
/** Bytes of the members tkn and id. */
export const TOKEN_AND_ID_BYTES =
  TOKEN.bytes.length + TOKEN_ITEM_BYTES + ID.bytes.length + strBytes(ID_CHARACTERS);

export function validateName(body: Body, parameter: number): number {
  if (!body.has(parameter)) return STATUSES.OK.code;
  const bytes = body.textBytes(parameter);
  if (bytes >= 1 && bytes <= NAME_BYTES_MAX) return STATUSES.OK.code;
  body.detail = `name must have 1 to ${NAME_BYTES_MAX} bytes`;
  return STATUSES.WRONG_VALUE.code;
}

/**
 * Refuses the command if one more session with the body's keys may not start; says whether it did.
 * SH_OPEN changes nothing before this, so whatever refuses a change belongs here, too.
 */
export function refusesStart(context: CommandContext): boolean {
  if (context.isReadOnly()) {
    const { code, help } = STATUSES.NOT_DURABLE;
    context.reply.refuse(code, help);
    return true;
  }
  if (isTooLarge(context, NIL, 0, true)) {
    refuseTooLarge(context);
    return true;
  }
  const refusal = context.makeRoom();
  if (refusal === '') return false;
  context.reply.refuse(STATUSES.MEMORY_LIMIT.code, refusal);
  return true;
}

/** Starts the session of the command's digest, with the body's keys and expiry. */
export function startSession(
  context: CommandContext,
  isShared: boolean,
  expiryParameter: number,
): void {
  const { state, body } = context;
  const row = state.create(context.digest, context.digestAt, context.slot, isShared);
  if (body.keys.count > 0) storeKeys(context, row);
  const remainingMs = body.has(expiryParameter) ? state.setExpiry(row, body.expiry) : Infinity;
  // A maxAge below the clock's precision is over at once.
  if (remainingMs > 0) state.started(row);
}

/** The members tkn and id of a result. */
export function putTokenAndId(context: CommandContext): void {
  const { reply } = context;
  reply.constant(TOKEN);
  reply.token();
  reply.constant(ID);
  putId(reply, context.digest, context.digestAt);
}

/** The public id: the first 12 bytes of the digest, as 24 hex characters. */
export function putId(reply: ReplyWriter, digest: Int32Array, at: number): void {
  reply.at = putStrHeader(reply.space, reply.at, ID_CHARACTERS);
  const bytes = reply.space.bytes;
  for (let word = 0; word < 3; word += 1) {
    for (let byte = 0; byte < 4; byte += 1) {
      const value = (digest[at + word]! >>> (byte * 8)) & 255;
      bytes[reply.at] = hexDigit(value >>> 4);
      bytes[reply.at + 1] = hexDigit(value & 15);
      reply.at += 2;
    }
  }
}

export function nameBytes(body: Body, parameter: number): number {
  return strBytes(body.textBytes(parameter));
}

/** The name as it came in the body. */
export function putName(reply: ReplyWriter, body: Body, parameter: number, from: ByteSpace): void {
  const length = body.textBytes(parameter);
  reply.at = putStrHeader(reply.space, reply.at, length);
  copyBytes(reply.space, reply.at, from, body.textAt(parameter), length);
  reply.at += length;
}

function hexDigit(value: number): number {
  return value < 10 ? 48 + value : 87 + value;
}
