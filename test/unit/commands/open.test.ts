import { describe, expect, test } from 'vitest';
import { KEY, testKeyMap, testMalformedBodies } from '../../support/command-tests.js';
import { testExpiry } from '../../support/expiry-tests.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

describe('SH_OPEN', () => {
  describe('beside a session', () => testMalformedBodies('SH_OPEN'));
  testKeyMap('SH_OPEN', false);
  testExpiry('SH_OPEN');

  test.each([
    ['no body', null, 26],
    ['no name', { create: true }, 26],
    ['a name that is a number', { name: 1 }, 41],
    ['an empty name', { name: '' }, 42],
    ['a name of 257 bytes', { name: 'n'.repeat(257), create: true }, 42],
    ['create: 1', { name: 'n', create: 1 }, 41],
    ['a bad create before a missing name', { create: 1 }, 41],
    ['a bad expiry before a missing name', { expiry: 1 }, 41],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_OPEN', KEY, body)).toBe(status);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('answers 102 where there is none, and starts none without create', () => {
    const shard = new ShardHarness();
    expect(shard.ask('SH_OPEN', KEY, { name: 'n' })).toEqual([102, null]);
    expect(shard.ask('SH_OPEN', KEY, { name: 'n', create: false })).toEqual([102, null]);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('opens a shared session, and lets keys and expiry of the body be', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { name: 'n', shared: true, keys: { a: 1 } });
    const { id } = shard.ask('SH_INFO', KEY)[1] as { id: string };
    const reply = shard.call('SH_OPEN', KEY, {
      name: 'n',
      keys: { a: 2 },
      expiry: { duration: 1 },
    });
    expect(reply.status).toBe(1);
    expect(reply.body).toEqual({ tkn: new Uint8Array(24), id, created: false });
    const at = reply.tokenAt - 2;
    expect([...reply.bytes.subarray(at - 2, at)]).toEqual([0xc4, 24]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { a: 1 } }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ expires: false });
  });

  test('starts a shared session with create, with its keys and expiry, once', () => {
    const shard = new ShardHarness();
    const body = { name: 'n', create: true, keys: { a: 1 }, expiry: { duration: 60 } };
    expect(shard.ask('SH_OPEN', KEY, body)[1]).toMatchObject({ created: true });
    expect(shard.ask('SH_OPEN', KEY, body)[1]).toMatchObject({ created: false });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ shared: true, keyCnt: 1, expires: true });
    expect(shard.statusOf('SH_NEW', KEY, { name: 'n', shared: true })).toBe(103);
    expect(shard.sessions.sessionCount).toBe(1);
  });

  test('never extends the session', () => {
    const shard = new ShardHarness();
    const flags = { extendOnGet: true, extendOnSetAdd: true, deleteSession: true };
    shard.ask('SH_OPEN', KEY, { name: 'n', create: true, expiry: { duration: 2, ...flags } });
    shard.clock.advance(1_999);
    expect(shard.ask('SH_OPEN', KEY, { name: 'n' })[0]).toBe(1);
    shard.clock.advance(1);
    expect(shard.ask('SH_OPEN', KEY, { name: 'n' })).toEqual([102, null]);
    expect(shard.ask('SH_OPEN', KEY, { name: 'n', create: true })[1]).toMatchObject({
      created: true,
    });
  });

  test('answers 204 beyond the bytes of a session and starts none', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    const keys = { a: 'v'.repeat(65_600) };
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n', create: true, keys })).toBe(204);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  test('at the limit of sessions opens those that are there and starts no more', () => {
    const shard = new ShardHarness({ admission: { sessionsMax: 1 } });
    shard.ask('SH_OPEN', KEY, { name: 'n', create: true });
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n', create: true })).toBe(1);
    expect(shard.statusOf('SH_OPEN', sessionKey(2), { name: 'm', create: true })).toBe(205);
  });

  test('at the memory limit opens those that are there and starts no more', () => {
    const shard = new ShardHarness({ admission: { memoryBytesMax: 20_000 } });
    shard.ask('SH_OPEN', KEY, { name: 'n', create: true });
    while (shard.statusOf('SH_SET', KEY, { keys: { [`k${shard.sessions.keys.total}`]: 1 } }) === 1);
    expect(shard.statusOf('SH_OPEN', sessionKey(2), { name: 'm' })).toBe(102);
    const keys = { a: 'v'.repeat(9_000) };
    expect(shard.statusOf('SH_OPEN', sessionKey(2), { name: 'm', create: true, keys })).toBe(205);
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n', create: true, keys })).toBe(1);
    expect(shard.statusOf('SH_NEW', sessionKey(2), { name: 'm', shared: true, keys })).toBe(205);
    expect(shard.statusOf('SH_NEW', KEY, { name: 'n', shared: true, keys })).toBe(103);
  });

  test('gives the owner to a session that it starts, and to no other', () => {
    const shard = new ShardHarness();
    const body = { name: 'n', create: true, owner: 'ann' };
    expect(shard.statusOf('SH_OPEN', KEY, body)).toBe(1);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ owner: 'ann' });
    expect(shard.statusOf('SH_OPEN', KEY, { ...body, owner: 'bob' })).toBe(1);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ owner: 'ann' });
  });

  test.each([
    ['a number', { owner: 1 }, 41],
    ['nil', { owner: null }, 41],
    ['empty', { owner: '' }, 42],
  ])('refuses an owner that is %s', (_, body, status) => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n', create: true, ...body })).toBe(status);
  });
});
