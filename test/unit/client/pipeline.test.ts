import { describe, expect, test } from 'vitest';
import {
  BusyError,
  MalformedReplyError,
  QueueFullError,
  SessionNotFoundError,
} from '../../../src/client/errors.js';
import { endOfTick, FakeNetwork, frameOf, TOKEN } from './fake-network.js';

const OK = 1;
const BUSY = 203;

describe('Pipeline, sending', () => {
  test('sends the commands of one tick in one frame, in the order of the calls', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    void session.set({ a: 1 });
    void session.get('a');
    void session.count();
    expect(network.socket.frames).toHaveLength(0);
    await endOfTick();
    expect(network.socket.frames).toHaveLength(1);
    expect(network.socket.commands.map(({ op, id }) => [op, id])).toEqual([
      [32, 1],
      [34, 2],
      [39, 3],
    ]);
  });

  test('sends what one frame of replies calls forth in one frame', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const loop = async (): Promise<void> => {
      await session.count();
      await session.count();
    };
    const loops = [loop(), loop(), loop()];
    await endOfTick();
    network.socket.replies([1, OK, { cnt: 1 }], [2, OK, { cnt: 1 }], [3, OK, { cnt: 1 }]);
    await endOfTick();
    expect(network.socket.frames).toHaveLength(2);
    network.socket.replies([4, OK, { cnt: 1 }], [5, OK, { cnt: 1 }], [6, OK, { cnt: 1 }]);
    await Promise.all(loops);
  });

  test('takes the values as they are at the call', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const basket = ['apple'];
    void session.set({ basket });
    basket.push('pear');
    await endOfTick();
    expect(network.socket.commands[0]!.body).toEqual({ keys: { basket: ['apple'] } });
  });

  test('starts a new frame rather than exceed maxFrameBytes', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxFrameBytes: 200 })).session(TOKEN);
    for (let n = 0; n < 10; n += 1) void session.get('some-key');
    await endOfTick();
    expect(network.socket.frames.length).toBeGreaterThan(1);
    for (const frame of network.socket.frames) expect(frame.length).toBeLessThanOrEqual(200);
    expect(network.socket.commands.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('sends a command larger than maxFrameBytes in a frame of its own', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxFrameBytes: 200 })).session(TOKEN);
    void session.count();
    void session.set({ big: 'x'.repeat(1_000) });
    void session.count();
    await endOfTick();
    expect(network.socket.frames.map((frame) => frame.length > 200)).toEqual([false, true, false]);
  });

  test('keeps at most maxInFlight commands unanswered and the others waiting in order', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxInFlight: 2 })).session(TOKEN);
    const gets = ['a', 'b', 'c', 'd'].map((key) => session.get(key));
    await endOfTick();
    expect(network.socket.commands).toHaveLength(2);
    network.socket.replies([1, OK, { keys: { a: 1 } }]);
    await endOfTick();
    expect(network.socket.commands.at(-1)!.body).toEqual({ keys: ['c'] });
    network.socket.replies([2, OK, { keys: { b: 2 } }], [3, OK, { keys: { c: 3 } }]);
    await endOfTick();
    network.socket.replies([4, OK, { keys: { d: 4 } }]);
    expect(await Promise.all(gets)).toEqual([1, 2, 3, 4]);
  });

  test('lets no later command overtake the waiting ones', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxInFlight: 1 })).session(TOKEN);
    void session.set({ a: 1 });
    void session.set({ a: 2 });
    await endOfTick();
    network.socket.replies([1, OK]);
    void session.set({ a: 3 });
    await endOfTick();
    network.socket.replies([2, OK]);
    await endOfTick();
    const bodies = network.socket.commands.map(({ body }) => body);
    expect(bodies).toEqual([{ keys: { a: 1 } }, { keys: { a: 2 } }, { keys: { a: 3 } }]);
  });

  test('rejects a command beyond maxWaiting and says that it was not executed', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxInFlight: 1, maxWaiting: 1 })).session(TOKEN);
    void session.count();
    void session.count();
    await expect(session.count()).rejects.toThrow(QueueFullError);
  });

  test('rejects a bad argument and sends the others of its tick', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const bad = session.get(7 as unknown as string);
    void session.count();
    await expect(bad).rejects.toThrow(TypeError);
    await endOfTick();
    expect(network.socket.commands.map(({ op }) => op)).toEqual([39]);
  });

  test('has room for the next command after a bad argument', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxInFlight: 1 })).session(TOKEN);
    await expect(session.set({ bad: Symbol('s') })).rejects.toThrow(TypeError);
    void session.count();
    await endOfTick();
    expect(network.socket.commands).toHaveLength(1);
  });
});

