/** What is packed is read back with @msgpack/msgpack, which shares no code with ours. */
import { decode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packJson, type PackValue } from '../../../src/protocol/json-packer.js';
import { WholeFloat, WideNumber } from '../../../src/protocol/json-parser.js';
import { parseJson } from '../../support/json.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('packJson', () => {
  test('writes what an independent decoder reads back', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5, noUnicodeString: false }), (text) => {
        // Integers that no 64-bit type holds become strings, see below.
        fc.pre(!/\d{19}/.test(text));
        // The decoder refuses this name; it is tested below.
        fc.pre(!text.includes('__proto__'));
        const decoded: unknown = decode(packJson(parseJson(text)), { mapKeyConverter: String });
        expect(decoded).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, PackValue, string]>([
    ['nil', null, 'c0'],
    ['false', false, 'c2'],
    ['true', true, 'c3'],
    ['0', 0, '00'],
    ['127', 127, '7f'],
    ['128', 128, 'cc80'],
    ['255', 255, 'ccff'],
    ['256', 256, 'cd0100'],
    ['65536', 65_536, 'ce00010000'],
    ['2^32 - 1', 4_294_967_295, 'ceffffffff'],
    ['2^32', 4_294_967_296, 'cf0000000100000000'],
    ['2^53 - 1', 9_007_199_254_740_991, 'cf001fffffffffffff'],
    ['2^64 - 1', 2n ** 64n - 1n, 'cfffffffffffffffff'],
    ['-1', -1, 'ff'],
    ['-32', -32, 'e0'],
    ['-33', -33, 'd0df'],
    ['-128', -128, 'd080'],
    ['-129', -129, 'd1ff7f'],
    ['-32769', -32_769, 'd2ffff7fff'],
    ['-2^31', -2_147_483_648, 'd280000000'],
    ['-2^31 - 1', -2_147_483_649, 'd3ffffffff7fffffff'],
    ['-2^63', -(2n ** 63n), 'd38000000000000000'],
    ['1.5', 1.5, 'cb3ff8000000000000'],
    ['1.0', new WholeFloat(1), 'cb3ff0000000000000'],
    ['-0', new WholeFloat(-0), 'cb8000000000000000'],
    ['a number too wide', new WideNumber('1e999'), 'a5' + hex(Buffer.from('1e999'))],
    ['bytes', Uint8Array.of(1, 2, 3), 'c403010203'],
    ['a lone surrogate', '\ud800', 'a3efbfbd'],
    ['a pair of surrogates', '\u{1f600}', 'a4f09f9880'],
  ])('writes %s in its shortest form', (_, value, bytes) => {
    expect(hex(packJson(value))).toBe(bytes);
  });

  test.each([0, 1, 31, 32, 40, 41, 255, 256, 65_535, 65_536, 300_000])(
    'writes text of %i characters, ASCII or not',
    (length) => {
      for (const text of ['a'.repeat(length), 'é'.repeat(length), '€'.repeat(length)]) {
        expect(decode(packJson(text))).toBe(text);
      }
    },
  );

  test.each([0, 1, 15, 16, 65_535, 65_536])(
    'writes arrays, maps and bytes of %i parts',
    (length) => {
      const numbers = Array.from({ length }, (_, index) => index);
      const map = new Map(numbers.map((number) => [`k${number}`, number]));
      expect(decode(packJson(numbers))).toEqual(numbers);
      expect(decode(packJson(map))).toEqual(Object.fromEntries(map));
      expect(decode(packJson(new Uint8Array(length)))).toEqual(new Uint8Array(length));
    },
  );

  test('keeps the order of the names', () => {
    const packed = packJson(parseJson('{"b":1,"10":2,"__proto__":3}'));
    const names = ['a162', 'a23130', `a9${hex(Buffer.from('__proto__'))}`];
    expect(hex(packed)).toBe(`83${names[0]}01${names[1]}02${names[2]}03`);
  });

  test('writes nesting of any depth', () => {
    const depth = 500_000;
    const packed = packJson(parseJson('['.repeat(depth) + ']'.repeat(depth)));
    expect(packed).toHaveLength(depth);
    expect(packed.at(-1)).toBe(0x90);
  });
});
