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
import type { ExpiryPolicy } from '../state/deadlines.js';
import { SECONDS_MAX } from './limits.js';

export interface DecodedExpiry {
  readonly status: number;
  readonly detail: string;
}

/** One tick of the wheel. A shorter time would be over again before the clock has moved. */
const IDLE_MS_MIN = 1;
const NOT_NEGATIVE = 'a number of seconds, not negative';
const DONE: DecodedExpiry = { status: STATUSES.OK.code, detail: '' };

/** Members in alphabetical order; no two of one length, which is how they are told apart. */
const NAMES = ['deleteSession', 'duration', 'extendOnGet', 'extendOnSetAdd', 'maxAge'].map((name) =>
  Uint8Array.from(name, (character) => character.charCodeAt(0)),
);
const DELETE_SESSION = 0;
const DURATION = 1;
const EXTEND_ON_GET = 2;
const EXTEND_ON_SET_ADD = 3;
const MAX_AGE = 4;
/** Where each member's value lies; -1 for an absent one. */
const offsets = new Int32Array(NAMES.length);

/** @param isText in the text dialect an expiry without any time is a mistake, as in NemesisDB. */
export function decodeExpiry(
  space: ByteSpace,
  at: number,
  end: number,
  isText: boolean,
  policy: ExpiryPolicy,
): DecodedExpiry {
  locateMembers(space, at, end);
  const [deleteAt, durationAt, onGetAt, onSetAddAt, maxAgeAt] = [
    offsets[DELETE_SESSION]!,
    offsets[DURATION]!,
    offsets[EXTEND_ON_GET]!,
    offsets[EXTEND_ON_SET_ADD]!,
    offsets[MAX_AGE]!,
  ];
  if (!isBoolOrAbsent(space, deleteAt)) return wrongType('deleteSession', 'true or false');
  if (isText && durationAt < 0 && maxAgeAt < 0) {
    return { status: STATUSES.MISSING_PARAMETER.code, detail: 'duration is missing' };
  }
  const duration = durationAt < 0 ? 0 : readNumber(space, durationAt);
  if (!(duration >= 0)) return wrongType('duration', NOT_NEGATIVE);
  if (!isBoolOrAbsent(space, onGetAt)) return wrongType('extendOnGet', 'true or false');
  if (!isBoolOrAbsent(space, onSetAddAt)) return wrongType('extendOnSetAdd', 'true or false');
  const maxAge = maxAgeAt < 0 ? 0 : readNumber(space, maxAgeAt);
  if (!(maxAge >= 0)) return wrongType('maxAge', NOT_NEGATIVE);
  if (duration > SECONDS_MAX) return tooLong('duration');
  if (maxAge > SECONDS_MAX) return tooLong('maxAge');
  policy.idleMs = duration > 0 ? Math.max(duration * 1_000, IDLE_MS_MIN) : 0;
  // 0 is no limit, as for the duration.
  policy.maxAgeMs = maxAge === 0 ? Infinity : maxAge * 1_000;
  policy.deletesSession = isTrue(space, deleteAt);
  policy.extendsOnWrite = isTrue(space, onSetAddAt);
  policy.extendsOnRead = isTrue(space, onGetAt);
  return DONE;
}

function locateMembers(space: ByteSpace, at: number, end: number): void {
  offsets.fill(-1);
  const pairs = containerCount(space, at);
  let offset = at + containerHeaderBytes(space.bytes[at]!);
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = space.bytes[offset]!;
    const valueAt = skipItem(space, offset, end, WALK_DEPTH_MAX);
    if (isStrByte(first)) {
      const member = memberOf(space.bytes, offset + strHeaderBytes(first), valueAt);
      if (member >= 0) offsets[member] = valueAt;
    }
    offset = skipItem(space, valueAt, end, WALK_DEPTH_MAX);
  }
}

function memberOf(bytes: Uint8Array, at: number, end: number): number {
  for (let member = 0; member < NAMES.length; member += 1) {
    const name = NAMES[member]!;
    if (name.length !== end - at) continue;
    let same = 0;
    while (same < name.length && name[same] === bytes[at + same]) same += 1;
    return same === name.length ? member : -1;
  }
  return -1;
}

function isBoolOrAbsent(space: ByteSpace, at: number): boolean {
  return at < 0 || space.bytes[at] === 0xc2 || space.bytes[at] === 0xc3;
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
