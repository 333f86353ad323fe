/**
 * Tests that many commands share, to be called inside the describe() of each: so that every one is
 * held to all of them. A body is one that the command accepts.
 */
import { encode } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';
import { FLAG_LENIENT, FLAG_NO_TOKEN } from '../../src/ring/records.js';
import { bytes, nested, str } from './msgpack-bytes.js';
import { sessionKey, ShardHarness } from './shard-harness.js';

export const KEY = sessionKey(1);
const STRANGER = sessionKey(2);
const STORED = { first: 'one', second: { nested: [2, null] } };

const MALFORMED_BODIES: readonly (readonly [string, Uint8Array])[] = [
  ['an array', bytes(0x90)],
  ['a number', bytes(0x07)],
  ['a string', str('keys')],
  ['nil and one byte more', bytes(0xc0, 0xc0)],
  ['a map and one byte more', bytes(0x80, 0x00)],
  ['a map cut off in its header', bytes(0xde, 0x00)],
  ['a map of 2^32 - 1 pairs and no bytes for them', bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
  ['a map without its pair', bytes(0x81)],
  ['a name cut off', bytes(0x81, 0xa4, 'ke')],
  ['a name without a value', bytes(0x81, str('keys'))],
  ['a value cut off', bytes(0x81, str('keys'), 0x92, str('a'))],
  ['a string longer than the body', bytes(0x81, str('keys'), 0xdb, 0xff, 0xff, 0xff, 0xff)],
  ['an array larger than the body', bytes(0x81, str('keys'), 0xdd, 0xff, 0xff, 0xff, 0xff)],
  ['the byte that msgpack never uses', bytes(0x81, str('keys'), 0xc1)],
  ['a name that nests too deeply', bytes(0x81, nested(1_100), 0xc0)],
];

function raw(shard: ShardHarness, name: CommandName, body: Uint8Array): number {
  return shard.callRaw(CATALOGUE[name].op, KEY, body).status;
}

/** Malformed bodies are refused with 2, and nothing happens to the session. */
export function testMalformedBodies(name: CommandName): void {
  test.each(MALFORMED_BODIES)('answers 2 for a body that is %s', (_, body) => {
    const shard = new ShardHarness();
    shard.start(KEY, {
      keys: STORED,
      expiry: { duration: 9, extendOnGet: true, extendOnSetAdd: true },
    });
    const before = shard.ask('SH_INFO', KEY);
    expect(raw(shard, name, body)).toBe(2);
    expect(shard.ask('SH_INFO', KEY)).toEqual(before);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: STORED }]);
  });

  test('answers 42 for a value that nests beyond all limits, in an unknown member, too', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(raw(shard, name, bytes(0x81, str('other'), nested(1_025)))).toBe(42);
  });
}

/**
 * The session must live: its deadline is exact to the millisecond.
 *
 * @param withoutData what the command answers where the session has no keys.
 */
export function testSessionIsNeeded(name: CommandName, body: unknown, withoutData = 1): void {
  test('answers 100 for an unknown session and starts none', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask(name, STRANGER, body)).toEqual([100, null]);
    expect(shard.sessions.sessionCount).toBe(1);
  });

  test('answers 100 to a digest of another slot', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask(name, { ...KEY, slot: KEY.slot + 1 }, body)).toEqual([100, null]);
  });

  test('answers 100 to a command without a usable token', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask(name, KEY, body, FLAG_NO_TOKEN)).toEqual([100, null]);
  });

  test.each([
    ['duration', { duration: 2, deleteSession: true }, 2_000],
    ['maxAge', { maxAge: 2 }, 2_000],
    ['maxAge before the duration', { duration: 3, maxAge: 1.5, deleteSession: true }, 1_500],
  ])('works 1 ms before the deadline and answers 100 at it (%s)', (_, expiry, lifeMs) => {
    for (const [atMs, expected] of [
      [lifeMs - 1, 1],
      [lifeMs, 100],
      [lifeMs + 1, 100],
    ] as const) {
      const shard = new ShardHarness();
      shard.start(KEY, { keys: STORED, expiry });
      // Without a turn in between: the sweep has not seen the deadline when the command comes.
      shard.clock.advance(atMs);
      expect(shard.statusOf(name, KEY, body)).toBe(expected);
    }
  });

  test('finds the session without data from the deadline on if only data expires', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: STORED, expiry: { duration: 2 } });
    shard.clock.advance(2_000);
    expect(shard.statusOf(name, KEY, body)).toBe(withoutData);
    if (name !== 'SH_END') expect(shard.ask('SH_GET', KEY, { keys: ['first'] })[0]).toBe(1);
  });
}

