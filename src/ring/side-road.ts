/**
 * The way around a ring for a record that is too large for it: its bytes travel as one transferred
 * ArrayBuffer through the link's MessagePort, while a stub in the ring keeps its place.
 *
 * The sender posts before it publishes the stub; a port is first in, first out; and each direction
 * has one sender and one receiver. So the message that a receiver takes at a stub is that stub's.
 * The taking is synchronous and needs no event loop. Posting queues the message at the other end
 * before it returns, so a receiver that sees the stub finds the message.
 *
 * An I/O thread that has borrowed the shard is both sender and receiver: it keeps the buffer here.
 * Since it borrows only while no reply of the shard's waits for it, what it keeps comes first.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { assert } from '../core/errors.js';

export class SideRoad {
  readonly #port: MessagePort;
  readonly #kept: ArrayBuffer[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Sends a buffer away; it is empty here from now on. Call before publishing the stub. */
  post(buffer: ArrayBuffer): void {
    this.#port.postMessage(buffer, [buffer]);
  }

  /** To be taken at this same end. */
  keep(buffer: ArrayBuffer): void {
    this.#kept.push(buffer);
  }

  /** Sends a copy of bytes [start, end). */
  postCopy(bytes: Uint8Array, start: number, end: number): void {
    const copy = new ArrayBuffer(end - start);
    new Uint8Array(copy).set(bytes.subarray(start, end));
    this.post(copy);
  }

  /** Takes the buffer of the stub in hand. */
  take(): ArrayBuffer {
    const kept = this.#kept.shift();
    if (kept !== undefined) return kept;
    const received = receiveMessageOnPort(this.#port) as { readonly message: unknown } | undefined;
    assert(received !== undefined, 'the side road holds what the stub promised');
    assert(received.message instanceof ArrayBuffer, 'the side road carries buffers');
    return received.message;
  }
}
