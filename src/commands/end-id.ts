/**
 * SH_END_ID, one shard's part: ends the session of this public id if it is here and the owner's. The
 * I/O thread answers 100 if it was nowhere.
 *
 * Errors   42
 * Refused  100, 210
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import type { Body } from './body.js';
import type { Command, CommandContext } from './command.js';
import { findOwner, validateOwner } from './owners.js';
import { parameterIndex } from './parameters.js';

const ID_PARAMETER = parameterIndex('SH_END_ID', 'id');
const OWNER_PARAMETER = parameterIndex('SH_END_ID', 'owner');
const ID_CHARACTERS = 24;
const ID_WORDS = 3;
const NO_DIGIT = -1;
/** Of the command in hand. */
const wanted = new Int32Array(ID_WORDS);

export const endId: Command = {
  name: 'SH_END_ID',
  needs: 'none',
  grows: false,
  changes: true,

  validate({ body }) {
    if (!readId(body)) {
      body.detail = `id must be ${ID_CHARACTERS} hexadecimal digits`;
      return STATUSES.WRONG_VALUE.code;
    }
    return validateOwner(body, OWNER_PARAMETER);
  },

  execute(context) {
    const { reply, state } = context;
    const row = findRow(context);
    if (row === NIL) {
      reply.bare(STATUSES.NO_SUCH_SESSION.code);
      return;
    }
    state.end(row);
    if (context.isOwnerLocked) context.countOwnerLimit();
    reply.bare(STATUSES.OK.code);
  },
};

function findRow(context: CommandContext): number {
  const { state } = context;
  const { owners, rows } = state;
  const owner = findOwner(context, OWNER_PARAMETER);
  let row = owner === NIL ? NIL : owners.firstOf(owner);
  while (row !== NIL) {
    let same = 0;
    while (same < ID_WORDS && rows.word(row, same) === wanted[same]) same += 1;
    if (same === ID_WORDS) return state.isAlive(row) ? row : NIL;
    row = owners.nextOf(row);
  }
  return NIL;
}

/** Reads the id of the body into `wanted`; whether it is one. */
function readId(body: Body): boolean {
  if (body.textBytes(ID_PARAMETER) !== ID_CHARACTERS) return false;
  const at = body.textAt(ID_PARAMETER);
  wanted.fill(0);
  for (let digit = 0; digit < ID_CHARACTERS; digit += 1) {
    const value = hexValue(body.space.bytes[at + digit]!);
    if (value === NO_DIGIT) return false;
    // Two digits a byte, the first byte the lowest of its word.
    const shift = ((digit >>> 1) & 3) * 8 + ((digit & 1) === 0 ? 4 : 0);
    wanted[digit >>> 3]! |= value << shift;
  }
  return true;
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : NO_DIGIT;
}
