/** A WebSocket that speaks the native dialect by itself: many commands in flight, matched by id. */
import { pack, unpack, unpackMultiple } from 'msgpackr';
import { WebSocket } from 'ws';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';

export type Answer = readonly [status: number, body: Record<string, unknown> | null];
type Reply = [id: number, status: number, body: Record<string, unknown> | null];

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class NativeClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => {
      for (const bin of unpackMultiple(message) as Buffer[]) this.#settle(unpack(bin) as Reply);
    });
    socket.on('close', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`closed with ${code}`));
      this.#waiting.clear();
    });
  }

  static async connect(url: string): Promise<NativeClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new NativeClient(socket);
  }

  /** One command in a frame of its own, sent at once. */
  ask(name: CommandName, tkn: unknown, body: object | null = null): Promise<Answer> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#socket.send(pack(pack([CATALOGUE[name].op, id, tkn, body])));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  close(): void {
    this.#socket.terminate();
  }

  #settle([id, status, body]: Reply): void {
    this.#waiting.get(id)?.resolve([status, body]);
    this.#waiting.delete(id);
  }
}
