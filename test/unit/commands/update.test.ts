import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { bytes, keysBody, nested, str } from '../../support/msgpack-bytes.js';
import { recordedShard } from '../../support/recorded-shard.js';
import { ShardHarness } from '../../support/shard-harness.js';

const { op } = CATALOGUE.SH_UPDATE;
const CART = {
  items: [
    { sku: 'a', n: 1 },
    { sku: 'b', n: 2 },
  ],
  'a/b': { 'm~n': null },
  note: '',
};

function start(value: unknown, options = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY, { keys: { before: 1, cart: value, after: 2 } });
  return shard;
}

function update(shard: ShardHarness, path: string, value: unknown): unknown {
  return shard.ask('SH_UPDATE', KEY, { key: 'cart', path, value });
}

function cartOf(shard: ShardHarness): unknown {
  return (shard.ask('SH_GET', KEY, { keys: ['cart'] })[1]?.keys as { cart: unknown }).cart;
}

function updateBody(path: string, value: Uint8Array): Uint8Array {
  const key = bytes(str('key'), str('cart'));
  return bytes(0x83, key, str('path'), str(path), str('value'), value);
}

/** A value as it is stored, byte for byte. */
function storedBytes(shard: ShardHarness, length: number): Uint8Array {
  return shard.call('SH_GET', KEY, { keys: ['cart'] }).bytes.slice(-length);
}

