/** Tests of the parameter `expiry`, shared by the commands that take one. */
import { encode } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';
import { FLAG_LENIENT } from '../../src/ring/records.js';
import { bytes, str } from './msgpack-bytes.js';
import { sessionKey, ShardHarness } from './shard-harness.js';

const KEY = sessionKey(1);
const CENTURY = 100 * 31_557_600;

function infoOf(shard: ShardHarness): Record<string, unknown> {
  return shard.ask('SH_INFO', KEY)[1]!;
}

export function testExpiry(name: CommandName): void {
  const start = (): ShardHarness => {
    const shard = new ShardHarness();
    if (name === 'SH_EXPIRE') shard.start(KEY);
    return shard;
  };
  const body = (expiry: unknown): unknown =>
    name === 'SH_OPEN' ? { expiry, name: 'n', create: true } : { expiry };

  test.each([
    ['an array', [], 41],
    ['a number', 60, 41],
    ['true', true, 41],
    ['a string as duration', { duration: '60' }, 41],
    ['nil as duration', { duration: null }, 41],
    ['a negative duration', { duration: -1 }, 41],
    ['a duration just below zero', { duration: -0.001 }, 41],
    ['a duration that is not a number', { duration: NaN }, 41],
    ['an endless duration', { duration: Infinity }, 42],
    ['a duration beyond 100 years', { duration: CENTURY + 1 }, 42],
    ['a number as deleteSession', { duration: 1, deleteSession: 1 }, 41],
    ['nil as extendOnGet', { duration: 1, extendOnGet: null }, 41],
    ['a string as extendOnSetAdd', { duration: 1, extendOnSetAdd: 'true' }, 41],
    ['a negative maxAge', { duration: 1, maxAge: -1 }, 41],
    ['a string as maxAge', { maxAge: '1' }, 41],
    ['a maxAge beyond 100 years', { maxAge: CENTURY + 1 }, 42],
    ['an endless maxAge', { maxAge: Infinity }, 42],
    ['a size and a type that are wrong', { duration: CENTURY * 2, maxAge: '1' }, 41],
  ])('refuses %s', (_, expiry, status) => {
    const shard = start();
    const before = shard.sessions.sessionCount;
    expect(shard.statusOf(name, KEY, body(expiry))).toBe(status);
    expect(shard.sessions.sessionCount).toBe(before);
  });

  test('takes nil for no expiry only where that is said', () => {
    expect(start().statusOf(name, KEY, body(null))).toBe(name === 'SH_EXPIRE' ? 1 : 41);
  });

  test('takes durations of every number type', () => {
    const durations: [Uint8Array, number][] = [
      [bytes(0x3c), 60],
      [bytes(0xcc, 60), 60],
      [bytes(0xcd, 0, 60), 60],
      [bytes(0xce, 0, 0, 0, 60), 60],
      [bytes(0xcf, 0, 0, 0, 0, 0, 0, 0, 60), 60],
      [bytes(0xd0, 60), 60],
      [bytes(0xd1, 0, 60), 60],
      [bytes(0xd2, 0, 0, 0, 60), 60],
      [bytes(0xd3, 0, 0, 0, 0, 0, 0, 0, 60), 60],
      [bytes(0xca, 0x42, 0x70, 0, 0), 60],
      [encode(0.25), 0.25],
      [encode(CENTURY), CENTURY],
    ];
    for (const [duration, seconds] of durations) {
      const shard = start();
      const rest =
        name === 'SH_OPEN' ? bytes(str('name'), str('n'), str('create'), 0xc3) : new Uint8Array(0);
      const pairs = name === 'SH_OPEN' ? 0x83 : 0x81;
      const raw = bytes(pairs, str('expiry'), 0x81, str('duration'), duration, rest);
      expect(shard.callRaw(CATALOGUE[name].op, KEY, raw).status).toBe(1);
      expect(infoOf(shard)).toMatchObject({ expiry: { duration: seconds, remaining: seconds } });
    }
  });

  test('reports every member as it was set', () => {
    const shard = start();
    const expiry = {
      duration: 1.5,
      deleteSession: true,
      extendOnGet: true,
      extendOnSetAdd: true,
      maxAge: 9.25,
    };
    expect(shard.statusOf(name, KEY, body(expiry))).toBe(1);
    expect(infoOf(shard)).toMatchObject({ expires: true, expiry: { ...expiry, remaining: 1.5 } });
  });

  test('ignores members that it does not know', () => {
    const shard = start();
    expect(shard.statusOf(name, KEY, body({ duration: 5, other: [{}], 7: 1, toString: 1 }))).toBe(
      1,
    );
    expect(infoOf(shard)).toMatchObject({ expiry: { duration: 5 } });
  });

  test.each([{}, { duration: 0 }, { duration: -0 }, { duration: 0, maxAge: 0 }])(
    'takes %j for no expiry',
    (expiry) => {
      const shard = start();
      expect(shard.statusOf(name, KEY, body(expiry))).toBe(1);
      expect(infoOf(shard)).toMatchObject({ expires: false });
    },
  );

  test('answers 26 in a text request for an expiry without any time', () => {
    const shard = start();
    expect(shard.statusOf(name, KEY, body({ deleteSession: true }), FLAG_LENIENT)).toBe(26);
    expect(shard.statusOf(name, KEY, body({ duration: 0 }), FLAG_LENIENT)).toBe(1);
  });
}
