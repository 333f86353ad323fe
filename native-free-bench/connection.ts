/**
 * One plain socket of the load generator. Bytes arrive in one buffer that is used again and again,
 * which spares an allocation per read; they are valid until onBytes returns.
 */
import { connect, type Socket } from 'node:net';
import type { Protocol } from './protocol.js';

const READ_BUFFER_BYTES = 64 * 1024;

export interface ConnectionOptions {
  readonly port: number;
  readonly protocol: Protocol;
  /** Sees what comes after the greeting, as bytes[0, end). */
  readonly onBytes: (bytes: Buffer, end: number) => void;
  /** Called at most once, after opening, when the connection fails or ends by itself. */
  readonly onLost: (error: Error) => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #opened: Promise<void>;
  #greeting: Buffer = Buffer.alloc(0);
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  /** Resolves when the greeting is answered. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#opened;
    return connection;
  }

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#socket = connect({
      host: '127.0.0.1',
      port: options.port,
      onread: {
        buffer: Buffer.alloc(READ_BUFFER_BYTES),
        callback: (size, bytes) => this.#onRead(bytes as Buffer, size),
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('connect', () => this.#onConnect());
    this.#socket.on('error', (error) => this.#lose(error));
    this.#socket.on('close', () => this.#lose(new Error('connection closed by the server')));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#state = 'closed';
    this.#socket.destroy();
  }

  #onConnect(): void {
    const { greeting } = this.#options.protocol;
    if (greeting.length > 0) this.#socket.write(greeting);
    else this.#open();
  }

  #open(): void {
    this.#state = 'open';
    this.#resolve();
  }

  #onRead(bytes: Buffer, size: number): boolean {
    try {
      if (this.#state === 'open') this.#options.onBytes(bytes, size);
      else if (this.#state === 'opening') this.#readGreeting(bytes.subarray(0, size));
    } catch (error) {
      this.#lose(error as Error);
    }
    return true;
  }

  #readGreeting(bytes: Buffer): void {
    this.#greeting = Buffer.concat([this.#greeting, bytes]);
    const end = this.#options.protocol.greetingEnd(this.#greeting);
    if (end === 0) return;
    this.#open();
    const rest = this.#greeting.subarray(end);
    if (rest.length > 0) this.#options.onBytes(rest, rest.length);
  }

  #lose(error: Error): void {
    if (this.#state === 'closed') return;
    const wasOpening = this.#state === 'opening';
    this.close();
    if (wasOpening) this.#reject(error);
    else this.#options.onLost(error);
  }
}