describe('SH_UPDATE', () => {
  const body = { key: 'second', path: '/nested/0', value: 'new' };
  testMalformedBodies('SH_UPDATE');
  testSessionIsNeeded('SH_UPDATE', body, 22);
  testExtension('SH_UPDATE', body, 'write', 22);
  testDefaultMap('SH_UPDATE', body);

  test.each([
    ['no body', null, 26],
    ['no key', { path: '', value: 1 }, 26],
    ['no path', { key: 'a', value: 1 }, 26],
    ['no value', { key: 'a', path: '' }, 26],
    ['key: a number', { key: 1, path: '', value: 1 }, 41],
    ['path: an array', { key: 'a', path: ['a'], value: 1 }, 41],
    ['a missing key before a path of the wrong type', { path: 1, value: 1 }, 26],
    ['a key of 513 bytes', { key: 'k'.repeat(513), path: '', value: 1 }, 42],
    ['a path without its slash', { key: 'a', path: 'a', value: 1 }, 4],
    ['a path with a lone tilde', { key: 'a', path: '/a~', value: 1 }, 4],
    ['a bad path and a bad key', { key: 'k'.repeat(513), path: 'a', value: 1 }, 42],
  ])('refuses %s before it looks for the session', (_, wrong, status) => {
    expect(new ShardHarness().statusOf('SH_UPDATE', KEY, wrong)).toBe(status);
  });

  test.each<[string, unknown, unknown]>([
    ['', [1, 2], [1, 2]],
    ['/note', 'gift', { ...CART, note: 'gift' }],
    ['/items', null, { ...CART, items: null }],
    ['/items/1', { sku: 'c' }, { ...CART, items: [CART.items[0], { sku: 'c' }] }],
    ['/items/0/n', 2.5, { ...CART, items: [{ sku: 'a', n: 2.5 }, CART.items[1]] }],
    ['/a~1b/m~0n', ['x'], { ...CART, 'a/b': { 'm~n': ['x'] } }],
  ])('replaces the place %j', (path, value, expected) => {
    const shard = start(CART);
    expect(update(shard, path, value)).toEqual([1, { cnt: 1 }]);
    expect(cartOf(shard)).toEqual(expected);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['before', 'cart', 'after'] }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 1, keyCnt: 3 });
  });

  test.each(['/items/2', '/items/-', '/items/00', '/nothing', '/note/0', '/items/0/n/x', '/'])(
    'makes no place that is not there: %j',
    (path) => {
      const shard = start(CART);
      expect(update(shard, path, 1)).toEqual([1, { cnt: 0 }]);
      expect(cartOf(shard)).toEqual(CART);
      expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
    },
  );

  test('answers 22 to a key that is not there, whatever the path', () => {
    const shard = start(CART);
    for (const path of ['', '/a']) {
      const answer = shard.ask('SH_UPDATE', KEY, { key: 'cars', path, value: 1 });
      expect(answer).toEqual([22, { cnt: 0 }]);
    }
    expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: 3 }]);
  });

  test('keeps every byte around the place, whatever its form, and takes the new ones as they are', () => {
    // Long forms that no encoder would choose, an extension, a name that is no string.
    const odd = bytes(0xdf, 0, 0, 0, 3, 7, 0xd3, 0, 0, 0, 0, 0, 0, 0, 1, 0xd9, 1, 'a');
    const tail = bytes(str('z'), 0xc7, 2, 5, 'xy');
    const shard = start(1);
    const stored = bytes(odd, str('old'), tail);
    shard.callRaw(CATALOGUE.SH_SET.op, KEY, keysBody('cart', stored));
    const value = bytes(0xdc, 0, 1, 0xd3, 0, 0, 0, 0, 0, 0, 0, 9);
    expect(shard.callRaw(op, KEY, updateBody('/a', value)).status).toBe(1);
    const expected = bytes(odd, value, tail);
    expect(storedBytes(shard, expected.length)).toEqual(expected);
  });

  test('keeps values at --max-depth and refuses deeper ones with 42, by where they come to lie', () => {
    const shard = start(null);
    shard.callRaw(CATALOGUE.SH_SET.op, KEY, keysBody('cart', nested(60)));
    const path = '/0'.repeat(60);
    expect(shard.callRaw(op, KEY, updateBody(path, nested(5))).status).toBe(42);
    expect(shard.callRaw(op, KEY, updateBody(path, nested(4))).status).toBe(1);
    expect(storedBytes(shard, 65)).toEqual(nested(64));
    expect(shard.callRaw(op, KEY, updateBody('', nested(65))).status).toBe(42);
    expect(shard.callRaw(op, KEY, updateBody('', nested(64))).status).toBe(1);
    expect(shard.callRaw(op, KEY, updateBody('/0'.repeat(64), nested(1))).status).toBe(42);
    expect(shard.callRaw(op, KEY, updateBody('/0'.repeat(64), bytes(7))).status).toBe(1);
  });

  test.each([10, 5_000, 100_000])('grows and shrinks a value by %i bytes', (length) => {
    const shard = start(CART);
    for (const note of ['x'.repeat(length), '', 'y'.repeat(length * 2), 'z']) {
      expect(update(shard, '/note', note)).toEqual([1, { cnt: 1 }]);
      expect(cartOf(shard)).toEqual({ ...CART, note });
    }
    const all = encode({ before: 1, cart: { ...CART, note: 'z' }, after: 2 });
    expect(shard.ask('SH_INFO', KEY)[1]?.bytes).toBe(all.length - 1);
  });

  test('answers 204 over --max-session-bytes and keeps the value', () => {
    const shard = start({ a: 'x'.repeat(40_000) }, { limits: { sessionBytesMax: 65_536 } });
    expect(update(shard, '/a', 'y'.repeat(65_520))).toEqual([204, expect.anything()]);
    expect(cartOf(shard)).toEqual({ a: 'x'.repeat(40_000) });
    expect(update(shard, '/a', 'y'.repeat(65_480))).toEqual([1, { cnt: 1 }]);
    expect(shard.counter('sizeLimitHits')).toBe(1);
  });

  test('answers 205 where there is no memory, and keeps the value', () => {
    const shard = start({ a: 1 }, { admission: { memoryBytesMax: 16_384 } });
    expect(update(shard, '/a', 'y'.repeat(20_000))).toEqual([205, expect.anything()]);
    expect(cartOf(shard)).toEqual({ a: 1 });
  });

  test('leaves entries from which a replay gets the same', () => {
    const { shard, expectSameAfterReplay } = recordedShard();
    const expiry = { duration: 10, extendOnSetAdd: true };
    shard.start(KEY, { keys: { before: 1, cart: { a: [1, 2, 3], b: {} } }, expiry });
    for (let i = 0; i < 40; i += 1) {
      shard.clock.advance(100);
      const value = i % 4 === 0 ? 'v'.repeat(i * 100) : i;
      expect(update(shard, `/a/${i % 4}`, value)).toEqual([1, { cnt: i % 4 === 3 ? 0 : 1 }]);
    }
    expectSameAfterReplay();
  });
});
