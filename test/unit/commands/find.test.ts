import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { FLAG_LENIENT } from '../../../src/ring/records.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { bytes, keysBody, nested, str } from '../../support/msgpack-bytes.js';
import { ShardHarness } from '../../support/shard-harness.js';

const KEYS = {
  cart: {
    items: [
      { sku: 'a', price: 5 },
      { sku: 'b', price: 50 },
    ],
    "it's": [null],
  },
  user: { name: 'Ada', price: 7, tags: ['x', 'y'] },
  plain: 'text',
  list: [1, [2, [3]]],
};

function start(keys: Record<string, unknown> = KEYS, options = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY, { keys });
  return shard;
}

function find(shard: ShardHarness, path: string, rsp: string, keys?: string[]): unknown {
  return shard.ask('SH_FIND', KEY, keys === undefined ? { path, rsp } : { path, rsp, keys });
}

/** Arrays inside one another. */
function deep(levels: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

/** A session with one key whose value is these bytes. */
function startRaw(value: Uint8Array): ShardHarness {
  const shard = start({});
  expect(shard.callRaw(CATALOGUE.SH_SET.op, KEY, keysBody('v', value)).status).toBe(1);
  return shard;
}

describe('SH_FIND', () => {
  const body = { path: '$..*', rsp: 'kv' };
  testMalformedBodies('SH_FIND');
  testSessionIsNeeded('SH_FIND', body);
  testExtension('SH_FIND', body, 'read');
  testDefaultMap('SH_FIND', body);

  test.each([
    ['no body', null, 26],
    ['no path', { rsp: 'kv' }, 26],
    ['no rsp', { path: '$' }, 26],
    ['keys: a map', { path: '$', rsp: 'kv', keys: {} }, 41],
    ['keys with an item that is no string', { path: '$', rsp: 'kv', keys: [1] }, 41],
    ['a path of the wrong type before a missing rsp', { path: 1 }, 41],
    ['rsp: nil', { path: '$', rsp: null }, 41],
    ['a key of 513 bytes', { path: '$', rsp: 'kv', keys: ['k'.repeat(513)] }, 42],
    ['an empty path', { path: '', rsp: 'kv' }, 42],
    ['an empty path and an unknown rsp', { path: '', rsp: 'x' }, 42],
    ['a path of 4,097 bytes', { path: `$${'.a'.repeat(2_048)}`, rsp: 'kv' }, 42],
    ['an unknown rsp', { path: '$', rsp: 'values' }, 13],
    ['an rsp in capitals', { path: '$', rsp: 'KV' }, 13],
    ['an empty rsp', { path: '$', rsp: '' }, 13],
    ['a bad path and an unknown rsp', { path: '$[', rsp: 'x' }, 4],
  ])('refuses %s before it looks for the session', (_, wrong, status) => {
    expect(new ShardHarness().statusOf('SH_FIND', KEY, wrong)).toBe(status);
  });

  test.each([
    ['$[', '$.', '$..', 'a', ' $', '$ ', '$.a ', '/a', '$[?foo(@)]', '$[?length(@)]', '$[01]'],
    [`$${'[?('.repeat(1_300)}`, '$[99999999999999999999]', '$["a]', '$[?@.a =]', '$.a.~', '{'],
  ])('answers 4 to what is no JSONPath: %j and others', (...paths) => {
    for (const path of paths) {
      expect(new ShardHarness().statusOf('SH_FIND', KEY, { path, rsp: 'kv' })).toBe(4);
    }
  });

  test('answers 4 to a path that is not UTF-8', () => {
    const path = bytes(0x82, str('path'), str(Uint8Array.of(0x24, 0xff)), str('rsp'), str('kv'));
    expect(start().callRaw(CATALOGUE.SH_FIND.op, KEY, path).status).toBe(4);
  });

  test.each<[string, string[]]>([
    ['$', ['cart', 'user', 'plain', 'list']],
    ['$.name', ['user']],
    ['$..price', ['cart', 'user']],
    ['$.items[?@.price > 10]', ['cart']],
    ['$[1][1][0]', ['list']],
    ['$.nothing', []],
    ['$.tags[?match(@, "[xz]")]', ['user']],
    ["$['it\\'s'][0]", ['cart']],
  ])('names the keys with something found: %s', (path, keys) => {
    expect(find(start(), path, 'keys')).toEqual([1, { keys }]);
  });

  test('gives whole values as they are stored', () => {
    const { cart, user } = KEYS;
    expect(find(start(), '$..price', 'kv')).toEqual([1, { keys: { cart, user } }]);
    expect(find(start(), '$.nothing', 'kv')).toEqual([1, { keys: {} }]);
    const value = bytes(0x81, str('a'), 0xd3, 0, 0, 0, 0, 0, 0, 0, 7);
    const reply = startRaw(value).call('SH_FIND', KEY, { path: '$[?@ == 7]', rsp: 'kv' });
    expect(reply.bytes.slice(-value.length)).toEqual(value);
  });

  test('gives normalized paths, relative to the value, of all keys', () => {
    const paths = ["$['items'][0]['price']", "$['items'][1]['price']", "$['price']"];
    expect(find(start(), '$..price', 'paths')).toEqual([1, { paths }]);
    expect(find(start(), "$['it\\'s'].*", 'paths')).toEqual([1, { paths: ["$['it\\'s'][0]"] }]);
    expect(find(start(), '$.nothing', 'paths')).toEqual([1, { paths: [] }]);
  });

  test('searches the keys named only, each once, in the order named', () => {
    const shard = start();
    const named = ['user', 'x', 'cart', 'user', 'plain'];
    expect(find(shard, '$..price', 'keys', named)).toEqual([1, { keys: ['user', 'cart'] }]);
    expect(find(shard, '$', 'keys', [])).toEqual([1, { keys: [] }]);
    const asked = { path: '$.name', rsp: 'keys', keys: [1, 'user', null] };
    expect(shard.ask('SH_FIND', KEY, asked, FLAG_LENIENT)).toEqual([1, { keys: ['user'] }]);
  });

  test('gives many keys and long ones', () => {
    const names = Array.from({ length: 300 }, (_, i) => `${i}${'k'.repeat(i)}`);
    const shard = start(Object.fromEntries(names.map((name, i) => [name, [i]])));
    expect(find(shard, '$[?@ >= 100]', 'keys')).toEqual([1, { keys: names.slice(100) }]);
  });

  test.each<[string, Uint8Array, string, boolean]>([
    ['a name that sets prototypes', bytes(0x81, str('__proto__'), 1), '$.__proto__', true],
    ['nothing of a prototype', bytes(0x80), '$.constructor', false],
    ['bin as base64', bytes(0x91, 0xc4, 3, 'abc'), '$[?@ == "YWJj"]', true],
    ['an extension by its type', bytes(0x91, 0xd4, 5, 1), '$[?@.ext == 5]', true],
    ['no bytes within bin', bytes(0xc4, 3, 'abc'), '$[0]', false],
    ['names that are no strings as text', bytes(0x81, 7, 1), "$['7']", true],
    [
      '64-bit integers, rounded',
      bytes(0x91, 0xcf, 255, ...Array(7).fill(255)),
      '$[?@ > 1e19]',
      true,
    ],
    ['values of the greatest depth', nested(64), `$${'[0]'.repeat(64)}`, true],
    ['all levels of them', nested(64), '$..[?@ == null]', true],
  ])('sees %s', (_, value, path, isFound) => {
    expect(find(startRaw(value), path, 'keys')).toEqual([1, { keys: isFound ? ['v'] : [] }]);
  });

  test('answers 204 over --max-find-bytes, whatever the number of keys, and counts it', () => {
    const value = ['v'.repeat(1_000)];
    const keys = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, value]));
    const shard = start(keys, { limits: { findBytesMax: 10_000 } });
    expect(find(shard, '$', 'keys')).toEqual([204, expect.anything()]);
    const nine = Object.keys(keys).slice(0, 9);
    expect(find(shard, '$', 'keys', nine)).toEqual([1, { keys: nine }]);
    expect(find(shard, '$', 'keys', Object.keys(keys).slice(0, 10))).toEqual([
      204,
      expect.anything(),
    ]);
    expect(shard.counter('findLimitHits')).toBe(2);
  });

  test('answers 204 where the paths found are too many', () => {
    const deep = JSON.parse(
      `${'{"k":'.repeat(60)}${JSON.stringify(Array(500).fill(1))}${'}'.repeat(60)}`,
    );
    const shard = start({ deep }, { limits: { findBytesMax: 16_384 } });
    expect(find(shard, '$..*', 'keys')).toEqual([1, { keys: ['deep'] }]);
    expect(find(shard, '$..*', 'paths')).toEqual([204, expect.anything()]);
    expect(shard.counter('findLimitHits')).toBe(1);
  });

  test.each([
    ['a query of exponential work', '$..*..*..*..*..*', deep(60)],
    ['a regular expression of exponential work', '$[?match(@, "(a+)+b")]', ['a'.repeat(60)]],
  ])('ends %s after --max-find-seconds with 204, and goes on', (_, path, value) => {
    const shard = start({ value, other: 1 }, { limits: { findMsMax: 20 } });
    for (let i = 0; i < 3; i += 1) {
      expect(find(shard, path, 'paths')).toEqual([204, expect.anything()]);
    }
    expect(find(shard, '$', 'keys')).toEqual([1, { keys: ['value', 'other'] }]);
    expect(shard.ask('SH_GET', KEY, { keys: ['other'] })).toEqual([1, { keys: { other: 1 } }]);
    expect(shard.counter('findLimitHits')).toBe(3);
  });

  test('changes nothing', () => {
    const shard = start();
    for (const rsp of ['keys', 'kv', 'paths']) find(shard, '$..*', rsp);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: KEYS }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
  });
});
