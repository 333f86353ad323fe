import { decode, decodeMulti, encode, ExtensionCodec } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import {
  containerCount,
  containerHeaderBytes,
  isArrayByte,
  isMapByte,
  isStrByte,
  isUtf8,
  MALFORMED,
  readNumber,
  skipItem,
  strHeaderBytes,
  TOO_DEEP,
  WALK_DEPTH_MAX,
} from '../../../src/protocol/msgpack-walk.js';
import { bytes, nested } from '../../support/msgpack-bytes.js';

const RUNS = { numRuns: 2_000 };

/**
 * Exactly these bytes and none beyond: a read past the end of the view throws, and one past the end
 * of the array would give undefined.
 */
function spaceOf(content: Uint8Array): ByteSpace {
  const space = new ByteSpace(new ArrayBuffer(content.length));
  space.bytes.set(content);
  return space;
}

/** The bytes with others on both sides, which look like more of the same. */
function spaceWithin(content: Uint8Array, before: number): ByteSpace {
  const space = new ByteSpace(new ArrayBuffer(before + content.length + 16));
  space.bytes.fill(0x91);
  space.bytes.set(content, before);
  return space;
}

function skip(content: Uint8Array, depthMax = WALK_DEPTH_MAX): number {
  return skipItem(spaceOf(content), 0, content.length, depthMax);
}

/** Any value that @msgpack/msgpack encodes; keys of maps are strings. */
const anyValue = fc.anything({
  key: fc.string(),
  withTypedArray: false,
  values: [
    ...[fc.string(), fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.boolean()],
    ...[fc.constant(null), fc.uint8Array({ maxLength: 300 }), fc.date({ noInvalidDate: true })],
    fc.string({ minLength: 30, maxLength: 300 }),
  ],
});

const OTHER_FORMATS: readonly (readonly [string, Uint8Array])[] = [
  ['fixext 1', bytes(0xd4, 1, 2)],
  ['fixext 2', bytes(0xd5, 1, 2, 3)],
  ['fixext 4', bytes(0xd6, 1, 2, 3, 4, 5)],
  ['fixext 8', bytes(0xd7, 1, new Uint8Array(8))],
  ['fixext 16', bytes(0xd8, 1, new Uint8Array(16))],
  ['ext 8', bytes(0xc7, 3, 1, 2, 3, 4)],
  ['ext 16', bytes(0xc8, 0, 3, 1, 2, 3, 4)],
  ['ext 32', bytes(0xc9, 0, 0, 0, 3, 1, 2, 3, 4)],
  ['str 16', bytes(0xda, 0, 2, 'ab')],
  ['str 32', bytes(0xdb, 0, 0, 0, 2, 'ab')],
  ['bin 16', bytes(0xc5, 0, 2, 1, 2)],
  ['bin 32', bytes(0xc6, 0, 0, 0, 2, 1, 2)],
  ['array 16', bytes(0xdc, 0, 2, 0xc0, 0x01)],
  ['array 32', bytes(0xdd, 0, 0, 0, 2, 0xc0, 0x01)],
  ['map 16', bytes(0xde, 0, 1, 0x01, 0x90)],
  ['map 32', bytes(0xdf, 0, 0, 0, 1, 0x01, 0x80)],
  ['an empty array 32', bytes(0xdd, 0, 0, 0, 0)],
];

