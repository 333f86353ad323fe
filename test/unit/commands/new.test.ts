import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { KEY, testKeyMap, testMalformedBodies } from '../../support/command-tests.js';
import { testExpiry } from '../../support/expiry-tests.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { idOf, listed } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const NEW = CATALOGUE.SH_NEW.op;
const OTHER = sessionKey(2);

describe('SH_NEW', () => {
  describe('beside a session', () => testMalformedBodies('SH_NEW'));
  testKeyMap('SH_NEW', false);
  testExpiry('SH_NEW');

  test.each([
    ['nothing', new Uint8Array(0)],
    ['nil', bytes(0xc0)],
    ['an empty map', bytes(0x80)],
    ['an empty map with a wide header', bytes(0xdf, 0, 0, 0, 0)],
    ['members that it does not know', bytes(0x82, str('other'), 0x91, 0x01, 0x05, 0x06)],
  ])('starts a session for a body that is %s', (_, body) => {
    const shard = new ShardHarness();
    expect(shard.callRaw(NEW, KEY, body).status).toBe(1);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: {} }]);
    expect(shard.sessions.sessionCount).toBe(1);
    expect(shard.counter('sessionsCreated')).toBe(1);
  });

  test('answers the id and leaves room for the token where it says', () => {
    const shard = new ShardHarness();
    const reply = shard.call('SH_NEW', KEY, { keys: { a: 1 } });
    const { id } = shard.ask('SH_INFO', KEY)[1] as { id: string };
    expect(reply.body).toEqual({ tkn: new Uint8Array(24), id });
    // The bin around the reply has a header of two bytes, the token's own header lies before it.
    const at = reply.tokenAt - 2;
    expect([...reply.bytes.subarray(at - 2, at)]).toEqual([0xc4, 24]);
    expect(reply.bytes.subarray(at, at + 24)).toEqual(new Uint8Array(24));
  });

  test('stores the initial keys in the same step, as version 0', () => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys, expiry: { duration: 5 } });
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0, keyCnt: 100 });
  });

  test('starts sessions that share nothing', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.start(OTHER, { keys: { a: 2 } });
    shard.ask('SH_SET', OTHER, { keys: { a: 3, b: 4 } });
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 1 } }]);
  });

  test.each([
    ['a shared session without a name', { shared: true }, 26],
    ['a name that is a number', { name: 1 }, 41],
    ['a name that is nil', { name: null }, 41],
    ['shared: 1', { name: 'n', shared: 1 }, 41],
    ['shared: nil', { name: 'n', shared: null }, 41],
    ['an empty name', { name: '' }, 42],
    ['a name of 257 bytes', { name: 'n'.repeat(257), shared: true }, 42],
    ['a name of 257 bytes in fewer characters', { name: `a${'é'.repeat(128)}` }, 42],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_NEW', KEY, body)).toBe(status);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('checks types in alphabetical order and all of them before sizes', () => {
    const shard = new ShardHarness();
    const status = (body: unknown): number => shard.statusOf('SH_NEW', KEY, body);
    const detail = (body: unknown): unknown => shard.ask('SH_NEW', KEY, body)[1]?.m;
    expect(status({ keys: { ['k'.repeat(600)]: 1 }, shared: 1 })).toBe(41);
    expect(status({ shared: true, keys: { ['k'.repeat(600)]: 1 } })).toBe(42);
    expect(detail({ shared: 1, name: 2, keys: 3, expiry: 4 })).toMatch(/^expiry/);
    expect(detail({ shared: 1, name: 2, keys: 3 })).toMatch(/^keys/);
    expect(detail({ shared: 1, name: 2 })).toMatch(/^name/);
  });

  test('gives the name back, with shared and without', () => {
    const shard = new ShardHarness();
    const name = 'é'.repeat(128);
    expect(shard.ask('SH_NEW', KEY, { name })[1]).toMatchObject({ name });
    expect(shard.ask('SH_NEW', OTHER, { name: 'n', shared: true })[1]).toMatchObject({ name: 'n' });
  });

  test('answers 103 with room for the token if the shared name is taken, and changes nothing', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { name: 'n', shared: true, keys: { a: 1 } });
    const reply = shard.call('SH_NEW', KEY, { name: 'n', shared: true, keys: { a: 2 } });
    expect(reply.status).toBe(103);
    expect(reply.body).toEqual({ tkn: new Uint8Array(24), name: 'n' });
    expect(reply.tokenAt).toBeGreaterThan(0);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 1 } }]);
    expect(shard.sessions.sessionCount).toBe(1);
  });

  test.each([
    ['an owner that is a number', { owner: 1 }, 41],
    ['an owner that is nil', { owner: null }, 41],
    ['an empty owner', { owner: '' }, 42],
    ['an owner of 257 bytes', { owner: 'o'.repeat(257) }, 42],
    ['a name and an owner that are too long', { name: '', owner: '' }, 42],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_NEW', KEY, body)).toBe(status);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('starts a session of an owner in the same step', () => {
    const shard = new ShardHarness();
    const owner = 'é'.repeat(128);
    shard.start(KEY, { owner, keys: { a: 1 }, expiry: { duration: 5 } });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ owner, version: 0, keyCnt: 1 });
    expect(listed(shard, owner)).toEqual([idOf(KEY)]);
  });

  test('gives no session to an owner whose maxAge is over at once', () => {
    const shard = new ShardHarness();
    const expiry = { maxAge: 1e-12 };
    expect(shard.statusOf('SH_NEW', KEY, { owner: 'ann', expiry })).toBe(1);
    expect(listed(shard, 'ann')).toEqual([]);
  });

  test('takes a shared name again once its session has ended or expired', () => {
    const shard = new ShardHarness();
    const body = { name: 'n', shared: true, expiry: { duration: 2, deleteSession: true } };
    shard.start(KEY, body);
    shard.ask('SH_END', KEY);
    shard.start(KEY, body);
    shard.clock.advance(1_999);
    expect(shard.statusOf('SH_NEW', KEY, body)).toBe(103);
    shard.clock.advance(1);
    expect(shard.statusOf('SH_NEW', KEY, body)).toBe(1);
  });

  test('answers 1000 for a minted token that is in use', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_NEW', KEY)).toEqual([1000, null]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 1 } }]);
  });

  test('answers 204 beyond the bytes of a session and starts none', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    expect(shard.statusOf('SH_NEW', KEY, { keys: { a: 'v'.repeat(65_600) } })).toBe(204);
    expect(shard.sessions.sessionCount).toBe(0);
    expect(shard.statusOf('SH_NEW', KEY, { keys: { a: 'v'.repeat(65_000) } })).toBe(1);
  });

  test('answers 205 beyond the number of sessions, until one has gone', () => {
    const shard = new ShardHarness({ admission: { sessionsMax: 2 } });
    shard.start(KEY, { expiry: { duration: 2, deleteSession: true } });
    shard.start(OTHER);
    expect(shard.statusOf('SH_NEW', sessionKey(3))).toBe(205);
    shard.clock.advance(2_000);
    expect(shard.statusOf('SH_NEW', sessionKey(3))).toBe(1);
    expect(shard.statusOf('SH_NEW', sessionKey(4))).toBe(205);
  });

  test('lives on, empty, if its duration is over before it answers', () => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_NEW', KEY, { keys: { a: 1 }, expiry: { duration: 1e-9 } })).toBe(1);
    shard.clock.advance(1);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: {} }]);
  });
});
