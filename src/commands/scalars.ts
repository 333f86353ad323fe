/** Which msgpack items fit a parameter that is a single value. Numbers of any width are accepted. */
import type { ByteSpace } from '../core/copy.js';
import { isStrByte, isUtf8, readNumber, strHeaderBytes } from '../protocol/msgpack-walk.js';
import { TOKEN_BYTES, TOKEN_CHARACTERS } from '../protocol/token.js';
import type { ValueType } from '../protocol/value-types.js';
import { SECONDS_MAX } from './limits.js';

const NIL_BYTE = 0xc0;
const FLOAT32_BYTE = 0xca;
const UINT64_BYTE = 0xcf;
const INT64_BYTE = 0xd3;
const UINT64_TOKEN_BYTES = 8;

/** What the item at an offset should be, where it is of the wrong type (41); else ''. */
export function scalarTypeFault(type: ValueType, space: ByteSpace, at: number): string {
  const first = space.bytes[at]!;
  switch (type) {
    case 'strOrNil':
      return first === NIL_BYTE || isStrByte(first) ? '' : 'a string or nil';
    case 'number':
      return isNumberByte(first) ? '' : 'a number';
    case 'uint':
      return isUint(space, at) ? '' : 'an integer, not negative';
    case 'seconds':
      return readNumber(space, at) >= 0 ? '' : 'a number of seconds, not negative';
    case 'token':
      return isStrByte(first) || isBinByte(first) ? '' : 'a token';
    default:
      throw new Error(`no check for parameters of type ${type}`);
  }
}

/** What is wrong with an item of the right type whose value is out of range (42); else ''. */
export function scalarRangeFault(
  type: ValueType,
  space: ByteSpace,
  at: number,
  end: number,
): string {
  switch (type) {
    case 'strOrNil':
      return space.bytes[at] === NIL_BYTE || isText(space, at, end) ? '' : 'is not UTF-8';
    case 'number':
      return Number.isFinite(readNumber(space, at)) ? '' : 'must be finite';
    case 'seconds':
      return readNumber(space, at) <= SECONDS_MAX ? '' : 'is beyond 100 years';
    case 'token':
      return isTokenLength(space, at, end) ? '' : 'is no token';
    default:
      return '';
  }
}

/** Integers and floats of all widths. */
export function isNumberByte(first: number): boolean {
  return first < 0x80 || first >= 0xe0 || (first >= FLOAT32_BYTE && first <= INT64_BYTE);
}

/** An integer from 0 to 2^64 - 1, in whatever form. */
function isUint(space: ByteSpace, at: number): boolean {
  const first = space.bytes[at]!;
  if (first < 0x80 || (first >= 0xcc && first <= UINT64_BYTE)) return true;
  return first > UINT64_BYTE && first <= INT64_BYTE && readNumber(space, at) >= 0;
}

function isText(space: ByteSpace, at: number, end: number): boolean {
  return isUtf8(space.bytes, at + strHeaderBytes(space.bytes[at]!), end);
}

function isTokenLength(space: ByteSpace, at: number, end: number): boolean {
  const first = space.bytes[at]!;
  if (isStrByte(first)) return end - at - strHeaderBytes(first) === TOKEN_CHARACTERS;
  const bytes = end - at - (first === 0xc4 ? 2 : first === 0xc5 ? 3 : 5);
  return bytes === TOKEN_BYTES || bytes === UINT64_TOKEN_BYTES;
}

function isBinByte(first: number): boolean {
  return first >= 0xc4 && first <= 0xc6;
}
