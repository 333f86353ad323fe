/**
 * Keeps the text replies of one connection in the order of its requests, whichever shard answers
 * first: a request takes its place in the lane when it comes, and the lane sends from its head as
 * far as replies are there.
 *
 * A native reply that arrives while text replies wait goes through the lane, too: the two may
 * belong to commands on one session.
 */
import { encodeTextReply, encodeTextStatus, type TextContext } from '../protocol/text-dialect.js';
import type { Connection } from './connection.js';
import type { Outgoing } from './outgoing.js';

/** Replies waiting behind one that has not come. More, and the connection is closed. */
export const LANE_REPLIES_MAX = 65_536;

/** One text command, from its arrival to its reply. */
export class TextRequest {
  readonly context: TextContext;
  reply: string | undefined = undefined;

  constructor(context: TextContext) {
    this.context = context;
  }

  /** bytes[start, end) is a native reply. */
  answer(bytes: Uint8Array, start: number, end: number): void {
    this.reply = encodeTextReply(this.context, bytes, start, end);
  }

  refuse(status: number): void {
    this.reply = encodeTextStatus(this.context, status);
  }
}

type Place = TextRequest | string | Uint8Array;

export class TextLane {
  #places: Place[] = [];
  #head = 0;

  get size(): number {
    return this.#places.length - this.#head;
  }

  /** A request whose reply comes later, or a reply ready to go: text, or a native message. */
  push(place: Place): void {
    this.#places.push(place);
  }

  /** Sends what is ready at the head. */
  flush(connection: Connection, outgoing: Outgoing): void {
    while (this.#head < this.#places.length) {
      const place = this.#places[this.#head]!;
      if (place instanceof TextRequest) {
        if (place.reply === undefined) break;
        outgoing.sendText(connection, place.reply);
      } else if (typeof place === 'string') {
        outgoing.sendText(connection, place);
      } else {
        outgoing.sendBinary(connection, place, 1);
      }
      this.#head += 1;
    }
    this.#forgetSent();
  }

  #forgetSent(): void {
    if (this.#head === this.#places.length) {
      this.#places.length = 0;
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#head = 0;
    }
  }
}
