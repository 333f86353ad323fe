/**
 * HalfSipHash-1-3 with 32-bit output (Aumasson and Bernstein; as in Linux, Documentation/security/
 * siphash): the keyed hash of key names in big sessions. Keyed, so that no client can choose
 * keys that collide; 32-bit words, so that it is cheap in JavaScript.
 */
import type { ByteSpace } from './copy.js';

/** @param salt mixed into the second key word: tells the maps of one index apart. */
export function halfSipHash(
  key0: number,
  key1: number,
  salt: number,
  input: ByteSpace,
  at: number,
  length: number,
): number {
  const k1 = key1 ^ Math.imul(salt, 0x9e3779b1);
  let v0 = key0;
  let v1 = k1;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ k1;
  const wholeEnd = at + (length & ~3);
  let word = 0;
  for (let offset = at; offset <= wholeEnd; offset += 4) {
    if (offset < wholeEnd) word = input.view.getInt32(offset, true);
    else {
      word = length << 24;
      const rest = length & 3;
      if (rest > 2) word |= input.bytes[offset + 2]! << 16;
      if (rest > 1) word |= input.bytes[offset + 1]! << 8;
      if (rest > 0) word |= input.bytes[offset]!;
    }
    v3 ^= word;
    // One round; the finish below runs three more.
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
