import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { FLAG_OWNER_LOCKED } from '../../../src/ring/records.js';
import {
  KEY,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { idOf, listed } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const ANN = { owner: 'ann' };
const keys = Array.from({ length: 20 }, (_, i) => sessionKey(100 + i));

function limited(max: number, endsOldest: boolean): ShardHarness {
  return new ShardHarness({ limits: { ownerSessionsMax: max, endsOldest } });
}

describe('SH_SET_OWNER', () => {
  testMalformedBodies('SH_SET_OWNER');
  testSessionIsNeeded('SH_SET_OWNER', ANN);
  testExtension('SH_SET_OWNER', ANN, 'none');

  test('gives a session to an owner, to another one, and to nobody', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask('SH_INFO', KEY)[1]).not.toHaveProperty('owner');
    expect(shard.ask('SH_SET_OWNER', KEY, ANN)).toEqual([1, null]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject(ANN);
    expect(listed(shard, 'ann')).toEqual([idOf(KEY)]);
    shard.ask('SH_SET_OWNER', KEY, { owner: 'bob' });
    expect([listed(shard, 'ann'), listed(shard, 'bob')]).toEqual([[], [idOf(KEY)]]);
    expect(shard.ask('SH_SET_OWNER', KEY, { owner: null })).toEqual([1, null]);
    expect(shard.ask('SH_INFO', KEY)[1]).not.toHaveProperty('owner');
    expect(listed(shard, 'bob')).toEqual([]);
  });

  test('nobody again is nobody', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask('SH_SET_OWNER', KEY, { owner: null })).toEqual([1, null]);
    expect(shard.ask('SH_SET_OWNER', KEY, { owner: null })).toEqual([1, null]);
  });

  test('leaves data and version alone', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    const before = shard.ask('SH_INFO', KEY)[1];
    shard.ask('SH_SET_OWNER', KEY, ANN);
    expect(shard.ask('SH_INFO', KEY)[1]).toEqual({ ...before, ...ANN });
  });

  test.each([
    ['no body', null, 26],
    ['no owner', {}, 26],
    ['a number', { owner: 1 }, 41],
    ['a list', { owner: ['ann'] }, 41],
    ['bin', { owner: Uint8Array.of(97) }, 41],
    ['an empty owner', { owner: '' }, 42],
    ['257 bytes', { owner: 'o'.repeat(257) }, 42],
    ['257 bytes in fewer characters', { owner: `a${'é'.repeat(128)}` }, 42],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    shard.start(KEY, ANN);
    expect(shard.statusOf('SH_SET_OWNER', KEY, body)).toBe(status);
    // Before the session is looked for.
    expect(shard.statusOf('SH_SET_OWNER', sessionKey(2), body)).toBe(status);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject(ANN);
  });

  test('refuses an owner that is not UTF-8', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    const body = bytes(0x81, str('owner'), 0xa2, 0xff, 0xfe);
    expect(shard.callRaw(CATALOGUE.SH_SET_OWNER.op, KEY, body).status).toBe(42);
  });

  test('takes an owner of 256 bytes', () => {
    const shard = new ShardHarness();
    const owner = 'é'.repeat(128);
    shard.start(KEY);
    expect(shard.statusOf('SH_SET_OWNER', KEY, { owner })).toBe(1);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ owner });
  });
});

