import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies } from '../../support/command-tests.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

describe('SH_END_ALL', () => {
  testMalformedBodies('SH_END_ALL');

  test('answers 0 where there is no session', () => {
    expect(new ShardHarness().ask('SH_END_ALL', undefined)).toEqual([1, { cnt: 0 }]);
  });

  test('ends every session, gives all memory back, and goes on', () => {
    const shard = new ShardHarness();
    const pairs = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`k${i}`, 'v'.repeat(i)]),
    );
    for (let number = 0; number < 3_000; number += 1) {
      const expiry = [undefined, { duration: 1 }, { maxAge: 5, deleteSession: true }][number % 3];
      const keys = number % 100 === 0 ? pairs : { a: number };
      shard.start(sessionKey(number), expiry === undefined ? { keys } : { keys, expiry });
    }
    expect(shard.ask('SH_END_ALL', undefined)).toEqual([1, { cnt: 3_000 }]);
    expect(shard.sessions.bytes).toBe(0);
    expect(shard.sessions.memory.extentCount).toBe(0);
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([1, { totalSessions: 0, totalKeys: 0 }]);
    expect(shard.counter('sessionsEnded')).toBe(3_000);
    for (let number = 0; number < 3_000; number += 1) {
      expect(shard.statusOf('SH_COUNT', sessionKey(number))).toBe(100);
    }
    shard.start(KEY, { keys: pairs, expiry: { duration: 2, deleteSession: true } });
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: pairs }]);
    shard.clock.advance(2_000);
    shard.settle();
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('counts only those that were alive', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 1_000; number += 1) {
      shard.start(sessionKey(number), {
        expiry: { duration: number < 400 ? 1 : 9, deleteSession: true },
      });
    }
    shard.clock.advance(1_000);
    expect(shard.ask('SH_END_ALL', undefined)).toEqual([1, { cnt: 600 }]);
    expect(shard.counter('sessionsExpired')).toBe(400);
  });

  test('leaves the default map alone', () => {
    const shard = new ShardHarness();
    shard.ask('KV_SET', undefined, { keys: { a: 1 } });
    shard.start(KEY);
    expect(shard.ask('SH_END_ALL', undefined)).toEqual([1, { cnt: 1 }]);
    expect(shard.ask('KV_GET_ALL', undefined)).toEqual([1, { keys: { a: 1 } }]);
  });
});
