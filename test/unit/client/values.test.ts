import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedReplyError } from '../../../src/client/errors.js';
import { packValue, unpackValue } from '../../../src/client/values.js';

function unpacked(bytes: Uint8Array): unknown {
  return unpackValue(bytes, 0, bytes.length);
}

function roundTrip(value: unknown): unknown {
  return unpacked(packValue(value).slice());
}

/** Without -0, which msgpackr writes as 0, and __proto__, which the other library refuses. */
const jsonLike = fc.jsonValue({ maxDepth: 4 }).filter((value) => {
  const json = JSON.stringify(value);
  return !json.includes('__proto__') && !hasMinusZero(value);
});

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero);
}

describe('packValue', () => {
  test('is read by another msgpack library', () => {
    fc.assert(
      fc.property(jsonLike, (value) => {
        expect(decode(packValue(value))).toEqual(value);
      }),
    );
  });

  test('leaves out members that are undefined and writes nil in arrays', () => {
    expect(roundTrip({ a: undefined, b: [undefined, 1] })).toEqual({ b: [null, 1] });
  });

  test('throws for a value that holds itself', () => {
    const value: unknown[] = [];
    value.push(value);
    expect(() => packValue(value)).toThrow();
    expect(roundTrip(['still', 'works'])).toEqual(['still', 'works']);
  });
});

describe('unpackValue', () => {
  test('reads what another msgpack library writes', () => {
    fc.assert(
      fc.property(jsonLike, (value) => {
        expect(unpacked(encode(value))).toEqual(value);
      }),
    );
  });

  test.each([
    [2n ** 53n, 2 ** 53],
    [2n ** 53n + 1n, 2n ** 53n + 1n],
    [2n ** 64n - 1n, 2n ** 64n - 1n],
    [-(2n ** 63n), -(2n ** 63n)],
    [5n, 5],
  ])('reads the integer %s as a number where one can hold it', (written, read) => {
    expect(unpacked(encode(written, { useBigInt64: true }))).toBe(read);
    expect(roundTrip(written)).toBe(read);
  });

  test('gives binary values as copies', () => {
    const bytes = encode({ b: Uint8Array.of(1, 2, 3) });
    const value = unpacked(bytes) as { b: Uint8Array };
    bytes.fill(0);
    expect(value.b).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('gives dates back as dates', () => {
    const date = new Date('2024-02-29T12:00:00.123Z');
    expect(roundTrip({ date })).toEqual({ date });
  });

  test.each(['__proto__', 'x__proto__', '___proto__', '__proto__x', '__prot__proto__'])(
    'keeps the key %s as it is and pollutes nothing',
    (key) => {
      const json = JSON.parse(`{"a":[{"${key}":{"isAdmin":true}}],"text":"__proto__"}`) as object;
      const value = unpacked(encode(json)) as { a: [Record<string, unknown>] };
      expect(Object.keys(value.a[0])).toEqual([key]);
      expect(Object.getPrototypeOf(value.a[0])).toBe(Object.prototype);
      expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
      expect(JSON.stringify(value)).toBe(JSON.stringify(json));
    },
  );

  test('finds __proto__ wherever it stands', () => {
    for (let before = 0; before < 30; before += 1) {
      const json = JSON.parse(`["${'o'.repeat(before)}",{"__proto__":1}]`) as unknown;
      expect(JSON.stringify(roundTrip(json))).toBe(JSON.stringify(json));
    }
  });

  test('reads its range only', () => {
    const bytes = Uint8Array.from([0xc3, ...encode({ a: 'b' }), 0xc3]);
    expect(unpackValue(bytes, 1, bytes.length - 1)).toEqual({ a: 'b' });
  });

  test.each([
    ['a value cut short', Uint8Array.of(0x92, 1)],
    ['a value with more behind it', Uint8Array.of(1, 2)],
    ['an extension that it does not know', Uint8Array.of(0xc7, 1, 99, 0)],
    ['the byte that msgpack never uses in the wrong place', Uint8Array.of(0x81, 0xc1)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => unpacked(bytes)).toThrow(MalformedReplyError);
  });

  test('never quotes a value in its error', () => {
    const bytes = Uint8Array.from([...encode('secret-value'), 0xc0]);
    expect(() => unpacked(bytes)).toThrow(/^((?!secret).)*$/);
  });

  test('throws nothing but MalformedReplyError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        try {
          unpacked(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReplyError);
        }
      }),
    );
  });
});
