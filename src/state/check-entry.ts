/**
 * Whether bytes are an entry (entry-format.ts): every length, count and number in it, so that
 * whoever reads it afterwards need not look out. Values are not looked into.
 */
import type { ByteSpace } from '../core/copy.js';
import {
  alignedUp,
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_LAST_USED,
  ATTRIBUTE_OWNER,
  ATTRIBUTE_SUPERSEDED,
  ATTRIBUTES_BYTES_AT,
  CHANGE_HEADER_BYTES,
  CREATED_AT,
  DEADLINE_AT,
  DIGEST_BYTES,
  END_BYTES,
  ENTRY_CHANGE,
  ENTRY_DEADLINE,
  ENTRY_DEFAULT_MAP,
  ENTRY_END,
  ENTRY_END_ALL,
  ENTRY_EXPIRY,
  ENTRY_OWNER,
  ENTRY_ROTATE,
  ENTRY_SESSION,
  EXPIRY_BYTES,
  EXPIRY_FLAGS_AT,
  GRACE_AT,
  IDLE_AT,
  KEYS_AT,
  KIND_AT,
  LAST_USED_AT,
  MAX_AGE_AT,
  metaFlagsOf,
  OP_CLEAR,
  OP_PUT,
  OP_REMOVE,
  OWNER_HEADER_BYTES,
  ROTATE_BYTES,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
  SLOT_AT,
  SUPERSEDED_BYTES,
} from './entry-format.js';
import { OWNER_NAME_BYTES_MAX, SLOT_MASK } from './layout.js';
import { checkedPairEnd } from './pairs.js';
import { storedKeyEnd } from './stored-key.js';

/** The year 5138: far beyond every deadline, and within what the timing wheel has a place for. */
const INSTANT_MS_MAX = 1e14;
const INSTANT_BYTES = 8;

/** By kind: bytes of its header, and whether more may follow. */
const HEADER_BYTES: readonly (number | undefined)[] = headerBytesByKind();
const OPEN_ENDED: readonly number[] = [ENTRY_SESSION, ENTRY_CHANGE, ENTRY_OWNER];

/** What is wrong with the entry at an offset, for people; undefined where nothing is. */
export function entryProblem(space: ByteSpace, at: number, end: number): string | undefined {
  if (at + END_BYTES > end) return 'an entry is cut short';
  const { view } = space;
  const bytes = view.getUint32(at, true);
  const kind = space.bytes[at + KIND_AT]!;
  const headerBytes = HEADER_BYTES[kind];
  if (headerBytes === undefined) return `an entry of the unknown kind ${kind}`;
  const isFitting = OPEN_ENDED.includes(kind) ? bytes >= headerBytes : bytes === headerBytes;
  if (!isFitting) return `an entry of kind ${kind} cannot have ${bytes} bytes`;
  if (at + alignedUp(bytes) > end) return `an entry of ${bytes} bytes is cut short`;
  const flags = space.bytes[at + KIND_AT + 1]!;
  if ((flags & ~ENTRY_DEFAULT_MAP) !== 0) return `an entry has the unknown flags ${flags}`;
  const slot = view.getUint16(at + SLOT_AT, true);
  if (slot > SLOT_MASK) return `an entry is for slot ${slot}, and slots end at ${SLOT_MASK}`;
  if (headerBytes === END_BYTES) return undefined;
  const deadlineMs = view.getFloat64(at + DEADLINE_AT, true);
  if (!isDuration(deadlineMs)) return `an entry has the deadline ${deadlineMs}`;
  if (kind === ENTRY_SESSION) return sessionProblem(space, at, at + bytes);
  if (kind === ENTRY_CHANGE) return changeProblem(space, at + CHANGE_HEADER_BYTES, at + bytes);
  if (kind === ENTRY_EXPIRY) return expiryProblem(space, at, at + EXPIRY_FLAGS_AT);
  if (kind === ENTRY_OWNER) return ownerProblem(space, at, bytes - OWNER_HEADER_BYTES);
  if (kind === ENTRY_ROTATE && !isInstantAt(space, at + GRACE_AT)) return 'a grace has no end';
  return undefined;
}

/** Bytes from the start of an entry, checked already, to that of the next. */
export function entryStride(space: ByteSpace, at: number): number {
  return alignedUp(space.view.getUint32(at, true));
}

