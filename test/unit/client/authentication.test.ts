import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { connect, type Client } from '../../../src/client/client.js';
import { UnauthenticatedError } from '../../../src/client/errors.js';
import { commandsOf, endOfTick, FakeNetwork, frameOf, stateOf, TOKEN } from './fake-network.js';

const [AUTH, COUNT, INC] = [130, 39, 42];
const GRANTED = { name: 'mia', rights: ['read'] };

async function authenticated(): Promise<{
  readonly network: FakeNetwork;
  readonly client: Client;
}> {
  const network = new FakeNetwork();
  const client = await network.client();
  const granted = client.auth('mia', 'secret');
  await endOfTick();
  network.socket.answers(AUTH, GRANTED);
  expect(await granted).toEqual(GRANTED);
  return { network, client };
}

function opsOf(network: FakeNetwork): number[] {
  return network.socket.commands.map(({ op }) => op);
}

async function reconnect(network: FakeNetwork): Promise<void> {
  network.timers.advance(5_000);
  network.socket.opens();
  await endOfTick();
}

describe('Client.auth', () => {
  test('says who uses the client', async () => {
    const { network } = await authenticated();
    const body = { secret: 'secret', user: 'mia' };
    expect(network.socket.commands[0]).toMatchObject({ op: AUTH, token: null, body });
  });

  test('rejects what the server refuses, and does not say it again', async () => {
    const network = new FakeNetwork();
    const client = await network.client();
    const refused = client.auth('mia', 'wrong');
    await endOfTick();
    network.socket.answers(AUTH, null, 200);
    await expect(refused).rejects.toThrow(UnauthenticatedError);
    network.socket.breaks();
    await reconnect(network);
    expect(opsOf(network)).toEqual([]);
  });

  test('is said on each new connection, and all else waits for the answer', async () => {
    const { network, client } = await authenticated();
    network.socket.breaks();
    void client.session(TOKEN).inc('a');
    await reconnect(network);
    void client.session(TOKEN).count();
    await endOfTick();
    expect(opsOf(network)).toEqual([AUTH]);
    network.socket.answers(AUTH, GRANTED);
    await endOfTick();
    expect(opsOf(network)).toEqual([AUTH, INC, COUNT]);
  });

  test('lets the commands find out for themselves, if it is refused by then', async () => {
    const { network, client } = await authenticated();
    network.socket.breaks();
    await reconnect(network);
    const count = client.session(TOKEN).count();
    network.socket.answers(AUTH, null, 200);
    await endOfTick();
    network.socket.answers(COUNT, null, 200);
    await expect(count).rejects.toThrow(UnauthenticatedError);
  });

  test('is tried again on a server that is busy', async () => {
    const { network, client } = await authenticated();
    network.socket.breaks();
    await reconnect(network);
    const count = client.session(TOKEN).count();
    network.socket.answers(AUTH, null, 202);
    await endOfTick();
    expect(await stateOf(count)).toBe('pending');
    network.timers.advance(500);
    await endOfTick();
    network.socket.answers(AUTH, GRANTED);
    await endOfTick();
    expect(opsOf(network)).toEqual([AUTH, AUTH, COUNT]);
  });

  test('gives a connection up on which it is not answered', async () => {
    const { network, client } = await authenticated();
    network.socket.breaks();
    await reconnect(network);
    void client
      .session(TOKEN)
      .inc('a')
      .catch(() => undefined);
    network.timers.advance(11_000);
    expect(network.sockets[1]!.isGone).toBe(true);
    await reconnect(network);
    network.socket.answers(AUTH, GRANTED);
    expect(opsOf(network)).toEqual([AUTH]);
  });

  test('comes before the watches of the connection before', async () => {
    const { network, client } = await authenticated();
    client.session(TOKEN).watch();
    await endOfTick();
    network.socket.answers(16, { id: 'ab12' });
    network.socket.breaks();
    await reconnect(network);
    expect(opsOf(network)).toEqual([AUTH]);
    network.socket.answers(AUTH, GRANTED);
    await endOfTick();
    expect(opsOf(network)).toEqual([AUTH, 16]);
  });
});

describe('connect() with auth', () => {
  /** A server that answers every command so. */
  async function serverThatAnswers(status: number): Promise<WebSocketServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    server.on('connection', (socket) => {
      socket.on('message', (frame: Buffer) => {
        for (const { id } of commandsOf(frame)) socket.send(frameOf([id, status, GRANTED]));
      });
    });
    return server;
  }

  async function connectTo(server: WebSocketServer): Promise<Client> {
    const { port } = server.address() as AddressInfo;
    return connect(`ws://127.0.0.1:${port}`, { auth: { user: 'mia', secret: 'secret' } });
  }

  test('gives a client that is authenticated', async () => {
    const server = await serverThatAnswers(1);
    const client = await connectTo(server);
    await client.close();
    server.close();
  });

  test('rejects where it is refused, and leaves no connection behind', async () => {
    const server = await serverThatAnswers(200);
    await expect(connectTo(server)).rejects.toThrow(UnauthenticatedError);
    await vi.waitFor(() => expect(server.clients.size).toBe(0));
    server.close();
  });
});