describe('skipItem', () => {
  test('ends where the decoder ends, for any value anywhere', () => {
    fc.assert(
      fc.property(anyValue, fc.nat({ max: 9 }), (value, before) => {
        const content = encode(value, { ignoreUndefined: true });
        const space = spaceWithin(content, before);
        const end = before + content.length;
        expect(skipItem(space, before, end, WALK_DEPTH_MAX)).toBe(end);
        // What follows does not matter.
        expect(skipItem(space, before, end + 16, WALK_DEPTH_MAX)).toBe(end);
      }),
      RUNS,
    );
  });

  test('refuses every value that is cut short', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), (value, cut) => {
        const content = encode(value, { ignoreUndefined: true });
        const shorter = content.subarray(0, cut % content.length);
        expect(skip(shorter)).toBe(MALFORMED);
      }),
      RUNS,
    );
  });

  test('agrees with the decoder on arbitrary bytes, and never reads beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
        const end = skip(content);
        expect(end === MALFORMED || (end > 0 && end <= content.length)).toBe(true);
        // The same within other bytes: what lies outside must not be looked at.
        const within = skipItem(spaceWithin(content, 3), 3, 3 + content.length, WALK_DEPTH_MAX);
        expect(within).toBe(end < 0 ? end : end + 3);
        if (end > 0) expect(itemsIn(content.subarray(0, end))).toBe(1);
        else expect(itemsIn(content)).toBe(0);
      }),
      { numRuns: 10_000 },
    );
  });

  test.each(OTHER_FORMATS)('knows %s, whole and cut short', (_, content) => {
    expect(skip(content)).toBe(content.length);
    for (let length = 0; length < content.length; length += 1) {
      expect(skip(content.subarray(0, length))).toBe(MALFORMED);
    }
  });

  test('refuses the byte that msgpack never uses, at any depth', () => {
    expect(skip(bytes(0xc1))).toBe(MALFORMED);
    expect(skip(bytes(0x92, 0x01, 0xc1))).toBe(MALFORMED);
    expect(skip(bytes(0x81, 0xc1, 0x01))).toBe(MALFORMED);
  });

  test.each([0, 1, 2, 64, 1_023, 1_024])(
    'takes %i containers inside one another and no more',
    (depth) => {
      expect(skip(nested(depth), depth)).toBe(depth + 1);
      expect(skip(nested(depth + 1), depth)).toBe(TOO_DEEP);
    },
  );

  test('counts depth, not containers', () => {
    const flat = bytes(0xdc, 1, 0, new Uint8Array(256).fill(0x80));
    expect(skip(flat, 1)).toBe(flat.length);
    const pairs = bytes(0x82, 0x91, 0x01, 0x91, 0x01, 0x91, 0x01, 0x91, 0x01);
    expect(skip(pairs, 2)).toBe(pairs.length);
    expect(skip(pairs, 1)).toBe(TOO_DEEP);
  });

  test('has a limit of its own where none is given', () => {
    expect(skip(nested(WALK_DEPTH_MAX + 1), Infinity)).toBe(TOO_DEEP);
    expect(skip(bytes(nested(5_000)), Infinity)).toBe(TOO_DEEP);
  });

  test.each([0xdd, 0xdf, 0xdb, 0xc6, 0xc9])(
    'is not led astray by a length of 2^32 - 1 (%i)',
    (first) => {
      expect(skip(bytes(first, 0xff, 0xff, 0xff, 0xff))).toBe(MALFORMED);
      expect(skip(bytes(first, 0xff, 0xff, 0xff, 0xff, new Uint8Array(100)))).toBe(MALFORMED);
    },
  );
});

/** Items that the decoder finds in bytes that are all used up; 0 if it finds fault. */
function itemsIn(content: Uint8Array): number {
  try {
    // Odd map keys and what is in an extension are no concern of framing.
    const extensionCodec = new ExtensionCodec();
    extensionCodec.register({ type: -1, encode: () => null, decode: () => null });
    const options = { extensionCodec, mapKeyConverter: (key: unknown) => typeof key };
    return [...decodeMulti(content, options)].length;
  } catch {
    return 0;
  }
}

describe('kinds and headers', () => {
  test('tells maps, arrays and strings by their first byte as the decoder does', () => {
    for (let first = 0; first < 256; first += 1) {
      // Long enough for the smallest item of every kind; lengths are 0 but for those in the byte.
      const content = bytes(first, new Uint8Array(40));
      const end = skip(content);
      const value = end < 0 ? undefined : tryDecode(content.subarray(0, end));
      expect(isArrayByte(first)).toBe(Array.isArray(value));
      expect(isStrByte(first)).toBe(typeof value === 'string');
      const isMap = (first & 0xf0) === 0x80 || first === 0xde || first === 0xdf;
      expect(isMapByte(first)).toBe(isMap);
    }
  });

  test.each([0, 15, 16, 65_535, 65_536])('reads the count of %i items', (count) => {
    const array = spaceOf(encode(new Array(count).fill(0)));
    const first = array.bytes[0]!;
    expect(containerCount(array, 0)).toBe(count);
    expect(containerHeaderBytes(first)).toBe(array.bytes.length - count);
    const map = spaceOf(
      encode(Object.fromEntries(Array.from({ length: count }, (_, i) => [i, 0]))),
    );
    expect(containerCount(map, 0)).toBe(count);
    expect(containerHeaderBytes(map.bytes[0]!)).toBe(containerHeaderBytes(first));
  });

  test.each([0, 31, 32, 255, 256, 65_535, 65_536])(
    'reads the header of %i characters',
    (length) => {
      const content = encode('x'.repeat(length));
      expect(strHeaderBytes(content[0]!)).toBe(content.length - length);
    },
  );
});

