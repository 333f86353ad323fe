import { describe, expect, test } from 'vitest';
import { CATALOGUE, type CommandName } from '../../../src/protocol/catalogue.js';
import { FLAG_MINTED, FLAG_NO_TOKEN, FLAG_SHORT_TOKEN } from '../../../src/ring/records.js';
import { KEY } from '../../support/command-tests.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { idOf, mintedBody, rotate, sibling } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const SECOND = sibling(KEY, 2);
const THIRD = sibling(KEY, 3);
const STRANGER = sessionKey(50);

/** Every command that names a session by its token, with a body that it accepts. */
const SESSION_COMMANDS = Object.entries({
  SH_END: null,
  SH_INFO: null,
  SH_TOUCH: null,
  SH_EXPIRE: { expiry: null },
  SH_SET_OWNER: { owner: 'o' },
  SH_SET: { keys: { a: 1 } },
  SH_ADD: { keys: { a: 1 } },
  SH_GET: { keys: ['a'] },
  SH_GET_ALL: null,
  SH_RMV: { keys: ['a'] },
  SH_CONTAINS: { keys: ['a'] },
  SH_KEYS: null,
  SH_COUNT: null,
  SH_CLEAR: null,
  SH_CLEAR_SET: { keys: {} },
  SH_TAKE: { keys: ['a'] },
  SH_CAS: { version: 0 },
  SH_INC: { key: 'n' },
  SH_WATCH: null,
  SH_UNWATCH: null,
} satisfies Partial<Record<CommandName, unknown>>) as [CommandName, unknown][];

function started(): ShardHarness {
  const shard = new ShardHarness();
  shard.start(KEY, { keys: { a: 1, b: [2] } });
  return shard;
}

