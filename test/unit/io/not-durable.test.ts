/** Replies whose effects could not be logged: what the I/O thread makes of their marks. */
import { afterEach, describe, expect, test } from 'vitest';
import { NOT_DURABLE } from '../../../src/ring/records.js';
import { type IoHarness, startIo, tokenOnShard } from '../../support/ring-io.js';
import { replyBytes } from '../../support/ring-shard.js';

const [NEW, END_ALL, SET, GET] = [1, 4, 32, 34];
const REFUSED = { m: 'the write could not be made durable' };

let harness: IoHarness;
afterEach(() => harness.close());

describe('a marked reply', () => {
  test('becomes 210 in its place, under its id', async () => {
    harness = startIo({ shards: 1 });
    const { connect, shards, turns } = harness;
    const socket = connect();
    const token = tokenOnShard(0, 1);
    const ops = [GET, SET, GET, SET, GET];
    socket.send(...ops.map((op, index) => [op, 70_000 + index, token, null]));
    await turns();
    const requests = shards[0]!.take();
    for (const request of requests) {
      const isMarked = request.op === SET;
      shards[0]!.put(request, replyBytes(request.id, 1, null), isMarked ? NOT_DURABLE : 0);
    }
    shards[0]!.publish();
    await turns();
    expect(socket.replies).toEqual([
      [70_000, 1, null],
      [70_001, 210, REFUSED],
      [70_002, 1, null],
      [70_003, 210, REFUSED],
      [70_004, 1, null],
    ]);
  });

  test('that came by the side road does so, too', async () => {
    harness = startIo({ shards: 1, ringBytes: 4_096 });
    const { connect, shards, turns } = harness;
    const socket = connect();
    socket.send([SET, 1, tokenOnShard(0, 1), null], [GET, 2, tokenOnShard(0, 1), null]);
    await turns();
    const [marked, other] = shards[0]!.take();
    const large = { keys: 'v'.repeat(5_000) };
    shards[0]!.put(marked!, replyBytes(1, 1, large), NOT_DURABLE);
    shards[0]!.put(other!, replyBytes(2, 1, large), 0);
    shards[0]!.publish();
    await turns();
    expect(socket.replies).toEqual([
      [1, 210, REFUSED],
      [2, 1, large],
    ]);
  });

  test('tells no token of a session that may not last', async () => {
    harness = startIo({ shards: 1 });
    const { connect, shards, turns } = harness;
    const socket = connect();
    for (let id = 0; id < 20; id += 1) {
      socket.send([NEW, id, null, null]);
      await turns();
      const [request] = shards[0]!.take();
      const reply = replyBytes(id, 1, { tkn: new Uint8Array(24) });
      shards[0]!.put(request!, reply, NOT_DURABLE);
      shards[0]!.publish();
      await turns();
    }
    expect(new Set(socket.replies.map(([, status]) => status))).toEqual(new Set([210]));
    expect(socket.replies.every(([, , body]) => !Object.hasOwn(Object(body), 'tkn'))).toBe(true);
  });

  test('becomes a text reply of status 210 where the command was text', async () => {
    harness = startIo({ shards: 1 });
    const { connect, shards, turns } = harness;
    const socket = connect();
    socket.sendJson('{"id":5,"KV_SET":{"keys":{"a":1}}}');
    socket.sendJson('{"SH_NEW":{}}');
    await turns();
    const [set, started] = shards[0]!.take();
    shards[0]!.put(set!, replyBytes(set!.id, 1, null), NOT_DURABLE);
    const reply = replyBytes(started!.id, 1, { tkn: new Uint8Array(24) });
    shards[0]!.put(started!, reply, NOT_DURABLE);
    shards[0]!.publish();
    await turns();
    expect(socket.messages).toEqual([
      '{"id":5,"KV_SET_RSP":{"st":210}}',
      '{"SH_NEW_RSP":{"st":210}}',
    ]);
  });

  test('of one shard speaks for all where the command went to all', async () => {
    harness = startIo({ shards: 3 });
    const { connect, shards, turns } = harness;
    const socket = connect();
    socket.send([END_ALL, 7, null, null]);
    await turns();
    for (const [index, shard] of shards.entries()) {
      const [request] = shard.take();
      const tokenAt = index === 1 ? NOT_DURABLE : 0;
      shard.put(request!, replyBytes(7, 1, { cnt: 5 }), tokenAt);
      shard.publish();
    }
    await turns();
    expect(socket.replies).toEqual([[7, 210, REFUSED]]);
  });
});
