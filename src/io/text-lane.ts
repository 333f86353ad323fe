/**
 * Keeps the text replies of one connection in the order of its requests, whichever shard answers
 * first: a request takes its place in the lane when it comes, and the lane sends from its head as
 * far as replies are there.
 *
 * A native reply that arrives while text replies wait goes through the lane, too: the two may
 * belong to commands on one session.
 */
import {
  binaryFrameTextReply,
  encodeTextReply,
  encodeTextStatus,
  type TextContext,
} from '../protocol/text-dialect.js';
import type { Connection } from './connection.js';
import type { Outgoing } from './outgoing.js';

/** Replies waiting behind one that has not come. More, and the connection is closed. */
export const LANE_REPLIES_MAX = 65_536;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Answers a binary frame that looks like a JSON object, as no frame of bins does: whoever sends it
 * understands JSON only.
 *
 * @returns whether it did.
 */
export function answersJson(
  connection: Connection,
  frame: Uint8Array,
  outgoing: Outgoing,
): boolean {
  if (frame[0] !== OPEN_BRACE || frame.at(-1) !== CLOSE_BRACE) return false;
  const lane = (connection.lane ??= new TextLane());
  lane.push(binaryFrameTextReply());
  lane.flush(connection, outgoing);
  return true;
}

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
  #readyBytes = 0;

  get size(): number {
    return this.#places.length - this.#head;
  }

  /** A request whose reply comes later, or a reply ready to go: text, or a native message. */
  push(place: Place): void {
    this.#places.push(place);
    this.#readyBytes += bytesOf(place);
  }

  /** Bytes, or characters, of what came here ready and still waits for its turn. */
  get readyBytes(): number {
    return this.#readyBytes;
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
      this.#readyBytes -= bytesOf(place);
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

function bytesOf(place: Place): number {
  return place instanceof TextRequest ? 0 : place.length;
}
