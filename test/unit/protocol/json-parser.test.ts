/** Strictness is checked against JSON.parse as the oracle, losslessness case by case. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  JsonDepthError,
  WholeFloat,
  WideNumber,
  parseJsonMembers,
  type JsonValue,
} from '../../../src/protocol/json-parser.js';
import { parseJson } from '../../support/json.js';

/** What JSON.parse would have made of it. */
function plain(value: JsonValue): unknown {
  if (value instanceof WholeFloat) return value.value;
  if (value instanceof WideNumber) return Number(value.text);
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const object = {};
  for (const [name, member] of value) {
    Object.defineProperty(object, name, {
      value: plain(member),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return object;
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    return error instanceof SyntaxError ? 'not JSON' : error;
  }
}

function expectLikeNative(text: string): void {
  const native = outcome(() => (JSON.parse(`{"value":${text}}`) as { value: unknown }).value);
  expect(outcome(() => plain(parseJson(text)))).toEqual(native);
}

const FRAGMENTS = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '-', '+', '.', 'e', 'E', '0', '1', '12'],
  ...['true', 'false', 'null', '"a"', '"b":', '\\u00e9', '\\n', '\u0001', '\u00a0', '\ufeff', '/'],
];

describe('the values of parseJsonMembers', () => {
  test('reads all that JSON.stringify writes', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 6, noUnicodeString: false }), expectLikeNative), {
      numRuns: 500,
    });
  });

  test('accepts and refuses exactly what JSON.parse does', () => {
    const nearJson = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 12 });
    fc.assert(
      fc.property(nearJson, (parts) => expectLikeNative(parts.join(''))),
      { numRuns: 5_000 },
    );
  });

  test('accepts and refuses mutated JSON exactly as JSON.parse does', () => {
    const mutation = fc.tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom(...FRAGMENTS));
    fc.assert(
      fc.property(mutation, ([text, at, fragment]) => {
        const place = at % (text.length + 1);
        expectLikeNative(text.slice(0, place) + fragment + text.slice(place));
        expectLikeNative(text.slice(0, place) + fragment + text.slice(place + 1));
        expectLikeNative(text.slice(0, place));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['01'],
    ['-'],
    ['-01'],
    ['1.'],
    ['.5'],
    ['1e'],
    ['1e+'],
    ['+1'],
    ['0x10'],
    ['1_000'],
    ['NaN'],
    ['Infinity'],
    ['tru'],
    ['truex'],
    ['nul'],
    ['"'],
    ['"\\"'],
    ['"\\x"'],
    ['"\\u12"'],
    ['"\t"'],
    ["'a'"],
    ['[1,]'],
    ['[,1]'],
    ['[1 2]'],
    ['[1'],
    ['{"a"}'],
    ['{"a":}'],
    ['{a:1}'],
    ['{"a":1,}'],
    ['{"a":1'],
    ['1 2'],
    [''],
    [' '],
    ['\ufeff1'],
    ['//1'],
    ['"\\'],
  ])('refuses %j', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  test('keeps members in the order sent, also those that look like array indexes', () => {
    const object = parseJson('{"b":1,"10":2,"9":3,"a":4}') as Map<string, JsonValue>;
    expect([...object.keys()]).toEqual(['b', '10', '9', 'a']);
  });

  test('takes the last of members with one name', () => {
    expect(parseJson('{"a":1,"b":2,"a":[3]}')).toEqual(
      new Map<string, unknown>([
        ['a', [3]],
        ['b', 2],
      ]),
    );
  });

  test('gives names of the object prototype no meaning', () => {
    const object = parseJson('{"__proto__":{"polluted":1},"constructor":2,"":3}') as Map<
      string,
      JsonValue
    >;
    expect([...object.keys()]).toEqual(['__proto__', 'constructor', '']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test.each<[string, JsonValue]>([
    ['0', 0],
    ['-1', -1],
    ['999999999999999', 999_999_999_999_999],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['18446744073709551615', 18_446_744_073_709_551_615n],
    ['-9223372036854775808', -9_223_372_036_854_775_808n],
    ['1.5', 1.5],
    ['1e-3', 0.001],
    ['1.0', new WholeFloat(1)],
    ['1e3', new WholeFloat(1000)],
    ['-0', new WholeFloat(-0)],
    ['-0.0', new WholeFloat(-0)],
    ['18446744073709551616', new WideNumber('18446744073709551616')],
    ['-9223372036854775809', new WideNumber('-9223372036854775809')],
    ['1e999', new WideNumber('1e999')],
  ])('reads %s as the kind of number it is', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  test('reads a million digits at once', () => {
    const digits = '7'.repeat(1_000_000);
    expect(parseJson(digits)).toEqual(new WideNumber(digits));
    expect(parseJson(`0.${digits}`)).toBeCloseTo(7 / 9);
  });

  test('reads nesting without limit, if none is given', () => {
    const depth = 500_000;
    let value = parseJson('['.repeat(depth) + ']'.repeat(depth));
    let found = 0;
    for (; Array.isArray(value); value = value[0] ?? null) found += 1;
    expect(found).toBe(depth);
    expect(() => parseJson('{"a":'.repeat(depth))).toThrow(SyntaxError);
  });
});

describe('parseJsonMembers', () => {
  // Like a shard, which steps over an empty container without opening it.
  test.each([
    ['1', 0],
    ['[]', 0],
    ['[[[]]]', 2],
    ['[[[1]],[]]', 3],
    ['{"a":{"b":[1]}}', 3],
  ])('counts the depth of %s as %i', (value, depth) => {
    const text = `{"value":${value}}`;
    expect(parseJsonMembers(text, depth)?.size).toBe(1);
    if (depth > 0) expect(() => parseJsonMembers(text, depth - 1)).toThrow(JsonDepthError);
  });

  test('gives each member of the outermost object with its text', () => {
    const members = parseJsonMembers(' {"id" : 1.50 , "A_B":{"c": [ 1 ]} } ', 9);
    expect(members).toEqual(
      new Map([
        ['id', { value: 1.5, text: '1.50' }],
        ['A_B', { value: new Map([['c', [1]]]), text: '{"c": [ 1 ]}' }],
      ]),
    );
  });

  test.each(['[]', '1', '"a"', 'null', '[{"a":1}]'])('gives none for %s', (text) => {
    expect(parseJsonMembers(text, 9)).toBeUndefined();
  });

  test.each(['', '{', '{}x', '[1', '{"a":1}}', '{"a":1,}'])('refuses %j', (text) => {
    expect(() => parseJsonMembers(text, 9)).toThrow(SyntaxError);
  });
});
