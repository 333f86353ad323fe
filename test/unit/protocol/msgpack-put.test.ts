import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import {
  arrayHeaderBytes,
  binHeaderBytes,
  constantStr,
  mapHeaderBytes,
  numberBytes,
  putArrayHeader,
  putBinHeader,
  putBool,
  putConstant,
  putMapHeader,
  putNumber,
  putStrHeader,
  putUint,
  strBytes,
  uintBytes,
} from '../../../src/protocol/msgpack-put.js';

type Put<T> = (to: ByteSpace, at: number, value: T) => number;

/** What a put writes at offset 3; nothing beside it may change. */
function written<T>(put: Put<T>, value: T): Uint8Array {
  const space = new ByteSpace(new ArrayBuffer(40));
  space.bytes.fill(0xee);
  const end = put(space, 3, value);
  expect([...space.bytes.subarray(0, 3)]).toEqual([0xee, 0xee, 0xee]);
  expect(space.bytes.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  return space.bytes.slice(3, end);
}

const LENGTHS = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536];

describe('putUint', () => {
  const edges = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53];

  test.each(edges)('writes %d in its shortest form', (value) => {
    const content = written(putUint, value);
    expect(content.length).toBe(uintBytes(value));
    expect(decode(content)).toBe(value);
    // Beyond 2^53 - 1 the encoder takes it for a double.
    if (Number.isSafeInteger(value)) expect(content).toEqual(encode(value));
  });

  test('writes any integer as the encoder does', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(written(putUint, value)).toEqual(encode(value));
      }),
    );
  });
});

describe('putNumber', () => {
  test('writes integers as integers and the rest as doubles, in as many bytes as it said', () => {
    const values = fc.oneof(fc.double({ min: 0, noNaN: true }), fc.maxSafeNat());
    fc.assert(
      fc.property(values, (value) => {
        const content = written(putNumber, value);
        expect(content.length).toBe(numberBytes(value));
        expect(decode(content)).toBe(Math.abs(value));
      }),
    );
  });
});

describe('headers', () => {
  test.each(LENGTHS)('have the shortest form for %i', (length) => {
    const items = new Array<number>(length).fill(0);
    const array = encode(items);
    expect(written(putArrayHeader, length)).toEqual(array.subarray(0, arrayHeaderBytes(length)));
    expect(arrayHeaderBytes(length)).toBe(array.length - length);
    const map = encode(Object.fromEntries(items.entries()));
    expect(written(putMapHeader, length)).toEqual(map.subarray(0, mapHeaderBytes(length)));
    const bin = encode(new Uint8Array(length));
    expect(written(putBinHeader, length)).toEqual(bin.subarray(0, binHeaderBytes(length)));
    expect(binHeaderBytes(length)).toBe(bin.length - length);
    const text = encode('x'.repeat(length));
    expect(written(putStrHeader, length)).toEqual(text.subarray(0, text.length - length));
    expect(strBytes(length)).toBe(text.length);
  });
});

describe('putBool', () => {
  test.each([true, false])('writes %s', (value) => {
    expect(written(putBool, value)).toEqual(encode(value));
  });
});

describe('constantStr', () => {
  test.each(['', 'keys', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'é€'])(
    'makes a str of %j that putConstant copies',
    (text) => {
      const constant = constantStr(text);
      expect(constant.bytes).toEqual(encode(text));
      const space = new ByteSpace(new SharedArrayBuffer(300));
      expect(putConstant(space, 7, constant)).toBe(7 + constant.bytes.length);
      expect(decode(space.bytes.slice(7, 7 + constant.bytes.length))).toBe(text);
    },
  );
});
