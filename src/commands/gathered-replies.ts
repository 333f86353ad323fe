/** Replies kept in memory of the thread: those of a batch, until they go out as one. */
import { ByteSpace } from '../core/copy.js';
import type { ReplySink } from './reply.js';

const BYTES_MIN = 4_096;
/** More than that is given up once the replies are on their way. */
const BYTES_KEPT_MAX = 256 * 1_024;
/** The array's header and the id 0, which is what the writer of these replies gives all of them. */
const HEAD_BYTES = 2;

export class GatheredReplies implements ReplySink {
  space = new ByteSpace(new ArrayBuffer(BYTES_MIN));
  /** Bytes of all replies. */
  length = 0;
  count = 0;
  /** Where each one begins and ends. */
  #starts: number[] = [];
  #ends: number[] = [];

  clear(): void {
    this.length = 0;
    this.count = 0;
    this.#starts = [];
    this.#ends = [];
    if (this.space.bytes.length > BYTES_KEPT_MAX) {
      this.space = new ByteSpace(new ArrayBuffer(BYTES_MIN));
    }
  }

  begin(_connection: number, _ticket: number, replyBytes: number): number {
    const start = this.length;
    this.length += replyBytes;
    if (this.length > this.space.bytes.length) this.#grow();
    this.#starts.push(start);
    this.#ends.push(this.length);
    this.count += 1;
    return start;
  }

  tokenAt(): void {
    throw new Error('no data command answers a token');
  }

  end(): void {
    // Nothing waits for it.
  }

  /** Where a reply's status begins; its body follows, up to endOf(). */
  statusAt(index: number): number {
    const start = this.#starts[index]!;
    const first = this.space.bytes[start];
    const headerBytes = first === 0xc4 ? 2 : first === 0xc5 ? 3 : 5;
    return start + headerBytes + HEAD_BYTES;
  }

  endOf(index: number): number {
    return this.#ends[index]!;
  }

  #grow(): void {
    let bytes = this.space.bytes.length;
    while (bytes < this.length) bytes *= 2;
    const grown = new ByteSpace(new ArrayBuffer(bytes));
    grown.bytes.set(this.space.bytes);
    this.space = grown;
  }
}
