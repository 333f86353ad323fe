/**
 * The transport over the ws package, plain JavaScript: for machines and versions of Node that the
 * native one has no binary for. Several I/O threads share a port only where Node can ask the kernel
 * for it (reusePort, from Node 23.1).
 */
import { createServer, STATUS_CODES, type Server } from 'node:http';
import type { AddressInfo, Socket as NetSocket } from 'node:net';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { hasReusePort, REUSE_PORT_SINCE } from '../config/transport-choice.js';
import {
  IDLE_SECONDS_MAX,
  type ListenOptions,
  type Socket,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from './transport.js';

class WsSocket implements Socket {
  /** Since when it has been silent, in rounds of pings. */
  silentRounds = 0;
  readonly #socket: WebSocket;
  readonly #onSent: () => void;

  constructor(socket: WebSocket, onSent: () => void) {
    this.#socket = socket;
    this.#onSent = onSent;
  }

  bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  sendBinary(bytes: Uint8Array): void {
    // ws keeps what it is given until the kernel takes it; the caller reuses its buffer at once.
    this.#socket.send(Uint8Array.from(bytes), { binary: true }, this.#onSent);
  }

  sendText(text: string): void {
    this.#socket.send(text, { binary: false }, this.#onSent);
  }

  end(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Pings it, or drops it if it has been silent for two rounds. */
  checkAlive(): void {
    this.silentRounds += 1;
    if (this.silentRounds > 2) this.#socket.terminate();
    else this.#socket.ping();
  }
}

export function openWsTransport<Owner>(options: TransportOptions<Owner>): Transport {
  return new WsTransport(options);
}

class WsTransport<Owner> implements Transport {
  readonly name = 'ws';
  readonly #host: string;
  readonly #http: Server;
  readonly #server: WebSocketServer;
  readonly #sockets = new Set<WsSocket>();
  #pings: NodeJS.Timeout | undefined;

  constructor(options: TransportOptions<Owner>) {
    this.#host = options.host;
    this.#server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: options.messageBytesMax,
      skipUTF8Validation: false,
    });
    this.#http = createServer((_request, response) => {
      response.writeHead(426, { upgrade: 'websocket', connection: 'upgrade' });
      response.end('this port speaks WebSocket\n');
    });
    const { handlers } = options;
    this.#http.on('upgrade', (request, socket, head) => {
      if (!handlers.mayOpen()) {
        refuseUpgrade(socket as NetSocket);
        return;
      }
      this.#server.handleUpgrade(request, socket, head, (ws) => {
        (socket as NetSocket).setNoDelay(true);
        this.#open(ws, handlers, request.headers.authorization ?? '');
      });
    });
  }

  #open(ws: WebSocket, handlers: TransportHandlers<Owner>, authorization: string): void {
    ws.binaryType = 'arraybuffer';
    const socket = new WsSocket(ws, () => {
      if (ws.readyState === ws.OPEN) handlers.onDrain(owner);
    });
    const owner = handlers.onOpen(socket, authorization);
    this.#sockets.add(socket);
    ws.on('message', (message: RawData, isBinary: boolean) => {
      socket.silentRounds = 0;
      if (ws.readyState !== ws.OPEN) return;
      if (isBinary) handlers.onBinary(owner, message as ArrayBuffer);
      else handlers.onText(owner, message as ArrayBuffer);
    });
    ws.on('pong', () => {
      socket.silentRounds = 0;
    });
    // A broken connection or frame; 'close' follows and says all that matters.
    ws.on('error', () => undefined);
    ws.on('close', () => {
      this.#sockets.delete(socket);
      handlers.onClose(owner);
    });
  }

  async listen({ port, isExclusive }: ListenOptions): Promise<number> {
    if (!isExclusive && !hasReusePort()) {
      throw new Error(
        `the ws transport serves one I/O thread on Node ${process.versions.node}: ` +
          `use --io-threads 1, --transport uws, or Node ${REUSE_PORT_SINCE.join('.')} or later`,
      );
    }
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      const options = { host: this.#host, port, reusePort: !isExclusive };
      this.#http.listen(options, resolve);
    });
    this.#pings = setInterval(
      () => {
        for (const socket of this.#sockets) socket.checkAlive();
      },
      (IDLE_SECONDS_MAX / 3) * 1_000,
    );
    this.#pings.unref();
    return (this.#http.address() as AddressInfo).port;
  }

  stopListening(): void {
    clearInterval(this.#pings);
    this.#http.close();
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }
}

function refuseUpgrade(socket: NetSocket): void {
  const body = 'too many connections\n';
  socket.end(
    `HTTP/1.1 503 ${STATUS_CODES[503] ?? ''}\r\nConnection: close\r\n` +
      `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}
