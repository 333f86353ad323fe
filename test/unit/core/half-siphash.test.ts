import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { halfSipHash } from '../../../src/core/half-siphash.js';
import { Random } from '../../support/random.js';

const KEY0 = 0x03020100;
const KEY1 = 0x07060504;

/** HalfSipHash-1-3 of the Linux kernel: key 00..07, input 00 01 02 ... of growing length. */
const VECTORS = [
  ...[0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65],
  ...[0x9d38d9d6, 0x577999b1, 0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6],
];

/** As the paper writes it, in BigInts and without a salt: slow, and independent of the product's. */
function referenceHash(key0: number, key1: number, input: Uint8Array): number {
  const mask = 0xffff_ffffn;
  const rotate = (value: bigint, bits: bigint): bigint =>
    ((value << bits) | (value >> (32n - bits))) & mask;
  const [k0, k1] = [BigInt(key0 >>> 0), BigInt(key1 >>> 0)];
  let [v0, v1, v2, v3] = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1];
  const round = (): void => {
    v0 = (v0 + v1) & mask;
    v1 = rotate(v1, 5n) ^ v0;
    v0 = rotate(v0, 16n);
    v2 = (v2 + v3) & mask;
    v3 = rotate(v3, 8n) ^ v2;
    v0 = (v0 + v3) & mask;
    v3 = rotate(v3, 7n) ^ v0;
    v2 = (v2 + v1) & mask;
    v1 = rotate(v1, 13n) ^ v2;
    v2 = rotate(v2, 16n);
  };
  const padded = Buffer.alloc((input.length & ~3) + 4);
  padded.set(input);
  padded[padded.length - 1] = input.length & 255;
  for (let at = 0; at < padded.length; at += 4) {
    const word = BigInt(padded.readUInt32LE(at));
    v3 ^= word;
    round();
    v0 ^= word;
  }
  v2 ^= 0xffn;
  round();
  round();
  round();
  return Number(v1 ^ v3);
}

/** The bytes at an offset, other bytes around them. */
function spaceOf(input: Uint8Array, offset: number): ByteSpace {
  const space = new ByteSpace(new SharedArrayBuffer(offset + input.length + 8));
  space.bytes.fill(0xa5);
  space.bytes.set(input, offset);
  return space;
}

describe('halfSipHash', () => {
  test.each(VECTORS.map((vector, length) => [length, vector]))(
    'gives the published hash of the first %i bytes without salt',
    (length, vector) => {
      const input = Uint8Array.from({ length }, (_, byte) => byte);
      expect(halfSipHash(KEY0, KEY1, 0, spaceOf(input, 0), 0, length) >>> 0).toBe(vector);
      expect(referenceHash(KEY0, KEY1, input)).toBe(vector);
    },
  );

  test.each([1, 2])(
    'agrees with the paper for random keys, inputs and offsets (seed %i)',
    (seed) => {
      const random = new Random(seed);
      for (let call = 0; call < 2_000; call += 1) {
        const length = random.below(random.below(4) === 0 ? 600 : 40);
        const input = Uint8Array.from({ length }, () => random.below(256));
        const [key0, key1] = [random.below(2 ** 32) | 0, random.below(2 ** 32) | 0];
        const at = random.below(9);
        const hash = halfSipHash(key0, key1, 0, spaceOf(input, at), at, length);
        expect(hash >>> 0).toBe(referenceHash(key0, key1, input));
        expect(Object.is(hash, hash | 0)).toBe(true);
      }
    },
  );

  test('gives another hash for another salt, another key, another length', () => {
    const input = spaceOf(new Uint8Array(64), 0);
    const hashes = new Set<number>();
    for (let salt = 0; salt < 1_000; salt += 1) hashes.add(halfSipHash(1, 2, salt, input, 0, 8));
    for (let key = 3; key < 1_003; key += 1) hashes.add(halfSipHash(1, key, 0, input, 0, 8));
    for (let length = 9; length < 64; length += 1) {
      hashes.add(halfSipHash(1, 2, 0, input, 0, length));
    }
    expect(hashes.size).toBe(1_000 + 1_000 + 55);
  });

  test('deals similar keys evenly over buckets', () => {
    const counts = new Int32Array(64);
    for (let number = 0; number < 64_000; number += 1) {
      const key = new TextEncoder().encode(`key ${number}`);
      counts[halfSipHash(KEY0, KEY1, 7, spaceOf(key, 0), 0, key.length) & 63]! += 1;
    }
    // The mean is 1,000 and the standard deviation 31.
    expect(Math.min(...counts)).toBeGreaterThan(840);
    expect(Math.max(...counts)).toBeLessThan(1_160);
  });
});
