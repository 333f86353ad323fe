import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { FLAG_DEFAULT_MAP, FLAG_NO_TOKEN } from '../../../src/ring/records.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const KEY = sessionKey(1);

describe('Dispatcher', () => {
  test.each([0, 18, 31, 48, 63, 64, 65, 95, 112, 127, 128, 129, 200, 253])(
    'answers 10 to op %i, which no shard knows',
    (op) => {
      const shard = new ShardHarness();
      expect(shard.callRaw(op, KEY, encode(null))).toMatchObject({ status: 10, body: null });
    },
  );

  test('echoes connection, ticket and id', () => {
    const shard = new ShardHarness();
    const first = shard.call('SH_INFO_ALL', undefined, null);
    const second = shard.call('SH_GET', KEY, null);
    expect([first.connection, first.ticket]).toEqual([17, 3]);
    expect(second).toMatchObject({ connection: 17, ticket: 3, id: first.id + 1 });
  });

  test('checks bytes, then parameters, then values, then the session', () => {
    const shard = new ShardHarness();
    const rmv = (body: Uint8Array): number => shard.callRaw(CATALOGUE.SH_RMV.op, KEY, body).status;
    expect(rmv(bytes(0x81, str('keys')))).toBe(2);
    expect(rmv(encode({}))).toBe(26);
    expect(rmv(encode({ keys: 1 }))).toBe(41);
    expect(rmv(encode({ keys: [] }))).toBe(42);
    expect(rmv(encode({ keys: ['a'] }))).toBe(100);
    shard.start(KEY);
    expect(rmv(encode({ keys: ['a'] }))).toBe(1);
  });

  test('checks parameters of a command without a token, too', () => {
    const shard = new ShardHarness();
    expect(shard.statusOf('SH_GET', undefined, {}, FLAG_NO_TOKEN)).toBe(26);
    expect(shard.statusOf('SH_GET', undefined, { keys: [] }, FLAG_NO_TOKEN)).toBe(100);
  });

  test('takes a body from the side road, and sends a long reply along it, in order', () => {
    const shard = new ShardHarness({ ringBytes: 4_096 });
    shard.start(KEY);
    const long = 'v'.repeat(100_000);
    const ids = [
      shard.push('SH_SET', KEY, { keys: { a: long } }),
      shard.push('SH_GET', KEY, { keys: ['a'] }),
      shard.push('SH_SET', KEY, { keys: { a: 'short' } }),
      shard.push('SH_GET', KEY, { keys: ['a'] }),
    ];
    shard.settle();
    const replies = shard.replies();
    expect(replies.map((reply) => reply.id)).toEqual(ids);
    expect(replies.map((reply) => reply.body)).toEqual([
      null,
      { keys: { a: long } },
      null,
      { keys: { a: 'short' } },
    ]);
    expect(shard.counter('sideRoadOut')).toBe(1);
  });

  test('never takes the default map for a session, nor a session for the default map', () => {
    const shard = new ShardHarness();
    const zero = { digest: [0, 0, 0, 0], slot: 0 } as const;
    shard.ask('KV_SET', undefined, { keys: { a: 1 } });
    expect(shard.ask('SH_GET_ALL', zero)).toEqual([100, null]);
    shard.start(zero, { keys: { b: 2 } });
    expect(shard.ask('KV_GET_ALL', zero)).toEqual([1, { keys: { a: 1 } }]);
    expect(shard.ask('SH_GET_ALL', zero)).toEqual([1, { keys: { b: 2 } }]);
    const flagged = shard.ask('SH_COUNT', KEY, null, FLAG_DEFAULT_MAP);
    expect(flagged).toEqual([1, { cnt: 1 }]);
  });

  test('counts commands, refusals and sizes refused', () => {
    const shard = new ShardHarness({ limits: { keysMax: 1 } });
    shard.start(KEY);
    shard.ask('SH_GET', KEY, { keys: ['a', 'b'] });
    shard.ask('SH_RMV', KEY, { keys: [] });
    shard.ask('SH_GET', sessionKey(2), { keys: [] });
    shard.ask('SH_GET', KEY, { keys: [] });
    const counted = (['commands', 'refusals', 'sizeLimitHits'] as const).map((name) =>
      shard.counter(name),
    );
    expect(counted).toEqual([5, 3, 2]);
  });
});
