import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies, testSessionIsNeeded } from '../../support/command-tests.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

describe('SH_END', () => {
  testMalformedBodies('SH_END');
  testSessionIsNeeded('SH_END', null);

  test.each([
    ['without keys', {}],
    ['with keys', { keys: { a: 1 } }],
    ['that outlives its deadline', { keys: { a: 1 }, expiry: { duration: 5 } }],
    ['with a maxAge', { keys: { a: 1 }, expiry: { duration: 5, maxAge: 60 } }],
  ])('ends a session %s and gives its memory back', (_, body) => {
    const shard = new ShardHarness();
    shard.start(KEY, body);
    expect(shard.ask('SH_END', KEY)).toEqual([1, null]);
    expect(shard.ask('SH_END', KEY)).toEqual([100, null]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([100, null]);
    expect(shard.sessions.sessionCount).toBe(0);
    expect(shard.sessions.wheel.size).toBe(0);
    expect(shard.sessions.arena.bytes).toBe(0);
    expect(shard.counter('sessionsEnded')).toBe(1);
  });

  test('ends a session of 50,000 keys in one step and takes it apart afterwards', () => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_END', KEY)).toEqual([1, null]);
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([1, { totalSessions: 0, totalKeys: 0 }]);
    shard.settle();
    expect(shard.sessions.keys.big.entries.live).toBe(0);
    expect(shard.sessions.arena.bytes).toBe(0);
  });

  test('ends only the one', () => {
    const shard = new ShardHarness();
    const others = Array.from({ length: 50 }, (_, i) => sessionKey(i + 10));
    for (const key of others) shard.start(key, { keys: { a: 1 } });
    shard.start(KEY);
    shard.ask('SH_END', KEY);
    for (const key of others) expect(shard.ask('SH_COUNT', key)).toEqual([1, { cnt: 1 }]);
  });

  test('does not keep a token from being used again', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 5, deleteSession: true } });
    shard.ask('SH_END', KEY);
    shard.start(KEY, { keys: { b: 2 } });
    shard.clock.advance(6_000);
    shard.settle();
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { b: 2 } }]);
  });
});
