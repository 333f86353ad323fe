/** A native client that keeps what is pushed to it, in the order it came, among the replies. */
import { pack, Unpackr, unpackMultiple } from 'msgpackr';
import { WebSocket } from 'ws';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';

export type Body = Record<string, unknown>;
export type Push = readonly [event: string, body: Body];
export type Answer = readonly [status: number, body: Body | null];

/** Sequence numbers of events have 64 bits. */
const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false });
const WAIT_MS_MAX = 20_000;

export class WatchingClient {
  readonly socket: WebSocket;
  /** Pushes that next() has not taken. */
  readonly pushes: Push[] = [];
  /** Ids of replies and events of pushes, as they came. */
  readonly came: (number | string)[] = [];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #onPush: () => void = () => undefined;
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (message: Buffer) => {
      for (const bin of unpackMultiple(message) as Buffer[]) {
        this.#take(unpackr.unpack(bin) as [number, number | string, Body]);
      }
    });
    socket.on('error', () => socket.terminate());
  }

  static async connect(url: string): Promise<WatchingClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new WatchingClient(socket);
  }

  ask(name: CommandName, tkn: unknown, body: object | null = null): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.socket.send(pack(pack([CATALOGUE[name].op, id, tkn, body])));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** The same, where nothing but success is expected. */
  async do(name: CommandName, tkn: unknown, body: object | null = null): Promise<Body> {
    const [status, result] = await this.ask(name, tkn, body);
    if (status !== 1) throw new Error(`${name}: ${status} ${JSON.stringify(result)}`);
    return result ?? {};
  }

  /** The next push, waiting for it if need be. */
  async next(): Promise<Push> {
    const [push] = await this.take(1);
    return push!;
  }

  /** The next few. */
  async take(count: number): Promise<Push[]> {
    await this.until(() => this.pushes.length >= count);
    return this.pushes.splice(0, count);
  }

  /** Waits until something holds, looking again with every push. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no push came; there are ${JSON.stringify(this.pushes).slice(0, 500)}`));
      }, WAIT_MS_MAX);
      this.#onPush = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#onPush = () => undefined;
        resolve();
      };
      this.#onPush();
    });
  }

  close(): void {
    this.socket.terminate();
  }

  #take([id, what, body]: [number, number | string, Body]): void {
    if (id !== 0) {
      this.came.push(id);
      this.#waiting.get(id)?.([what as number, body]);
      this.#waiting.delete(id);
      return;
    }
    this.came.push(what);
    this.pushes.push([what as string, body]);
    this.#onPush();
  }
}
