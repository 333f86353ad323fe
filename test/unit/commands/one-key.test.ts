import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Body } from '../../../src/commands/body.js';
import { KeyList } from '../../../src/commands/key-list.js';
import { readOneKey } from '../../../src/commands/one-key.js';
import { parametersOf } from '../../../src/commands/parameters.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { STATUSES } from '../../../src/core/statuses.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { LIMITS } from '../../support/shard-harness.js';

const LIST = 0x91;
const MAP = 0x81;

function spaceOf(content: Uint8Array): ByteSpace {
  const space = new ByteSpace(new ArrayBuffer(content.length));
  space.bytes.set(content);
  return space;
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

/** What the list names, as text: offsets differ from form to form. */
function pairsIn(space: ByteSpace, list: KeyList): Pair[] {
  const text = (at: number, length: number): string =>
    Buffer.from(space.bytes.subarray(at, at + length)).toString('hex');
  return Array.from({ length: list.count }, (_, index) => ({
    key: text(list.keyAt(index), list.keyBytes(index)),
    value: text(list.valueAt(index), list.valueBytes(index)),
  }));
}

function quickly(content: Uint8Array, header: number): Pair[] | undefined {
  const space = spaceOf(content);
  const list = new KeyList();
  return readOneKey(header, space, 0, content.length, LIMITS, list)
    ? pairsIn(space, list)
    : undefined;
}

/** The same body with the wide header of a map, which is read the general way. */
function atLeisure(command: 'SH_GET' | 'SH_SET', content: Uint8Array): Pair[] | undefined {
  const wide = bytes(0xde, 0, 1, content.subarray(1));
  const space = spaceOf(wide);
  const body = new Body(LIMITS, space);
  const status = body.decode(parametersOf(command), space, 0, wide.length);
  return status === STATUSES.OK.code ? pairsIn(space, body.keys) : undefined;
}

describe('readOneKey', () => {
  test('reads one short key as the general way does, whatever its bytes', () => {
    const bodies = fc.string({ maxLength: 40 }).map((key) => encode({ keys: [key] }));
    fc.assert(
      fc.property(bodies, (content) => {
        const quick = quickly(content, LIST);
        if (quick !== undefined) expect(quick).toEqual(atLeisure('SH_GET', content));
      }),
    );
    expect(quickly(encode({ keys: ['cart'] }), LIST)).toHaveLength(1);
  });

  test('reads a key and its value as the general way does, damaged or not', () => {
    const values = fc.anything({ maxDepth: 2, withBigInt: false, withSparseArray: false });
    const damages = fc.option(fc.tuple(fc.nat(), fc.nat({ max: 255 })));
    fc.assert(
      fc.property(fc.string({ maxLength: 33 }), values, damages, (key, value, damage) => {
        let content: Uint8Array;
        try {
          content = encode({ keys: { [key]: value } });
        } catch {
          return;
        }
        if (damage !== null) content[damage[0] % content.length] = damage[1];
        const quick = quickly(content, MAP);
        if (quick !== undefined) expect(quick).toEqual(atLeisure('SH_SET', content));
      }),
    );
    expect(quickly(encode({ keys: { cart: [1, { a: 2 }] } }), MAP)).toHaveLength(1);
  });

  test.each([
    ['two keys', encode({ keys: ['a', 'b'] }), LIST],
    ['no key', encode({ keys: [] }), LIST],
    ['another name', encode({ kexs: ['a'] }), LIST],
    ['a second parameter', encode({ keys: ['a'], version: true }), LIST],
    ['bytes behind it', bytes(encode({ keys: ['a'] }), 0xc0), LIST],
    ['a key of 32 bytes', encode({ keys: ['k'.repeat(32)] }), LIST],
    ['a key that is no text', encode({ keys: [7] }), LIST],
    ['a list where a map belongs', encode({ keys: ['a'] }), MAP],
    ['a key without its value', encode({ keys: { a: 1 } }).subarray(0, -1), MAP],
    ['a key that is not UTF-8', bytes(0x81, encode('keys'), 0x81, 0xa1, 0xff, 1), MAP],
    ['nothing', new Uint8Array(0), LIST],
  ])('leaves %s to the general way', (_name, content, header) => {
    expect(quickly(content, header)).toBeUndefined();
  });

  test('leaves a key over the limit to the general way, which refuses it', () => {
    const content = encode({ keys: ['abcdef'] });
    const space = spaceOf(content);
    const limits = { ...LIMITS, keyBytesMax: 5 };
    expect(readOneKey(LIST, space, 0, content.length, limits, new KeyList())).toBe(false);
  });
});