describe('the limit of an owner on the only shard', () => {
  test('refuses one more with 206, whichever command would give it, and changes nothing', () => {
    const shard = limited(2, false);
    shard.start(keys[0]!, ANN);
    shard.start(keys[1]!, ANN);
    shard.start(KEY, { owner: 'bob' });
    const before = shard.ask('SH_INFO', KEY);
    expect(shard.statusOf('SH_NEW', keys[2]!, ANN)).toBe(206);
    expect(shard.statusOf('SH_OPEN', keys[2]!, { ...ANN, name: 'n', create: true })).toBe(206);
    expect(shard.statusOf('SH_SET_OWNER', KEY, ANN)).toBe(206);
    expect(shard.ask('SH_INFO', KEY)).toEqual(before);
    expect(shard.sessions.sessionCount).toBe(3);
    expect(shard.counter('ownerLimitHits')).toBe(3);
  });

  test('counts a session once, and leaves others and those without an owner alone', () => {
    const shard = limited(1, false);
    shard.start(keys[0]!, ANN);
    expect(shard.statusOf('SH_SET_OWNER', keys[0]!, ANN)).toBe(1);
    shard.start(keys[1]!, { owner: 'bob' });
    shard.start(keys[2]!);
    shard.start(keys[3]!);
    expect(shard.statusOf('SH_OPEN', keys[4]!, { name: 'n', create: true })).toBe(1);
    expect(shard.statusOf('SH_OPEN', keys[4]!, { name: 'n', create: true, ...ANN })).toBe(1);
    expect(shard.counter('ownerLimitHits')).toBe(0);
  });

  test('has room again when a session ends, expires, or goes to another owner', () => {
    const shard = limited(1, false);
    const start = (index: number, body: object): number =>
      shard.statusOf('SH_NEW', keys[index]!, { ...ANN, ...body });
    expect(start(0, {})).toBe(1);
    shard.ask('SH_END', keys[0]!);
    expect(start(1, { expiry: { duration: 2, deleteSession: true } })).toBe(1);
    shard.clock.advance(1_999);
    expect(start(2, {})).toBe(206);
    // Without a turn in between: the sweep has not seen the deadline.
    shard.clock.advance(1);
    expect(start(2, {})).toBe(1);
    shard.ask('SH_SET_OWNER', keys[2]!, { owner: 'bob' });
    expect(start(3, {})).toBe(1);
    shard.ask('SH_SET_OWNER', keys[3]!, { owner: null });
    expect(start(4, {})).toBe(1);
  });

  test('a session whose data expires stays the owner\u2019s', () => {
    const shard = limited(1, false);
    shard.start(keys[0]!, { ...ANN, keys: { a: 1 }, expiry: { duration: 2 } });
    shard.clock.advance(2_000);
    expect(shard.statusOf('SH_NEW', keys[1]!, ANN)).toBe(206);
  });

  test('with end-oldest ends the one started first, and always succeeds', () => {
    const shard = limited(3, true);
    for (const [index, key] of keys.entries()) {
      expect(shard.statusOf('SH_NEW', key, ANN)).toBe(1);
      shard.clock.advance(index % 3);
    }
    expect(listed(shard, 'ann')).toEqual(keys.slice(-3).map(idOf));
    expect(shard.counter('sessionsEnded')).toBe(17);
    expect(shard.counter('ownerLimitHits')).toBe(17);
  });

  test('with end-oldest a session that comes by SH_SET_OWNER is the oldest if it was started first', () => {
    const shard = limited(2, true);
    for (const key of keys.slice(0, 3)) {
      shard.start(key, key === keys[0] ? null : ANN);
      shard.clock.advance(1_000);
    }
    expect(shard.statusOf('SH_SET_OWNER', keys[0]!, ANN)).toBe(1);
    expect(listed(shard, 'ann')).toEqual([keys[0]!, keys[2]!].map(idOf));
    shard.start(keys[3]!, ANN);
    expect(listed(shard, 'ann')).toEqual([keys[2]!, keys[3]!].map(idOf));
  });

  test('with end-oldest ends nobody for a command that is refused', () => {
    const shard = new ShardHarness({
      limits: { ownerSessionsMax: 1, endsOldest: true, sessionBytesMax: 65_536 },
      admission: { sessionsMax: 1 },
    });
    shard.start(KEY, ANN);
    const large = { ...ANN, keys: { a: 'v'.repeat(70_000) } };
    expect(shard.statusOf('SH_NEW', keys[0]!, large)).toBe(204);
    expect(shard.statusOf('SH_NEW', keys[0]!, { ...ANN, expiry: 1 })).toBe(41);
    expect(shard.statusOf('SH_NEW', keys[0]!, ANN)).toBe(205);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(1);
  });

  test('with a lowered limit ends as many as it takes', () => {
    const shard = new ShardHarness();
    for (const key of keys.slice(0, 10)) shard.start(key, ANN);
    const lowered = new ShardHarness({
      attachTo: shard,
      limits: { ownerSessionsMax: 4, endsOldest: true },
    });
    expect(lowered.statusOf('SH_NEW', KEY, ANN)).toBe(1);
    expect(listed(lowered, 'ann')).toHaveLength(4);
    expect(listed(lowered, 'ann')).toContain(idOf(KEY));
  });
});

describe('the limit of an owner on one shard of several', () => {
  test('is a question to the I/O thread, until it holds the lock', () => {
    const limits = { ownerSessionsMax: 1, endsOldest: true, isOneOfSeveral: true };
    const shard = new ShardHarness({ limits });
    expect(shard.statusOf('SH_NEW', KEY, ANN)).toBe(206);
    expect(shard.statusOf('SH_NEW', KEY, { owner: '' })).toBe(42);
    expect(shard.sessions.sessionCount).toBe(0);
    expect(shard.statusOf('SH_NEW', KEY, ANN, FLAG_OWNER_LOCKED)).toBe(1);
    expect(shard.statusOf('SH_SET_OWNER', KEY, ANN)).toBe(1);
    expect(shard.statusOf('SH_SET_OWNER', KEY, { owner: 'bob' })).toBe(206);
    expect(shard.statusOf('SH_SET_OWNER', KEY, { owner: null })).toBe(1);
    // Nobody is ended here: the I/O thread sees to it.
    expect(shard.statusOf('SH_NEW', keys[0]!, ANN, FLAG_OWNER_LOCKED)).toBe(1);
    expect(shard.statusOf('SH_NEW', keys[1]!, ANN, FLAG_OWNER_LOCKED)).toBe(1);
    expect(shard.counter('ownerLimitHits')).toBe(0);
  });
});
