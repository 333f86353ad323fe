/**
 * Decodes an expiry as clients state it: {duration, deleteSession, extendOnSetAdd, extendOnGet,
 * maxAge}, seconds, into the state's milliseconds. Members are checked in alphabetical order.
 */
import { type ByteSpace } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import {
  containerCount,
  containerHeaderBytes,
  isStrByte,
  readNumber,
  skipItem,
  strHeaderBytes,
  WALK_DEPTH_MAX,
} from '../protocol/msgpack-walk.js';
import type { ExpiryPolicy } from '../state/shard-state.js';
import { SECONDS_MAX } from './limits.js';

const decoder = new TextDecoder();

export interface DecodedExpiry {
  readonly status: number;
  readonly detail: string;
}

const DONE: DecodedExpiry = { status: STATUSES.OK.code, detail: '' };

/** Offsets of the members' values; -1 for an absent one. */
interface MemberOffsets {
  deleteSession: number;
  duration: number;
  extendOnGet: number;
  extendOnSetAdd: number;
  maxAge: number;
}

/** @param isText in the text dialect an expiry without any time is a mistake, as in NemesisDB. */
export function decodeExpiry(
  space: ByteSpace,
  at: number,
  end: number,
  isText: boolean,
  policy: ExpiryPolicy,
): DecodedExpiry {
  const offsets = locateMembers(space, at, end);
  if (offsets.deleteSession >= 0 && !isBool(space, offsets.deleteSession)) {
    return wrongType('deleteSession', 'true or false');
  }
  if (isText && offsets.duration < 0 && offsets.maxAge < 0) {
    return { status: STATUSES.MISSING_PARAMETER.code, detail: 'duration is missing' };
  }
  const duration = offsets.duration < 0 ? 0 : readNumber(space, offsets.duration);
  if (!(duration >= 0)) return wrongType('duration', 'a number of seconds, not negative');
  if (offsets.extendOnGet >= 0 && !isBool(space, offsets.extendOnGet)) {
    return wrongType('extendOnGet', 'true or false');
  }
  if (offsets.extendOnSetAdd >= 0 && !isBool(space, offsets.extendOnSetAdd)) {
    return wrongType('extendOnSetAdd', 'true or false');
  }
  const maxAge = offsets.maxAge < 0 ? Infinity : readNumber(space, offsets.maxAge);
  if (!(maxAge >= 0)) return wrongType('maxAge', 'a number of seconds, not negative');
  if (duration > SECONDS_MAX) return tooLong('duration');
  if (offsets.maxAge >= 0 && maxAge > SECONDS_MAX) return tooLong('maxAge');
  policy.idleMs = duration * 1_000;
  // 0 is no limit, as for the duration.
  policy.maxAgeMs = maxAge === 0 ? Infinity : maxAge * 1_000;
  policy.deletesSession = isTrue(space, offsets.deleteSession);
  policy.extendsOnWrite = isTrue(space, offsets.extendOnSetAdd);
  policy.extendsOnRead = isTrue(space, offsets.extendOnGet);
  return DONE;
}

function locateMembers(space: ByteSpace, at: number, end: number): MemberOffsets {
  const offsets = {
    deleteSession: -1,
    duration: -1,
    extendOnGet: -1,
    extendOnSetAdd: -1,
    maxAge: -1,
  };
  const pairs = containerCount(space, at);
  let offset = at + containerHeaderBytes(space.bytes[at]!);
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = space.bytes[offset]!;
    const valueAt = skipItem(space, offset, end, WALK_DEPTH_MAX);
    if (isStrByte(first)) {
      // Copied out first: TextDecoder refuses views over shared memory.
      const name = decoder.decode(space.bytes.slice(offset + strHeaderBytes(first), valueAt));
      if (Object.hasOwn(offsets, name)) offsets[name as keyof MemberOffsets] = valueAt;
    }
    offset = skipItem(space, valueAt, end, WALK_DEPTH_MAX);
  }
  return offsets;
}

function isBool(space: ByteSpace, at: number): boolean {
  return space.bytes[at] === 0xc2 || space.bytes[at] === 0xc3;
}

function isTrue(space: ByteSpace, at: number): boolean {
  return at >= 0 && space.bytes[at] === 0xc3;
}

function wrongType(member: string, expected: string): DecodedExpiry {
  return {
    status: STATUSES.WRONG_TYPE.code,
    detail: `expiry.${member} must be ${expected}`,
  };
}

function tooLong(member: string): DecodedExpiry {
  return { status: STATUSES.WRONG_VALUE.code, detail: `expiry.${member} is beyond 100 years` };
}
