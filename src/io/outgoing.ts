/**
 * The one way out to sockets. It looks at a connection's unsent bytes before each message, and
 * condemns a connection that reads too slowly: what was sent before stays in order, nothing is
 * added, and it is closed with a reason once that has gone out, or dropped if it takes too long.
 */
import { IO_COUNTER_INDEX } from '../core/counters.js';
import type { Connection } from './connection.js';
import { LANE_REPLIES_MAX } from './text-lane.js';

/** How long a condemned connection may take to read what it was sent. */
const CONDEMNED_MS_MAX = 10_000;

export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_POLICY = 1008;
export const CLOSE_TRY_AGAIN_LATER = 1013;

const FRAMES_OUT = IO_COUNTER_INDEX.framesOut;
const REPLIES_OUT = IO_COUNTER_INDEX.repliesOut;
const REPLIES_DROPPED = IO_COUNTER_INDEX.repliesDropped;
const SLOW_READERS_CLOSED = IO_COUNTER_INDEX.slowReadersClosed;

export class Outgoing {
  readonly #unsentBytesMax: number;
  readonly #counters: Float64Array;

  constructor(unsentBytesMax: number, counters: Float64Array) {
    this.#unsentBytesMax = unsentBytesMax;
    this.#counters = counters;
  }

  /** @param replies how many the message holds. */
  sendBinary(connection: Connection, bytes: Uint8Array, replies: number): void {
    if (!this.#mayGo(connection, replies)) return;
    connection.socket.sendBinary(bytes);
  }

  sendText(connection: Connection, text: string): void {
    if (!this.#mayGo(connection, 1)) return;
    connection.socket.sendText(text);
  }

  #mayGo(connection: Connection, replies: number): boolean {
    const counters = this.#counters;
    if (!connection.isOpen || connection.isCondemned) {
      counters[REPLIES_DROPPED]! += replies;
      return false;
    }
    if (connection.socket.bufferedBytes() > this.#unsentBytesMax) {
      counters[REPLIES_DROPPED]! += replies;
      counters[SLOW_READERS_CLOSED]! += 1;
      this.condemn(connection, CLOSE_TRY_AGAIN_LATER, 'replies are read too slowly');
      return false;
    }
    counters[FRAMES_OUT]! += 1;
    counters[REPLIES_OUT]! += replies;
    return true;
  }

  /**
   * Whether so much waits for a connection that nothing may be pushed to it: half of what it may have
   * is left to replies.
   */
  isSlow(connection: Connection): boolean {
    const { lane, pushBytes, socket } = connection;
    if (lane !== undefined && lane.size > LANE_REPLIES_MAX / 2) return true;
    const waitingBytes = socket.bufferedBytes() + pushBytes + (lane?.readyBytes ?? 0);
    return waitingBytes > this.#unsentBytesMax / 2;
  }

  /** Takes no more commands from a connection, gives it no more replies, and closes it in time. */
  condemn(connection: Connection, code: number, reason: string): void {
    if (!connection.isOpen || connection.isCondemned) return;
    connection.isCondemned = true;
    connection.closeCode = code;
    connection.closeReason = reason;
    this.onDrain(connection);
    if (!connection.isOpen) return;
    const timer = setTimeout(() => {
      if (connection.isOpen) connection.socket.terminate();
    }, CONDEMNED_MS_MAX);
    timer.unref();
  }

  /** Some of its unsent bytes have gone out. */
  onDrain(connection: Connection): void {
    if (!connection.isOpen || !connection.isCondemned) return;
    if (connection.socket.bufferedBytes() > 0) return;
    connection.socket.end(connection.closeCode, connection.closeReason);
  }
}
