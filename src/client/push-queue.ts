/**
 * What pushes bring, from where they come in to the `for await` that takes them out. Holds at most
 * so many; one more ends it with FeedOverflowError, after those that it holds were taken.
 */
import { FeedOverflowError } from './errors.js';
import { WaitingQueue } from './waiting-queue.js';

interface Taker<Item> {
  readonly resolve: (result: IteratorResult<Item, undefined>) => void;
  readonly reject: (error: Error) => void;
}

export class PushQueue<Item> implements AsyncIterableIterator<Item, undefined> {
  readonly #items = new WaitingQueue<Item>();
  readonly #takers = new WaitingQueue<Taker<Item>>();
  readonly #maxBuffered: number;
  readonly #onLeave: (queue: PushQueue<Item>) => void;
  #isEnded = false;
  #error: Error | undefined;

  /** @param onLeave called once if the reader leaves, or falls behind, before the end. */
  constructor(maxBuffered: number, onLeave: (queue: PushQueue<Item>) => void) {
    if (!Number.isInteger(maxBuffered) || maxBuffered < 1) {
      throw new TypeError('maxBuffered must be a whole number from 1');
    }
    this.#maxBuffered = maxBuffered;
    this.#onLeave = onLeave;
  }

  /** No more comes in. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  push(item: Item): void {
    if (this.#isEnded) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker.resolve({ done: false, value: item });
    } else if (this.#items.length < this.#maxBuffered) {
      this.#items.push(item);
    } else {
      this.end(new FeedOverflowError(this.#maxBuffered));
      this.#onLeave(this);
    }
  }

  /** The reader gets what is here, and then the error, or the end. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    for (const taker of this.#takers.takeAll()) this.#giveEnd(taker);
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return new Promise((resolve, reject) => {
      const taker = { resolve, reject };
      if (!this.#items.isEmpty) resolve({ done: false, value: this.#items.shift() as Item });
      else if (this.#isEnded) this.#giveEnd(taker);
      else this.#takers.push(taker);
    });
  }

  /** What `break` calls. */
  return(): Promise<IteratorResult<Item, undefined>> {
    const hasLeft = !this.#isEnded;
    this.#items.takeAll();
    this.#error = undefined;
    this.end();
    if (hasLeft) this.#onLeave(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The error is told once; after it there is only the end. */
  #giveEnd(taker: Taker<Item>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) taker.resolve({ done: true, value: undefined });
    else taker.reject(error);
  }
}
