/**
 * Writes msgpack in place, each item in its shortest form, and tells the sizes beforehand, because
 * a ring wants to know a record's length before its bytes. Every put returns the offset behind.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';

const encoder = new TextEncoder();

/** A str as a constant: header and characters, ready to be copied. Up to 255 bytes. */
export function constantStr(text: string): ByteSpace {
  const content = encoder.encode(text);
  const headerBytes = content.length < 32 ? 1 : 2;
  const space = new ByteSpace(new ArrayBuffer(headerBytes + content.length));
  if (headerBytes === 1) space.bytes[0] = 0xa0 | content.length;
  else space.bytes.set([0xd9, content.length]);
  space.bytes.set(content, headerBytes);
  return space;
}

export function putConstant(to: ByteSpace, at: number, constant: ByteSpace): number {
  copyBytes(to, at, constant, 0, constant.bytes.length);
  return at + constant.bytes.length;
}

export function uintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x100) return 2;
  if (value < 0x1_0000) return 3;
  return value < 0x1_0000_0000 ? 5 : 9;
}

/** @param value an integer from 0 to 2^53. */
export function putUint(to: ByteSpace, at: number, value: number): number {
  if (value < 0x80) {
    to.bytes[at] = value;
    return at + 1;
  }
  if (value < 0x100) {
    to.bytes[at] = 0xcc;
    to.bytes[at + 1] = value;
    return at + 2;
  }
  if (value < 0x1_0000) {
    to.bytes[at] = 0xcd;
    to.view.setUint16(at + 1, value);
    return at + 3;
  }
  if (value < 0x1_0000_0000) {
    to.bytes[at] = 0xce;
    to.view.setUint32(at + 1, value);
    return at + 5;
  }
  to.bytes[at] = 0xcf;
  to.view.setUint32(at + 1, Math.floor(value / 0x1_0000_0000));
  to.view.setUint32(at + 5, value >>> 0);
  return at + 9;
}

/** Size of putNumber(). */
export function numberBytes(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? uintBytes(value) : 9;
}

/** A number that is not negative: as an integer if it is one, else as a double. */
export function putNumber(to: ByteSpace, at: number, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return putUint(to, at, value);
  to.bytes[at] = 0xcb;
  to.view.setFloat64(at + 1, value);
  return at + 9;
}

export function putBool(to: ByteSpace, at: number, value: boolean): number {
  to.bytes[at] = value ? 0xc3 : 0xc2;
  return at + 1;
}

export function mapHeaderBytes(pairs: number): number {
  if (pairs < 16) return 1;
  return pairs < 0x1_0000 ? 3 : 5;
}

export function putMapHeader(to: ByteSpace, at: number, pairs: number): number {
  return putContainerHeader(to, at, pairs, 0x80, 0xde);
}

/** The same for an array's header. */
export const arrayHeaderBytes = mapHeaderBytes;

export function putArrayHeader(to: ByteSpace, at: number, items: number): number {
  return putContainerHeader(to, at, items, 0x90, 0xdc);
}

function putContainerHeader(
  to: ByteSpace,
  at: number,
  count: number,
  fix: number,
  wide: number,
): number {
  if (count < 16) {
    to.bytes[at] = fix | count;
    return at + 1;
  }
  if (count < 0x1_0000) {
    to.bytes[at] = wide;
    to.view.setUint16(at + 1, count);
    return at + 3;
  }
  to.bytes[at] = wide + 1;
  to.view.setUint32(at + 1, count);
  return at + 5;
}

export function binHeaderBytes(length: number): number {
  if (length < 0x100) return 2;
  return length < 0x1_0000 ? 3 : 5;
}

export function putBinHeader(to: ByteSpace, at: number, length: number): number {
  if (length < 0x100) {
    to.bytes[at] = 0xc4;
    to.bytes[at + 1] = length;
    return at + 2;
  }
  if (length < 0x1_0000) {
    to.bytes[at] = 0xc5;
    to.view.setUint16(at + 1, length);
    return at + 3;
  }
  to.bytes[at] = 0xc6;
  to.view.setUint32(at + 1, length);
  return at + 5;
}

/** Size of putStr() for text of so many UTF-8 bytes. */
export function strBytes(contentBytes: number): number {
  if (contentBytes < 32) return 1 + contentBytes;
  if (contentBytes < 0x100) return 2 + contentBytes;
  return (contentBytes < 0x1_0000 ? 3 : 5) + contentBytes;
}

export function putStrHeader(to: ByteSpace, at: number, contentBytes: number): number {
  if (contentBytes < 32) {
    to.bytes[at] = 0xa0 | contentBytes;
    return at + 1;
  }
  if (contentBytes < 0x100) {
    to.bytes[at] = 0xd9;
    to.bytes[at + 1] = contentBytes;
    return at + 2;
  }
  to.bytes[at] = contentBytes < 0x1_0000 ? 0xda : 0xdb;
  if (contentBytes < 0x1_0000) to.view.setUint16(at + 1, contentBytes);
  else to.view.setUint32(at + 1, contentBytes);
  return at + (contentBytes < 0x1_0000 ? 3 : 5);
}
