/**
 * Keys as the state stores them: a msgpack str with the shortest header, whatever a client sent, so
 * that equal keys are equal bytes. Keys have at most 512 bytes, so three headers are enough:
 * fixstr below 32, str 8 below 256, str 16.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';

export function keyHeaderBytesOf(length: number): number {
  if (length < 32) return 1;
  return length < 256 ? 2 : 3;
}

/** Writes header and characters; returns the offset behind them. */
export function writeKey(
  to: ByteSpace,
  at: number,
  key: ByteSpace,
  keyAt: number,
  length: number,
): number {
  let offset = at;
  if (length < 32) {
    to.bytes[offset++] = 0xa0 | length;
  } else if (length < 256) {
    to.bytes[offset++] = 0xd9;
    to.bytes[offset++] = length;
  } else {
    to.bytes[offset++] = 0xda;
    to.bytes[offset++] = length >>> 8;
    to.bytes[offset++] = length & 255;
  }
  copyBytes(to, offset, key, keyAt, length);
  return offset + length;
}

/** Bytes of the stored key at an offset, header included. */
export function storedKeyBytes(space: ByteSpace, at: number): number {
  const first = space.bytes[at]!;
  if (first < 0xc0) return 1 + (first & 31);
  if (first === 0xd9) return 2 + space.bytes[at + 1]!;
  return 3 + ((space.bytes[at + 1]! << 8) | space.bytes[at + 2]!);
}
