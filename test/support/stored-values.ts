/** Values whose bytes must come back as they went in, whatever a decoder would make of them. */
import { bytes, str } from './msgpack-bytes.js';

/** A stretch of bytes without a pattern that a shifted copy would match. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const content = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) content[at] = (at * 31 + (at >>> 8) * 7 + seed) & 255;
  return content;
}

/** A msgpack bin of so many bytes. */
export function binValue(length: number, seed = 1): Uint8Array {
  const header = new Uint8Array(5);
  header[0] = 0xc6;
  new DataView(header.buffer).setUint32(1, length);
  return bytes(header, patternBytes(length, seed));
}

const FF8 = new Uint8Array(8).fill(0xff);

export const STORED_VALUES: readonly (readonly [string, Uint8Array])[] = [
  ['nil', bytes(0xc0)],
  ['false', bytes(0xc2)],
  ['0', bytes(0x00)],
  ['127 in five bytes', bytes(0xce, 0, 0, 0, 127)],
  ['2^53 + 1', bytes(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1)],
  ['2^64 - 1', bytes(0xcf, FF8)],
  ['-2^63', bytes(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0)],
  ['-1 in nine bytes', bytes(0xd3, FF8)],
  ['a float 32', bytes(0xca, 0x3f, 0x80, 0, 1)],
  ['a NaN with a payload', bytes(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0x12, 0x34)],
  ['minus zero', bytes(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)],
  ['an empty string', bytes(0xa0)],
  ['a string with a wide header', bytes(0xdb, 0, 0, 0, 2, 'ab')],
  ['a string that is not UTF-8', bytes(0xa2, 0xff, 0xfe)],
  ['an empty bin', bytes(0xc4, 0)],
  ['a fixext 1', bytes(0xd4, 0x05, 0xaa)],
  ['a fixext 16', bytes(0xd8, 0x7f, patternBytes(16))],
  ['a timestamp', bytes(0xd7, 0xff, patternBytes(8))],
  ['an empty ext', bytes(0xc7, 0, 1)],
  ['an ext 16', bytes(0xc8, 1, 0, 0x80, patternBytes(256))],
  ['an ext 32', bytes(0xc9, 0, 0, 1, 4, 0x11, patternBytes(260))],
  ['a map with keys of every type', bytes(0x83, 0x01, 0xc0, 0xc3, 0x90, str('x'), 0xd4, 1, 2)],
  ['a map that has a key twice', bytes(0x82, str('x'), 1, str('x'), 2)],
  ['an array with a wide header', bytes(0xdd, 0, 0, 0, 2, 0xc0, 0xc4, 1, 9)],
  ['a value of 127 bytes and its key', binValue(119)],
  ['a value of 3,000 bytes', binValue(3_000)],
  ['a value of 32 KiB', binValue(32_768)],
  ['a value of 1 MiB', binValue(1 << 20)],
];

/** Keys at the edges of the three msgpack headers, and characters of every width. */
export const EDGE_KEYS: readonly string[] = [
  ...[0, 1, 31, 32, 255, 256, 512].map((length) => 'k'.repeat(length)),
  ...['é', '€', '𝄞', '\u0000', 'a\u0000b', 'constructor', '"quoted"'],
];