/** Which of the two flags lets the command restart the idle clock. */
export function testExtension(
  name: CommandName,
  body: unknown,
  by: 'read' | 'write' | 'none',
  withoutData = 1,
): void {
  test.each([
    ['extendOnGet', by === 'read'],
    ['extendOnSetAdd', by === 'write'],
  ])('with %s alone restarts the idle clock: %s', (flag, isRestarted) => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: STORED, expiry: { duration: 10, deleteSession: true, [flag]: true } });
    shard.clock.advance(4_000);
    expect(shard.statusOf(name, KEY, body)).toBe(1);
    const { expiry } = shard.ask('SH_INFO', KEY)[1] as { expiry: { remaining: number } };
    expect(expiry.remaining).toBe(isRestarted ? 10 : 6);
  });

  test('never extends beyond maxAge, nor without a flag', () => {
    const shard = new ShardHarness();
    const flags = { extendOnGet: true, extendOnSetAdd: true };
    shard.start(KEY, { expiry: { duration: 10, maxAge: 12, deleteSession: true, ...flags } });
    shard.start(STRANGER, { expiry: { duration: 10, deleteSession: true } });
    shard.clock.advance(4_000);
    expect(shard.statusOf(name, KEY, body)).toBe(withoutData);
    expect(shard.statusOf(name, STRANGER, body)).toBe(withoutData);
    const remaining = (key: typeof KEY): unknown =>
      (shard.ask('SH_INFO', key)[1] as { expiry: { remaining: number } }).expiry.remaining;
    expect(remaining(KEY)).toBe(by === 'none' ? 6 : 8);
    expect(remaining(STRANGER)).toBe(6);
  });
}

/** The KV_ command does the same to the default map, which is no session. */
export function testDefaultMap(name: CommandName, body: unknown): void {
  test('does as KV_ command to the default map what it does to a session', () => {
    const shard = new ShardHarness();
    const kvName = name.replace('SH_', 'KV_');
    shard.start(KEY, { keys: STORED });
    shard.start(STRANGER, { keys: STORED });
    expect(shard.statusOf('KV_SET', undefined, { keys: STORED })).toBe(1);
    const answer = shard.ask(name, KEY, body);
    expect(answer[0]).toBe(1);
    expect(shard.ask(kvName, undefined, body, FLAG_NO_TOKEN)).toEqual(answer);
    expect(shard.ask('KV_GET_ALL', undefined)).toEqual(shard.ask('SH_GET_ALL', KEY));
    expect(shard.ask('SH_GET_ALL', STRANGER)).toEqual([1, { keys: STORED }]);
    expect(shard.sessions.sessionCount).toBe(2);
  });
}

