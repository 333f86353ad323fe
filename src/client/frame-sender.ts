/**
 * Turns commands into frames: those of one tick share one, as far as maxFrameBytes allows, and leave
 * when the tick's own work is done.
 */
import { CommandWriter } from './command-writer.js';
import type { PendingCommand } from './in-flight.js';

export class FrameSender {
  readonly #sendFrame: (bytes: Uint8Array) => void;
  readonly #maxFrameBytes: number;
  readonly #writer = new CommandWriter();
  /** For commands that cannot be sent at once. */
  readonly #scratch = new CommandWriter();
  #isFlushDue = false;

  constructor(maxFrameBytes: number, sendFrame: (bytes: Uint8Array) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#sendFrame = sendFrame;
  }

  /** The bytes of a command that waits. Throws a TypeError for what cannot be sent. */
  encode(command: PendingCommand): Uint8Array {
    this.#scratch.append(command.plan, 0, command.token?.bytes, command.body);
    const encoded = this.#scratch.view().slice();
    this.#scratch.dropFront();
    return encoded;
  }

  /** Sends a command that has its id. Throws a TypeError, with nothing sent, as encode() does. */
  send(command: PendingCommand): void {
    const writer = this.#writer;
    const start = writer.length;
    if (command.encoded === undefined) {
      writer.append(command.plan, command.id, command.token?.bytes, command.body);
    } else {
      writer.appendEncoded(command.encoded, command.id);
      command.encoded = undefined;
    }
    if (start > 0 && writer.length > this.#maxFrameBytes) {
      this.#sendFrame(writer.view(start));
      writer.dropFront(start);
    }
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flush);
  }

  /** Forgets what is not sent. */
  clear(): void {
    this.#writer.dropFront();
  }

  /** A property, so that scheduling it makes no closure. */
  readonly #flush = (): void => {
    this.#isFlushDue = false;
    if (this.#writer.length === 0) return;
    this.#sendFrame(this.#writer.view());
    this.#writer.dropFront();
  };
}
