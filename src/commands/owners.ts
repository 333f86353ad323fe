/**
 * Steps that the commands with an owner share, and the limit of an owner's sessions.
 *
 * Where there is one shard, it decides here, in the step of the command. Of several, none can: each
 * answers 206 to what would give the owner one more session, having changed nothing, until the I/O
 * thread has seen to it that there is a place and says so (FLAG_OWNER_LOCKED; io/owner-limit.ts).
 */
import { copyBytes } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { putStrHeader, strBytes } from '../protocol/msgpack-put.js';
import type { Body } from './body.js';
import type { CommandContext } from './command.js';
import { NAME_BYTES_MAX } from './limits.js';

/** @returns OK, or 42 for an owner, other than nil, of a wrong size or not UTF-8. */
export function validateOwner(body: Body, parameter: number): number {
  if (!body.has(parameter) || body.isNil(parameter)) return STATUSES.OK.code;
  const bytes = body.textBytes(parameter);
  if (bytes >= 1 && bytes <= NAME_BYTES_MAX && body.isUtf8(parameter)) return STATUSES.OK.code;
  body.detail = `owner must have 1 to ${NAME_BYTES_MAX} bytes of UTF-8`;
  return STATUSES.WRONG_VALUE.code;
}

/** The cell of the body's owner; NIL for one without a session. */
export function findOwner({ body, state }: CommandContext, parameter: number): number {
  return state.owners.find(body.space, body.textAt(parameter), body.textBytes(parameter));
}

/** The same, after its sessions that are due were removed: a walk over all of them. */
export function findLiveOwner(context: CommandContext, parameter: number): number {
  const owner = findOwner(context, parameter);
  if (owner === NIL) return NIL;
  return context.state.removeDueOf(owner) === 0 ? NIL : owner;
}

/** Bytes of an owner's name as a msgpack str. */
export function ownerItemBytes({ state }: CommandContext, owner: number): number {
  return strBytes(state.owners.nameBytesOf(owner));
}

export function putOwnerOf({ reply, state }: CommandContext, owner: number): void {
  const { owners } = state;
  const length = owners.nameBytesOf(owner);
  reply.at = putStrHeader(reply.space, reply.at, length);
  copyBytes(reply.space, reply.at, owners.nameSpaceOf(owner), owners.nameAtOf(owner), length);
  reply.at += length;
}

/** Refuses the command with 206 if the body's owner may have no more sessions; whether it did. */
export function refusesOwner(context: CommandContext, parameter: number): boolean {
  const { body, limits, reply } = context;
  if (limits.ownerSessionsMax === 0 || context.isOwnerLocked) return false;
  if (!body.has(parameter) || body.isNil(parameter)) return false;
  if (!limits.isOneOfSeveral && (limits.endsOldest || roomOf(context, parameter) > 0)) return false;
  const { code, help } = STATUSES.OWNER_LIMIT;
  reply.refuse(code, help);
  return true;
}

/** Ends as many of the owner's sessions, those started first, as one more session needs. */
export function endOldest(context: CommandContext, parameter: number): void {
  const { limits, state } = context;
  if (limits.ownerSessionsMax === 0 || !limits.endsOldest || limits.isOneOfSeveral) return;
  const room = roomOf(context, parameter);
  if (room > 0) return;
  const owner = findOwner(context, parameter);
  // The last session of an owner takes its cell with it.
  let row = state.owners.firstOf(owner);
  for (let over = 1 - room; over > 0; over -= 1) {
    const next = state.owners.nextOf(row);
    state.end(row);
    context.countOwnerLimit();
    row = next;
  }
}

/** How many more sessions the body's owner may have here; negative after the limit was lowered. */
function roomOf(context: CommandContext, parameter: number): number {
  const { limits, state } = context;
  const owner = findOwner(context, parameter);
  if (owner === NIL) return limits.ownerSessionsMax;
  const room = limits.ownerSessionsMax - state.owners.countOf(owner);
  return room > 0 ? room : limits.ownerSessionsMax - state.removeDueOf(owner);
}