/** A list of key names as parameter `keys`. */
export function testKeyList(name: CommandName): void {
  test.each([
    ['no body', null, 26],
    ['no keys', {}, 26],
    ['another member only', { key: 'a' }, 26],
    ['keys: nil', { keys: null }, 41],
    ['keys: a map', { keys: { a: 1 } }, 41],
    ['keys: a string', { keys: 'a' }, 41],
    ['an item that is no string', { keys: ['a', 1] }, 41],
    ['an item that is nil', { keys: [null] }, 41],
    ['an item that is bin', { keys: [Uint8Array.of(97)] }, 41],
    ['a key of 513 bytes', { keys: ['a', 'k'.repeat(513)] }, 42],
    ['a key of 513 bytes in fewer characters', { keys: ['é'.repeat(256) + 'a'] }, 42],
    ['a key too long and an item of the wrong type', { keys: ['k'.repeat(513), 1] }, 41],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    // Parameters are checked before the session: there is none here.
    expect(shard.statusOf(name, STRANGER, body)).toBe(status);
  });

  test('accepts a key of 512 bytes and members that it does not know', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.statusOf(name, KEY, { keys: ['é'.repeat(256)], other: [1, { x: 2 }] })).toBe(1);
  });

  test('answers 204 for more keys than allowed', () => {
    const shard = new ShardHarness({ limits: { keysMax: 3 } });
    shard.start(KEY);
    expect(shard.statusOf(name, KEY, { keys: ['a', 'b', 'c'] })).toBe(1);
    expect(shard.statusOf(name, KEY, { keys: ['a', 'b', 'c', 'd'] })).toBe(204);
  });

  test('passes over items of the wrong type in a text request', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1, b: 2 } });
    shard.start(STRANGER, { keys: { a: 1, b: 2 } });
    const keys = [1, 'a', null, ['b'], { b: 1 }, 'x'];
    const answer = shard.ask(name, KEY, { keys }, FLAG_LENIENT);
    expect(answer[0]).toBe(1);
    expect(answer).toEqual(shard.ask(name, STRANGER, { keys: ['a', 'x'] }));
  });
}

/** A map of keys and values as parameter `keys`. */
export function testKeyMap(name: CommandName, isRequired: boolean): void {
  const deepest = bytes(0x81, str('keys'), 0x81, str('a'), nested(64));
  test.each([
    ['keys: an array', encode({ keys: ['a'] }), 41],
    ['keys: a string', encode({ keys: 'a' }), 41],
    ['keys: nil', encode({ keys: null }), 41],
    ['a key that is a number', bytes(0x81, str('keys'), 0x81, 0x01, 0x02), 41],
    ['a key that is bin', bytes(0x81, str('keys'), 0x81, 0xc4, 1, 'a', 0x02), 41],
    ['a key of 513 bytes', encode({ keys: { a: 1, ['k'.repeat(513)]: 2 } }), 42],
    ['a key that is not UTF-8', bytes(0x81, str('keys'), 0x81, 0xa1, 0xff, 0x02), 42],
    ['a value one level too deep', bytes(0x81, str('keys'), 0x81, str('a'), nested(65)), 42],
    [
      'a bad key and a key too long',
      bytes(0x81, str('keys'), 0x82, str('k'.repeat(513)), 0, 1, 2),
      41,
    ],
  ])('refuses %s', (_, body, status) => {
    const shard = new ShardHarness();
    const { op } = CATALOGUE[name];
    expect(shard.callRaw(op, STRANGER, addName(name, body)).status).toBe(status);
    expect(shard.sessions.sessionCount).toBe(0);
  });

  const withoutKeys = isRequired ? [null, {}, { key: 1 }] : [];
  test.each(withoutKeys)('answers 26 to %j, which has no keys', (body) => {
    expect(new ShardHarness().statusOf(name, STRANGER, body)).toBe(26);
  });

  test('accepts a value of the greatest depth', () => {
    const shard = new ShardHarness();
    if (isRequired) shard.start(KEY);
    const { op } = CATALOGUE[name];
    expect(shard.callRaw(op, KEY, addName(name, deepest)).status).toBe(1);
    expect(shard.ask('SH_CONTAINS', KEY, { keys: ['a'] })).toEqual([1, { contains: ['a'] }]);
  });

  test('answers 204 for more keys than allowed and stores none', () => {
    const shard = new ShardHarness({ limits: { keysMax: 3 } });
    if (isRequired) shard.start(KEY);
    const body = { keys: { a: 1, b: 2, c: 3, d: 4 }, name: 'n', create: true };
    expect(shard.statusOf(name, KEY, body)).toBe(204);
    expect(shard.sessions.keys.total).toBe(0);
  });
}

/** SH_OPEN needs a name, and creates only if told so. */
function addName(name: CommandName, body: Uint8Array): Uint8Array {
  if (name !== 'SH_OPEN') return body;
  return bytes(0x83, body.subarray(1), str('name'), str('n'), str('create'), 0xc3);
}
