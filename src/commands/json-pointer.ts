/**
 * JSON pointers (RFC 6901) over msgpack where it lies: where in a value the place is that a pointer
 * names. Nothing is decoded. Members go by their names as bytes; names that are no strings have no
 * pointer. Of members of one name the last counts, as for all who decode the value.
 */
import type { ByteSpace } from '../core/copy.js';
import {
  containerCount,
  containerHeaderBytes,
  isArrayByte,
  isMapByte,
  isStrByte,
  isUtf8,
  skipItem,
  strHeaderBytes,
  WALK_DEPTH_MAX,
} from '../protocol/msgpack-walk.js';

const SLASH = 0x2f;
const TILDE = 0x7e;
const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;
const NOWHERE = -1;
/** An array of more items would not fit into memory. */
const INDEX_DIGITS_MAX = 9;

/** Whether bytes [at, end) are a pointer: empty, or tokens with a slash before each. */
export function isJsonPointer(bytes: Uint8Array, at: number, end: number): boolean {
  if (at === end) return true;
  if (bytes[at] !== SLASH || !isUtf8(bytes, at, end)) return false;
  for (let offset = at; offset < end; offset += 1) {
    if (bytes[offset] !== TILDE) continue;
    const next = offset + 1 < end ? bytes[offset + 1] : 0;
    if (next !== ZERO && next !== ONE) return false;
  }
  return true;
}

/** A place in a value: its first byte and the one behind it, and how many containers it is in. */
export interface Place {
  at: number;
  end: number;
  depth: number;
}

/**
 * Finds the place that the pointer at path[pathAt, pathEnd) names in the value at an offset.
 *
 * @returns whether there is one; then it is in `place`.
 */
export function locate(
  space: ByteSpace,
  valueAt: number,
  valueEnd: number,
  path: Uint8Array,
  pathAt: number,
  pathEnd: number,
  place: Place,
): boolean {
  let at = valueAt;
  let tokenAt = pathAt;
  place.depth = 0;
  while (tokenAt < pathEnd) {
    tokenAt += 1;
    let tokenEnd = tokenAt;
    while (tokenEnd < pathEnd && path[tokenEnd] !== SLASH) tokenEnd += 1;
    const first = space.bytes[at]!;
    if (isMapByte(first)) at = memberAt(space, at, valueEnd, path, tokenAt, tokenEnd);
    else if (isArrayByte(first)) at = itemAt(space, at, valueEnd, path, tokenAt, tokenEnd);
    else at = NOWHERE;
    if (at === NOWHERE) return false;
    place.depth += 1;
    tokenAt = tokenEnd;
  }
  place.at = at;
  place.end = skipItem(space, at, valueEnd, WALK_DEPTH_MAX);
  return true;
}

function memberAt(
  space: ByteSpace,
  at: number,
  end: number,
  path: Uint8Array,
  tokenAt: number,
  tokenEnd: number,
): number {
  const pairs = containerCount(space, at);
  let offset = at + containerHeaderBytes(space.bytes[at]!);
  let found = NOWHERE;
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = space.bytes[offset]!;
    const memberValueAt = skipItem(space, offset, end, WALK_DEPTH_MAX);
    if (isStrByte(first)) {
      const nameAt = offset + strHeaderBytes(first);
      if (isSame(space.bytes, nameAt, memberValueAt, path, tokenAt, tokenEnd)) {
        found = memberValueAt;
      }
    }
    offset = skipItem(space, memberValueAt, end, WALK_DEPTH_MAX);
  }
  return found;
}

/** Whether a name is what a token says once ~1 is a slash and ~0 a tilde. */
function isSame(
  name: Uint8Array,
  nameAt: number,
  nameEnd: number,
  token: Uint8Array,
  tokenAt: number,
  tokenEnd: number,
): boolean {
  let at = nameAt;
  for (let offset = tokenAt; offset < tokenEnd; offset += 1) {
    let expected = token[offset]!;
    if (expected === TILDE) {
      offset += 1;
      expected = token[offset] === ONE ? SLASH : TILDE;
    }
    if (at === nameEnd || name[at] !== expected) return false;
    at += 1;
  }
  return at === nameEnd;
}

function itemAt(
  space: ByteSpace,
  at: number,
  end: number,
  path: Uint8Array,
  tokenAt: number,
  tokenEnd: number,
): number {
  const index = indexOf(path, tokenAt, tokenEnd);
  if (index === NOWHERE || index >= containerCount(space, at)) return NOWHERE;
  let offset = at + containerHeaderBytes(space.bytes[at]!);
  for (let item = 0; item < index; item += 1) {
    offset = skipItem(space, offset, end, WALK_DEPTH_MAX);
  }
  return offset;
}

/** Digits without leading zeros; NOWHERE for anything else, `-` included: it names no item yet. */
function indexOf(path: Uint8Array, tokenAt: number, tokenEnd: number): number {
  const digits = tokenEnd - tokenAt;
  if (digits === 0 || digits > INDEX_DIGITS_MAX) return NOWHERE;
  if (digits > 1 && path[tokenAt] === ZERO) return NOWHERE;
  let index = 0;
  for (let at = tokenAt; at < tokenEnd; at += 1) {
    const code = path[at]!;
    if (code < ZERO || code > NINE) return NOWHERE;
    index = index * 10 + (code - ZERO);
  }
  return index;
}
