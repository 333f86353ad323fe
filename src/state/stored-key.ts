/**
 * Keys as the state stores them: a msgpack str with the shortest header, whatever a client sent, so
 * that equal keys are equal bytes. Keys have at most 512 bytes, so three headers are enough:
 * fixstr below 32, str 8 below 256, str 16.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';

export const KEY_BYTES_MAX = 512;

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

/**
 * Whether a key and its value, which lie in one space, lie there as they are stored, side by side
 * and the key's header before it; then one copy takes both. Says no to keys of 32 bytes and more.
 */
export function isStoredForm(
  space: ByteSpace,
  keyAt: number,
  keyBytes: number,
  valueAt: number,
): boolean {
  return (
    keyBytes < 32 && valueAt === keyAt + keyBytes && space.bytes[keyAt - 1] === (0xa0 | keyBytes)
  );
}

/** Bytes of the stored key at an offset, header included. */
export function storedKeyBytes(space: ByteSpace, at: number): number {
  const first = space.bytes[at]!;
  if (first < 0xc0) return 1 + (first & 31);
  if (first === 0xd9) return 2 + space.bytes[at + 1]!;
  return 3 + ((space.bytes[at + 1]! << 8) | space.bytes[at + 2]!);
}

/** Bytes of the header of a stored key that has so many bytes in all. */
export function headerBytesOfStored(storedBytes: number): number {
  if (storedBytes < 33) return 1;
  return storedBytes < 258 ? 2 : 3;
}

/**
 * The offset behind the stored key at an offset, or -1 where none of the right form lies before the
 * end. Reads nothing from the end on, whatever the bytes are.
 */
export function storedKeyEnd(space: ByteSpace, at: number, end: number): number {
  if (at >= end) return -1;
  const first = space.bytes[at]!;
  let keyEnd = at + 1 + (first & 31);
  if (first < 0xa0 || first > 0xbf) {
    if ((first !== 0xd9 && first !== 0xda) || at + (first === 0xd9 ? 2 : 3) > end) return -1;
    const storedBytes = storedKeyBytes(space, at);
    const headerBytes = first === 0xd9 ? 2 : 3;
    const length = storedBytes - headerBytes;
    if (keyHeaderBytesOf(length) !== headerBytes || length > KEY_BYTES_MAX) return -1;
    keyEnd = at + storedBytes;
  }
  return keyEnd > end ? -1 : keyEnd;
}
