/**
 * A client that asks for much and reads nothing: its unsent replies are bounded, it is closed with a
 * reason, and nobody else notices.
 */
import { pack, unpack, unpackMultiple } from 'msgpackr';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type ServerProcess } from '../support/server-process.js';

const KV_SET = 96;
const KV_GET = 98;
const LARGE = 'x'.repeat(100_000);

let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.stop();
});

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

async function ask(socket: WebSocket, command: readonly unknown[]): Promise<unknown[]> {
  socket.send(pack(pack(command)));
  const [message] = (await once(socket, 'message')) as [Buffer];
  return unpack(unpack(message) as Buffer) as unknown[];
}

describe.each(['uws', 'ws'])('over %s', (transport) => {
  test('a reader that stops is closed with 1013 after what it was sent', async () => {
    server = await startServer(['--transport', transport, '--max-unsent', '1MiB', '--shards', '2']);
    const other = await connect(server.url);
    await ask(other, [KV_SET, 1, null, { keys: { large: LARGE } }]);
    const slow = await connect(server.url);
    slow.pause();
    // 300 MB of replies: far more than the kernel buffers and the limit together.
    const get = pack(pack([KV_GET, 7, null, { keys: ['large'] }]));
    for (let i = 0; i < 30; i += 1) slow.send(Buffer.concat(new Array<Buffer>(100).fill(get)));
    for (let i = 0; i < 50; i += 1) {
      expect(await ask(other, [KV_GET, i, null, { keys: ['none'] }])).toEqual([i, 1, { keys: {} }]);
    }
    let replies = 0;
    slow.on('message', (message: Buffer) => {
      for (const bin of unpackMultiple(message) as Buffer[]) {
        const [id, status, body] = unpack(bin) as [number, number, { keys: { large: string } }];
        expect([id, status, body.keys.large.length]).toEqual([7, 1, LARGE.length]);
        replies += 1;
      }
    });
    const closed = vi.fn();
    slow.on('close', (code, reason) => {
      closed(code, reason.toString());
    });
    slow.resume();
    await vi.waitFor(
      () => {
        expect(closed).toHaveBeenCalledWith(1013, 'replies are read too slowly');
      },
      { timeout: 20_000 },
    );
    expect(replies).toBeGreaterThan(0);
    expect(replies).toBeLessThan(3_000);
    other.close();
  });
});
