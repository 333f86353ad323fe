import { describe, expect, test } from 'vitest';
import { Random } from '../../support/random.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

function used(shard: ShardHarness): number {
  return shard.sessions.bytes + shard.defaults.state.bytes;
}

function lives(shard: ShardHarness, number: number): boolean {
  return shard.statusOf('SH_INFO', sessionKey(number)) === 1;
}

function manyKeys(count: number, from = 0): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, 1]));
}

/** Starts sessions until one is refused or evicts another; returns how many there are. */
function fill(shard: ShardHarness, expiry: (number: number) => unknown): number {
  let count = 0;
  for (; shard.counter('sessionsEvicted') === 0; count += 1) {
    const body = { keys: { a: 'v'.repeat(100) }, expiry: expiry(count) };
    if (shard.statusOf('SH_NEW', sessionKey(count), body) !== 1) break;
  }
  return count;
}

describe('the memory limit', () => {
  test.each([1, 2])('is never passed by what commands store (seed %i)', (seed) => {
    const random = new Random(seed);
    const memoryBytesMax = 100_000 + random.below(400_000);
    const shard = new ShardHarness({ admission: { memoryBytesMax, evictsSoonest: seed === 2 } });
    let refused = 0;
    for (let call = 0; call < 600; call += 1) {
      const key = sessionKey(random.below(30));
      const keys = manyKeys([1, 3, 30, 40, 1_000][random.below(5)]!, random.below(2_000));
      if (random.below(3) === 0) keys.long = 'v'.repeat(random.below(50_000)) as unknown as number;
      const name = ['SH_NEW', 'SH_NEW', 'SH_SET', 'SH_ADD', 'SH_CLEAR_SET', 'KV_SET', 'SH_END'][
        random.below(7)
      ]!;
      const expiry = random.below(2) === 0 ? { duration: 9, maxAge: 20 } : { duration: 5 };
      const body = name === 'SH_NEW' ? { keys, expiry } : name === 'SH_END' ? null : { keys };
      if (shard.statusOf(name, key, body) === 205) refused += 1;
      expect(used(shard)).toBeLessThanOrEqual(memoryBytesMax);
      if (random.below(20) === 0) shard.settle();
    }
    expect(refused + shard.counter('sessionsEvicted')).toBeGreaterThan(10);
    expect(shard.counter('memoryLimitHits')).toBe(refused);
  });

  test.each([1, 2, 3])('nor by what they make of values, alone or in a batch (seed %i)', (seed) => {
    const random = new Random(seed);
    const memoryBytesMax = 300_000;
    const shard = new ShardHarness({ admission: { memoryBytesMax } });
    const key = sessionKey(1);
    shard.start(key);
    const name = (): string => `k${random.below(40)}`.padEnd(random.below(300), 'x');
    const value = (): string => 'v'.repeat(random.below(random.below(4) === 0 ? 60_000 : 900));
    const version = (): unknown => shard.ask('SH_INFO', key)[1]?.version;
    const commands: (() => readonly [number, object])[] = [
      () => [42, { key: `n${name()}`, by: 10 ** random.below(16) }],
      () => [45, { key: name(), path: random.below(2) === 0 ? '' : '/a', value: { a: value() } }],
      () => [32, { keys: { [name()]: { a: value() }, [name()]: value() } }],
      () => [44, { version: version(), rmv: [name()], set: { [name()]: value() } }],
      () => [43, { keys: [name(), name()] }],
    ];
    const command = (): readonly [number, object] => commands[random.below(5)]!();
    let refused = 0;
    for (let call = 0; call < 600; call += 1) {
      const cmds = Array.from({ length: 1 + random.below(5) }, command);
      if (shard.statusOf('SH_BATCH', key, { cmds }) === 205) refused += 1;
      expect(used(shard)).toBeLessThanOrEqual(memoryBytesMax);
      if (random.below(20) === 0) shard.settle();
    }
    expect(refused).toBeGreaterThan(10);
    expect(shard.counter('memoryLimitHits')).toBe(refused);
  });

  test('refuses writes with 205 and serves everything else', () => {
    const shard = new ShardHarness({ admission: { memoryBytesMax: 100_000 } });
    const key = sessionKey(0);
    const count = fill(shard, () => ({ duration: 60 }));
    const large = { keys: { b: 'v'.repeat(2_000) } };
    for (const name of ['SH_SET', 'SH_ADD', 'SH_CLEAR_SET', 'KV_SET']) {
      expect(shard.statusOf(name, key, large)).toBe(205);
    }
    expect(shard.ask('SH_GET', key, { keys: ['b'] })).toEqual([1, { keys: {} }]);
    expect(shard.statusOf('SH_TOUCH', key)).toBe(1);
    expect(shard.statusOf('SH_EXPIRE', key, { expiry: null })).toBe(1);
    expect(shard.ask('SH_RMV', key, { keys: ['a'] })).toEqual([1, { cnt: 1 }]);
    expect(shard.sessions.sessionCount).toBe(count);
    for (let number = 0; number < 30; number += 1) shard.ask('SH_END', sessionKey(number));
    expect(shard.statusOf('SH_SET', sessionKey(40), large)).toBe(1);
  });

  test('tells a session that is not there from a limit that is reached', () => {
    const shard = new ShardHarness({ admission: { memoryBytesMax: 1_000 } });
    fill(shard, () => ({ duration: 60 }));
    expect(shard.statusOf('SH_SET', sessionKey(999), { keys: {} })).toBe(100);
    expect(shard.statusOf('SH_SET', sessionKey(0), {})).toBe(26);
  });

  test('has room again for the bytes of a big session as soon as it has ended', () => {
    const shard = new ShardHarness({ admission: { memoryBytesMax: 1_000_000 } });
    shard.start(sessionKey(1), { keys: manyKeys(10_000) });
    for (let round = 0; round < 5; round += 1) {
      // No idle turn in between, in which the shard could tidy up.
      expect(shard.statusOf('SH_END', sessionKey(1 + round))).toBe(1);
      shard.start(sessionKey(2 + round), { keys: manyKeys(10_000) });
    }
    expect(shard.counter('memoryLimitHits')).toBe(0);
  });

  test('counts sessions that are dead but not yet removed as gone', () => {
    const shard = new ShardHarness({ admission: { memoryBytesMax: 100_000 } });
    fill(shard, () => ({ duration: 1, deleteSession: true }));
    shard.clock.advance(1_000);
    // Many commands in one turn, so that the sweep comes after them.
    for (let number = 5_000; number < 5_050; number += 1) {
      shard.push('SH_NEW', sessionKey(number), { keys: { a: 'v'.repeat(100) } });
    }
    shard.loop.runTurn();
    expect(shard.replies().every((reply) => reply.status === 1)).toBe(true);
  });
});

