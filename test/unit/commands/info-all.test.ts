import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies } from '../../support/command-tests.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

describe('SH_INFO_ALL', () => {
  testMalformedBodies('SH_INFO_ALL');

  test('counts sessions and their keys, and not the default map', () => {
    const shard = new ShardHarness();
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([1, { totalSessions: 0, totalKeys: 0 }]);
    shard.ask('KV_SET', undefined, { keys: { a: 1 } });
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]));
    for (let number = 0; number < 300; number += 1) {
      shard.start(sessionKey(number), { keys: number === 7 ? many : { a: 1 } });
    }
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([
      1,
      { totalSessions: 300, totalKeys: 599 },
    ]);
    shard.ask('SH_CLEAR', sessionKey(7));
    shard.ask('SH_RMV', sessionKey(8), { keys: ['a'] });
    shard.ask('SH_END', sessionKey(9));
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([
      1,
      { totalSessions: 299, totalKeys: 297 },
    ]);
  });

  test('does not count sessions and data whose deadline has come', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 3_000; number += 1) {
      const expiry = { duration: 5, deleteSession: number < 2_000 };
      shard.start(sessionKey(number), { keys: { a: 1, b: 2 }, expiry });
    }
    shard.start(sessionKey(9_999), { keys: { a: 1 } });
    shard.clock.advance(4_999);
    expect(shard.ask('SH_INFO_ALL', KEY)).toEqual([1, { totalSessions: 3_001, totalKeys: 6_001 }]);
    shard.clock.advance(1);
    expect(shard.ask('SH_INFO_ALL', KEY)).toEqual([1, { totalSessions: 1_001, totalKeys: 1 }]);
  });
});
