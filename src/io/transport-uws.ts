/** The transport over uWebSockets.js, native code. Loaded only where its binary fits. */
import type { us_listen_socket, WebSocket } from 'uWebSockets.js';
import {
  IDLE_SECONDS_MAX,
  type ListenOptions,
  type Socket,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from './transport.js';

type Uws = typeof import('uWebSockets.js');

/**
 * uWebSockets hands over the same object for a socket in each of its events. A property of it is
 * found much faster than getUserData() answers.
 */
interface OwnedWebSocket<Owner> extends WebSocket<object> {
  owner?: Owner;
  /** The header of its upgrade, until it is open. */
  authorization?: string;
}

class UwsSocket implements Socket {
  readonly #socket: WebSocket<object>;

  constructor(socket: WebSocket<object>) {
    this.#socket = socket;
  }

  bufferedBytes(): number {
    return this.#socket.getBufferedAmount();
  }

  sendBinary(bytes: Uint8Array): void {
    this.#socket.send(bytes, true, false);
  }

  sendText(text: string): void {
    this.#socket.send(text, false, false);
  }

  end(code: number, reason: string): void {
    this.#socket.end(code, reason);
  }

  terminate(): void {
    this.#socket.close();
  }
}

export async function openUwsTransport<Owner>(
  options: TransportOptions<Owner>,
): Promise<Transport> {
  const loaded = (await import('uWebSockets.js')) as Uws & { readonly default?: Uws };
  return new UwsTransport(loaded.default ?? loaded, options);
}

class UwsTransport<Owner> implements Transport {
  readonly name = 'uws';
  readonly #uws: Uws;
  readonly #host: string;
  readonly #app: ReturnType<Uws['App']>;
  #listening: us_listen_socket | undefined;

  constructor(uws: Uws, options: TransportOptions<Owner>) {
    this.#uws = uws;
    this.#host = options.host;
    this.#app = uws.App();
    this.#serve(options.handlers, options.messageBytesMax);
  }

  #serve(handlers: TransportHandlers<Owner>, messageBytesMax: number): void {
    this.#app.ws<object>('/*', {
      compression: this.#uws.DISABLED,
      maxPayloadLength: messageBytesMax,
      idleTimeout: IDLE_SECONDS_MAX,
      sendPingsAutomatically: true,
      // No limit here: uWebSockets would drop replies silently. See outgoing.ts.
      maxBackpressure: 0,
      upgrade: (response, request, context) => {
        if (!handlers.mayOpen()) {
          response.writeStatus('503 Service Unavailable').end('too many connections\n', true);
          return;
        }
        const key = request.getHeader('sec-websocket-key');
        const extensions = request.getHeader('sec-websocket-extensions');
        const authorization = request.getHeader('authorization');
        response.upgrade({ authorization }, key, '', extensions, context);
      },
      open: (ws: OwnedWebSocket<Owner>) => {
        const { authorization = '' } = ws;
        ws.authorization = '';
        ws.owner = handlers.onOpen(new UwsSocket(ws), authorization);
      },
      message: (ws: OwnedWebSocket<Owner>, message, isBinary) => {
        if (isBinary) handlers.onBinary(ws.owner!, message);
        else handlers.onText(ws.owner!, message);
      },
      drain: (ws: OwnedWebSocket<Owner>) => {
        handlers.onDrain(ws.owner!);
      },
      close: (ws: OwnedWebSocket<Owner>) => {
        handlers.onClose(ws.owner!);
      },
    });
    this.#app.any('/*', (response) => {
      response.writeStatus('426 Upgrade Required').writeHeader('upgrade', 'websocket');
      response.end('this port speaks WebSocket\n');
    });
  }

  listen({ port, isExclusive }: ListenOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = isExclusive ? LISTEN_EXCLUSIVE_PORT : LISTEN_DEFAULT;
      // The declared types know host or options, the binary takes both.
      const listen = this.#app.listen.bind(this.#app) as unknown as ListenWithOptions;
      listen(this.#host, port, options, (socket) => {
        if (socket === false || socket === null) {
          reject(new Error('the port is in use, or the host is no address of this machine'));
          return;
        }
        this.#listening = socket;
        resolve(this.#uws.us_socket_local_port(socket));
      });
    });
  }

  stopListening(): void {
    if (this.#listening === undefined) return;
    this.#uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  close(): void {
    // In the binary, but not in the declared types.
    (this.#app as unknown as { close(): void }).close();
  }
}

type ListenWithOptions = (
  host: string,
  port: number,
  options: number,
  done: (socket: us_listen_socket | false | null) => void,
) => void;

const LISTEN_DEFAULT = 0;
const LISTEN_EXCLUSIVE_PORT = 1;
