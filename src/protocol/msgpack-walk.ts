/**
 * Reads msgpack where it lies, without making values of it: where an item ends, what kind it is,
 * the number or the length in it. Errors are negative offsets, because a throw would cost more
 * than the walk.
 */
import type { ByteSpace } from '../core/copy.js';

/** The bytes end before the item does, or hold the one byte msgpack never uses. */
export const MALFORMED = -1;
/** The item nests deeper than allowed. */
export const TOO_DEEP = -2;

/** Containers deeper than this are refused even where no limit is configured. */
export const WALK_DEPTH_MAX = 1_024;

const FIXED_BYTES = fixedSizes();
const pendingItems = new Float64Array(WALK_DEPTH_MAX + 1);

/** Whole size of each item whose first byte tells it; 0 where a length follows or it has items. */
function fixedSizes(): Uint8Array {
  const sizes = new Uint8Array(256);
  sizes.fill(1, 0x00, 0x80);
  for (let length = 0; length < 32; length += 1) sizes[0xa0 + length] = 1 + length;
  sizes.fill(1, 0xe0, 0x100);
  for (const first of [0xc0, 0xc2, 0xc3]) sizes[first] = 1;
  sizes[0x80] = 1;
  sizes[0x90] = 1;
  const numbers = [0xcc, 2, 0xcd, 3, 0xce, 5, 0xcf, 9, 0xd0, 2, 0xd1, 3, 0xd2, 5, 0xd3, 9, 0xca, 5];
  const extensions = [0xcb, 9, 0xd4, 3, 0xd5, 4, 0xd6, 6, 0xd7, 10, 0xd8, 18];
  const pairs = [...numbers, ...extensions];
  for (let index = 0; index < pairs.length; index += 2) sizes[pairs[index]!] = pairs[index + 1]!;
  return sizes;
}

/**
 * The offset behind the item at `at`, or MALFORMED or TOO_DEEP.
 *
 * @param depthMax containers inside one another at most; a plain value has depth 0.
 */
export function skipItem(space: ByteSpace, at: number, end: number, depthMax: number): number {
  if (at >= end) return MALFORMED;
  const fixed = FIXED_BYTES[space.bytes[at]!]!;
  if (fixed !== 0) return at + fixed <= end ? at + fixed : MALFORMED;
  return skipNested(space, at, end, Math.min(depthMax, WALK_DEPTH_MAX));
}

function skipNested(space: ByteSpace, at: number, end: number, depthMax: number): number {
  let offset = at;
  let depth = 0;
  pendingItems[0] = 1;
  for (;;) {
    while (pendingItems[depth] === 0) {
      if (depth === 0) return offset;
      depth -= 1;
    }
    pendingItems[depth]! -= 1;
    if (offset >= end) return MALFORMED;
    const first = space.bytes[offset]!;
    const fixed = FIXED_BYTES[first]!;
    if (fixed !== 0) {
      offset += fixed;
    } else if (isContainer(first)) {
      if (depth === depthMax) return TOO_DEEP;
      if (offset + containerHeaderBytes(first) > end) return MALFORMED;
      const items = containerCount(space, offset);
      offset += containerHeaderBytes(first);
      depth += 1;
      pendingItems[depth] = isMapByte(first) ? items * 2 : items;
    } else {
      const bytes = variableBytes(space, offset, end);
      if (bytes === MALFORMED) return MALFORMED;
      offset += bytes;
    }
    if (offset > end) return MALFORMED;
  }
}

/** str 8/16/32, bin 8/16/32, ext 8/16/32: header and content. */
function variableBytes(space: ByteSpace, at: number, end: number): number {
  switch (space.bytes[at]!) {
    case 0xd9:
    case 0xc4:
      return at + 2 <= end ? 2 + space.bytes[at + 1]! : MALFORMED;
    case 0xda:
    case 0xc5:
      return at + 3 <= end ? 3 + space.view.getUint16(at + 1) : MALFORMED;
    case 0xdb:
    case 0xc6:
      return at + 5 <= end ? 5 + space.view.getUint32(at + 1) : MALFORMED;
    case 0xc7:
      return at + 2 <= end ? 3 + space.bytes[at + 1]! : MALFORMED;
    case 0xc8:
      return at + 3 <= end ? 4 + space.view.getUint16(at + 1) : MALFORMED;
    case 0xc9:
      return at + 5 <= end ? 6 + space.view.getUint32(at + 1) : MALFORMED;
    default:
      return MALFORMED;
  }
}

export function isMapByte(first: number): boolean {
  return (first & 0xf0) === 0x80 || first === 0xde || first === 0xdf;
}

export function isArrayByte(first: number): boolean {
  return (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd;
}

export function isStrByte(first: number): boolean {
  return (first & 0xe0) === 0xa0 || (first >= 0xd9 && first <= 0xdb);
}

function isContainer(first: number): boolean {
  return (first & 0xe0) === 0x80 || (first >= 0xdc && first <= 0xdf);
}

/** Bytes of a map's or array's header. */
export function containerHeaderBytes(first: number): number {
  if ((first & 0xe0) === 0x80) return 1;
  return first === 0xdc || first === 0xde ? 3 : 5;
}

/** Items of an array or pairs of a map; its header must lie within the bytes. */
export function containerCount(space: ByteSpace, at: number): number {
  const first = space.bytes[at]!;
  if ((first & 0xe0) === 0x80) return first & 15;
  return first === 0xdc || first === 0xde
    ? space.view.getUint16(at + 1)
    : space.view.getUint32(at + 1);
}

/** Bytes of a str's header; its characters follow. */
export function strHeaderBytes(first: number): number {
  if (first < 0xc0) return 1;
  return first === 0xd9 ? 2 : first === 0xda ? 3 : 5;
}

/** A number of any width as a double, NaN where the item is none. 64-bit integers are rounded. */
export function readNumber(space: ByteSpace, at: number): number {
  const first = space.bytes[at]!;
  if (first < 0x80) return first;
  if (first >= 0xe0) return first - 256;
  switch (first) {
    case 0xca:
      return space.view.getFloat32(at + 1);
    case 0xcb:
      return space.view.getFloat64(at + 1);
    case 0xcc:
      return space.bytes[at + 1]!;
    case 0xcd:
      return space.view.getUint16(at + 1);
    case 0xce:
      return space.view.getUint32(at + 1);
    case 0xcf:
      return Number(space.view.getBigUint64(at + 1));
    case 0xd0:
      return space.view.getInt8(at + 1);
    case 0xd1:
      return space.view.getInt16(at + 1);
    case 0xd2:
      return space.view.getInt32(at + 1);
    case 0xd3:
      return Number(space.view.getBigInt64(at + 1));
    default:
      return NaN;
  }
}

/** Whether bytes [at, end) are well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms. */
export function isUtf8(bytes: Uint8Array, at: number, end: number): boolean {
  let offset = at;
  while (offset < end) {
    const first = bytes[offset]!;
    if (first < 0x80) {
      offset += 1;
      continue;
    }
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || offset + more >= end) return false;
    const second = bytes[offset + 1]!;
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let next = 2; next <= more; next += 1) {
      if ((bytes[offset + next]! & 0xc0) !== 0x80) return false;
    }
    offset += more + 1;
  }
  return true;
}
