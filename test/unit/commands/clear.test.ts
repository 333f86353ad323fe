import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_CLEAR', () => {
  testMalformedBodies('SH_CLEAR');
  testSessionIsNeeded('SH_CLEAR', null);
  testExtension('SH_CLEAR', null, 'write');
  testDefaultMap('SH_CLEAR', null);

  test.each([0, 1, 32, 33, 5_000])('removes all of %i keys and tells how many', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_CLEAR', KEY)).toEqual([1, { cnt: count }]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: {} }]);
    expect(shard.ask('SH_GET', KEY, { keys: ['k0'] })).toEqual([1, { keys: {} }]);
    expect(shard.ask('SH_CLEAR', KEY)).toEqual([1, { cnt: 0 }]);
  });

  test('keeps the session, which takes new keys at once, even while the old ones are reclaimed', () => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    for (let round = 0; round < 3; round += 1) {
      expect(shard.ask('SH_CLEAR', KEY)).toEqual([1, { cnt: round === 0 ? 1_000 : 500 }]);
      const next = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i * 2}`, round]));
      shard.ask('SH_SET', KEY, { keys: next });
      expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: next }]);
    }
    shard.settle();
    expect(shard.sessions.keys.big.entries.live).toBe(500);
  });

  test('is a write only if there was something', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.ask('SH_CLEAR', KEY);
    shard.ask('SH_CLEAR', KEY);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ keyCnt: 0, version: 1 });
  });
});