function tryDecode(content: Uint8Array): unknown {
  try {
    return decode(content);
  } catch {
    return undefined;
  }
}

describe('readNumber', () => {
  test('reads what the encoder wrote, for doubles and integers', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer()), (value) => {
        expect(readNumber(spaceOf(encode(value)), 0)).toBe(
          Object.is(value, -0) ? readZero() : value,
        );
      }),
      RUNS,
    );
  });

  test.each([
    [bytes(0xca, 0x3f, 0xc0, 0, 0), 1.5],
    [bytes(0xcf, new Uint8Array(8).fill(0xff)), 2 ** 64],
    [bytes(0xd3, 0x80, new Uint8Array(7)), -(2 ** 63)],
    [bytes(0xd0, 0x80), -128],
    [bytes(0xd1, 0x80, 0), -32_768],
    [bytes(0xd2, 0x80, 0, 0, 0), -2_147_483_648],
    [bytes(0xe0), -32],
    [bytes(0xff), -1],
    [bytes(0xce, 0xff, 0xff, 0xff, 0xff), 4_294_967_295],
  ])('reads %o as %d', (content, value) => {
    expect(readNumber(spaceOf(content), 0)).toBe(value);
  });

  test.each([0xc0, 0xc2, 0xc3, 0xa1, 0xd9, 0x90, 0x80, 0xc4, 0xd4, 0xc7, 0xdc, 0xdf])(
    'finds no number behind %i',
    (first) => {
      expect(readNumber(spaceOf(bytes(first, new Uint8Array(9))), 0)).toBeNaN();
    },
  );
});

/** The encoder writes minus zero as it likes. */
function readZero(): number {
  return readNumber(spaceOf(encode(-0)), 0);
}

describe('isUtf8', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const isText = (content: Uint8Array): boolean => {
    try {
      decoder.decode(content);
      return true;
    } catch {
      return false;
    }
  };
  const check = (content: Uint8Array): void => {
    const expected = isText(content);
    if (isUtf8(content, 0, content.length) !== expected) expect([...content]).toBe(expected);
  };

  test('agrees with TextDecoder on every sequence of one and two bytes', () => {
    for (let first = 0; first < 256; first += 1) {
      check(Uint8Array.of(first));
      for (let second = 0; second < 256; second += 1) check(Uint8Array.of(first, second));
    }
  });

  test('agrees with TextDecoder at the edges of longer sequences', () => {
    const firsts = [
      0x7f, 0x80, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3,
    ];
    const others = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (const first of [...firsts, 0xf4, 0xf5, 0xff]) {
      for (const second of others) {
        for (const third of others) {
          check(Uint8Array.of(first, second, third));
          for (const fourth of others) check(Uint8Array.of(first, second, third, fourth));
        }
      }
    }
  });

  test('agrees with TextDecoder on arbitrary bytes and on text cut anywhere', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), check), RUNS);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, cut) => {
        const content = new TextEncoder().encode(text);
        check(content);
        check(content.subarray(0, cut % (content.length + 1)));
      }),
      RUNS,
    );
  });

  test('looks at the range only', () => {
    const content = bytes(0xff, 'ab', 0xe2, 0x82, 0xac, 0xff);
    expect(isUtf8(content, 1, 6)).toBe(true);
    expect(isUtf8(content, 1, 5)).toBe(false);
    expect(isUtf8(content, 0, 6)).toBe(false);
    expect(isUtf8(content, 3, 3)).toBe(true);
  });
});
