import { decode } from '@msgpack/msgpack';
import { afterEach, describe, expect, test } from 'vitest';
import {
  FLAG_DEFAULT_MAP,
  FLAG_LENIENT,
  FLAG_NO_TOKEN,
  FLAG_SIDE_ROAD,
} from '../../../src/ring/records.js';
import { shardOf } from '../../../src/core/slots.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { replyBytes } from '../../support/ring-shard.js';
import { SECRET, startIo, tokenOnShard, type IoHarness } from '../../support/ring-io.js';
import { referenceSipHash } from '../../support/siphash-reference.js';
import type { Config } from '../../../src/config/options.js';

const TOKEN = Uint8Array.from({ length: 24 }, (_, i) => 3 * i);
const SET = 32;
const GET = 34;
const KV_GET = 98;

let harness: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  harness = startIo(overrides);
  return harness;
}
afterEach(() => {
  harness.close();
});

/** The digest of a token, as the words a shard receives. */
function digestOf(token: Uint8Array): number[] {
  const hex = referenceSipHash(SECRET.subarray(0, 16), token.subarray(2));
  return Array.from(new Int32Array(Uint8Array.from(Buffer.from(hex, 'hex')).buffer));
}

describe('a session command', () => {
  test('reaches the shard of its token with digest, slot and untouched body', async () => {
    const { connect, shards, turns } = start({ shards: 5 });
    const socket = connect();
    socket.send([GET, 7, TOKEN, { keys: ['a'] }]);
    await turns();
    const digest = digestOf(TOKEN);
    const slot = ((TOKEN[0]! | (TOKEN[1]! << 8)) ^ (digest[0]! & 0xffff)) & 1023;
    const taken = shards.map((shard) => shard.take());
    expect(taken.map((requests) => requests.length)).toEqual(
      shards.map((_, shard) => (shard === shardOf(slot, 5) ? 1 : 0)),
    );
    const [request] = taken[shardOf(slot, 5)]!;
    expect(request).toMatchObject({ id: 7, op: GET, flags: 0, ticket: 0, slot, digest });
    expect(decode(request!.body)).toEqual({ keys: ['a'] });
    shards[shardOf(slot, 5)]!.answer(request!, { body: { keys: { a: 1 } } });
    await turns();
    expect(socket.replies).toEqual([[7, 1, { keys: { a: 1 } }]]);
  });

  test.each([
    ['no token', GET, null, FLAG_NO_TOKEN, GET],
    ['a token of the wrong type', GET, 5, FLAG_NO_TOKEN, GET],
    ['a text that is no token', GET, '='.repeat(32), FLAG_NO_TOKEN, GET],
    ['KV_ without a token', KV_GET, null, FLAG_DEFAULT_MAP, GET],
    ['KV_ with a token', KV_GET, TOKEN, 0, GET],
    ['KV_ with a wrong token', KV_GET, 'x', FLAG_NO_TOKEN, GET],
  ])('with %s carries the right flags', async (_, op, token, flags, opAtShard) => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.send([op, 7, token, { keys: [] }]);
    await turns();
    const [request] = shards[0]!.take();
    expect(request).toMatchObject({ op: opAtShard, flags });
    shards[0]!.answer(request!);
    await turns();
    expect(socket.replies).toHaveLength(1);
  });

  test('on the default map always goes to the first shard', async () => {
    const { connect, shards, turns } = start({ shards: 3 });
    const socket = connect();
    for (let id = 1; id <= 20; id += 1) socket.send([KV_GET, id, null, { keys: [] }]);
    await turns();
    const requests = shards[0]!.take();
    expect(requests).toHaveLength(20);
    for (const request of requests) shards[0]!.answer(request);
    await turns();
    expect(socket.replies).toHaveLength(20);
  });

  test('is visible to its shard in portions, and at the end of the turn', async () => {
    const { connect, shards, turns } = start();
    const [shard] = shards;
    const socket = connect();
    const rung = shard!.rings;
    for (let id = 1; id <= 70; id += 1) socket.send([SET, id, TOKEN, {}]);
    const early = shard!.take();
    expect(early.map(({ id }) => id)).toEqual(range(1, 65));
    // The first alone, and each 32 that follow.
    expect(shard!.rings - rung).toBe(3);
    await turns();
    const late = shard!.take();
    expect(late.map(({ id }) => id)).toEqual(range(66, 70));
    expect(shard!.rings - rung).toBe(4);
    for (const request of [...early, ...late]) shard!.answer(request);
    await turns();
    expect(socket.replies.map(([id]) => id)).toEqual(range(1, 70));
  });
});

