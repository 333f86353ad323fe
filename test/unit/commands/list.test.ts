import { describe, expect, test } from 'vitest';
import { OLDEST_BYTES, OLDEST_MAX } from '../../../src/core/oldest.js';
import { FLAG_OWNER_LOCKED } from '../../../src/ring/records.js';
import { KEY, testMalformedBodies } from '../../support/command-tests.js';
import { idOf, listed, rotate, sibling } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

const ANN = { owner: 'ann' };
const OTHER = sessionKey(2);

describe('SH_LIST', () => {
  testMalformedBodies('SH_LIST');

  test.each([
    ['no body', null, 26],
    ['no owner', {}, 26],
    ['a number', { owner: 1 }, 41],
    ['nil', { owner: null }, 41],
    ['an empty owner', { owner: '' }, 42],
    ['257 bytes', { owner: 'o'.repeat(257) }, 42],
  ])('refuses %s', (_, body, status) => {
    expect(new ShardHarness().statusOf('SH_LIST', undefined, body)).toBe(status);
  });

  test('is empty for an owner without sessions', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { owner: 'annabel' });
    expect(shard.ask('SH_LIST', undefined, ANN)).toEqual([1, { sessions: [] }]);
  });

  test('tells of each session what it is, and no token', () => {
    const shard = new ShardHarness();
    const expiry = { duration: 60, deleteSession: true };
    shard.start(KEY, { ...ANN, keys: { a: 1, b: 2 }, expiry });
    shard.clock.advance(1_500);
    shard.start(OTHER, ANN);
    shard.start(sessionKey(3), { owner: 'bob' });
    const created = START_MS / 1_000;
    expect(shard.ask('SH_LIST', undefined, ANN)).toEqual([
      1,
      {
        sessions: [
          { id: idOf(KEY), created, lastUsed: created, remaining: 58.5, keyCnt: 2 },
          { id: idOf(OTHER), created: created + 1.5, lastUsed: created + 1.5, keyCnt: 0 },
        ],
      },
    ]);
  });

  test.each([
    ['SH_GET_ALL', null],
    ['SH_SET', { keys: { a: 1 } }],
    ['SH_INFO', null],
    ['SH_TOUCH', null],
    ['SH_EXPIRE', { expiry: null }],
    ['SH_SET_OWNER', ANN],
  ])('counts %s as a use', (name, body) => {
    const shard = new ShardHarness();
    shard.start(KEY, ANN);
    shard.clock.advance(5_000);
    shard.ask(name, KEY, body);
    shard.clock.advance(5_000);
    expect(shard.ask('SH_LIST', undefined, ANN)[1]).toMatchObject({
      sessions: [{ lastUsed: START_MS / 1_000 + 5 }],
    });
  });

  test('is no use itself, nor is SH_INFO_ALL, and extends nothing', () => {
    const shard = new ShardHarness();
    const expiry = { duration: 10, deleteSession: true, extendOnGet: true, extendOnSetAdd: true };
    shard.start(KEY, { ...ANN, expiry });
    shard.clock.advance(5_000);
    shard.ask('SH_LIST', undefined, ANN);
    shard.ask('SH_INFO_ALL', undefined);
    const sessions = [{ lastUsed: START_MS / 1_000, remaining: 5 }];
    expect(shard.ask('SH_LIST', undefined, ANN)[1]).toMatchObject({ sessions });
  });

  test('never lists what has ended, expired, or gone to another', () => {
    const shard = new ShardHarness();
    const expiring = { ...ANN, expiry: { duration: 2, deleteSession: true } };
    for (let number = 10; number < 20; number += 1) shard.start(sessionKey(number), ANN);
    for (let number = 20; number < 30; number += 1) shard.start(sessionKey(number), expiring);
    shard.ask('SH_END', sessionKey(10));
    shard.ask('SH_SET_OWNER', sessionKey(11), { owner: 'bob' });
    shard.ask('SH_EXPIRE', sessionKey(20), { expiry: null });
    shard.clock.advance(2_000);
    const left = [12, 13, 14, 15, 16, 17, 18, 19, 20].map((number) => idOf(sessionKey(number)));
    expect(new Set(listed(shard, 'ann'))).toEqual(new Set(left));
    shard.ask('SH_END_ALL', undefined);
    expect(listed(shard, 'ann')).toEqual([]);
    expect(shard.sessions.bytes).toBe(0);
  });

  test('lists a rotated session under its new id', () => {
    const shard = new ShardHarness();
    shard.start(KEY, ANN);
    rotate(shard, KEY, sibling(KEY, 9), { grace: 100 });
    expect(listed(shard, 'ann')).toEqual([idOf(sibling(KEY, 9))]);
  });

  test('keeps up when rows and owners move in memory', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 12_000; number += 1) {
      shard.start(sessionKey(number), { owner: `owner ${number % 3_000}`, keys: { a: 1 } });
    }
    for (let number = 0; number < 12_000; number += 1) {
      if (number % 4 !== 1) shard.ask('SH_END', sessionKey(number));
    }
    shard.settle();
    for (let owner = 0; owner < 3_000; owner += 97) {
      const numbers = [0, 1, 2, 3].map((i) => owner + i * 3_000).filter((n) => n % 4 === 1);
      const expected = new Set(numbers.map((number) => idOf(sessionKey(number))));
      expect(new Set(listed(shard, `owner ${owner}`))).toEqual(expected);
    }
  });

  test('lists 20,000 sessions by the side road', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 20_000; number += 1) shard.start(sessionKey(number), ANN);
    expect(new Set(listed(shard, 'ann')).size).toBe(20_000);
    expect(shard.counter('sideRoadOut')).toBe(1);
  });

  describe('under the lock of the I/O thread', () => {
    test.each([true, false])(
      'counts, and names the oldest if they are to end (%s)',
      (endsOldest) => {
        const shard = new ShardHarness({ limits: { endsOldest } });
        const numbers = Array.from({ length: OLDEST_MAX + 5 }, (_, i) => i);
        for (const number of numbers) {
          shard.start(sessionKey(number), ANN);
          shard.clock.advance(1);
        }
        const [status, body] = shard.ask('SH_LIST', undefined, ANN, FLAG_OWNER_LOCKED);
        const { cnt, oldest } = body as { cnt: number; oldest: Uint8Array };
        expect([status, cnt]).toEqual([1, OLDEST_MAX + 5]);
        const ids = numbers
          .slice(0, oldest.length / OLDEST_BYTES)
          .map((i) => Buffer.from(oldest.subarray(i * OLDEST_BYTES + 8, (i + 1) * OLDEST_BYTES)));
        expect(ids.map((id) => id.toString('hex'))).toEqual(
          endsOldest ? numbers.slice(0, OLDEST_MAX).map((i) => idOf(sessionKey(i))) : [],
        );
      },
    );

    test('counts nothing for an owner without sessions', () => {
      const [, body] = new ShardHarness().ask('SH_LIST', undefined, ANN, FLAG_OWNER_LOCKED);
      expect(body).toEqual({ cnt: 0, oldest: new Uint8Array(0) });
    });
  });
});
