import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import {
  KEY,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

describe('SH_INFO', () => {
  testMalformedBodies('SH_INFO');
  testSessionIsNeeded('SH_INFO', null);
  testExtension('SH_INFO', null, 'none');

  test('describes a session without expiry', () => {
    const shard = new ShardHarness();
    shard.clock.advance(250.5);
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_INFO', KEY)).toEqual([
      1,
      {
        id: expect.stringMatching(/^[0-9a-f]{24}$/) as string,
        shared: false,
        keyCnt: 1,
        bytes: 3,
        created: (START_MS + 250.5) / 1_000,
        version: 0,
        expires: false,
      },
    ]);
  });

  test('has an expiry only if the session expires', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 60 } });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({
      expires: true,
      expiry: {
        ...{ duration: 60, deleteSession: false, extendOnSetAdd: false, extendOnGet: false },
        remaining: 60,
      },
    });
  });

  test('counts remaining time down in milliseconds, rounded up', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 10, deleteSession: true } });
    const remaining = (): unknown =>
      (shard.ask('SH_INFO', KEY)[1] as { expiry: { remaining: number } }).expiry.remaining;
    shard.clock.advance(1.25);
    expect(remaining()).toBe(9.999);
    shard.clock.advance(9_998.5);
    expect(remaining()).toBe(0.001);
    shard.clock.advance(0.25);
    expect(shard.statusOf('SH_INFO', KEY)).toBe(100);
  });

  test('gives the first 12 bytes of the digest as its id', () => {
    const shard = new ShardHarness();
    const key = { digest: [0x0a0b0c0d, -1, 0x00fedc98, 4], slot: 5 } as const;
    shard.start(key);
    expect(shard.ask('SH_INFO', key)[1]).toMatchObject({ id: '0d0c0b0affffffff98dcfe00' });
  });

  test.each([5, 40])('counts the bytes of keys and values as msgpack (%i keys)', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`${i}`.repeat(i * 6), 'v'.repeat(i * 9)]),
    );
    shard.start(KEY, { keys });
    const { bytes, keyCnt } = shard.ask('SH_INFO', KEY)[1] as { bytes: number; keyCnt: number };
    expect(keyCnt).toBe(Object.keys(keys).length);
    const header = Object.keys(keys).length < 16 ? 1 : 3;
    expect(bytes).toBe(encode(keys).length - header);
  });

  test('counts every write of keys as one version, whatever its size', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.ask('SH_SET', KEY, { keys: { a: 2, b: 2 } });
    shard.ask('SH_ADD', KEY, { keys: { c: 2 } });
    shard.ask('SH_RMV', KEY, { keys: ['c', 'b'] });
    shard.ask('SH_CLEAR', KEY);
    shard.ask('SH_CLEAR_SET', KEY, { keys: {} });
    for (const name of ['SH_GET_ALL', 'SH_COUNT', 'SH_TOUCH', 'SH_INFO', 'SH_KEYS'])
      shard.ask(name, KEY);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 5 });
  });

  test('tells shared sessions from others', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { name: 'n', shared: true });
    shard.start(sessionKey(2), { name: 'n' });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ shared: true });
    expect(shard.ask('SH_INFO', sessionKey(2))[1]).toMatchObject({ shared: false });
  });
});
