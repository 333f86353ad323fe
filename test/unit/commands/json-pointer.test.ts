import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { isJsonPointer, locate, type Place } from '../../../src/commands/json-pointer.js';
import { decode } from '@msgpack/msgpack';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { spaceOf } from '../../support/replay.js';

/** The example of RFC 6901, section 5. */
const EXAMPLE = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};

function at(packed: Uint8Array, pointer: string): unknown {
  const space = spaceOf(bytes(0xc0, packed));
  const path = new TextEncoder().encode(pointer);
  const place: Place = { at: 0, end: 0, depth: 0 };
  if (!locate(space, 1, 1 + packed.length, path, 0, path.length, place)) return 'nowhere';
  return decode(space.bytes.slice(place.at, place.end));
}

function isPointer(text: string | Uint8Array): boolean {
  const path = bytes(text);
  return isJsonPointer(path, 0, path.length);
}

describe('a JSON pointer', () => {
  test.each<[string, unknown]>([
    ['', EXAMPLE],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/foo/1', 'baz'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('names a place as in RFC 6901: %j', (pointer, value) => {
    expect(isPointer(pointer)).toBe(true);
    expect(at(encode(EXAMPLE), pointer)).toEqual(value);
  });

  test.each([
    '/foo/2',
    '/foo/-',
    '/foo/00',
    '/foo/01',
    '/foo/+1',
    '/foo/1 ',
    '/foo/1.0',
    '/foo/1e0',
    '/foo/',
    '/foo/4294967296',
    '/foo/0/0',
    '/foo/length',
    '/fo',
    '/fooo',
    '/foo/0/',
    '//',
    '/a~01b',
    '/nothing/at/all',
  ])('names no place in the example: %j', (pointer) => {
    expect(isPointer(pointer)).toBe(true);
    expect(at(encode(EXAMPLE), pointer)).toBe('nowhere');
  });

  test.each(['foo', ' /foo', '#/foo', '/~', '/a~', '/~2', '/a~/b', '/~a', '~0', '$.a'])(
    'is not %j',
    (text) => {
      expect(isPointer(text)).toBe(false);
    },
  );

  test('is not what is not UTF-8', () => {
    expect(isPointer(Uint8Array.of(0x2f, 0xff))).toBe(false);
    expect(isPointer('/ключ')).toBe(true);
  });

  test('takes ~01 for ~1, not for a slash', () => {
    expect(at(encode({ '~1': 'tilde', '/': 'slash' }), '/~01')).toBe('tilde');
    expect(at(encode({ '~1': 'tilde', '/': 'slash' }), '/~1')).toBe('slash');
  });

  test('goes through maps and arrays of every size', () => {
    const wide = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, [i]]));
    const long = Array.from({ length: 70_000 }, (_, i) => ({ i }));
    expect(at(encode({ wide, long }), '/wide/k69999/0')).toBe(69_999);
    expect(at(encode({ wide, long }), '/long/69999/i')).toBe(69_999);
    expect(at(encode({ wide, long }), '/long/70000')).toBe('nowhere');
  });

  test('gives of members of one name the last, and passes over names that are no strings', () => {
    const map = bytes(0x84, str('a'), 1, 7, 2, str('a'), 3, 0xc4, 1, 'b', 4);
    expect(at(map, '/a')).toBe(3);
    expect(at(map, '/7')).toBe('nowhere');
    expect(at(map, '/b')).toBe('nowhere');
  });

  test('finds nothing in scalars, bin and extensions', () => {
    for (const value of [
      bytes(0xc0),
      bytes(5),
      str('text'),
      bytes(0xc4, 1, 'b'),
      bytes(0xd4, 1, 2),
    ])
      expect(at(value, '/0')).toBe('nowhere');
  });
});