describe('SH_ROTATE', () => {
  test('answers the new id and leaves room for the new token', () => {
    const shard = started();
    const reply = rotate(shard, KEY, SECOND);
    expect(reply.status).toBe(1);
    expect(reply.body).toEqual({ tkn: new Uint8Array(24), id: idOf(SECOND) });
    const at = reply.tokenAt - 2;
    expect([...reply.bytes.subarray(at - 2, at)]).toEqual([0xc4, 24]);
    expect(shard.counter('tokensRotated')).toBe(1);
  });

  test('leaves room for 8 bytes where the token is a short one', () => {
    const shard = started();
    const body = mintedBody(SECOND, null);
    const reply = shard.callRaw(10, KEY, body, FLAG_MINTED | FLAG_SHORT_TOKEN);
    expect(reply.body).toEqual({ tkn: new Uint8Array(8), id: idOf(SECOND) });
    expect(rotate(shard, SECOND, THIRD).body).toMatchObject({ tkn: new Uint8Array(24) });
  });

  test('keeps the data, its order, the version, the owner and the deadline', () => {
    const shard = new ShardHarness();
    shard.start(KEY, {
      keys: { b: 1, a: 2 },
      owner: 'ann',
      expiry: { duration: 100, maxAge: 1_000, extendOnGet: true },
    });
    shard.ask('SH_SET', KEY, { keys: { c: 3 } });
    shard.clock.advance(10_000);
    const [, before] = shard.ask('SH_INFO', KEY);
    rotate(shard, KEY, SECOND);
    expect(shard.ask('SH_INFO', SECOND)).toEqual([1, { ...before, id: idOf(SECOND) }]);
    expect(shard.ask('SH_KEYS', SECOND)).toEqual([1, { keys: ['b', 'a', 'c'] }]);
    expect(shard.sessions.sessionCount).toBe(1);
  });

  test('the session moves its deadline under its new token as before', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 10, deleteSession: true } });
    rotate(shard, KEY, SECOND);
    shard.clock.advance(9_999);
    expect(shard.statusOf('SH_TOUCH', SECOND)).toBe(1);
    shard.clock.advance(9_999);
    expect(shard.statusOf('SH_COUNT', SECOND)).toBe(1);
    shard.clock.advance(1);
    expect(shard.statusOf('SH_COUNT', SECOND)).toBe(100);
    // The session is gone, and with it the memory of its old tokens.
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
  });

  describe('the old token', () => {
    test.each(SESSION_COMMANDS)('is answered 110 at once by %s', (name, body) => {
      const shard = started();
      rotate(shard, KEY, SECOND);
      expect(shard.ask(name, KEY, body)).toEqual([110, null]);
      expect(shard.ask('SH_GET_ALL', SECOND)).toEqual([1, { keys: { a: 1, b: [2] } }]);
      expect(shard.counter('tokensReused')).toBe(1);
    });

    test('is answered 110 by SH_ROTATE, which rotates nothing', () => {
      const shard = started();
      rotate(shard, KEY, SECOND);
      expect(rotate(shard, KEY, THIRD)).toMatchObject({ status: 110, body: null });
      expect(shard.statusOf('SH_COUNT', SECOND)).toBe(1);
      expect(shard.statusOf('SH_COUNT', THIRD)).toBe(100);
    });

    test.each(SESSION_COMMANDS)('reaches the session in its grace with %s', (name, body) => {
      const shard = started();
      rotate(shard, KEY, SECOND, { grace: 30 });
      shard.clock.advance(29_999);
      expect(shard.statusOf(name, KEY, body)).toBe(1);
      if (name === 'SH_END') {
        expect(shard.statusOf('SH_COUNT', SECOND)).toBe(100);
        expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
        return;
      }
      shard.clock.advance(1);
      expect(shard.statusOf(name, KEY, body)).toBe(110);
    });

    test('is not there for SH_EXISTS, but in its grace is', () => {
      const shard = started();
      const asked = (): unknown => {
        const items = [KEY, SECOND, STRANGER].map(({ digest, slot }) =>
          Buffer.from(Int32Array.from([...digest, slot]).buffer),
        );
        return shard.callRaw(CATALOGUE.SH_EXISTS.op, undefined, Buffer.concat(items)).body;
      };
      rotate(shard, KEY, SECOND, { grace: 5 });
      expect(asked()).toEqual({ exist: Uint8Array.of(1, 1, 0) });
      shard.clock.advance(5_000);
      expect(asked()).toEqual({ exist: Uint8Array.of(0, 1, 0) });
      expect(shard.counter('tokensReused')).toBe(0);
    });

    test('shows the current id, not its own, in its grace', () => {
      const shard = started();
      rotate(shard, KEY, SECOND, { grace: 5 });
      expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ id: idOf(SECOND) });
    });

    test('loses its grace when the token is rotated again', () => {
      const shard = started();
      rotate(shard, KEY, SECOND, { grace: 1_000 });
      rotate(shard, SECOND, THIRD, { grace: 10 });
      expect(shard.statusOf('SH_COUNT', KEY)).toBe(110);
      expect(shard.statusOf('SH_COUNT', SECOND)).toBe(1);
      shard.clock.advance(10_000);
      expect(shard.statusOf('SH_COUNT', SECOND)).toBe(110);
      expect(shard.statusOf('SH_COUNT', THIRD)).toBe(1);
    });

    test('may rotate in its grace: then it, too, is replaced for good', () => {
      const shard = started();
      rotate(shard, KEY, SECOND, { grace: 1_000 });
      expect(rotate(shard, KEY, THIRD, { grace: 5 }).body).toMatchObject({ id: idOf(THIRD) });
      expect(shard.statusOf('SH_COUNT', KEY)).toBe(110);
      expect(shard.statusOf('SH_COUNT', SECOND)).toBe(1);
      expect(shard.statusOf('SH_COUNT', THIRD)).toBe(1);
    });

    test('is forgotten with the session', () => {
      const shard = started();
      rotate(shard, KEY, SECOND);
      shard.ask('SH_END', SECOND);
      expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
      expect(shard.sessions.superseded.pool.live).toBe(0);
    });

    test('is forgotten with all sessions', () => {
      const shard = started();
      rotate(shard, KEY, SECOND);
      shard.ask('SH_END_ALL', undefined);
      expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
    });

    test('is forgotten after so many others, so that a session cannot grow by rotating', () => {
      const shard = started();
      const keys = [KEY, ...Array.from({ length: 200 }, (_, i) => sibling(KEY, 100 + i))];
      let bytesAfterTen = 0;
      for (let i = 1; i < keys.length; i += 1) {
        expect(rotate(shard, keys[i - 1]!, keys[i]!).status).toBe(1);
        if (i === 10) bytesAfterTen = shard.sessions.bytes;
      }
      expect(shard.sessions.bytes).toBe(bytesAfterTen);
      const statuses = keys.map((key) => shard.statusOf('SH_COUNT', key));
      expect(statuses.slice(-9)).toEqual([...Array<number>(8).fill(110), 1]);
      expect(statuses.slice(0, -9).every((status) => status === 100)).toBe(true);
    });
  });

  test('tells main of replaced tokens that came again, once a second, by the public id', () => {
    const shard = started();
    rotate(shard, KEY, SECOND);
    for (let i = 0; i < 5; i += 1) shard.ask('SH_GET_ALL', KEY);
    const id = idOf(SECOND);
    expect(shard.reuses).toEqual([{ type: 'token-reused', shard: 0, id, count: 1 }]);
    shard.clock.advance(1_000);
    shard.ask('SH_GET_ALL', KEY);
    expect(shard.reuses.at(-1)).toEqual({ type: 'token-reused', shard: 0, id, count: 5 });
    expect(shard.counter('tokensReused')).toBe(6);
  });

  test('of a shared session leaves its name taken, and opening nothing', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { name: 'n', shared: true, keys: { a: 1 } });
    rotate(shard, KEY, SECOND, { grace: 5 });
    const opened = { tkn: new Uint8Array(24), id: idOf(SECOND), created: false };
    expect(shard.ask('SH_OPEN', KEY, { name: 'n' })).toEqual([1, opened]);
    expect(shard.statusOf('SH_NEW', KEY, { name: 'n', shared: true })).toBe(103);
    shard.clock.advance(5_000);
    expect(shard.ask('SH_OPEN', KEY, { name: 'n', create: true })).toEqual([110, null]);
    expect(shard.ask('SH_NEW', KEY, { name: 'n', shared: true })).toEqual([110, null]);
    expect(shard.sessions.sessionCount).toBe(1);
    shard.ask('SH_END', SECOND);
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n' })).toBe(102);
    expect(shard.statusOf('SH_OPEN', KEY, { name: 'n', create: true })).toBe(1);
  });

  test.each([
    ['grace: a string', { grace: '5' }, 41],
    ['grace: nil', { grace: null }, 41],
    ['grace: true', { grace: true }, 41],
    ['grace: negative', { grace: -0.001 }, 41],
    ['grace: not a number', { grace: NaN }, 41],
    ['grace: beyond 100 years', { grace: 100 * 31_557_600 + 1 }, 42],
    ['grace: infinite', { grace: Infinity }, 42],
  ])('refuses %s, and rotates nothing', (_, body, status) => {
    const shard = started();
    expect(rotate(shard, KEY, SECOND, body).status).toBe(status);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(1);
    expect(shard.statusOf('SH_COUNT', SECOND)).toBe(100);
  });

  test.each([
    ['an array', bytes(0x90)],
    ['a map cut short', bytes(0x81, str('grace'))],
  ])('answers 2 for a body that is %s', (_, body) => {
    const shard = started();
    const whole = Buffer.concat([mintedBody(SECOND, null).subarray(0, 16), body]);
    expect(shard.callRaw(10, KEY, whole, FLAG_MINTED).status).toBe(2);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(1);
  });

  test('answers 100 for an unknown session, and for no usable token', () => {
    const shard = started();
    expect(rotate(shard, STRANGER, SECOND).status).toBe(100);
    rotate(shard, KEY, SECOND);
    const flags = FLAG_MINTED | FLAG_NO_TOKEN;
    expect(shard.callRaw(10, KEY, mintedBody(THIRD, null), flags).status).toBe(100);
    expect(shard.counter('tokensReused')).toBe(0);
  });

  test('answers 1000 for a minted token that is in use, or was', () => {
    const shard = started();
    shard.start(THIRD);
    expect(rotate(shard, KEY, THIRD).status).toBe(1000);
    rotate(shard, KEY, SECOND);
    expect(rotate(shard, SECOND, KEY).status).toBe(1000);
    expect(shard.statusOf('SH_COUNT', SECOND)).toBe(1);
  });
});
