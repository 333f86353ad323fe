import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies, testSessionIsNeeded } from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_TOUCH', () => {
  testMalformedBodies('SH_TOUCH');
  testSessionIsNeeded('SH_TOUCH', null);

  test('restarts the idle clock without any flag', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 10, deleteSession: true } });
    for (let round = 0; round < 20; round += 1) {
      shard.clock.advance(9_999);
      shard.settle();
      expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, { remaining: 10 }]);
    }
    shard.clock.advance(10_000);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([100, null]);
  });

  test('never adds to the deadline and never passes maxAge', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 10, maxAge: 15, deleteSession: true } });
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, { remaining: 10 }]);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, { remaining: 10 }]);
    shard.clock.advance(9_000);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, { remaining: 6 }]);
    shard.clock.advance(6_000);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([100, null]);
  });

  test('answers no remaining time for a session that never expires', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, null]);
  });

  test('answers the time to maxAge where there is no idle limit', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { maxAge: 4 } });
    shard.clock.advance(1_500);
    expect(shard.ask('SH_TOUCH', KEY)).toEqual([1, { remaining: 2.5 }]);
  });

  test('is no write: the version stays', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 10 } });
    shard.ask('SH_TOUCH', KEY);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
  });
});
