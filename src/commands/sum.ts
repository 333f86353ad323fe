/**
 * Addition as SH_INC does it, on msgpack numbers: exact where both are integers, from -2^63 to
 * 2^64 - 1; in float64 where one of them is a float, and then the sum is one, too.
 */
import type { ByteSpace } from '../core/copy.js';
import { putUint } from '../protocol/msgpack-put.js';
import { readNumber } from '../protocol/msgpack-walk.js';

/** The longest form of a number. */
export const NUMBER_BYTES_MAX = 9;

const FLOAT32_BYTE = 0xca;
const FLOAT64_BYTE = 0xcb;
const UINT64_BYTE = 0xcf;
const INT64_BYTE = 0xd3;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
const OUT_OF_RANGE = -1;

/**
 * Writes the sum of two numbers, or of one and 1 (addendAt below 0), in its shortest form.
 *
 * @returns the offset behind it, or OUT_OF_RANGE (-1) if no number of its kind can be the sum.
 */
export function putSum(
  to: ByteSpace,
  toAt: number,
  space: ByteSpace,
  at: number,
  addendSpace: ByteSpace,
  addendAt: number,
): number {
  const isFloat = isFloatAt(space, at) || (addendAt >= 0 && isFloatAt(addendSpace, addendAt));
  if (isFloat) {
    const addend = addendAt < 0 ? 1 : readNumber(addendSpace, addendAt);
    return putFloat(to, toAt, readNumber(space, at) + addend);
  }
  const augend = integerAt(space, at);
  const addend = addendAt < 0 ? 1 : integerAt(addendSpace, addendAt);
  if (typeof augend === 'number' && typeof addend === 'number') {
    const sum = augend + addend;
    if (Number.isSafeInteger(sum)) return putInteger(to, toAt, sum);
  }
  const sum = BigInt(augend) + BigInt(addend);
  const near = Number(sum);
  return Number.isSafeInteger(near) ? putInteger(to, toAt, near) : putBig(to, toAt, sum);
}

function isFloatAt(space: ByteSpace, at: number): boolean {
  const first = space.bytes[at]!;
  return first === FLOAT32_BYTE || first === FLOAT64_BYTE;
}

/** A bigint only where a number would be rounded. */
function integerAt(space: ByteSpace, at: number): number | bigint {
  const first = space.bytes[at]!;
  const near = readNumber(space, at);
  if (Number.isSafeInteger(near)) return near;
  return first === UINT64_BYTE ? space.view.getBigUint64(at + 1) : space.view.getBigInt64(at + 1);
}

function putFloat(to: ByteSpace, at: number, value: number): number {
  if (!Number.isFinite(value)) return OUT_OF_RANGE;
  to.bytes[at] = FLOAT64_BYTE;
  to.view.setFloat64(at + 1, value);
  return at + 9;
}

function putInteger(to: ByteSpace, at: number, value: number): number {
  if (value >= 0) return putUint(to, at, value);
  if (value >= -0x20) {
    to.bytes[at] = value & 0xff;
    return at + 1;
  }
  if (value >= -0x80) {
    to.bytes[at] = 0xd0;
    to.view.setInt8(at + 1, value);
    return at + 2;
  }
  if (value >= -0x8000) {
    to.bytes[at] = 0xd1;
    to.view.setInt16(at + 1, value);
    return at + 3;
  }
  if (value >= -0x8000_0000) {
    to.bytes[at] = 0xd2;
    to.view.setInt32(at + 1, value);
    return at + 5;
  }
  return putBig(to, at, BigInt(value));
}

function putBig(to: ByteSpace, at: number, value: bigint): number {
  if (value < INT64_MIN || value > UINT64_MAX) return OUT_OF_RANGE;
  to.bytes[at] = value < 0n ? INT64_BYTE : UINT64_BYTE;
  to.view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  return at + 9;
}
