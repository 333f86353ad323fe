import { decode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MsgpackWriter } from '../../../src/client/msgpack-writer.js';

function written(write: (writer: MsgpackWriter) => void): Uint8Array {
  const writer = new MsgpackWriter();
  write(writer);
  return writer.bytes.slice(0, writer.length);
}

describe('MsgpackWriter', () => {
  test.each([
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -(2 ** 31),
    -(2 ** 31) - 1,
    Number.MIN_SAFE_INTEGER,
  ])('writes the whole number %d as an integer', (value) => {
    const bytes = written((writer) => writer.writeNumber(value));
    expect(decode(bytes)).toBe(value);
    expect(bytes[0]).not.toBe(0xcb);
  });

  test.each([0.5, -0, 2 ** 53, -(2 ** 60), Infinity, -Infinity, Number.NaN, 5e-324])(
    'writes %d as a 64-bit float',
    (value) => {
      const bytes = written((writer) => writer.writeNumber(value));
      expect(Object.is(decode(bytes), value)).toBe(true);
      expect(bytes[0]).toBe(0xcb);
    },
  );

  test.each([0, 1, 31, 32, 33, 255, 256, 65_535, 65_536])(
    'writes text of %i ASCII characters in the shortest form',
    (characters) => {
      const bytes = written((writer) => writer.writeText('x'.repeat(characters)));
      expect(decode(bytes)).toBe('x'.repeat(characters));
      const header = characters < 32 ? 1 : characters < 256 ? 2 : characters < 65_536 ? 3 : 5;
      expect(bytes.length).toBe(characters + header);
    },
  );

  test.each([1, 10, 11, 15, 31, 85, 86, 255, 21_845, 21_846, 65_535])(
    'writes text of %i characters of three bytes each',
    (characters) => {
      const text = '\u20ac'.repeat(characters);
      expect(decode(written((writer) => writer.writeText(text)))).toBe(text);
    },
  );

  test('writes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(decode(written((writer) => writer.writeText(text)))).toBe(text);
      }),
    );
  });

  test.each([0, 255, 256, 65_535, 65_536])('writes %i bytes of binary', (size) => {
    const binary = new Uint8Array(size).fill(7);
    expect(decode(written((writer) => writer.writeBinary(binary)))).toEqual(binary);
  });

  test.each([0, 15, 16, 65_535, 65_536])('writes the headers of %i members', (count) => {
    const array = written((writer) => {
      writer.writeArrayHeader(count);
      for (let n = 0; n < count; n += 1) writer.writeNil();
    });
    expect(decode(array)).toHaveLength(count);
    const map = written((writer) => {
      writer.writeMapHeader(count);
      for (let n = 0; n < count; n += 1) {
        writer.writeText(`k${n}`);
        writer.writeBoolean(true);
      }
    });
    expect(Object.keys(decode(map) as object)).toHaveLength(count);
  });

  test('keeps what follows when it drops the front', () => {
    const writer = new MsgpackWriter();
    writer.writeText('first');
    const end = writer.length;
    writer.writeText('second');
    writer.dropFront(end);
    expect(decode(writer.bytes.slice(0, writer.length))).toBe('second');
  });

  test('gives a blown-up buffer back once it is empty', () => {
    const writer = new MsgpackWriter();
    writer.writeBinary(new Uint8Array(5 * 1_024 * 1_024));
    writer.dropFront(writer.length);
    expect(writer.bytes.length).toBeLessThan(64 * 1_024);
  });
});
