/** One command, one reply, outside any measured window: set-up, checks, questions. */
import { Connection } from './connection.js';
import type { Protocol, ReplyReader } from './protocol.js';

export class Caller {
  readonly #protocol: Protocol;
  readonly #reader: ReplyReader;
  #connection: Connection | undefined;
  #lost: Error | undefined;
  #settle: { resolve(reply: Buffer): void; reject(error: Error): void } | undefined;

  static async open(port: number, protocol: Protocol): Promise<Caller> {
    const caller = new Caller(protocol);
    caller.#connection = await Connection.open({
      port,
      protocol,
      onBytes: (bytes, end) => void caller.#reader.read(bytes, end),
      onLost: (error) => caller.#lose(error),
    });
    return caller;
  }

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
    this.#reader = protocol.replyReader((bytes, start, end) => {
      const settle = this.#settle;
      this.#settle = undefined;
      settle?.resolve(Buffer.from(bytes.subarray(start, end)));
    });
  }

  /** One at a time: await the reply before the next call. */
  call(command: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) {
        reject(this.#lost);
        return;
      }
      this.#settle = { resolve, reject };
      this.#connection?.write(this.#protocol.message([command]));
    });
  }

  close(): void {
    this.#connection?.close();
  }

  #lose(error: Error): void {
    this.#lost = error;
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}
