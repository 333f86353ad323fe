/**
 * What a connection sends after a command that must be answered before anything else of it runs: one
 * that waits for the limit of an owner (owner-limit.ts), and whose session later commands may name.
 * Messages are kept as they came, the rest of the command's own message first.
 */
interface DeferredFrame {
  readonly isText: boolean;
  readonly bytes: Uint8Array;
}

/** Of one connection. More, and it is closed. */
const CONNECTION_BYTES_MAX = 16 * 1_024 * 1_024;
/** Of all connections of a thread: many may wait, and some of them for a secret not known yet. */
const THREAD_BYTES_MAX = 64 * 1_024 * 1_024;
/** What a message costs beside its bytes. */
const FRAME_BYTES = 256;

/** Of all connections of a thread. */
export interface DeferredTotal {
  bytes: number;
}

export class DeferredFrames {
  readonly #total: DeferredTotal;
  #frames: DeferredFrame[] = [];
  #bytes = 0;

  constructor(total: DeferredTotal) {
    this.#total = total;
  }

  /** Whether this, or all of the thread together, has grown too large. */
  get isOverfull(): boolean {
    return this.#bytes > CONNECTION_BYTES_MAX || this.#total.bytes > THREAD_BYTES_MAX;
  }

  /** @param bytes its own memory. */
  add(bytes: Uint8Array, isText: boolean): void {
    this.#frames.push({ isText, bytes });
    this.#count(bytes.length + FRAME_BYTES);
  }

  /** Gives up what was kept, to be routed or because its connection is gone. */
  take(): readonly DeferredFrame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#count(-this.#bytes);
    return frames;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }
}
