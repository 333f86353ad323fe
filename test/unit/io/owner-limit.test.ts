/** The limit of an owner over several shards, step by step: the test plays the shards. */
import { afterEach, describe, expect, test } from 'vitest';
import { decode } from '@msgpack/msgpack';
import type { Config } from '../../../src/config/options.js';
import {
  FLAG_LENIENT,
  FLAG_OWNER_LOCKED,
  FLAG_SHORT_TOKEN,
  NOT_DURABLE,
} from '../../../src/ring/records.js';
import { OWNER_LOCKS_BYTES } from '../../../src/ring/owner-locks.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { type FakeSocket, type IoHarness, startIo, tokenOnShard } from '../../support/ring-io.js';
import { replyBytes, type TakenRequest } from '../../support/ring-shard.js';

const [NEW, OPEN, SET_OWNER, LIST, END_ID] = [1, 2, 11, 12, 13];
const MIB = 1_024 * 1_024;
const BODY = { owner: 'ann' };

const harnesses: IoHarness[] = [];
function start(overrides: Partial<Config> = {}, ownerLocks?: SharedArrayBuffer): IoHarness {
  const config = { shards: 2, maxSessionsPerOwner: 2, ...overrides };
  const harness = startIo(config, ownerLocks === undefined ? {} : { ownerLocks });
  harnesses.push(harness);
  return harness;
}
afterEach(() => {
  for (const harness of harnesses.splice(0)) harness.close();
});

/** What each shard has been sent since. */
async function taken({ shards, turns }: IoHarness): Promise<TakenRequest[][]> {
  await turns();
  return shards.map((shard) => shard.take());
}

interface Old {
  readonly createdMs: number;
  readonly id: string;
}

function oldest(sessions: readonly Old[]): Uint8Array {
  const bytes = Buffer.alloc(sessions.length * 20);
  for (const [index, { createdMs, id }] of sessions.entries()) {
    bytes.writeDoubleLE(createdMs, index * 20);
    bytes.write(id, index * 20 + 8, 'hex');
  }
  return bytes;
}

/** SET_OWNER on shard 0, asked for once and answered 206; gives the parts of the count. */
async function askedOnce(io: IoHarness, socket: FakeSocket): Promise<TakenRequest[][]> {
  socket.send([SET_OWNER, 9, tokenOnShard(0, 2), BODY]);
  const [asked] = await taken(io);
  expect(asked).toMatchObject([{ op: SET_OWNER, id: 9, flags: 0 }]);
  io.shards[0]!.answer(asked![0]!, { status: 206 });
  return await taken(io);
}

/** Answers the count; the command itself is answered 206 again. */
function count(io: IoHarness, parts: TakenRequest[][], counts: readonly Old[][]): void {
  for (const [shard, requests] of parts.entries()) {
    for (const request of requests) {
      const sessions = counts[shard]!;
      const body = { cnt: sessions.length, oldest: oldest(sessions) };
      io.shards[shard]!.answer(request, request.op === LIST ? { body } : { status: 206 });
    }
  }
}

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(24)) as [string, string, string];

