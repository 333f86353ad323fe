import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { packJson } from '../../../src/protocol/json-packer.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { recordedShard } from '../../support/recorded-shard.js';
import { ShardHarness } from '../../support/shard-harness.js';

const { op } = CATALOGUE.SH_INC;
const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);

/** In the shortest form, integers as integers. */
const packed = packJson;

/** {key: 'n', by} with by as msgpack bytes. */
function incBody(by: Uint8Array): Uint8Array {
  return bytes(0x82, str('key'), str('n'), str('by'), by);
}

function start(value?: Uint8Array, options = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY);
  if (value === undefined) return shard;
  const body = bytes(0x81, str('keys'), 0x81, str('n'), value);
  expect(shard.callRaw(CATALOGUE.SH_SET.op, KEY, body).status).toBe(1);
  return shard;
}

/** The value of the result, as its bytes. */
function valueOf(reply: { readonly bytes: Uint8Array }): Uint8Array {
  const name = str('value');
  const at = Buffer.from(reply.bytes).indexOf(Buffer.from(name));
  return reply.bytes.slice(at + name.length);
}

describe('SH_INC', () => {
  const body = { key: 'third', by: 2 };
  testMalformedBodies('SH_INC');
  testSessionIsNeeded('SH_INC', body);
  testExtension('SH_INC', body, 'write');
  testDefaultMap('SH_INC', body);

  test.each([
    ['no body', null, 26],
    ['no key', { by: 1 }, 26],
    ['a by of the wrong type before a missing key', { by: '1' }, 41],
    ['by: nil', { key: 'n', by: null }, 41],
    ['by: true', { key: 'n', by: true }, 41],
    ['by: bin', { key: 'n', by: Uint8Array.of(1) }, 41],
    ['by: NaN', { key: 'n', by: NaN }, 42],
    ['by: Infinity', { key: 'n', by: -Infinity }, 42],
    ['key: a number', { key: 1 }, 41],
    ['key: nil', { key: null }, 41],
    ['a key of 513 bytes', { key: 'k'.repeat(513) }, 42],
  ])('refuses %s before it looks for the session', (_, wrong, status) => {
    expect(new ShardHarness().statusOf('SH_INC', KEY, wrong)).toBe(status);
  });

  test('refuses a key that is not UTF-8', () => {
    const wrong = bytes(0x81, str('key'), str(Uint8Array.of(0xff)));
    expect(start().callRaw(op, KEY, wrong).status).toBe(42);
  });

  test('counts from 0, by 1 if not told otherwise', () => {
    const shard = start();
    expect(shard.ask('SH_INC', KEY, { key: 'n' })).toEqual([1, { value: 1 }]);
    expect(shard.ask('SH_INC', KEY, { key: 'n' })).toEqual([1, { value: 2 }]);
    expect(shard.ask('SH_INC', KEY, { key: 'n', by: -5 })).toEqual([1, { value: -3 }]);
    expect(shard.ask('SH_INC', KEY, { key: 'n', by: 0 })).toEqual([1, { value: -3 }]);
    expect(shard.ask('SH_GET', KEY, { keys: ['n'] })).toEqual([1, { keys: { n: -3 } }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 4, keyCnt: 1 });
  });

  test.each<[number | bigint, number | bigint, number | bigint]>([
    [127, 1, 128],
    [255, 1, 256],
    [65_535, 1, 65_536],
    [2 ** 32 - 1, 1, 2 ** 32],
    [-32, -1, -33],
    [-128, -1, -129],
    [-32_768, -1, -32_769],
    [-(2 ** 31), -1, -(2 ** 31) - 1],
    [2 ** 53 - 1, 1, 2n ** 53n],
    [2n ** 53n, 1, 2n ** 53n + 1n],
    [2n ** 53n + 1n, 2n ** 53n + 1n, 2n ** 54n + 2n],
    [-(2 ** 53) + 1, -2, -(2n ** 53n) - 1n],
    [UINT64_MAX - 1n, 1, UINT64_MAX],
    [UINT64_MAX, -1, UINT64_MAX - 1n],
    [UINT64_MAX, INT64_MIN, 2n ** 63n - 1n],
    [2n ** 63n - 1n, 1, 2n ** 63n],
    [INT64_MIN + 1n, -1, INT64_MIN],
    [INT64_MIN, UINT64_MAX, 2n ** 63n - 1n],
    [-1, 1, 0],
    [2n ** 60n, -(2n ** 60n) + 7n, 7],
  ])('adds exactly: %s and %s', (from, by, sum) => {
    const shard = start(packed(from));
    const reply = shard.callRaw(op, KEY, incBody(packed(by)));
    expect(reply.status).toBe(1);
    expect(valueOf(reply)).toEqual(packed(sum));
    // Stored as it was answered, in the shortest form.
    const read = shard.call('SH_GET', KEY, { keys: ['n'] });
    expect(Buffer.from(read.bytes.slice(-packed(sum).length))).toEqual(Buffer.from(packed(sum)));
  });

  test.each([
    ['int 64 that is small', bytes(0xd3, 0, 0, 0, 0, 0, 0, 0, 5), packed(6)],
    ['uint 8 that would fit in less', bytes(0xcc, 5), packed(6)],
    ['int 8', bytes(0xd0, 0x80), packed(-127)],
    ['float 32', bytes(0xca, 0x3f, 0xc0, 0, 0), bytes(0xcb, 0x40, 4, 0, 0, 0, 0, 0, 0)],
  ])('takes numbers in any form: %s', (_, value, sum) => {
    const shard = start(value);
    expect(valueOf(shard.call('SH_INC', KEY, { key: 'n' }))).toEqual(sum);
  });

  test('gives a float as soon as one of the two is one, whole or not', () => {
    const float = bytes(0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0); // 1.0
    const two = bytes(0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0);
    expect(valueOf(start(packed(1)).callRaw(op, KEY, incBody(float)))).toEqual(two);
    expect(valueOf(start(float).callRaw(op, KEY, incBody(packed(1))))).toEqual(two);
    expect(start().ask('SH_INC', KEY, { key: 'n', by: 0.1 })).toEqual([1, { value: 0.1 }]);
  });

  test.each<[string, Uint8Array, Uint8Array]>([
    ['above 2^64 - 1', packed(UINT64_MAX), packed(1)],
    ['below -2^63', packed(INT64_MIN), packed(-1)],
    ['twice 2^63', packed(2n ** 63n), packed(2n ** 63n)],
    ['a float too large', encode(1.7e308), encode(1.7e308)],
    ['a stored infinity', encode(Infinity), packed(1)],
    ['a stored NaN', encode(NaN), packed(1)],
  ])('refuses a sum that no number holds with 42 and keeps the value: %s', (_, from, by) => {
    const shard = start(from);
    const before = shard.ask('SH_GET', KEY, { keys: ['n'], version: true });
    expect(shard.callRaw(op, KEY, incBody(by)).status).toBe(42);
    expect(shard.ask('SH_GET', KEY, { keys: ['n'], version: true })).toEqual(before);
  });

  test.each([
    ['a string', '1'],
    ['nil', null],
    ['a bool', true],
    ['an array', [1]],
    ['a map', { n: 1 }],
    ['bin', Uint8Array.of(1)],
    ['a value of many blocks', 'v'.repeat(100_000)],
  ])('answers 208 where the key holds %s, and keeps it', (_, value) => {
    const shard = start(encode(value));
    expect(shard.statusOf('SH_INC', KEY, { key: 'n' })).toBe(208);
    expect(shard.ask('SH_GET', KEY, { keys: ['n'], version: true })).toEqual([
      1,
      { keys: { n: value }, version: 1 },
    ]);
  });

  test.each([3, 100])('keeps the place of the key among %i others', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_INC', KEY, { key: 'k1', by: 1_000_000 })[0]).toBe(1);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: Object.keys(keys) }]);
  });

  test('answers 204 where a new key has no room, and counts on where it grows by nothing', () => {
    const shard = start(undefined, { limits: { sessionBytesMax: 65_536 } });
    const value = 'v'.repeat(65_536 - 3 - 2 - 1 - 2 - 1);
    expect(shard.statusOf('SH_SET', KEY, { keys: { n: 7, v: value } })).toBe(1);
    expect(shard.statusOf('SH_INC', KEY, { key: 'm' })).toBe(204);
    expect(shard.ask('SH_INC', KEY, { key: 'n' })).toEqual([1, { value: 8 }]);
    for (let room = 0; room < 8; room += 1) {
      if (shard.statusOf('SH_INC', KEY, { key: 'n', by: 10 ** (room * 2) }) === 204) break;
    }
    expect(shard.statusOf('SH_INC', KEY, { key: 'n', by: 10 ** 15 })).toBe(204);
    expect(shard.ask('SH_INFO', KEY)[1]?.bytes).toBeLessThanOrEqual(65_536);
  });

  test('answers 205 where there is no memory, and changes nothing', () => {
    const shard = start(packed(1), { admission: { memoryBytesMax: 8_192 } });
    let count = 1;
    while (shard.statusOf('SH_INC', KEY, { key: `${count}${'k'.repeat(500)}` }) === 1) count += 1;
    expect(count).toBeGreaterThan(1);
    expect(shard.counter('memoryLimitHits')).toBe(1);
    expect(shard.counter('memoryBytes')).toBeLessThanOrEqual(8_192);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ keyCnt: count, version: count });
    expect(shard.statusOf('SH_INC', KEY, { key: 'k'.repeat(500) })).toBe(205);
  });

  test('leaves entries from which a replay gets the same', () => {
    const { shard, expectSameAfterReplay } = recordedShard();
    const expiry = { duration: 10, extendOnSetAdd: true };
    shard.start(KEY, { keys: { a: 1, n: 1, b: 'x' }, expiry });
    for (let i = 0; i < 50; i += 1) {
      shard.clock.advance(100);
      expect(shard.statusOf('SH_INC', KEY, { key: `n${i % 3}`, by: i ** 9 })).toBe(1);
      expect(shard.statusOf('SH_INC', KEY, { key: 'b' })).toBe(208);
      expect(shard.statusOf('KV_INC', undefined, { key: 'n', by: 0.5 })).toBe(1);
    }
    expectSameAfterReplay();
  });
});