describe('replies', () => {
  test('of one turn for one connection share a message', async () => {
    const { connect, shards, turns } = start({ shards: 2 });
    const sockets = [connect(), connect()];
    for (const socket of sockets) {
      for (let id = 1; id <= 30; id += 1) socket.send([KV_GET, id, null, { keys: [] }]);
    }
    await turns();
    const requests = shards[0]!.take();
    for (const request of requests) shards[0]!.put(request, replyBytes(request.id, 1, null), 0);
    shards[0]!.publish();
    await turns();
    for (const socket of sockets) {
      expect(socket.messages).toHaveLength(1);
      expect(socket.replies.map(([id]) => id)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    }
  });

  test('too large for the ring come by the side road, in their place', async () => {
    const { connect, shards, turns } = start();
    const socket = connect();
    for (const id of [1, 2, 3]) socket.send([GET, id, TOKEN, null]);
    await turns();
    const large = 'x'.repeat(300_000);
    for (const request of shards[0]!.take()) {
      shards[0]!.answer(request, { body: request.id === 2 ? { keys: { large } } : null });
    }
    await turns();
    expect(socket.replies).toEqual([
      [1, 1, null],
      [2, 1, { keys: { large } }],
      [3, 1, null],
    ]);
  });

  test('of a connection that has gone are counted and dropped, not given to its successor', async () => {
    const { connect, shards, turns, counter } = start({ maxConnections: 1 });
    const first = connect();
    first.send([GET, 1, TOKEN, null]);
    await turns();
    first.terminate();
    const second = connect();
    second.send([GET, 2, TOKEN, null]);
    await turns();
    for (const request of shards[0]!.take()) shards[0]!.answer(request);
    await turns();
    expect(first.messages).toEqual([]);
    expect(second.replies).toEqual([[2, 1, null]]);
    expect(counter('repliesDropped')).toBe(1);
  });
});

describe('large commands', () => {
  test('take the side road, in their place', async () => {
    const { connect, shards, turns } = start();
    const socket = connect();
    const large = 'x'.repeat(100_000);
    for (const id of [1, 2, 3]) {
      socket.send([SET, id, TOKEN, { keys: { a: id === 2 ? large : 'small' } }]);
    }
    await turns();
    const requests = shards[0]!.take();
    expect(requests.map(({ id, flags }) => [id, flags])).toEqual([
      [1, 0],
      [2, FLAG_SIDE_ROAD],
      [3, 0],
    ]);
    expect(decode(requests[1]!.body)).toEqual({ keys: { a: large } });
    for (const request of requests) shards[0]!.answer(request);
    await turns();
    expect(socket.replies.map(([id]) => id)).toEqual([1, 2, 3]);
  });
});

describe('new sessions', () => {
  test('get a token that the shard never sees, in the slot it is told', async () => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.send([1, 7, null, null]);
    await turns();
    const [request] = shards[0]!.take();
    expect(request!.ticket).not.toBe(0);
    const reply = replyBytes(7, 1, { tkn: new Uint8Array(24), id: 'x' });
    shards[0]!.put(request!, reply, reply.length - 24 - 5);
    shards[0]!.publish();
    await turns();
    const [[, , body] = []] = socket.replies;
    const { tkn } = body as { tkn: Uint8Array };
    expect(digestOf(tkn)).toEqual(request!.digest);
    const mask = tkn[0]! | (tkn[1]! << 8);
    expect((mask ^ request!.digest[0]!) & 1023).toBe(request!.slot);
  });

  test.each([
    [1, { name: 'n', shared: true }],
    [2, { name: 'n' }],
    [2, { create: true, keys: { name: 'other' }, name: 'n' }],
  ])('of a shared name get the token of the name (op %i, %j)', async (op, body) => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.send([1, 1, null, { shared: true, name: 'n' }], [op, 2, null, body]);
    await turns();
    const requests = shards[0]!.take();
    expect(requests[1]!.digest).toEqual(requests[0]!.digest);
    for (const request of requests) shards[0]!.answer(request);
    await turns();
  });

  test.each([
    [{ name: 'n' }],
    [{ name: 'n', shared: false }],
    [{ name: 5, shared: true }],
    [{ name: '', shared: true }],
    [{ shared: true }],
    [null],
    [17],
  ])('of no shared name get a random token (%j)', async (body) => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.send([1, 1, null, body], [1, 2, null, body]);
    await turns();
    const requests = shards[0]!.take();
    expect(requests[1]!.digest).not.toEqual(requests[0]!.digest);
    for (const request of requests) shards[0]!.answer(request);
    await turns();
  });
});

