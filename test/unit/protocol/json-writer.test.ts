/** msgpack comes from @msgpack/msgpack, JSON is read by JSON.parse: neither is ours. */
import { ExtData, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonCursor } from '../../../src/protocol/json-cursor.js';
import { packJson } from '../../../src/protocol/json-packer.js';
import { parseJson } from '../../support/json.js';
import { jsonTextAt } from '../../../src/protocol/json-writer.js';

function textFrom(bytes: Uint8Array, keepsWholeFloats = true): string {
  const cursor = new JsonCursor(bytes);
  const text = jsonTextAt(cursor, { keepsWholeFloats });
  expect(cursor.at).toBe(bytes.length);
  return text;
}

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

describe('jsonTextAt', () => {
  test('writes JSON that says what the msgpack said', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        const written: unknown = JSON.parse(textFrom(encode(value)));
        expect(written).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  test('gives back every JSON text that the packer took, number for number', () => {
    const text =
      '{"b":[1,1.0,-0.0,1.5,1e+21,18446744073709551615,-9223372036854775808],"10":{},"9":[]}';
    expect(textFrom(packJson(parseJson(text)))).toBe(text);
  });

  test.each([
    ['00', '0'],
    ['7f', '127'],
    ['ff', '-1'],
    ['e0', '-32'],
    ['ccff', '255'],
    ['cdffff', '65535'],
    ['ceffffffff', '4294967295'],
    ['cfffffffffffffffff', '18446744073709551615'],
    ['cf0000000100000000', '4294967296'],
    ['d080', '-128'],
    ['d07f', '127'],
    ['d18000', '-32768'],
    ['d280000000', '-2147483648'],
    ['d38000000000000000', '-9223372036854775808'],
    ['d3ffffffffffffffff', '-1'],
    ['d37fffffffffffffff', '9223372036854775807'],
    ['ca3fc00000', '1.5'],
    ['cb7ff0000000000000', 'null'],
    ['cbfff0000000000000', 'null'],
    ['cb7ff8000000000000', 'null'],
    ['c0', 'null'],
    ['c1', 'null'],
    ['c2', 'false'],
    ['c3', 'true'],
    ['c400', '""'],
    ['c40101', '"AQ=="'],
    ['c50002fffe', '"//4="'],
    ['c600000003010203', '"AQID"'],
    ['d4ff00', '{"ext":-1,"bytes":"AA=="}'],
    ['d60501020304', '{"ext":5,"bytes":"AQIDBA=="}'],
    ['c70307010203', '{"ext":7,"bytes":"AQID"}'],
    ['c8000107aa', '{"ext":7,"bytes":"qg=="}'],
    ['c90000000007', '{"ext":7,"bytes":""}'],
    ['d9026162', '"ab"'],
    ['da00026162', '"ab"'],
    ['db000000026162', '"ab"'],
    ['dc0002c0c0', '[null,null]'],
    ['dd0000000190', '[[]]'],
    ['de0001a16180', '{"a":{}}'],
    ['df00000001a161c0', '{"a":null}'],
  ])('writes %s as %s', (hex, text) => {
    expect(textFrom(fromHex(hex))).toBe(text);
  });

  test('writes whole floats as floats only where asked to', () => {
    const bytes = encode([2.5, 3]);
    const whole = fromHex('cb4008000000000000');
    expect(textFrom(whole, true)).toBe('3.0');
    expect(textFrom(whole, false)).toBe('3');
    expect(textFrom(bytes, false)).toBe('[2.5,3]');
  });

  test.each([
    ['an integer', '8105c0', '{"5":null}'],
    ['an integer beyond 2^53', '81cfffffffffffffffffc0', '{"18446744073709551615":null}'],
    ['a float', '81cb3ff8000000000000c0', '{"1.5":null}'],
    ['nil', '81c0c0', '{"null":null}'],
    ['a bool', '81c3c0', '{"true":null}'],
    ['bytes', '81c40101c0', '{"AQ==":null}'],
    ['an array', '819101c0', '{"kQE=":null}'],
    ['a map of maps', '818181c0c0c001', '{"gYHAwMA=":1}'],
    ['an extension', '81d40500c0', '{"1AUA":null}'],
  ])('writes a name that is %s as a string', (_, hex, text) => {
    expect(textFrom(fromHex(hex))).toBe(text);
  });

  test('escapes what JSON needs escaped, in names and in values', () => {
    const value = { 'a"\\\n\u0000': '\u2028"\u001f' };
    expect(JSON.parse(textFrom(encode(value)))).toEqual(value);
  });

  test('keeps a leading byte-order mark', () => {
    expect(JSON.parse(textFrom(encode('\ufeffa')))).toBe('\ufeffa');
  });

  test.each(['a1ff', 'a2c328', 'a3e28228', 'a3eda080', 'a4f0808080', 'a2c0af'])(
    'writes the malformed UTF-8 of %s with replacement characters',
    (hex) => {
      expect(JSON.parse(textFrom(fromHex(hex)))).toContain('\ufffd');
    },
  );

  test('writes arrays, maps and names nested beyond any stack', () => {
    const depth = 200_000;
    const arrays = new Uint8Array(depth + 1).fill(0x91, 0, depth).fill(0x90, depth);
    expect(textFrom(arrays)).toBe('['.repeat(depth + 1) + ']'.repeat(depth + 1));
    // {{{...: nil}: nil}: nil}: each map is the name in the next.
    const names = new Uint8Array(depth * 2 + 1).fill(0x81, 0, depth).fill(0xc0, depth);
    expect(JSON.parse(textFrom(names))).toEqual({
      [Buffer.from(names.subarray(1, -1)).toString('base64')]: null,
    });
  });

  test('writes a binary of a megabyte', () => {
    const bytes = Uint8Array.from({ length: 1_000_001 }, (_, index) => index * 7);
    expect(JSON.parse(textFrom(encode(bytes)))).toBe(Buffer.from(bytes).toString('base64'));
  });

  test('writes extensions of an independent encoder', () => {
    const extension = new ExtData(42, Uint8Array.of(9, 8, 7, 6, 5));
    expect(textFrom(encode([extension]))).toBe('[{"ext":42,"bytes":"CQgHBgU="}]');
  });

  test('stops at the end of the bytes, whatever they promise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          JSON.parse(jsonTextAt(new JsonCursor(bytes), { keepsWholeFloats: true }));
        } catch (error) {
          expect(String(error)).not.toContain('SyntaxError');
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
