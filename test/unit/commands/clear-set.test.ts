import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyMap,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_CLEAR_SET', () => {
  const body = { keys: { second: 2, first: 1 } };
  testMalformedBodies('SH_CLEAR_SET');
  testSessionIsNeeded('SH_CLEAR_SET', body);
  testExtension('SH_CLEAR_SET', body, 'write');
  testDefaultMap('SH_CLEAR_SET', body);
  testKeyMap('SH_CLEAR_SET', true);

  test.each([
    [0, 3],
    [3, 0],
    [3, 40],
    [40, 3],
    [40, 40],
  ])('replaces %i keys by %i others', (before, after) => {
    const shard = new ShardHarness();
    const pairs = (count: number, value: string): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));
    shard.start(KEY, { keys: pairs(before, 'old') });
    const keys = pairs(after, 'new');
    expect(shard.ask('SH_CLEAR_SET', KEY, { keys })).toEqual([1, { cnt: before }]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ keyCnt: after, version: 1 });
  });

  test('orders keys as they came, not as they were before', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1, b: 2 } });
    shard.ask('SH_CLEAR_SET', KEY, { keys: { b: 3, a: 4 } });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['b', 'a'] }]);
  });

  test('counts only what comes against the bytes of a session, and keeps the old if refused', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    shard.start(KEY, { keys: { a: 'v'.repeat(60_000) } });
    expect(shard.statusOf('SH_CLEAR_SET', KEY, { keys: { b: 'v'.repeat(65_600) } })).toBe(204);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['a'] }]);
    expect(shard.statusOf('SH_CLEAR_SET', KEY, { keys: { b: 'v'.repeat(60_000) } })).toBe(1);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['b'] }]);
  });
});
