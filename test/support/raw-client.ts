/**
 * A WebSocket that sends frames as they are and hands over what comes back, in order: for tests of
 * the wire itself.
 */
import { WebSocket } from 'ws';

const REPLY_MS_MAX = 20_000;

export type Message = string | Uint8Array;

interface Waiter {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

export class RawClient {
  /** Resolves with the close code, once closed. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #messages: Message[] = [];
  readonly #waiters: Waiter[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer, isBinary: boolean) => {
      const message = isBinary ? new Uint8Array(bytes) : bytes.toString();
      const waiter = this.#waiters.shift();
      if (waiter === undefined) this.#messages.push(message);
      else waiter.resolve(message);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number) => {
        for (const { reject } of this.#waiters.splice(0)) reject(new Error(`closed with ${code}`));
        resolve(code);
      });
    });
  }

  static async connect(url: string): Promise<RawClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => socket.terminate());
    return client;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** As text or binary by its type, unless told otherwise. */
  send(frame: Message, options: { readonly binary?: boolean } = {}): void {
    this.#socket.send(frame, options);
  }

  /** The next message, in the order they come. */
  async next(): Promise<Message> {
    const message = this.#messages.shift();
    if (message !== undefined) return message;
    if (!this.isOpen) throw new Error('the connection is closed');
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no message came')), REPLY_MS_MAX);
      const done = (): void => clearTimeout(timer);
      this.#waiters.push({
        resolve: (each) => (done(), resolve(each)),
        reject: (error) => (done(), reject(error)),
      });
    });
  }

  /** Sends a text frame and gives the text of its reply. */
  async ask(frame: string): Promise<string> {
    this.send(frame);
    const reply = await this.next();
    if (typeof reply !== 'string') throw new Error('a binary reply to a text frame');
    return reply;
  }

  /** Sends `{name: body}` and gives the body of the reply of that name. */
  async command(name: string, body: object = {}): Promise<Record<string, unknown>> {
    const reply = JSON.parse(await this.ask(JSON.stringify({ [name]: body }))) as object;
    const result: unknown = Reflect.get(reply, `${name}_RSP`);
    if (typeof result !== 'object' || result === null) throw new Error(JSON.stringify(reply));
    return result as Record<string, unknown>;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}
