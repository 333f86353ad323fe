import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { startIo, tokenOnShard, type FakeSocket, type IoHarness } from '../../support/ring-io.js';
import { Random } from '../../support/random.js';

const SET = 32;
const TOKEN = new Uint8Array(24).fill(5);
const VALUE = 'x'.repeat(200);

let harness: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  harness = startIo(overrides);
  return harness;
}
afterEach(() => {
  harness.close();
});

function sendMany(socket: FakeSocket, from: number, to: number): void {
  for (let id = from; id < to; id += 1) socket.send([SET, id, TOKEN, { keys: { a: VALUE } }]);
}

/** Plays all shards until nothing more comes. */
async function answerAll({ shards, turns }: IoHarness): Promise<number> {
  let answered = 0;
  for (;;) {
    await turns();
    const before = answered;
    for (const shard of shards) {
      for (const request of shard.take(8)) {
        shard.answer(request);
        answered += 1;
      }
    }
    if (answered === before) return answered;
  }
}

function ids(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

describe('a full ring', () => {
  test('parks commands, and all are executed in order', async () => {
    const io = start();
    const socket = io.connect();
    sendMany(socket, 0, 500);
    expect(await answerAll(io)).toBe(500);
    expect(socket.replies.map(([id]) => id)).toEqual(ids(500));
    expect(socket.replies.every(([, status]) => status === 1)).toBe(true);
  });

  test('parks large commands too, in their place', async () => {
    const io = start();
    const socket = io.connect();
    for (let id = 0; id < 100; id += 1) {
      const value = id % 7 === 0 ? 'y'.repeat(5_000) : VALUE;
      socket.send([SET, id, TOKEN, { keys: { a: value } }]);
    }
    expect(await answerAll(io)).toBe(100);
    expect(socket.replies.map(([id]) => id)).toEqual(ids(100));
    expect(io.counter('sideRoadIn')).toBe(15);
  });

  test('holds back its own shard only', async () => {
    const io = start({ shards: 2 });
    const busy = io.connect();
    const other = io.connect();
    const tokens = [tokenOnShard(0, 2), tokenOnShard(1, 2)];
    for (let id = 0; id < 100; id += 1) busy.send([SET, id, tokens[0], { keys: { a: VALUE } }]);
    other.send([SET, 7, tokens[1], {}]);
    await io.turns();
    for (const request of io.shards[1]!.take()) io.shards[1]!.answer(request);
    await io.turns();
    expect(other.replies).toEqual([[7, 1, null]]);
    expect(await answerAll(io)).toBe(100);
  });

  test('refuses what is over --max-in-flight, after everything before it', async () => {
    const io = start({ maxInFlight: 50 });
    const socket = io.connect();
    sendMany(socket, 0, 80);
    await io.turns();
    expect(socket.replies).toEqual([]);
    expect(await answerAll(io)).toBe(50);
    expect(socket.replies.map(([id]) => id)).toEqual(ids(80));
    expect(socket.replies.filter(([, status]) => status === 203).map(([id]) => id)).toEqual(
      ids(30, 50),
    );
    expect(io.counter('commandsBusy')).toBe(30);
    // From here on it is as before.
    sendMany(socket, 100, 110);
    expect(await answerAll(io)).toBe(10);
    expect(socket.replies.slice(-10).every(([, status]) => status === 1)).toBe(true);
  });

  test('refuses nothing while the ring has room', async () => {
    const io = start({ maxInFlight: 2, ringBytes: 65_536 });
    const socket = io.connect();
    sendMany(socket, 0, 100);
    expect(await answerAll(io)).toBe(100);
    expect(socket.replies.every(([, status]) => status === 1)).toBe(true);
  });

  test('once a command is refused, so is all that follows until the connection is answered', async () => {
    const io = start({ maxInFlight: 20 });
    const socket = io.connect();
    sendMany(socket, 0, 21);
    await io.turns();
    // Room again, but the refusal of 20 still waits for the replies before it.
    for (const request of io.shards[0]!.take(8)) io.shards[0]!.answer(request);
    await io.turns();
    sendMany(socket, 21, 23);
    await answerAll(io);
    expect(socket.replies.map(([id]) => id)).toEqual(ids(23));
    expect(socket.replies.slice(20).every(([, status]) => status === 203)).toBe(true);
  });

  test('refuses fan-outs and text requests in order, too', async () => {
    const io = start({ maxInFlight: 20 });
    const socket = io.connect();
    sendMany(socket, 0, 20);
    socket.send([7, 20, null, null]);
    socket.sendJson('{"id":21,"SH_INFO_ALL":{}}');
    socket.sendJson('{"id":22,"SV_PING":{}}');
    await answerAll(io);
    expect(socket.replies.map(([id]) => id)).toEqual(ids(21));
    expect(socket.replies[20]).toEqual([20, 203, null]);
    expect(socket.messages.filter((message) => typeof message === 'string')).toEqual([
      '{"id":21,"SH_INFO_ALL_RSP":{"st":203}}',
      '{"id":22,"SV_PING_RSP":{"st":1}}',
    ]);
  });

  test('closes a connection that goes on sending when tens of thousands were refused', async () => {
    const io = start({ maxInFlight: 1 });
    const socket = io.connect();
    const filler = io.connect();
    sendMany(filler, 0, 20);
    sendMany(socket, 0, 1);
    const frame: unknown[][] = [];
    for (let id = 1; id <= 1_000; id += 1) frame.push([SET, id, TOKEN, { keys: { a: VALUE } }]);
    for (let i = 0; i < 70; i += 1) socket.send(...(frame as [unknown[]]));
    expect(socket.closed).toMatchObject({ code: 1013 });
    await answerAll(io);
  });

  // Goal: no mix of sizes, connections and shard speeds loses or reorders a reply.
  // Method: random commands from several connections through rings of 4 KiB, refusals included; the
  // replies of each connection on one session must have exactly its ids in order.
  test.each([1, 2, 3])('keeps every reply in order under a random load (seed %i)', async (seed) => {
    const random = new Random(seed);
    const io = start({ shards: 3, maxInFlight: 30 });
    const sockets = ids(6).map(() => ({ socket: io.connect(), sent: 0 }));
    for (let round = 0; round < 150; round += 1) {
      for (let i = 0; i < 40; i += 1) {
        const client = sockets[random.below(sockets.length)]!;
        const tkn = new Uint8Array(24).fill(sockets.indexOf(client));
        const size = random.below(30) === 0 ? 3_000 : random.below(100);
        client.socket.send([SET, client.sent, tkn, { keys: { a: 'x'.repeat(size) } }]);
        client.sent += 1;
      }
      if (random.below(3) > 0) await new Promise((resolve) => setImmediate(resolve));
      const shard = io.shards[random.below(3)]!;
      for (const request of shard.take(random.below(25))) shard.answer(request);
    }
    await answerAll(io);
    for (const { socket, sent } of sockets) {
      expect(socket.replies.map(([id]) => id)).toEqual(ids(sent));
    }
    expect(io.counter('repliesDropped')).toBe(0);
  });
});

describe('slow readers', () => {
  test('over --max-unsent are closed with a reason, after what they were sent', async () => {
    const io = start({ maxUnsent: 4_096 });
    const socket = io.connect();
    sendMany(socket, 0, 3);
    socket.unsentBytes = 5_000;
    await answerAll(io);
    expect(socket.replies).toEqual([]);
    expect(socket.closed).toBeUndefined();
    // It may send, but nothing is executed any more.
    sendMany(socket, 3, 6);
    expect(await answerAll(io)).toBe(0);
    socket.drain();
    expect(socket.closed).toEqual({ code: 1013, reason: 'replies are read too slowly' });
    expect(io.counter('slowReadersClosed')).toBe(1);
    expect(io.counter('repliesDropped')).toBe(3);
  });
});

describe('draining', () => {
  test('answers 209, finishes what is in flight, closes with 1001', async () => {
    const io = start();
    const socket = io.connect();
    const idle = io.connect();
    sendMany(socket, 0, 30);
    const drained = io.io.drain(1_000);
    sendMany(socket, 30, 32);
    idle.send([SET, 1, TOKEN, {}]);
    expect(idle.replies).toEqual([[1, 209, null]]);
    await answerAll(io);
    await drained;
    expect(socket.replies.map(([id]) => id)).toEqual(ids(32));
    expect(socket.replies.slice(30).every(([, status]) => status === 209)).toBe(true);
    expect(socket.closed).toMatchObject({ code: 1001 });
    expect(idle.closed).toMatchObject({ code: 1001 });
    expect(io.io.mayOpen()).toBe(false);
  });
});