describe('what is answered here', () => {
  test('malformed, unknown and server commands in one frame, each with its id', () => {
    const { connect, counter } = start();
    const socket = connect();
    socket.send(
      [129, 1, null, null],
      [77, 2, null, null],
      [300, 3, null, null],
      ['x', 4, null, {}],
    );
    socket.sendBytes(Uint8Array.of(1, 2, 3).buffer);
    socket.sendBytes(new ArrayBuffer(0));
    expect(socket.replies.map(([id, status]) => [id, status])).toEqual([
      [1, 1],
      [2, 10],
      [3, 10],
      [4, 2],
      [0, 2],
      [0, 2],
    ]);
    expect(socket.messages).toHaveLength(3);
    expect(counter('commandsMalformed')).toBe(5);
  });

  test('every command of an oversized frame with 204', () => {
    const { connect, counter } = start({ maxPayload: 64 });
    const socket = connect();
    const body = { keys: { a: 'x'.repeat(50) } };
    socket.send([SET, 1, TOKEN, body], ['x', 2, TOKEN, body]);
    expect(socket.replies.map(([id, status]) => [id, status])).toEqual([
      [1, 204],
      [2, 204],
    ]);
    expect(counter('framesTooLarge')).toBe(1);
    socket.sendJson(`{"id":4,"SH_SET":{"keys":{"a":"${'x'.repeat(99)}"}}}`);
    expect(socket.messages.at(-1)).toBe('{"id":4,"SH_SET_RSP":{"st":204}}');
  });

  test('SV_INFO with what the server is', () => {
    const { connect } = start({ shards: 2, ioThreads: 3 });
    const socket = connect();
    socket.send([128, 1, null, null]);
    expect(socket.replies).toEqual([
      [
        1,
        1,
        {
          serverVersion: '1.2.3',
          persistEnabled: true,
          protocol: 1,
          shards: 2,
          ioThreads: 3,
          uptime: 0,
        },
      ],
    ]);
  });
});

describe('text commands', () => {
  test('travel lenient with a ticket and are answered in the order sent, over all shards', async () => {
    const { connect, shards, turns } = start({ shards: 2 });
    const socket = connect();
    const tokens = ['A', 'B', 'C', 'D', 'E', 'F'].map((letter) => letter.repeat(32));
    for (const tkn of tokens) socket.sendJson(`{"id":"${tkn[0]}","SH_COUNT":{"tkn":"${tkn}"}}`);
    socket.sendJson('{"SV_PING":{}}');
    socket.sendJson('nonsense');
    await turns();
    expect(socket.messages).toEqual([]);
    // The second shard is done long before the first.
    for (const shard of [shards[1]!, shards[0]!]) {
      for (const request of shard.take().reverse()) {
        expect(request.flags).toBe(FLAG_LENIENT);
        shard.answer(request, { body: { cnt: 0 } });
      }
      await turns();
    }
    expect(socket.messages).toEqual([
      ...tokens.map((tkn) => `{"id":"${tkn[0]}","SH_COUNT_RSP":{"st":1,"cnt":0}}`),
      '{"SV_PING_RSP":{"st":1}}',
      '{"ERR":{"st":3}}',
    ]);
  });

  test('a native reply does not overtake a text reply that waits', async () => {
    const { connect, shards, turns } = start({ shards: 2 });
    const socket = connect();
    const [first, second] = [tokenOnShard(0, 2), tokenOnShard(1, 2)];
    socket.sendJson(`{"SH_COUNT":{"tkn":"${tokenToText(first)}"}}`);
    socket.sendJson(`{"SH_COUNT":{"tkn":"${tokenToText(second)}"}}`);
    socket.send([39, 9, second, null]);
    await turns();
    for (const shard of [shards[1]!, shards[0]!]) {
      for (const request of shard.take()) shard.answer(request, { body: { cnt: 0 } });
      await turns();
    }
    expect(socket.messages.map((message) => typeof message)).toEqual([
      'string',
      'string',
      'object',
    ]);
  });

  test('integers as tokens are hashed whole', async () => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.sendJson('{"SH_COUNT":{"tkn":18446744073709551615}}');
    await turns();
    const [request] = shards[0]!.take();
    const bytes = new Uint8Array(8).fill(255);
    const hex = referenceSipHash(SECRET.subarray(0, 16), bytes);
    expect(request!.digest[0]).toBe(Buffer.from(hex, 'hex').readInt32LE(0));
    expect(request!.slot).toBe(request!.digest[0]! & 1023);
    shards[0]!.answer(request!, { body: { cnt: 3 } });
    await turns();
    expect(socket.messages).toEqual(['{"SH_COUNT_RSP":{"st":1,"cnt":3}}']);
  });
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
