/**
 * Prebuilt requests: messages for sessions drawn at random, one after another in memory, all of one
 * size. Any run of messages is then one view of the tape, and sending costs the generator one write.
 */
import { KEY_COUNT, TOKEN_BYTES, type Operation, type Protocol } from './protocol.js';

const COMMANDS_PER_TAPE = 65_536;

export class Tape {
  readonly messages: number;
  readonly #bytes: Buffer;
  readonly #messageBytes: number;

  constructor(messages: readonly Buffer[]) {
    const messageBytes = messages[0]?.length ?? 0;
    if (messages.some((message) => message.length !== messageBytes)) {
      throw new Error('the messages of a tape differ in size');
    }
    this.messages = messages.length;
    this.#messageBytes = messageBytes;
    this.#bytes = Buffer.concat(messages);
  }

  /** `count` messages from number `from`; both within the tape. */
  view(from: number, count: number): Buffer {
    return this.#bytes.subarray(from * this.#messageBytes, (from + count) * this.#messageBytes);
  }
}

export interface TapeOptions {
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly perMessage: number;
  readonly tokens: Buffer;
}

export function buildTape({ protocol, operation, perMessage, tokens }: TapeOptions): Tape {
  const sessions = tokens.length / TOKEN_BYTES;
  const drawn = (): Buffer => {
    const index = Math.floor(Math.random() * sessions);
    const key = 1 + Math.floor(Math.random() * KEY_COUNT);
    const token = tokens.subarray(index * TOKEN_BYTES, (index + 1) * TOKEN_BYTES);
    return protocol[operation](token, index, key);
  };
  const messages = Array.from({ length: Math.floor(COMMANDS_PER_TAPE / perMessage) }, () =>
    protocol.message(Array.from({ length: perMessage }, drawn)),
  );
  return new Tape(messages);
}
