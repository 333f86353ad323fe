import { describe, expect, test } from 'vitest';
import { FLAG_LENIENT } from '../../../src/ring/records.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyList,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_RMV', () => {
  const body = { keys: ['third', 'first'] };
  testMalformedBodies('SH_RMV');
  testSessionIsNeeded('SH_RMV', body);
  testExtension('SH_RMV', body, 'write');
  testDefaultMap('SH_RMV', body);
  testKeyList('SH_RMV');

  test.each([4, 40])('removes those that exist, each once, and tells how many (of %i)', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_RMV', KEY, { keys: ['k2', 'x', 'k0', 'k2'] })).toEqual([1, { cnt: 2 }]);
    const { k0: _k0, k2: _k2, ...rest } = keys;
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: rest }]);
  });

  test('refuses an empty list with 42, before it looks for the session', () => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_RMV', KEY, { keys: [] })).toBe(42);
    expect(shard.statusOf('KV_RMV', undefined, { keys: [] })).toBe(42);
  });

  test('takes a text list of nothing but wrong types, which is not empty', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_RMV', KEY, { keys: [1, null] }, FLAG_LENIENT)).toEqual([1, { cnt: 0 }]);
    expect(shard.statusOf('SH_RMV', KEY, { keys: [] }, FLAG_LENIENT)).toBe(42);
  });

  test('is a write only if it removed something', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.ask('SH_RMV', KEY, { keys: ['b'] });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
    shard.ask('SH_RMV', KEY, { keys: ['a'] });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 1, keyCnt: 0, bytes: 0 });
  });

  test('removes all of 20,000 keys, in one command or one by one', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `key ${(i * 7_919) % 20_000}`);
    for (const part of [20_000, 1_000]) {
      const shard = new ShardHarness();
      shard.start(KEY, {
        keys: Object.fromEntries(names.map((name, i) => [name, 'v'.repeat(i % 90)])),
      });
      const order = [...names].sort();
      for (let from = 0; from < order.length; from += part) {
        const keys = order.slice(from, from + part);
        expect(shard.ask('SH_RMV', KEY, { keys })).toEqual([1, { cnt: part }]);
        expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: order.length - from - part }]);
      }
      shard.settle();
      expect(shard.sessions.arena.bytes).toBe(0);
    }
  });

  test('removes values longer than a block', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 'x'.repeat(100_000), b: 'y'.repeat(100_000) } });
    expect(shard.ask('SH_RMV', KEY, { keys: ['a'] })).toEqual([1, { cnt: 1 }]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { b: 'y'.repeat(100_000) } }]);
    expect(shard.ask('SH_RMV', KEY, { keys: ['b'] })).toEqual([1, { cnt: 1 }]);
    shard.settle();
    expect(shard.sessions.arena.bytes).toBe(0);
  });
});
