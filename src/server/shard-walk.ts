/**
 * Main's side of one walk: gives the order, takes the chunks in order, one at a time, and counts each
 * as done once it is taken care of, which is what lets the shard send the next.
 */
import { CHUNKS_AHEAD_MAX } from '../config/walk-messages.js';
import type { WalkChunk, WalkEnd, WalkStart } from '../config/walk-messages.js';
import { assert } from '../core/errors.js';
import { nextOrderId, type ShardChannel } from './shard-channel.js';

/** Somebody no longer wanted the walk. */
export class WalkAbandoned extends Error {
  override readonly name = 'WalkAbandoned';
}

export interface WalkRequest {
  readonly purpose: WalkStart['purpose'];
  readonly what: WalkStart['what'];
  /** Aborted: the walk is given up. */
  readonly signal: AbortSignal;
}

/**
 * Resolves once the last chunk is taken care of. Rejects with what onChunk rejects with, or with
 * WalkAbandoned; then no further chunk is handed over.
 */
export async function walkShard(
  channel: ShardChannel,
  request: WalkRequest,
  onChunk: (chunk: WalkChunk) => Promise<void>,
): Promise<WalkEnd> {
  const { signal } = request;
  if (signal.aborted) throw new WalkAbandoned('the walk is not wanted any more');
  const id = nextOrderId();
  const receiver = new ChunkReceiver(channel, id, onChunk);
  const cancel = (): void => receiver.cancel(new WalkAbandoned('the walk was given up'));
  signal.addEventListener('abort', cancel);
  try {
    channel.order({ type: 'walk', id, purpose: request.purpose, what: request.what });
    return await receiver.finished;
  } finally {
    signal.removeEventListener('abort', cancel);
    receiver.close();
  }
}

class ChunkReceiver {
  readonly finished: Promise<WalkEnd>;
  readonly #channel: ShardChannel;
  readonly #id: number;
  readonly #onChunk: (chunk: WalkChunk) => Promise<void>;
  readonly #unsubscribe: readonly (() => void)[];
  readonly #waiting: WalkChunk[] = [];
  #end: WalkEnd | undefined;
  #failure: Error | undefined;
  #isTaking = false;
  #resolve: (end: WalkEnd) => void = () => undefined;
  #reject: (reason: Error) => void = () => undefined;

  constructor(channel: ShardChannel, id: number, onChunk: (chunk: WalkChunk) => Promise<void>) {
    this.#channel = channel;
    this.#id = id;
    this.#onChunk = onChunk;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#unsubscribe = [
      channel.on('chunk', (chunk) => this.#receive(chunk)),
      channel.on('walked', (end) => this.#receiveEnd(end)),
    ];
  }

  /** The rest is not wanted. The walk is over when the shard says so: until then chunks may come. */
  cancel(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    for (const _chunk of this.#waiting.splice(0)) this.#countDone();
    if (this.#end === undefined) this.#channel.order({ type: 'cancel-walk', id: this.#id });
    this.#settle();
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #receive(chunk: WalkChunk): void {
    if (chunk.id !== this.#id) return;
    if (this.#failure !== undefined) {
      this.#countDone();
      return;
    }
    this.#waiting.push(chunk);
    assert(this.#waiting.length <= CHUNKS_AHEAD_MAX, 'a shard waits for main');
    void this.#takeWaiting();
  }

  #receiveEnd(end: WalkEnd): void {
    if (end.id !== this.#id) return;
    this.#end = end;
    this.#settle();
  }

  async #takeWaiting(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
      try {
        await this.#onChunk(chunk);
      } catch (error) {
        this.cancel(error as Error);
      }
      this.#countDone();
    }
    this.#isTaking = false;
    this.#settle();
  }

  #countDone(): void {
    this.#channel.board.countChunkDone();
    this.#channel.wake();
  }

  /** Not before onChunk has let go of the chunk in hand: its file is still being written. */
  #settle(): void {
    if (this.#end === undefined || this.#isTaking) return;
    if (this.#failure === undefined) this.#resolve(this.#end);
    else this.#reject(this.#failure);
  }
}
