import { describe, expect, test } from 'vitest';
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  TimeoutError,
} from '../../../src/client/errors.js';
import { endOfTick, FakeNetwork, stateOf, TOKEN } from './fake-network.js';

const OK = 1;
const GET = 34;
const SET = 32;

describe('Pipeline, lost connection', () => {
  test('retries reads in flight and rejects writes as of unknown outcome', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    const set = session.set({ a: 1 });
    const get = session.get('a');
    await endOfTick();
    network.socket.breaks();
    await expect(set).rejects.toThrow(ConnectionLostError);
    await expect(set).rejects.toMatchObject({ isOutcomeUnknown: true, status: 0 });
    network.timers.advance(25);
    network.socket.opens();
    await endOfTick();
    const commands = network.socket.commands;
    expect(commands.map(({ op, body }) => [op, body])).toEqual([[GET, { keys: ['a'] }]]);
    network.socket.replies([commands[0]!.id, OK, { keys: { a: 2 } }]);
    expect(await get).toBe(2);
  });

  test('rejects every other command that changes something', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const session = client.session(TOKEN);
    const writes = [
      client.newSession(),
      client.openSession('name'),
      client.endAll(),
      session.end(),
      session.touch(),
      session.expire(null),
      session.remove(['a']),
      session.clear(),
      session.clearSet({ a: 1 }),
      session.add({ a: 1 }),
    ];
    await endOfTick();
    network.socket.breaks();
    for (const write of writes) await expect(write).rejects.toThrow(ConnectionLostError);
  });

  test('sends what was asked meanwhile after the retried reads, in order', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session(TOKEN);
    void session.get('before');
    await endOfTick();
    network.socket.breaks();
    void session.set({ a: 1 });
    void session.get('after');
    network.timers.advance(25);
    network.socket.opens();
    await endOfTick();
    expect(network.socket.frames).toHaveLength(1);
    expect(network.socket.commands.map(({ op, body }) => [op, body])).toEqual([
      [GET, { keys: ['before'] }],
      [SET, { keys: { a: 1 } }],
      [GET, { keys: ['after'] }],
    ]);
  });

  test('sends a retried read before what waited for room', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ maxInFlight: 1 })).session(TOKEN);
    void session.get('first');
    void session.get('second');
    await endOfTick();
    network.socket.breaks();
    network.timers.advance(25);
    network.socket.opens();
    await endOfTick();
    expect(network.socket.commands.map(({ body }) => body)).toEqual([{ keys: ['first'] }]);
  });

  test('gives a read up that was in flight in eight connections', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ timeoutMs: 60_000 })).session(TOKEN);
    const get = session.get('poison');
    for (let connections = 1; connections <= 8; connections += 1) {
      await endOfTick();
      network.socket.breaks();
      network.timers.advance(5_000);
      network.socket.opens();
    }
    await expect(get).rejects.toThrow(ConnectionLostError);
  });

  test('rejects what waits, and all that follows, once reconnecting is given up', async () => {
    const network = new FakeNetwork();
    const client = await network.client({ reconnect: false });
    const session = client.session(TOKEN);
    const get = session.get('a');
    await endOfTick();
    network.socket.breaks('power cut');
    await expect(get).rejects.toThrow(ConnectError);
    await expect(session.get('a')).rejects.toThrow('power cut');
    await client.close();
    expect(network.timers.pending).toBe(0);
  });
});

describe('Pipeline, time-outs', () => {
  test('rejects a command without reply after timeoutMs, not before', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ timeoutMs: 1_600 })).session(TOKEN);
    const set = session.set({ a: 1 });
    await endOfTick();
    network.timers.advance(1_600);
    expect(await stateOf(set)).toBe('pending');
    network.timers.advance(100);
    await expect(set).rejects.toThrow(TimeoutError);
    await expect(set).rejects.toMatchObject({ isOutcomeUnknown: true });
  });

  test('counts a command that timed out as in flight until its reply comes', async () => {
    const network = new FakeNetwork();
    const options = { timeoutMs: 1_600, maxInFlight: 1 };
    const session = (await network.client(options)).session(TOKEN);
    const first = session.count();
    await endOfTick();
    network.timers.advance(800);
    network.socket.replies([0, 5]); // a sign of life, so that the connection is kept
    network.timers.advance(900);
    await expect(first).rejects.toThrow(TimeoutError);
    const second = session.count();
    await endOfTick();
    expect(network.socket.commands).toHaveLength(1);
    network.socket.replies([1, OK, { cnt: 1 }]);
    await endOfTick();
    network.socket.replies([2, OK, { cnt: 2 }]);
    expect(await second).toBe(2);
  });

  test('rejects a write that was never sent as not executed', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ timeoutMs: 1_600 })).session(TOKEN);
    network.socket.breaks();
    const set = session.set({ a: 1 });
    network.timers.advance(1_700);
    await expect(set).rejects.toMatchObject({ name: 'TimeoutError', isOutcomeUnknown: false });
    network.socket.opens();
    await endOfTick();
    expect(network.socket.commands).toEqual([]);
  });

  test('drops a connection on which nothing came since the command was sent', async () => {
    const network = new FakeNetwork();
    const session = (await network.client({ timeoutMs: 1_600 })).session(TOKEN);
    const count = session.count();
    await endOfTick();
    network.timers.advance(1_700);
    await expect(count).rejects.toThrow(TimeoutError);
    expect(network.sockets[0]!.isGone).toBe(true);
  });

  test('keeps no timer when nothing is pending', async () => {
    const network = new FakeNetwork();
    const client = await network.client({ timeoutMs: 1_600 });
    const ping = client.ping();
    await endOfTick();
    network.socket.replies([1, OK]);
    await ping;
    network.timers.advance(100);
    expect(network.timers.pending).toBe(0);
  });
});

describe('Pipeline, close', () => {
  test('waits for the replies, then closes, then refuses', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const count = client.session(TOKEN).count();
    const closed = client.close();
    await expect(client.ping()).rejects.toThrow(ClosedError);
    expect(network.socket.isClosing).toBe(false);
    network.socket.replies([1, OK, { cnt: 6 }]);
    expect(await count).toBe(6);
    await endOfTick();
    expect(network.socket.isClosing).toBe(true);
    network.socket.breaks();
    await closed;
    expect(network.timers.pending).toBe(0);
  });

  test('waits no longer than it was told and rejects the rest', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const count = client.session(TOKEN).count();
    await endOfTick();
    const closed = client.close(50);
    network.timers.advance(50);
    await expect(count).rejects.toThrow(ClosedError);
    await endOfTick();
    network.timers.advance(1_000); // the peer does not answer the closing handshake
    await closed;
    expect(network.socket.isGone).toBe(true);
  });

  test('resolves every call alike and does not reconnect', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const closings = [client.close(), client.close()];
    await endOfTick();
    network.socket.breaks();
    await Promise.all(closings);
    network.timers.advance(60_000);
    expect(network.sockets).toHaveLength(1);
  });

  test('ends the wait for a new connection', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    network.socket.breaks();
    await client.close();
    expect(network.timers.pending).toBe(0);
  });
});
