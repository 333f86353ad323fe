import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { openSocket } from '../../../src/client/socket-node.js';

const servers: WebSocketServer[] = [];

async function listen(): Promise<{ readonly server: WebSocketServer; readonly url: string }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

describe('openSocket on Node', () => {
  test('carries binary messages both ways and passes no text on', async () => {
    const { server, url } = await listen();
    server.on('connection', (peer) => {
      peer.send('text first');
      peer.on('message', (message) => peer.send(message));
    });
    const received = await new Promise<Uint8Array>((resolve) => {
      const socket = openSocket(url, {
        opened: () => socket.send(Uint8Array.of(1, 2, 3)),
        received: resolve,
        closed: () => undefined,
      });
    });
    expect(received).toEqual(Uint8Array.of(1, 2, 3));
    expect(received.constructor).toBe(Uint8Array);
  });

  test('lets the caller change the bytes at once, though the peer reads slowly', async () => {
    const { server, url } = await listen();
    const frames = 200;
    const sent = createHash('sha256');
    const seen = createHash('sha256');
    const arrived = new Promise<void>((resolve) => {
      server.on('connection', (peer) => {
        let count = 0;
        peer.pause();
        setTimeout(() => peer.resume(), 50);
        peer.on('message', (message: Buffer) => {
          seen.update(message);
          count += 1;
          if (count === frames) resolve();
        });
      });
    });
    const socket = openSocket(url, {
      opened: () => {
        const bytes = new Uint8Array(50_000);
        for (let n = 0; n < frames; n += 1) {
          bytes.fill(n);
          sent.update(bytes);
          socket.send(bytes);
        }
        bytes.fill(255);
      },
      received: () => undefined,
      closed: () => undefined,
    });
    await arrived;
    expect(seen.digest('hex')).toBe(sent.digest('hex'));
  });

  test('tells why no connection could be made, once', async () => {
    const reasons: string[] = [];
    await new Promise<void>((resolve) => {
      openSocket('ws://127.0.0.1:1', {
        opened: () => undefined,
        received: () => undefined,
        closed: (reason) => {
          reasons.push(reason);
          setImmediate(resolve);
        },
      });
    });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain('ECONNREFUSED');
  });

  test('tells the code with which the peer closed', async () => {
    const { server, url } = await listen();
    server.on('connection', (peer) => peer.close(1001));
    const reason = await new Promise<string>((resolve) => {
      openSocket(url, { opened: () => undefined, received: () => undefined, closed: resolve });
    });
    expect(reason).toBe('closed with code 1001');
  });

  test.each(['close', 'terminate'] as const)('ends with %s()', async (how) => {
    const { url } = await listen();
    await new Promise<string>((resolve) => {
      const socket = openSocket(url, {
        opened: () => socket[how](),
        received: () => undefined,
        closed: resolve,
      });
    });
  });
});
