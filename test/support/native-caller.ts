/** A native client of a few lines: sends commands as they are, many at once, and gives the replies. */
import { decode, decodeMulti, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';

export type Answer = readonly [status: number, body: Record<string, unknown> | null];

export class NativeCaller {
  /** Ids of the replies, in the order they came. */
  readonly order: number[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => {
      for (const bin of decodeMulti(message)) {
        const [id, status, body] = decode(bin as Uint8Array) as [number, number, Answer[1]];
        this.order.push(id);
        this.#waiting.get(id)?.([status, body]);
        this.#waiting.delete(id);
      }
    });
  }

  static async connect(url: string): Promise<NativeCaller> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new NativeCaller(socket);
  }

  static many(url: string, count: number): Promise<NativeCaller[]> {
    return Promise.all(Array.from({ length: count }, () => NativeCaller.connect(url)));
  }

  async ask(name: CommandName, token: unknown = null, body: unknown = null): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(encode(encode([CATALOGUE[name].op, id, token, body])));
    return await answer;
  }

  async statusOf(name: CommandName, token: unknown = null, body: unknown = null): Promise<number> {
    return (await this.ask(name, token, body))[0];
  }

  close(): void {
    this.#socket.close();
  }
}
