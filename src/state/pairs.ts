/**
 * Key-value pairs one after another, as small records and entries hold them:
 *
 *   pair      | prefix | key, msgpack str with the shortest header | value, msgpack |
 *   prefix    bytes of key and value: 1 byte below 128; 2 bytes below 16,384 (0x80 | high 6 bits,
 *             low 8 bits); else 5 (0xc0, u32)
 *
 * Each prefix is the shortest that fits, so pairs that are equal have equal bytes, and a whole
 * small record is part of an entry without being read.
 */
import type { ByteSpace } from '../core/copy.js';
import { headerBytesOfStored, storedKeyBytes, storedKeyEnd } from './stored-key.js';

export const PREFIX_BYTES_MAX = 5;
const ONE_BYTE_MAX = 127;
const TWO_BYTES_MAX = 16_383;
const LONG_PREFIX = 0xc0;

export function prefixBytesOf(pairBytes: number): number {
  if (pairBytes <= ONE_BYTE_MAX) return 1;
  return pairBytes <= TWO_BYTES_MAX ? 2 : PREFIX_BYTES_MAX;
}

/** @returns the offset behind it. */
export function writePrefix(space: ByteSpace, at: number, pairBytes: number): number {
  if (pairBytes <= ONE_BYTE_MAX) {
    space.bytes[at] = pairBytes;
    return at + 1;
  }
  if (pairBytes <= TWO_BYTES_MAX) {
    space.bytes[at] = 0x80 | (pairBytes >>> 8);
    space.bytes[at + 1] = pairBytes & 255;
    return at + 2;
  }
  space.bytes[at] = LONG_PREFIX;
  space.view.setUint32(at + 1, pairBytes, true);
  return at + PREFIX_BYTES_MAX;
}

/** Bytes of key and value by the prefix at an offset, which is whole. */
export function pairBytesAt(space: ByteSpace, at: number): number {
  const first = space.bytes[at]!;
  if (first < 0x80) return first;
  if (first < LONG_PREFIX) return ((first & 0x3f) << 8) | space.bytes[at + 1]!;
  return space.view.getUint32(at + 1, true);
}

/**
 * The offset behind the pair at an offset, or -1 where no whole pair of the right form lies before
 * the end. Reads nothing from the end on, whatever the bytes are.
 */
export function checkedPairEnd(space: ByteSpace, at: number, end: number): number {
  if (at >= end) return -1;
  const first = space.bytes[at]!;
  let keyAt = at + 1;
  let pairBytes = first;
  if (first >= 0x80) {
    keyAt = at + (first < LONG_PREFIX ? 2 : PREFIX_BYTES_MAX);
    if (keyAt > end || first > LONG_PREFIX) return -1;
    pairBytes = pairBytesAt(space, at);
    if (at + prefixBytesOf(pairBytes) !== keyAt) return -1;
  }
  const pairEnd = keyAt + pairBytes;
  if (pairEnd > end) return -1;
  const valueAt = storedKeyEnd(space, keyAt, pairEnd);
  // A value has a byte at least.
  return valueAt < 0 || valueAt >= pairEnd ? -1 : pairEnd;
}

/**
 * Visits pairs that are checked already. Key and value lie in the space; the key without its
 * header.
 */
export function forEachPair(
  space: ByteSpace,
  start: number,
  end: number,
  visit: (keyAt: number, keyBytes: number, valueAt: number, valueBytes: number) => void,
): void {
  for (let at = start; at < end;) {
    const pairBytes = pairBytesAt(space, at);
    const storedAt = at + prefixBytesOf(pairBytes);
    const storedBytes = storedKeyBytes(space, storedAt);
    const headerBytes = headerBytesOfStored(storedBytes);
    const valueAt = storedAt + storedBytes;
    at = storedAt + pairBytes;
    visit(storedAt + headerBytes, storedBytes - headerBytes, valueAt, at - valueAt);
  }
}
