/** Steps that SH_NEW and SH_OPEN share. */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { putStrHeader, strBytes } from '../protocol/msgpack-put.js';
import type { Body } from './body.js';
import type { CommandContext } from './command.js';
import { NAME_BYTES_MAX } from './limits.js';
import { ID, TOKEN } from './names.js';
import { endOldest, refusesOwner } from './owners.js';
import type { ReplyWriter } from './reply.js';
import { isTooLarge, refuseTooLarge, storeKeys } from './storing.js';

const ID_CHARACTERS = 24;
const ID_WORDS = 3;
export const ID_ITEM_BYTES = strBytes(ID_CHARACTERS);

/** Where the parameters of a command that starts sessions stand in its body. */
export interface StartParameters {
  readonly expiry: number;
  readonly owner: number;
}

/** Bytes of the members tkn and id. */
export function tokenAndIdBytes(reply: ReplyWriter): number {
  return TOKEN.bytes.length + reply.tokenItemBytes + ID.bytes.length + ID_ITEM_BYTES;
}

export function validateName(body: Body, parameter: number): number {
  if (!body.has(parameter)) return STATUSES.OK.code;
  const bytes = body.textBytes(parameter);
  if (bytes >= 1 && bytes <= NAME_BYTES_MAX) return STATUSES.OK.code;
  body.detail = `name must have 1 to ${NAME_BYTES_MAX} bytes`;
  return STATUSES.WRONG_VALUE.code;
}

/**
 * Refuses the command if one more session with the body's keys and owner may not start; says whether
 * it did. SH_OPEN changes nothing before this, so whatever refuses a change belongs here, too.
 */
export function refusesStart(context: CommandContext, parameters: StartParameters): boolean {
  if (context.isReadOnly()) {
    const { code, help } = STATUSES.NOT_DURABLE;
    context.reply.refuse(code, help);
    return true;
  }
  if (isTooLarge(context, NIL, 0, true)) {
    refuseTooLarge(context);
    return true;
  }
  // The owner's limit comes first, so that nobody is evicted in vain. But where it is decided
  // elsewhere it comes last: once there is a place for the session, somebody may have ended for it.
  const { isOneOfSeveral } = context.limits;
  if (!isOneOfSeveral && refusesOwner(context, parameters.owner)) return true;
  const refusal = context.makeRoom();
  if (refusal === '') return isOneOfSeveral && refusesOwner(context, parameters.owner);
  context.reply.refuse(STATUSES.MEMORY_LIMIT.code, refusal);
  return true;
}

/**
 * Starts the session of the command's digest, with the body's keys, expiry and owner.
 *
 * @returns its row; NIL if a maxAge below the clock's precision has ended it at once.
 */
export function startSession(
  context: CommandContext,
  isShared: boolean,
  parameters: StartParameters,
): number {
  const { state, body } = context;
  const { expiry, owner } = parameters;
  // Nothing can refuse it any more.
  if (body.has(owner)) endOldest(context, owner);
  const row = state.create(context.digest, context.digestAt, context.slot, isShared);
  if (body.keys.count > 0) storeKeys(context, row);
  if (body.has(owner)) {
    state.setOwner(row, body.space, body.textAt(owner), body.textBytes(owner));
  }
  const remainingMs = body.has(expiry) ? state.setExpiry(row, body.expiry) : Infinity;
  if (remainingMs <= 0) return NIL;
  state.started(row);
  return row;
}

/**
 * The members tkn and id of a result.
 *
 * @param row NIL: the id is that of the command's digest.
 */
export function putTokenAndId(context: CommandContext, row: number): void {
  const { reply } = context;
  reply.constant(TOKEN);
  reply.token();
  reply.constant(ID);
  if (row === NIL) putId(reply, context.digest, context.digestAt);
  else putIdOf(context, row);
}

/** The session's public id. Its token may be another than the command came with: a replaced one. */
export function putIdOf({ reply, state }: CommandContext, row: number): void {
  for (let word = 0; word < ID_WORDS; word += 1) rowDigest[word] = state.rows.word(row, word);
  putId(reply, rowDigest, 0);
}

const rowDigest = new Int32Array(ID_WORDS);

/** The public id: the first 12 bytes of the digest, as 24 hex characters. */
export function putId(reply: ReplyWriter, digest: Int32Array, at: number): void {
  reply.at = putStrHeader(reply.space, reply.at, ID_CHARACTERS);
  const bytes = reply.space.bytes;
  for (let word = 0; word < ID_WORDS; word += 1) {
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