describe('eviction', () => {
  const admission = { memoryBytesMax: 100_000, evictsSoonest: true };

  test('ends the sessions nearest their deadline first, and no more than needed', () => {
    const shard = new ShardHarness({ admission });
    const random = new Random(7);
    const durations = Array.from({ length: 2_000 }, () => 60 + random.below(3_600));
    const count = fill(shard, (number) => ({ duration: durations[number] }));
    for (let number = count; number < count + 100; number += 1) {
      shard.start(sessionKey(number), {
        keys: { a: 'v'.repeat(100) },
        expiry: { duration: 9_000 },
      });
    }
    const gone = Array.from({ length: count }, (_, number) => number).filter(
      (n) => !lives(shard, n),
    );
    expect(gone.length).toBe(shard.counter('sessionsEvicted'));
    expect(gone.length).toBeGreaterThanOrEqual(95);
    expect(gone.length).toBeLessThanOrEqual(105);
    const byDuration = (a: number, b: number): number => a - b;
    const nearest = durations.slice(0, count).sort(byDuration).slice(0, gone.length);
    expect(gone.map((number) => durations[number]!).sort(byDuration)).toEqual(nearest);
  });

  test('goes by the deadline as it was extended, not as it was at first', () => {
    const shard = new ShardHarness({ admission });
    for (let number = 0; number < 100; number += 1) {
      shard.start(sessionKey(number), { expiry: { duration: 600, deleteSession: true } });
    }
    shard.clock.advance(590_000);
    for (let number = 0; number < 100; number += 1) shard.ask('SH_TOUCH', sessionKey(number));
    shard.start(sessionKey(500), { keys: { a: 'v'.repeat(3_000) }, expiry: { duration: 300 } });
    while (shard.counter('sessionsEvicted') === 0) {
      const number = 1_000 + shard.sessions.sessionCount;
      shard.start(sessionKey(number), {
        keys: { a: 'v'.repeat(1_000) },
        expiry: { duration: 900 },
      });
    }
    expect(lives(shard, 500)).toBe(false);
    expect(shard.counter('sessionsEvicted')).toBe(1);
  });

  test('ends one big session and not its neighbours too', () => {
    const shard = new ShardHarness({ admission: { ...admission, memoryBytesMax: 1_000_000 } });
    shard.start(sessionKey(90_000), { keys: manyKeys(10_000), expiry: { duration: 10 } });
    const count = fill(shard, (number) => ({ duration: 100 + number }));
    expect(shard.counter('sessionsEvicted')).toBe(1);
    expect(shard.sessions.sessionCount).toBe(count);
  });

  test('ends nobody for a write that could never fit', () => {
    const shard = new ShardHarness({ admission });
    for (let number = 0; number < 50; number += 1) {
      shard.start(sessionKey(number), { keys: { a: 1 }, expiry: { duration: 60 } });
    }
    const huge = { keys: { a: 'v'.repeat(200_000) } };
    expect(shard.statusOf('SH_NEW', sessionKey(99), huge)).toBe(205);
    expect(shard.statusOf('SH_SET', sessionKey(1), huge)).toBe(205);
    expect(shard.sessions.sessionCount).toBe(50);
  });

  test('never ends a session without expiry, nor one that outlives its deadline without data', () => {
    const shard = new ShardHarness({ admission });
    shard.start(sessionKey(9_000), { expiry: { duration: 1 } });
    const count = fill(shard, () => ({}));
    expect(shard.counter('sessionsEvicted')).toBe(0);
    expect(shard.sessions.sessionCount).toBe(count + 1);
    for (let number = 0; number < count; number += 1) expect(lives(shard, number)).toBe(true);
  });

  test('answers 100 to the write that ended the very session it was for', () => {
    const shard = new ShardHarness({ admission });
    const key = sessionKey(90_000);
    shard.start(key, { expiry: { duration: 10 }, keys: { a: 'v'.repeat(2_000) } });
    for (let number = 0; shard.counter('sessionsEvicted') === 0; number += 1) {
      if (used(shard) > 98_500) break;
      shard.start(sessionKey(number), { keys: { a: 'v'.repeat(100) } });
    }
    // It alone can go.
    expect(shard.statusOf('SH_SET', key, { keys: { b: 'v'.repeat(1_500) } })).toBe(100);
    expect(shard.counter('sessionsEvicted')).toBe(1);
  });
});

describe('the session limit', () => {
  test('counts live sessions only', () => {
    const shard = new ShardHarness({ admission: { sessionsMax: 100 } });
    for (let number = 0; number < 100; number += 1) {
      shard.start(sessionKey(number), { expiry: { duration: 1, deleteSession: true } });
    }
    expect(shard.statusOf('SH_NEW', sessionKey(100))).toBe(205);
    expect(shard.counter('memoryLimitHits')).toBe(1);
    shard.clock.advance(1_000);
    for (let number = 200; number < 300; number += 1)
      shard.push('SH_NEW', sessionKey(number), null);
    shard.loop.runTurn();
    expect(shard.replies().every((reply) => reply.status === 1)).toBe(true);
    expect(shard.statusOf('SH_NEW', sessionKey(300))).toBe(205);
    shard.ask('SH_END', sessionKey(200));
    expect(shard.statusOf('SH_NEW', sessionKey(300))).toBe(1);
  });
});
