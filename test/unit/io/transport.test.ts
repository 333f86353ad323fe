import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { hasUwsBinary } from '../../../src/config/transport-choice.js';
import type { Socket, Transport, TransportHandlers } from '../../../src/io/transport.js';
import { openUwsTransport } from '../../../src/io/transport-uws.js';
import { openWsTransport } from '../../../src/io/transport-ws.js';

const MESSAGE_BYTES_MAX = 100_000;

/** One end of a connection on the server's side, and what came of it. */
class Owner {
  readonly messages: (string | Uint8Array)[] = [];
  isClosed = false;
  drains = 0;
  constructor(readonly socket: Socket) {}
}

class Handlers implements TransportHandlers<Owner> {
  readonly owners: Owner[] = [];
  isFull = false;
  mayOpen(): boolean {
    return !this.isFull;
  }
  onOpen(socket: Socket): Owner {
    const owner = new Owner(socket);
    this.owners.push(owner);
    return owner;
  }
  onBinary(owner: Owner, message: ArrayBuffer): void {
    owner.messages.push(new Uint8Array(message.slice(0)));
  }
  onText(owner: Owner, message: ArrayBuffer): void {
    owner.messages.push(new TextDecoder().decode(message));
  }
  onDrain(owner: Owner): void {
    owner.drains += 1;
  }
  onClose(owner: Owner): void {
    expect(owner.isClosed).toBe(false);
    owner.isClosed = true;
  }
}

const handlers: Handlers[] = [];
const transports: Transport[] = [];
afterEach(() => {
  for (const transport of transports.splice(0)) transport.stopListening();
  for (const { owners } of handlers.splice(0)) {
    for (const owner of owners) if (!owner.isClosed) owner.socket.terminate();
  }
});

const KINDS = hasUwsBinary() ? (['uws', 'ws'] as const) : (['ws'] as const);

describe.each(KINDS)('the %s transport', (kind) => {
  async function serve(): Promise<{ port: number; url: string; handlers: Handlers }> {
    const own = new Handlers();
    const options = { host: '127.0.0.1', messageBytesMax: MESSAGE_BYTES_MAX, handlers: own };
    const transport =
      kind === 'uws' ? await openUwsTransport(options) : openWsTransport<Owner>(options);
    expect(transport.name).toBe(kind);
    handlers.push(own);
    transports.push(transport);
    const port = await transport.listen({ port: 0, isExclusive: true });
    return { port, url: `ws://127.0.0.1:${port}/any/path`, handlers: own };
  }

  async function connect(url: string): Promise<WebSocket> {
    const client = new WebSocket(url);
    await once(client, 'open');
    return client;
  }

  test('carries text and binary both ways', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    client.send('text ä');
    client.send(Uint8Array.of(1, 2, 3));
    await vi.waitFor(() => {
      expect(own.owners[0]?.messages).toEqual(['text ä', Uint8Array.of(1, 2, 3)]);
    });
    const got: unknown[] = [];
    client.on('message', (bytes: Buffer, isBinary) => {
      got.push(isBinary ? new Uint8Array(bytes) : bytes.toString());
    });
    const { socket } = own.owners[0]!;
    const reused = Uint8Array.of(4, 5);
    socket.sendBinary(reused);
    reused.fill(9);
    socket.sendText('reply ö');
    await vi.waitFor(() => {
      expect(got).toEqual([Uint8Array.of(4, 5), 'reply ö']);
    });
  });

  test('closes with a code and a reason after what was sent', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    const got = vi.fn();
    client.on('message', got);
    own.owners[0]!.socket.sendText('last');
    own.owners[0]!.socket.end(1001, 'bye');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1001, 'bye']);
    expect(got).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => {
      expect(own.owners[0]?.isClosed).toBe(true);
    });
  });

  test('drops a connection at once', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    own.owners[0]!.socket.terminate();
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(1006);
    await vi.waitFor(() => {
      expect(own.owners[0]?.isClosed).toBe(true);
    });
  });

  test('says when a client has gone', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    client.terminate();
    await vi.waitFor(() => {
      expect(own.owners[0]?.isClosed).toBe(true);
    });
  });

  test('refuses an upgrade with 503 when full', async () => {
    const { url, handlers: own } = await serve();
    own.isFull = true;
    const client = new WebSocket(url);
    const [, response] = (await once(client, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    expect(response.statusCode).toBe(503);
    response.resume();
    client.on('error', () => undefined);
    client.terminate();
    expect(own.owners).toEqual([]);
  });

  test('answers plain HTTP with 426', async () => {
    const { port } = await serve();
    const status = await new Promise((resolve) => {
      request({ host: '127.0.0.1', port, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(426);
  });

  test('ends a connection that sends more than the longest message', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    client.send(new Uint8Array(MESSAGE_BYTES_MAX));
    client.send(new Uint8Array(MESSAGE_BYTES_MAX + 1));
    client.on('error', () => undefined);
    await once(client, 'close');
    expect(own.owners[0]?.messages).toHaveLength(1);
    await vi.waitFor(() => {
      expect(own.owners[0]?.isClosed).toBe(true);
    });
  });

  test('counts what a client has not read, and says when it goes out', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    client.pause();
    const owner = own.owners[0]!;
    for (let i = 0; i < 200; i += 1) owner.socket.sendBinary(new Uint8Array(100_000));
    await vi.waitFor(() => {
      expect(owner.socket.bufferedBytes()).toBeGreaterThan(1_000_000);
    });
    owner.drains = 0;
    client.resume();
    await vi.waitFor(() => {
      expect(owner.socket.bufferedBytes()).toBe(0);
    });
    expect(owner.drains).toBeGreaterThan(0);
  });

  test('refuses a port that another listens at', async () => {
    const { port } = await serve();
    const own = new Handlers();
    const options = { host: '127.0.0.1', messageBytesMax: MESSAGE_BYTES_MAX, handlers: own };
    const second =
      kind === 'uws' ? await openUwsTransport(options) : openWsTransport<Owner>(options);
    await expect(second.listen({ port, isExclusive: true })).rejects.toThrow(/in use|EADDRINUSE/);
  });

  test('takes no new connection once it has stopped listening, and keeps the old ones', async () => {
    const { url, handlers: own } = await serve();
    const client = await connect(url);
    transports[0]!.stopListening();
    const late = new WebSocket(url);
    await once(late, 'error');
    own.owners[0]!.socket.sendText('still here');
    const [message] = (await once(client, 'message')) as [Buffer];
    expect(message.toString()).toBe('still here');
  });
});

test('the ws transport refuses to share its port where Node cannot', async () => {
  const options = { host: '127.0.0.1', messageBytesMax: 100, handlers: new Handlers() };
  const listening = openWsTransport<Owner>(options).listen({ port: 0, isExclusive: false });
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 23) await expect(listening).rejects.toThrow('--io-threads 1');
  else await listening;
});
