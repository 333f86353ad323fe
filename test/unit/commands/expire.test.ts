import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies, testSessionIsNeeded } from '../../support/command-tests.js';
import { testExpiry } from '../../support/expiry-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_EXPIRE', () => {
  testMalformedBodies('SH_EXPIRE');
  testSessionIsNeeded('SH_EXPIRE', { expiry: { duration: 30 } });
  testExpiry('SH_EXPIRE');

  test('answers 26 without an expiry, before it looks for the session', () => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_EXPIRE', KEY, null)).toBe(26);
    expect(shard.statusOf('SH_EXPIRE', KEY, {})).toBe(26);
  });

  test('removes the expiry with nil, and with one that has no limit', () => {
    for (const expiry of [
      null,
      {},
      { duration: 0 },
      { duration: 0, maxAge: 0, deleteSession: true },
    ]) {
      const shard = new ShardHarness();
      shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 2, maxAge: 3, deleteSession: true } });
      expect(shard.ask('SH_EXPIRE', KEY, { expiry })).toEqual([1, null]);
      expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ expires: false });
      shard.clock.advance(1_000_000_000);
      shard.settle();
      expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 1 } }]);
      expect(shard.sessions.wheel.size).toBe(0);
    }
  });

  test('gives an expiry to a session that had none; the clock starts now', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.clock.advance(5_000);
    const expiry = { duration: 2, deleteSession: true };
    expect(shard.ask('SH_EXPIRE', KEY, { expiry })).toEqual([1, { remaining: 2 }]);
    shard.clock.advance(1_999);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(1);
    shard.clock.advance(1);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
  });

  test('replaces the expiry whole: members that are not given go back to their defaults', () => {
    const shard = new ShardHarness();
    const first = {
      duration: 9,
      deleteSession: true,
      extendOnGet: true,
      extendOnSetAdd: true,
      maxAge: 90,
    };
    shard.start(KEY, { expiry: first });
    shard.ask('SH_EXPIRE', KEY, { expiry: { duration: 4 } });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({
      expiry: {
        ...{ duration: 4, deleteSession: false, extendOnGet: false, extendOnSetAdd: false },
        remaining: 4,
      },
    });
    expect(Object.keys(shard.ask('SH_INFO', KEY)[1]?.expiry as object)).not.toContain('maxAge');
  });

  test.each([
    ['an earlier', 60, 1],
    ['a later', 1, 60],
  ])('moves the deadline to %s instant', (_, before, after) => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: before, deleteSession: true } });
    shard.ask('SH_EXPIRE', KEY, { expiry: { duration: after, deleteSession: true } });
    shard.clock.advance(after * 1_000 - 1);
    shard.settle();
    expect(shard.sessions.sessionCount).toBe(1);
    shard.clock.advance(1);
    shard.settle();
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('counts maxAge from the creation, and ends a session that is older at once', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    shard.clock.advance(10_000);
    expect(shard.ask('SH_EXPIRE', KEY, { expiry: { maxAge: 30 } })).toEqual([1, { remaining: 20 }]);
    expect(shard.ask('SH_EXPIRE', KEY, { expiry: { duration: 60, maxAge: 10 } })).toEqual([
      1,
      { remaining: 0 },
    ]);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
    expect(shard.sessions.sessionCount).toBe(0);
    expect(shard.counter('sessionsExpired')).toBe(1);
  });

  test('is no write: the version stays', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.ask('SH_EXPIRE', KEY, { expiry: { duration: 60 } });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
  });
});
