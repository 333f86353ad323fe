import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyMap,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { bytes, keysBody, str } from '../../support/msgpack-bytes.js';
import { ShardHarness } from '../../support/shard-harness.js';
import { binValue, EDGE_KEYS, STORED_VALUES } from '../../support/stored-values.js';

const SET = CATALOGUE.SH_SET.op;
const GET = CATALOGUE.SH_GET.op;

describe('SH_SET', () => {
  const body = { keys: { first: 1, third: 'three' } };
  testMalformedBodies('SH_SET');
  testSessionIsNeeded('SH_SET', body);
  testExtension('SH_SET', body, 'write');
  testDefaultMap('SH_SET', body);
  testKeyMap('SH_SET', true);

  test('stores new keys behind the others and replaces values in their place', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1, b: 2 } });
    expect(shard.ask('SH_SET', KEY, { keys: { c: 3, a: 'longer than before', d: null } })).toEqual([
      1,
      null,
    ]);
    const [, all] = shard.ask('SH_GET_ALL', KEY);
    expect(all).toEqual({ keys: { a: 'longer than before', b: 2, c: 3, d: null } });
    expect(Object.keys(all?.keys as object)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('stores nothing for an empty map and counts it as a write', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask('SH_SET', KEY, { keys: {} })).toEqual([1, null]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ keyCnt: 0, bytes: 0, version: 1 });
  });

  test('keeps the last value of a key that is named twice', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    const twice = bytes(0x81, str('keys'), 0x83, str('a'), 1, str('b'), 2, str('a'), 3);
    expect(shard.callRaw(SET, KEY, twice).status).toBe(1);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 3, b: 2 } }]);
  });

  test('takes the last of two keys parameters', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    const twice = bytes(0x82, str('keys'), 0x81, str('a'), 1, str('keys'), 0x81, str('b'), 2);
    expect(shard.callRaw(SET, KEY, twice).status).toBe(1);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { b: 2 } }]);
  });

  test.each(STORED_VALUES)('gives %s back byte for byte', (_, value) => {
    for (const others of [0, 40]) {
      const shard = new ShardHarness();
      const keys = Object.fromEntries(Array.from({ length: others }, (_, i) => [`other ${i}`, i]));
      shard.start(KEY, { keys });
      expect(shard.callRaw(SET, KEY, keysBody('a', value)).status).toBe(1);
      shard.settle();
      const reply = shard.callRaw(GET, KEY, bytes(0x81, str('keys'), 0x91, str('a')));
      const body = keysBody('a', value);
      expect(reply.status).toBe(1);
      expect(Buffer.from(reply.bytes.subarray(-body.length)).equals(body)).toBe(true);
    }
  });

  test('treats a key as the same whatever header it came with', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    for (const key of [
      str('a'),
      bytes(0xd9, 1, 'a'),
      bytes(0xda, 0, 1, 'a'),
      bytes(0xdb, 0, 0, 0, 1, 'a'),
    ]) {
      shard.callRaw(SET, KEY, bytes(0x81, str('keys'), 0x81, key, 0x07));
      const reply = shard.callRaw(GET, KEY, bytes(0x81, str('keys'), 0x91, key));
      expect(reply.body).toEqual({ keys: { a: 7 } });
    }
    expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: 1 }]);
  });

  test.each([0, 40])('stores keys of every length and width (beside %i others)', (others) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: others }, (_, i) => [`other ${i}`, i]));
    shard.start(KEY, { keys });
    for (const key of EDGE_KEYS) {
      expect(
        shard.callRaw(SET, KEY, keysBody(key, str(`value of ${key}`.slice(0, 99)))).status,
      ).toBe(1);
    }
    expect(shard.ask('SH_CONTAINS', KEY, { keys: EDGE_KEYS })).toEqual([
      1,
      { contains: EDGE_KEYS },
    ]);
    for (const key of EDGE_KEYS) {
      const [, got] = shard.ask('SH_GET', KEY, { keys: [key] });
      expect(Object.values(got?.keys as object)).toEqual([`value of ${key}`.slice(0, 99)]);
      expect(shard.ask('SH_RMV', KEY, { keys: [key] })).toEqual([1, { cnt: 1 }]);
    }
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys }]);
  });

  test('replaces values of any size by values of any size', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { before: 1, a: 2, after: 3 } });
    for (const length of [0, 119, 121, 4_000, 40_000, 5, 100_000, 99_999, 32_750, 32_760, 1, 500]) {
      const value = binValue(length, length);
      expect(shard.callRaw(SET, KEY, keysBody('a', value)).status).toBe(1);
      const reply = shard.callRaw(GET, KEY, bytes(0x81, str('keys'), 0x91, str('a')));
      expect(Buffer.from(reply.bytes.subarray(-value.length)).equals(value)).toBe(true);
      expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['before', 'a', 'after'] }]);
      shard.settle();
    }
  });

  test('holds a session of 100,000 keys', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    for (let part = 0; part < 4; part += 1) {
      const keys = Array.from({ length: 25_000 }, (_, i) => [`key ${part * 25_000 + i}`, i]);
      expect(shard.statusOf('SH_SET', KEY, { keys: Object.fromEntries(keys) })).toBe(1);
    }
    expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: 100_000 }]);
    expect(shard.ask('SH_GET', KEY, { keys: ['key 99999', 'key 0', 'key 100000'] })).toEqual([
      1,
      { keys: { 'key 99999': 24_999, 'key 0': 0 } },
    ]);
    const names = shard.ask('SH_KEYS', KEY)[1]?.keys as string[];
    expect(names).toEqual(Array.from({ length: 100_000 }, (_, i) => `key ${i}`));
  });

  test('answers 204 beyond the bytes of a session and changes nothing', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    shard.start(KEY, { keys: { a: 'v'.repeat(40_000) } });
    const before = shard.ask('SH_INFO', KEY);
    expect(shard.statusOf('SH_SET', KEY, { keys: { b: 'v'.repeat(30_000), c: 1 } })).toBe(204);
    expect(shard.ask('SH_INFO', KEY)).toEqual(before);
    expect(shard.statusOf('SH_SET', KEY, { keys: { a: 'w'.repeat(60_000) } })).toBe(1);
  });

  test('fills a session to its last byte and no further, by the count of SH_INFO', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    shard.start(KEY);
    let stored = 0;
    while (shard.statusOf('SH_SET', KEY, { keys: { [`k${stored}`]: 'v'.repeat(20) } }) === 1)
      stored += 1;
    const { bytes: held } = shard.ask('SH_INFO', KEY)[1] as { bytes: number };
    expect(held).toBeLessThanOrEqual(65_536);
    expect(held).toBeGreaterThan(65_536 - 30);
  });
});
