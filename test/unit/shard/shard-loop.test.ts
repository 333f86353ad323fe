import { describe, expect, test, vi } from 'vitest';
import { MemoryFiles } from '../../support/memory-files.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

function manyKeys(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v'.repeat(50)]));
}

describe('ShardLoop', () => {
  test('answers what the ring holds in order, without a log at most 256 a turn', () => {
    const shard = new ShardHarness();
    const ids = Array.from({ length: 600 }, (_, i) => shard.push('SH_NEW', sessionKey(i), null));
    const answered: number[] = [];
    for (const expected of [256, 256, 88, 0]) {
      shard.loop.runTurn();
      const replies = shard.replies();
      expect(replies.length).toBe(expected);
      answered.push(...replies.map((reply) => reply.id));
    }
    expect(answered).toEqual(ids);
  });

  test('with a log, takes half of what waits in one turn, 256 to 1,024, for one write', () => {
    const shard = new ShardHarness({ files: new MemoryFiles(), fsync: 'everysec' });
    const ids = Array.from({ length: 3_000 }, (_, i) => shard.push('SH_NEW', sessionKey(i), null));
    const answered: number[] = [];
    // By batches of 16, of which the one that passes the half is the last.
    for (const [turn, expected] of [1_024, 992, 496, 256, 232].entries()) {
      shard.loop.runTurn();
      const replies = shard.replies();
      expect(replies.length).toBe(expected);
      expect(shard.counter('logBatches')).toBe(turn + 1);
      answered.push(...replies.map((reply) => reply.id));
    }
    expect(answered).toEqual(ids);
  });

  test('with --fsync always, takes all that waits', () => {
    const shard = new ShardHarness({ files: new MemoryFiles(), fsync: 'always' });
    for (let i = 0; i < 3_000; i += 1) shard.push('SH_NEW', sessionKey(i), null);
    shard.loop.runTurn();
    expect(shard.replies().length).toBe(3_000);
    expect(shard.counter('logBatches')).toBe(1);
  });

  test('says whether there was anything to do', () => {
    const shard = new ShardHarness();
    expect(shard.loop.runTurn()).toBe(false);
    shard.push('SH_INFO_ALL', undefined, null);
    expect(shard.loop.runTurn()).toBe(true);
    shard.settle();
    expect(shard.loop.runTurn()).toBe(false);
  });

  test('removes what is due in slices, while commands are answered', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 20_000; number += 1) {
      shard.start(sessionKey(number), { expiry: { duration: 1, deleteSession: true } });
    }
    shard.start(sessionKey(50_000), { keys: { a: 1 } });
    shard.clock.advance(1_000);
    let turns = 0;
    for (; shard.sessions.sessionCount > 1; turns += 1) {
      const before = shard.sessions.sessionCount;
      expect(shard.ask('SH_GET', sessionKey(50_000), { keys: ['a'] })).toEqual([
        1,
        { keys: { a: 1 } },
      ]);
      expect(before - shard.sessions.sessionCount).toBeLessThanOrEqual(512);
    }
    expect(turns).toBeGreaterThan(20);
    expect(shard.counter('sessionsExpired')).toBe(20_000);
  });

  test('counts the longest time from due to gone', () => {
    const shard = new ShardHarness();
    shard.start(sessionKey(1), { expiry: { duration: 1, deleteSession: true } });
    shard.start(sessionKey(2), { keys: { a: 1 }, expiry: { duration: 1.25 } });
    shard.clock.advance(1_100);
    shard.settle();
    expect(shard.counter('expiryLagMsMax')).toBe(100);
    shard.clock.advance(400);
    shard.settle();
    expect(shard.counter('expiryLagMsMax')).toBe(250);
    expect(shard.counter('sessionsExpired')).toBe(1);
    expect(shard.counter('sessionsCleared')).toBe(1);
    const { expiryLagMsP50, expiryLagMsP99 } = shard.figures();
    expect(expiryLagMsP50).toBeCloseTo(100, -1);
    expect(expiryLagMsP99).toBeCloseTo(250, -1.3);
  });

  test('removes data in the background, too, and forgets the empty session', () => {
    const shard = new ShardHarness();
    shard.start(sessionKey(1), { keys: manyKeys(100), expiry: { duration: 1 } });
    shard.clock.advance(1_000);
    shard.settle();
    expect(shard.sessions.keys.total).toBe(0);
    expect(shard.sessions.arena.bytes).toBe(0);
    shard.clock.advance(10_000);
    shard.settle();
    expect(shard.sessions.wheel.size).toBe(0);
    expect(shard.ask('SH_COUNT', sessionKey(1))).toEqual([1, { cnt: 0 }]);
  });

  test('publishes its figures', () => {
    const shard = new ShardHarness();
    shard.start(sessionKey(1), { keys: { a: 1, b: 2 } });
    shard.ask('SH_SET', sessionKey(2), { keys: { a: 1 } });
    shard.ask('SH_SET', sessionKey(1), { keys: { ['k'.repeat(600)]: 1 } });
    expect(shard.counter('sessions')).toBe(1);
    expect(shard.counter('keys')).toBe(2);
    expect(shard.counter('memoryBytes')).toBe(shard.sessions.bytes + shard.defaults.state.bytes);
    expect(shard.counter('commands')).toBe(3);
    expect(shard.counter('refusals')).toBe(2);
    expect(shard.counter('sizeLimitHits')).toBe(1);
  });

  test('takes apart one big session that has gone, whether it ended or expired', () => {
    const shard = new ShardHarness();
    shard.start(sessionKey(1), { keys: manyKeys(3_000) });
    shard.start(sessionKey(2), {
      keys: manyKeys(3_000),
      expiry: { duration: 1, deleteSession: true },
    });
    shard.ask('SH_END', sessionKey(1));
    shard.settle();
    expect(shard.sessions.keys.big.entries.live).toBe(3_000);
    shard.clock.advance(1_000);
    shard.settle();
    expect(shard.sessions.keys.big.entries.live).toBe(0);
    expect(shard.sessions.arena.bytes).toBe(0);
  });

  test.each([
    ['for about a millisecond', false, [2_000, 2_816]],
    ['for a quarter of one once a command has come', true, [512, 1_024]],
  ])('removes what is due in one turn %s', (_, hasCommand, [least = 0, most = 0]) => {
    const shard = new ShardHarness();
    for (let number = 0; number < 5_000; number += 1) {
      shard.start(sessionKey(number), { expiry: { duration: 1, deleteSession: true } });
    }
    shard.clock.advance(1_000);
    const startMs = shard.clock.nowMs();
    let looks = 0;
    // Each look at the clock is a tenth of a millisecond after the one before.
    vi.spyOn(shard.clock, 'nowMs').mockImplementation(() => {
      looks += 1;
      if (hasCommand && looks === 2) shard.push('SH_INFO_ALL', undefined, null);
      return startMs + looks / 10;
    });
    shard.loop.runTurn();
    const removed = 5_000 - shard.sessions.sessionCount;
    expect(removed).toBeGreaterThanOrEqual(least);
    expect(removed).toBeLessThanOrEqual(most);
  });

  test('tidies only once sessions have stopped coming due', () => {
    const shard = new ShardHarness();
    const keys = { a: 'v'.repeat(900) };
    const lifeMs = (number: number): number => 1_000 + Math.floor(number / 100);
    for (let number = 0; number < 8_000; number += 1) {
      // Every tenth stays, so that what is left lies in holes.
      const duration = number % 10 === 0 ? 1_000 : lifeMs(number) / 1_000;
      shard.start(sessionKey(number), { keys, expiry: { duration, deleteSession: true } });
    }
    shard.settle();
    const tidy = vi.spyOn(shard.sessions, 'tidy');
    const { pageCount } = shard.sessions.memory;
    shard.clock.advance(999);
    for (let ms = 0; ms < 90; ms += 1) {
      shard.clock.advance(1);
      shard.settle();
    }
    expect(shard.sessions.sessionCount).toBe(800);
    expect(tidy).not.toHaveBeenCalled();
    shard.clock.advance(25);
    shard.settle();
    expect(shard.sessions.memory.pageCount).toBeLessThan(pageCount / 2);
  });

  test('does not let discarded data pile up while it is never idle', () => {
    const shard = new ShardHarness();
    const key = sessionKey(1);
    shard.start(key);
    for (let round = 0; round < 60; round += 1) {
      // The next command is in the ring before the turn is over.
      shard.push('SH_CLEAR_SET', key, { keys: manyKeys(500) });
      shard.push('SH_CLEAR_SET', key, { keys: manyKeys(500) });
      shard.loop.runTurn();
      shard.replies();
    }
    expect(shard.sessions.keys.big.entries.live).toBeLessThan(2_000);
  });

  test('gives memory back when most sessions have gone one by one', () => {
    const shard = new ShardHarness();
    const count = 30_000;
    for (let number = 0; number < count; number += 1) {
      const expiry =
        number % 2 === 0 ? { duration: 50 + (number % 100) } : { duration: 99, maxAge: 500 };
      const body = {
        keys: { a: 'v'.repeat(number % 200) },
        expiry: { ...expiry, deleteSession: true },
      };
      shard.start(sessionKey(number), body);
    }
    const { memory } = shard.sessions;
    const pagesFull = memory.pageCount;
    for (let number = 0; number < count; number += 1) {
      if (number % 20 !== 3) shard.ask('SH_END', sessionKey(number));
    }
    shard.settle();
    expect(memory.pageCount).toBeLessThan(pagesFull / 2);
    const { pool, extras } = shard.sessions.rows;
    expect([pool.isSparse, extras.isSparse]).toEqual([false, false]);
    for (let number = 3; number < count; number += 20) {
      expect(shard.ask('SH_GET_ALL', sessionKey(number))).toEqual([
        1,
        { keys: { a: 'v'.repeat(number % 200) } },
      ]);
    }
    // The rest expires: through the wheel, whose links lead to rows that have moved.
    shard.clock.advance(500_000);
    shard.settle();
    expect(shard.sessions.sessionCount).toBe(0);
    // It waits for more to come due.
    shard.clock.advance(25);
    shard.settle();
    expect(shard.sessions.arena.bytes).toBe(0);
    expect(shard.sessions.bytes).toBeLessThan(1_000);
  });
});