describe('Pipeline, replies', () => {
  test('answers each command by its id, whatever the order of the replies', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const [a, b] = [session.get('a'), session.get('b')];
    await endOfTick();
    network.socket.replies([2, OK, { keys: { b: 'B' } }], [1, OK, { keys: { a: 'A' } }]);
    expect([await a, await b]).toEqual(['A', 'B']);
  });

  test("rejects a failing status with its error and the server's line", async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const gets = [session.get('a'), session.get('b')];
    await endOfTick();
    network.socket.replies([1, 100, { m: 'gone since noon' }], [2, 100]);
    await expect(gets[0]).rejects.toThrow('gone since noon');
    await expect(gets[1]).rejects.toThrow(SessionNotFoundError);
    await expect(gets[1]).rejects.toThrow('no live session has this token or id');
  });

  test('ignores pushes and replies to ids that it does not wait for', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const count = session.count();
    await endOfTick();
    network.socket.replies([0, 5, { cnt: 9 }], [77, OK, { cnt: 8 }], [1, OK, { cnt: 3 }]);
    expect(await count).toBe(3);
  });

  test('rejects one undecodable body and answers the others of the frame', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const [bad, good] = [session.getAll(), session.count()];
    await endOfTick();
    const body = [0x81, 0xa4, 0x6b, 0x65, 0x79, 0x73, 0xc7, 1, 99, 0]; // {keys: ext of type 99}
    const bin = Uint8Array.from([0xc4, body.length + 3, 0x93, 1, OK, ...body]);
    network.socket.events.received(Uint8Array.from([...bin, ...frameOf([2, OK, { cnt: 4 }])]));
    await expect(bad).rejects.toThrow(MalformedReplyError);
    expect(await good).toBe(4);
    expect(network.socket.isGone).toBe(false);
  });

  test('rejects a reply that lacks its result', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const replies = [client.session(TOKEN).get('a'), client.newSession()];
    await endOfTick();
    network.socket.replies([1, OK], [2, OK, {}]);
    await expect(replies[0]).rejects.toThrow(MalformedReplyError);
    await expect(replies[1]).rejects.toThrow(MalformedReplyError);
  });

  test('drops a connection whose frames are no replies, and reconnects', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const count = session.count();
    await endOfTick();
    network.socket.events.received(Uint8Array.from([0xff, 1, 2, 3]));
    expect(network.socket.isGone).toBe(true);
    network.timers.advance(25);
    network.socket.opens();
    await endOfTick();
    network.socket.replies([2, OK, { cnt: 5 }]);
    expect(await count).toBe(5);
  });
});

describe('Pipeline, refusals of the moment', () => {
  test.each([
    ['BUSY', BUSY],
    ['SHUTTING_DOWN', 209],
  ])('sends a read answered %s again after a wait', async (_name, status) => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const get = session.get('a');
    await endOfTick();
    network.socket.replies([1, status]);
    await endOfTick();
    expect(network.socket.commands).toHaveLength(1);
    network.timers.advance(10);
    await endOfTick();
    network.socket.replies([2, OK, { keys: { a: 7 } }]);
    expect(await get).toBe(7);
  });

  test('gives a read up that is answered BUSY eight times', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ timeoutMs: 60_000 })).session(TOKEN);
    const get = session.get('a');
    for (let id = 1; id <= 8; id += 1) {
      await endOfTick();
      network.socket.replies([id, BUSY]);
      network.timers.advance(500);
    }
    await expect(get).rejects.toThrow(BusyError);
    expect(network.socket.commands).toHaveLength(8);
  });

  test('rejects a write answered BUSY, lest it overtake a later one', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const set = session.set({ a: 1 });
    await endOfTick();
    network.socket.replies([1, BUSY]);
    await expect(set).rejects.toThrow(BusyError);
  });
});