describe('OwnerLimit', () => {
  test('asks nobody but the shard where the answer is another than 206', async () => {
    const io = start();
    const socket = io.connect();
    socket.send([SET_OWNER, 1, tokenOnShard(1, 2), BODY]);
    const [, [request]] = (await taken(io)) as [TakenRequest[], TakenRequest[]];
    io.shards[1]!.answer(request!, { status: 100 });
    expect(await taken(io)).toEqual([[], []]);
    expect(socket.replies).toEqual([[1, 100, null]]);
  });

  test('that holds as much as it may refuses what names an owner with 203, and nothing else', async () => {
    const io = start({ maxPayload: 32 * MIB });
    const socket = io.connect();
    // The first takes the lock, the others wait for it.
    for (let id = 1; id <= 4; id += 1) {
      const keys = { large: 'x'.repeat(25 * MIB) };
      socket.send([NEW, id, null, { ...BODY, keys }]);
      for (const [shard, requests] of (await taken(io)).entries()) {
        for (const request of requests) {
          if (request.op === NEW) io.shards[shard]!.answer(request, { status: 206 });
        }
      }
    }
    await taken(io);
    const other = io.connect();
    other.send([NEW, 7, null, BODY], [NEW, 8, null, null], [OPEN, 9, null, { name: 'n' }]);
    const ids = (await taken(io)).flat().map(({ id }) => id);
    expect(other.replies).toEqual([[7, 203, null]]);
    expect(ids.sort()).toEqual([8, 9]);
  });

  test('counts on all shards and asks again, then grants', async () => {
    const io = start();
    const socket = io.connect();
    const parts = await askedOnce(io, socket);
    expect(parts).toMatchObject([
      [
        { op: LIST, flags: FLAG_OWNER_LOCKED },
        { op: SET_OWNER, flags: 0, id: 9 },
      ],
      [{ op: LIST, flags: FLAG_OWNER_LOCKED }],
    ]);
    expect(decode(parts[1]![0]!.body)).toEqual(BODY);
    count(io, parts, [[], [{ createdMs: 1, id: A }]]);
    const [granted, others] = (await taken(io)) as [TakenRequest[], TakenRequest[]];
    expect(granted).toMatchObject([{ op: SET_OWNER, flags: FLAG_OWNER_LOCKED, id: 9 }]);
    expect(decode(granted[0]!.body)).toEqual(BODY);
    expect(granted[0]!.digest).toEqual(parts[0]![1]!.digest);
    expect(others).toEqual([]);
    expect(socket.replies).toEqual([]);
    io.shards[0]!.answer(granted[0]!);
    await io.turns();
    expect(socket.replies).toEqual([[9, 1, null]]);
  });

  test('at the limit answers 206 and says why', async () => {
    const io = start();
    const socket = io.connect();
    const parts = await askedOnce(io, socket);
    count(io, parts, [[{ createdMs: 2, id: B }], [{ createdMs: 1, id: A }]]);
    expect(await taken(io)).toEqual([[], []]);
    expect(socket.replies).toEqual([[9, 206, { m: "the owner's session limit is reached" }]]);
    expect(io.counter('ownerLimitHits')).toBe(1);
  });

  test('takes the answer of the second time, if there was no need any more', async () => {
    const io = start();
    const socket = io.connect();
    const parts = await askedOnce(io, socket);
    for (const request of parts[0]!) {
      const body = { cnt: 5, oldest: new Uint8Array(0) };
      io.shards[0]!.answer(request, request.op === LIST ? { body } : { status: 1 });
    }
    io.shards[1]!.answer(parts[1]![0]!, { body: { cnt: 5, oldest: new Uint8Array(0) } });
    expect(await taken(io)).toEqual([[], []]);
    expect(socket.replies).toEqual([[9, 1, null]]);
  });

  test('with end-oldest ends those started first, on their shards, then grants', async () => {
    const io = start({ ownerLimit: 'end-oldest' });
    const socket = io.connect();
    const parts = await askedOnce(io, socket);
    // Three where two are allowed: two must go.
    count(io, parts, [
      [{ createdMs: 1, id: A }],
      [
        { createdMs: 2, id: B },
        { createdMs: 3, id: C },
      ],
    ]);
    const ending = await taken(io);
    const flags = FLAG_OWNER_LOCKED;
    expect(ending).toMatchObject([[{ op: END_ID, flags }], [{ op: END_ID, flags }]]);
    expect(ending.map(([request]) => decode(request!.body))).toEqual([
      { id: A, ...BODY },
      { id: B, ...BODY },
    ]);
    io.shards[0]!.answer(ending[0]![0]!);
    expect(await taken(io)).toEqual([[], []]);
    io.shards[1]!.answer(ending[1]![0]!);
    const [granted] = await taken(io);
    expect(granted).toMatchObject([{ op: SET_OWNER, flags }]);
    io.shards[0]!.answer(granted![0]!);
    await io.turns();
    expect(socket.replies).toEqual([[9, 1, null]]);
  });

  test('with end-oldest counts again when the oldest was gone or had another id', async () => {
    const io = start({ ownerLimit: 'end-oldest', maxSessionsPerOwner: 1 });
    const socket = io.connect();
    count(io, await askedOnce(io, socket), [[{ createdMs: 1, id: A }], []]);
    const [ending] = await taken(io);
    io.shards[0]!.answer(ending![0]!, { status: 100 });
    const again = await taken(io);
    expect(again.map((requests) => requests.map(({ op }) => op))).toEqual([
      [LIST, SET_OWNER],
      [LIST],
    ]);
    count(io, again, [[], []]);
    const [granted] = await taken(io);
    expect(granted).toMatchObject([{ op: SET_OWNER, flags: FLAG_OWNER_LOCKED }]);
  });

  test('with end-oldest passes 210 on, and ends nobody more', async () => {
    const io = start({ ownerLimit: 'end-oldest', maxSessionsPerOwner: 1 });
    const socket = io.connect();
    count(io, await askedOnce(io, socket), [[{ createdMs: 1, id: A }], []]);
    const [ending] = await taken(io);
    io.shards[0]!.put(ending![0]!, replyBytes(0, 1, null), NOT_DURABLE);
    io.shards[0]!.publish();
    expect(await taken(io)).toEqual([[], []]);
    expect(socket.replies).toMatchObject([[9, 210, { m: expect.any(String) }]]);
  });

  test('puts the token that was minted first into the reply, whichever time it is sent', async () => {
    const io = start({ tokenForm: 'uint64' });
    const socket = io.connect();
    socket.sendJson('{"SH_NEW":{"owner":"ann"}}');
    const flags = FLAG_LENIENT | FLAG_SHORT_TOKEN;
    const asked = (await taken(io)).flat();
    expect(asked).toMatchObject([{ op: NEW, flags }]);
    const home = asked[0]!.slot < 512 ? 0 : 1;
    io.shards[home]!.answer(asked[0]!, { status: 206 });
    count(io, await taken(io), [[], []]);
    const granted = (await taken(io)).flat();
    expect(granted).toMatchObject([{ op: NEW, flags: flags | FLAG_OWNER_LOCKED }]);
    expect(granted[0]!.digest).toEqual(asked[0]!.digest);
    const reply = replyBytes(0, 1, { tkn: new Uint8Array(8) });
    io.shards[home]!.put(granted[0]!, reply, reply.length - 8);
    io.shards[home]!.publish();
    await io.turns();
    expect(socket.messages).toEqual([
      expect.stringMatching(/^\{"SH_NEW_RSP":\{"st":1,"tkn":[1-9]\d*\}\}$/),
    ]);
  });

  test('lets one command of an owner in at a time, over two I/O threads', async () => {
    const ownerLocks = new SharedArrayBuffer(OWNER_LOCKS_BYTES);
    const [one, other] = [start({}, ownerLocks), start({}, ownerLocks)];
    const sockets = [one.connect(), other.connect()];
    const first = await askedOnce(one, sockets[0]!);
    // It waits for the lock: nobody is asked anything.
    expect(await askedOnce(other, sockets[1]!)).toEqual([[], []]);
    count(one, first, [[], []]);
    const [granted] = await taken(one);
    expect(await taken(other)).toEqual([[], []]);
    one.shards[0]!.answer(granted![0]!);
    await one.turns();
    const second = await taken(other);
    expect(second.map((requests) => requests.length)).toEqual([2, 1]);
    count(other, second, [
      [],
      [
        { createdMs: 1, id: A },
        { createdMs: 2, id: B },
      ],
    ]);
    await other.turns();
    const statuses = sockets.map(({ replies }) => replies.map(([, status]) => status));
    expect(statuses).toEqual([[1], [206]]);
  });

  describe('lets what follows on the connection wait for the answer', () => {
    const token = tokenOnShard(0, 2);
    const [INFO, COUNT] = [6, 39];

    /** Answers whatever comes, commands for the owner with 206 the first time. */
    async function answerAll(io: IoHarness): Promise<number[]> {
      const ops: number[] = [];
      for (let idle = 0; idle < 5; idle += 1) {
        for (const [shard, requests] of (await taken(io)).entries()) {
          for (const request of requests) {
            idle = 0;
            ops.push(request.op);
            const isAsking = request.op === SET_OWNER && (request.flags & FLAG_OWNER_LOCKED) === 0;
            const body = request.op === LIST ? { cnt: 0, oldest: new Uint8Array(0) } : null;
            io.shards[shard]!.answer(request, { status: isAsking ? 206 : 1, body });
          }
        }
      }
      return ops;
    }

    test('in the same message and in later ones, in order', async () => {
      const io = start();
      const socket = io.connect();
      socket.send([INFO, 1, token, null], [SET_OWNER, 2, token, BODY], [COUNT, 3, token, null]);
      socket.send([SET_OWNER, 4, token, { owner: 'bob' }], [INFO, 5, token, null]);
      socket.send([INFO, 6, token, null]);
      const before = await taken(io);
      expect(before[0]!.map(({ op }) => op)).toEqual([INFO, SET_OWNER]);
      io.shards[0]!.answer(before[0]![0]!);
      io.shards[0]!.answer(before[0]![1]!, { status: 206 });
      await answerAll(io);
      expect(socket.replies.map(([id, status]) => [id, status])).toEqual(
        [1, 2, 3, 4, 5, 6].map((id) => [id, 1]),
      );
    });

    test('in both dialects', async () => {
      const io = start();
      const socket = io.connect();
      const [tkn, CLEAR] = [tokenToText(token), 40];
      socket.sendJson(`{"SH_SET_OWNER":{"tkn":"${tkn}","owner":"ann"}}`);
      socket.send([INFO, 7, token, null]);
      socket.sendJson(`{"SH_CLEAR":{"tkn":"${tkn}"}}`);
      const ops = await answerAll(io);
      expect(ops).toEqual([SET_OWNER, LIST, SET_OWNER, LIST, SET_OWNER, INFO, CLEAR]);
      expect(socket.replies).toEqual([[7, 1, null]]);
      expect(socket.messages.filter((message) => typeof message === 'string')).toEqual([
        '{"SH_SET_OWNER_RSP":{"st":1}}',
        '{"SH_CLEAR_RSP":{"st":1}}',
      ]);
    });

    test('but not what other connections send, nor what follows SH_NEW', async () => {
      const io = start();
      const [socket, other] = [io.connect(), io.connect()];
      socket.send([SET_OWNER, 1, token, BODY], [INFO, 2, token, null]);
      other.send([NEW, 3, null, BODY], [COUNT, 4, token, null]);
      const ops = (await taken(io)).flat().map(({ op }) => op);
      expect(ops.sort((a, b) => a - b)).toEqual([NEW, SET_OWNER, COUNT]);
    });

    test('and forgets it when the connection closes', async () => {
      const io = start();
      const socket = io.connect();
      socket.send([SET_OWNER, 1, token, BODY], [INFO, 2, token, null]);
      await io.turns();
      socket.terminate();
      expect(await answerAll(io)).not.toContain(INFO);
    });

    test('and refuses it with 209 during a drain, after the answer', async () => {
      const io = start();
      const socket = io.connect();
      socket.send([SET_OWNER, 1, token, BODY], [INFO, 2, token, null]);
      const drained = io.io.drain(1_000);
      await answerAll(io);
      await drained;
      expect(socket.replies).toEqual([
        [1, 1, null],
        [2, 209, null],
      ]);
    });

    test('up to a bound, beyond which the connection is closed', () => {
      const io = start();
      const socket = io.connect();
      socket.send([SET_OWNER, 1, token, BODY]);
      const large = [32, 2, token, { keys: { a: 'v'.repeat(1_000_000) } }];
      for (let i = 0; i < 15; i += 1) socket.send(large);
      expect(socket.closed).toBeUndefined();
      for (let i = 0; i < 5; i += 1) socket.send(large);
      expect(socket.closed).toMatchObject({ code: 1013 });
    });
  });

  describe('what waits on all connections of a thread', () => {
    const large = [32, 2, tokenOnShard(0, 2), { keys: { a: 'v'.repeat(1_000_000) } }];
    const waiting = (io: IoHarness): FakeSocket => {
      const socket = io.connect();
      socket.send([SET_OWNER, 1, tokenOnShard(0, 2), BODY]);
      for (let i = 0; i < 13; i += 1) socket.send(large);
      return socket;
    };

    test('is bounded: who sends beyond that is closed', () => {
      const io = start();
      const sockets = Array.from({ length: 6 }, () => waiting(io));
      expect(sockets.map(({ closed }) => closed)).toMatchObject([
        ...Array.from({ length: 5 }, () => undefined),
        { code: 1013 },
      ]);
    });

    test('is no more than what waits now', async () => {
      const io = start();
      for (let round = 0; round < 4; round += 1) {
        const sockets = [waiting(io), waiting(io), waiting(io)];
        expect(sockets.map(({ closed }) => closed)).toEqual([undefined, undefined, undefined]);
        sockets[0]!.terminate();
        for (const request of (await taken(io)).flat()) io.shards[0]!.answer(request);
        await taken(io);
        await taken(io);
        for (const socket of sockets.slice(1)) socket.terminate();
      }
    });
  });

  test('is finished for a connection that has gone, and frees the lock', async () => {
    const io = start();
    const socket = io.connect();
    const parts = await askedOnce(io, socket);
    socket.terminate();
    count(io, parts, [[], []]);
    const [granted] = await taken(io);
    io.shards[0]!.answer(granted![0]!);
    await io.turns();
    expect(io.counter('repliesDropped')).toBe(1);
    expect(await askedOnce(io, io.connect())).toMatchObject([[{ op: LIST }, {}], [{ op: LIST }]]);
  });

  test.each([
    ['SH_NEW without an owner', [NEW, 1, null, { keys: {} }]],
    ['SH_OPEN without an owner', [OPEN, 1, null, { name: 'n' }]],
    ['SH_SET_OWNER for nobody', [SET_OWNER, 1, tokenOnShard(0, 2), { owner: null }]],
    ['SH_SET_OWNER of a wrong type', [SET_OWNER, 1, tokenOnShard(0, 2), { owner: 5 }]],
    ['SH_SET_OWNER without a body', [SET_OWNER, 1, tokenOnShard(0, 2), null]],
  ])('leaves %s to its shard', async (_, command) => {
    const io = start();
    const socket = io.connect();
    socket.send(command);
    const requests = await taken(io);
    expect(requests.flat()).toHaveLength(1);
    for (const [shard, each] of requests.entries()) {
      for (const request of each) io.shards[shard]!.answer(request, { status: 42 });
    }
    expect(await taken(io)).toEqual([[], []]);
    expect(socket.replies).toEqual([[1, 42, null]]);
  });

  test('is not asked where there is one shard, or no limit', async () => {
    for (const settings of [{ shards: 1 }, { maxSessionsPerOwner: 0 }]) {
      const io = start(settings);
      const socket = io.connect();
      socket.send([SET_OWNER, 1, tokenOnShard(0, io.shards.length), BODY]);
      const [[request]] = (await taken(io)) as [TakenRequest[]];
      io.shards[0]!.answer(request!, { status: 206 });
      await io.turns();
      expect(socket.replies).toEqual([[1, 206, null]]);
    }
  });
});