function sessionProblem(space: ByteSpace, at: number, end: number): string | undefined {
  const { view } = space;
  const problem = expiryProblem(space, at, at + SESSION_FLAGS_AT);
  if (problem !== undefined) return problem;
  const createdMs = view.getFloat64(at + CREATED_AT, true);
  if (!isDuration(createdMs) || createdMs === Infinity) {
    return `a session was created at ${createdMs}`;
  }
  const pairsAt = at + SESSION_HEADER_BYTES + view.getUint32(at + ATTRIBUTES_BYTES_AT, true);
  if (!areAttributes(space, at + SESSION_HEADER_BYTES, pairsAt, end)) {
    return 'the attributes of a session are damaged';
  }
  let keys = 0;
  for (let pairAt = pairsAt; pairAt !== end; keys += 1) {
    pairAt = checkedPairEnd(space, pairAt, end);
    if (pairAt < 0) return 'the keys of a session are damaged';
  }
  const said = view.getUint32(at + KEYS_AT, true);
  return keys === said ? undefined : `a session of ${said} keys has ${keys}`;
}

function areAttributes(space: ByteSpace, start: number, pairsAt: number, end: number): boolean {
  if (pairsAt > end) return false;
  let at = start;
  while (at + ATTRIBUTE_HEADER_BYTES <= pairsAt) {
    const bytes = space.view.getUint16(at + 1, true);
    const valueAt = at + ATTRIBUTE_HEADER_BYTES;
    if (valueAt + bytes > pairsAt || !isAttribute(space, space.bytes[at]!, valueAt, bytes)) {
      return false;
    }
    at = valueAt + bytes;
  }
  return at === pairsAt;
}

/** Whether an attribute's value is as its tag wants it; anything goes with an unknown tag. */
function isAttribute(space: ByteSpace, tag: number, at: number, bytes: number): boolean {
  if (tag === ATTRIBUTE_OWNER) return bytes >= 1 && bytes <= OWNER_NAME_BYTES_MAX;
  if (tag === ATTRIBUTE_LAST_USED) return bytes === INSTANT_BYTES && isInstantAt(space, at);
  if (tag !== ATTRIBUTE_SUPERSEDED) return true;
  if (bytes === 0 || bytes % SUPERSEDED_BYTES !== 0) return false;
  for (let tokenAt = at; tokenAt < at + bytes; tokenAt += SUPERSEDED_BYTES) {
    if (!isInstantAt(space, tokenAt + DIGEST_BYTES)) return false;
  }
  return true;
}

function ownerProblem(space: ByteSpace, at: number, nameBytes: number): string | undefined {
  if (nameBytes > OWNER_NAME_BYTES_MAX) return `an owner has a name of ${nameBytes} bytes`;
  return isInstantAt(space, at + LAST_USED_AT) ? undefined : 'an owned session was never used';
}

function changeProblem(space: ByteSpace, start: number, end: number): string | undefined {
  for (let at = start; at !== end;) {
    const op = space.bytes[at]!;
    if (op === OP_PUT) at = checkedPairEnd(space, at + 1, end);
    else if (op === OP_REMOVE) at = storedKeyEnd(space, at + 1, end);
    else if (op === OP_CLEAR) at += 1;
    else return `a change has the unknown operation ${op}`;
    if (at < 0) return 'the keys of a change are damaged';
  }
  return undefined;
}

function expiryProblem(space: ByteSpace, at: number, flagsAt: number): string | undefined {
  const { view } = space;
  const idleMs = view.getFloat64(at + IDLE_AT, true);
  const maxAgeMs = view.getFloat64(at + MAX_AGE_AT, true);
  const areDurations = isDuration(idleMs) && idleMs !== Infinity && isDuration(maxAgeMs);
  if (!areDurations) return `an expiry has the durations ${idleMs} and ${maxAgeMs}`;
  const flags = view.getUint32(flagsAt, true);
  return metaFlagsOf(flags) < 0 ? `an expiry has the unknown flags ${flags}` : undefined;
}

function isDuration(ms: number): boolean {
  return (ms >= 0 && ms <= INSTANT_MS_MAX) || ms === Infinity;
}

function isInstantAt(space: ByteSpace, at: number): boolean {
  const ms = space.view.getFloat64(at, true);
  return isDuration(ms) && ms !== Infinity;
}

function headerBytesByKind(): number[] {
  const bytes: number[] = [];
  bytes[ENTRY_SESSION] = SESSION_HEADER_BYTES;
  bytes[ENTRY_CHANGE] = CHANGE_HEADER_BYTES;
  bytes[ENTRY_EXPIRY] = EXPIRY_BYTES;
  bytes[ENTRY_DEADLINE] = CHANGE_HEADER_BYTES;
  bytes[ENTRY_END] = END_BYTES;
  bytes[ENTRY_END_ALL] = END_BYTES;
  bytes[ENTRY_OWNER] = OWNER_HEADER_BYTES;
  bytes[ENTRY_ROTATE] = ROTATE_BYTES;
  return bytes;
}
