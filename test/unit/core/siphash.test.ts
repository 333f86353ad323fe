import { afterEach, describe, expect, test, vi } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { DIGEST_WORDS, SipHash } from '../../../src/core/siphash.js';
import { Random } from '../../support/random.js';
import { referenceSipHash } from '../../support/siphash-reference.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

/** A space that holds the bytes at the given offset, other bytes around them. */
function spaceOf(input: Uint8Array, offset: number): ByteSpace {
  const space = new ByteSpace(new ArrayBuffer(offset + input.length + 8));
  space.bytes.fill(0xa5);
  space.bytes.set(input, offset);
  return space;
}

function hex(hash: SipHash, input: Uint8Array, offset = 0): string {
  const out = new Int32Array(DIGEST_WORDS + 2);
  hash.hash(spaceOf(input, offset), offset, input.length, out, 1);
  expect([out[0], out[5]]).toEqual([0, 0]);
  return Buffer.from(out.buffer, 4, 16).toString('hex');
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('SipHash', () => {
  // From the vectors published with the reference implementation: key 00..0f, input 00 01 02 ...
  test.each([
    [0, 'a3817f04ba25a8e66df67214c7550293'],
    [1, 'da87c1d86b99af44347659119b22fc45'],
    [2, '8177228da4a45dc7fca38bdef60affe4'],
    [3, '9c70b60c5267a94e5f33b6b02985ed51'],
  ])('gives the published hash of the first %i bytes', (length, expected) => {
    const input = Uint8Array.from({ length }, (_, i) => i);
    expect(hex(new SipHash(KEY), input)).toBe(expected);
  });

  test('agrees with the paper for every length from 0 to 63', () => {
    const hash = new SipHash(KEY);
    for (let length = 0; length < 64; length += 1) {
      const input = Uint8Array.from({ length }, (_, i) => i);
      expect(hex(hash, input)).toBe(referenceSipHash(KEY, input));
    }
  });

  test.each([
    { seed: 1, road: 'WebAssembly', global: globalThis.WebAssembly },
    { seed: 2, road: 'plain JavaScript', global: undefined },
  ])('agrees with the paper in $road (seed $seed)', ({ seed, global }) => {
    vi.stubGlobal('WebAssembly', global);
    const random = new Random(seed);
    const bytes = (length: number): Uint8Array =>
      Uint8Array.from({ length }, () => random.below(256));
    for (let round = 0; round < 50; round += 1) {
      const key = bytes(16);
      const hash = new SipHash(key);
      for (let i = 0; i < 20; i += 1) {
        const input = bytes(random.below(4) === 0 ? random.below(1_024) : 22);
        expect(hex(hash, input, random.below(9))).toBe(referenceSipHash(key, input));
      }
    }
  });

  test('refuses a key of the wrong size', () => {
    expect(() => new SipHash(new Uint8Array(15))).toThrow('16 bytes');
  });
});
