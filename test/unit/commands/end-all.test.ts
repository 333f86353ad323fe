import { describe, expect, test } from 'vitest';
import { KEY, testMalformedBodies } from '../../support/command-tests.js';
import { callMinted, idOf, listed, rotate, sibling } from '../../support/owner-shard.js';
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

describe('SH_END_ALL of an owner', () => {
  const ANN = { owner: 'ann' };

  function started(): ShardHarness {
    const shard = new ShardHarness();
    for (let number = 0; number < 30; number += 1) {
      const owner = ['ann', 'bob', undefined][number % 3];
      shard.start(sessionKey(number), owner === undefined ? null : { owner });
    }
    return shard;
  }

  test('ends the sessions of that owner only', () => {
    const shard = started();
    expect(shard.ask('SH_END_ALL', undefined, ANN)).toEqual([1, { cnt: 10 }]);
    expect(shard.ask('SH_END_ALL', undefined, ANN)).toEqual([1, { cnt: 0 }]);
    const alive = Array.from({ length: 30 }, (_, i) => shard.statusOf('SH_COUNT', sessionKey(i)));
    expect(alive).toEqual(Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? 100 : 1)));
    expect(shard.counter('sessionsEnded')).toBe(10);
  });

  test('spares one of them', () => {
    const shard = started();
    const spared = sessionKey(15);
    const reply = callMinted(shard, 'SH_END_ALL', spared, spared, { body: ANN });
    expect([reply.status, reply.body]).toEqual([1, { cnt: 9 }]);
    expect(listed(shard, 'ann')).toEqual([idOf(spared)]);
  });

  test('spares the session of a replaced token in its grace', () => {
    const shard = started();
    const [old, current] = [sessionKey(15), sibling(sessionKey(15), 1)];
    rotate(shard, old, current, { grace: 5 });
    expect(callMinted(shard, 'SH_END_ALL', old, old, { body: ANN }).body).toEqual({ cnt: 9 });
    expect(listed(shard, 'ann')).toEqual([idOf(current)]);
  });

  test('is not stopped by a token to be spared that has no session, or one of another owner', () => {
    const shard = started();
    const stranger = sessionKey(99);
    const reply = callMinted(shard, 'SH_END_ALL', stranger, stranger, { body: ANN });
    expect(reply.body).toEqual({ cnt: 10 });
    const bobs = sessionKey(1);
    expect(callMinted(shard, 'SH_END_ALL', bobs, bobs, { body: ANN }).body).toEqual({ cnt: 0 });
    expect(shard.sessions.sessionCount).toBe(20);
  });

  test('counts only those that were alive', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 10; number += 1) {
      const duration = number < 4 ? 1 : 9;
      shard.start(sessionKey(number), { ...ANN, expiry: { duration, deleteSession: true } });
    }
    shard.clock.advance(1_000);
    expect(shard.ask('SH_END_ALL', undefined, ANN)).toEqual([1, { cnt: 6 }]);
    expect(shard.counter('sessionsExpired')).toBe(4);
  });

  test.each([
    ['a number', { owner: 1 }, 41],
    ['nil', { owner: null }, 41],
    ['an empty owner', { owner: '' }, 42],
    ['except: a number', { owner: 'ann', except: 5 }, 41],
    ['except: nil', { except: null }, 41],
    ['except: a text that is no token', { except: 'token' }, 42],
    ['except: bin of another length', { except: new Uint8Array(23) }, 42],
  ])('refuses %s, and ends nothing', (_, body, status) => {
    const shard = started();
    expect(shard.statusOf('SH_END_ALL', undefined, body)).toBe(status);
    expect(shard.sessions.sessionCount).toBe(30);
  });
});

describe('SH_END_ALL but one', () => {
  test('ends every other session and leaves that one as it was', () => {
    const shard = new ShardHarness();
    const pairs = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i]));
    for (let number = 0; number < 1_000; number += 1) {
      const keys = number === 500 ? pairs : { a: number };
      const expiry = { duration: 50, maxAge: 500 };
      shard.start(sessionKey(number), { keys, owner: `o${number % 7}`, expiry });
    }
    const spared = sessionKey(500);
    const before = shard.ask('SH_INFO', spared);
    const reply = callMinted(shard, 'SH_END_ALL', spared, spared);
    expect([reply.status, reply.body]).toEqual([1, { cnt: 999 }]);
    expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([1, { totalSessions: 1, totalKeys: 200 }]);
    expect(shard.ask('SH_GET_ALL', spared)).toEqual([1, { keys: pairs }]);
    expect(shard.ask('SH_INFO', spared)).toEqual(before);
    expect(listed(shard, 'o3')).toEqual([idOf(spared)]);
    expect(listed(shard, 'o4')).toEqual([]);
  });
});
