/**
 * Ticks at even intervals for a thread that must not block. Timers of the event loop fire up to a
 * whole millisecond late; here a thread of its own sleeps in Atomics.wait, which is on time to
 * about a tenth of that, and posts.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TickerPlan } from './ticker-thread.js';

export type StartTicker = (
  tickMs: number,
  onTick: (dueMs: number) => void,
) => Promise<Pick<Ticker, 'stop'>>;

export class Ticker {
  readonly #stopWord: Int32Array;
  readonly #exited: Promise<unknown>;

  /**
   * Resolves once it ticks.
   *
   * @param onTick hears of every tick, late or not, with the instant at which it was due.
   */
  static readonly start: StartTicker = async (tickMs, onTick) => {
    const stopWord = new SharedArrayBuffer(4);
    const workerData: TickerPlan = { tickMs, stopWord };
    const worker = new Worker(new URL('ticker-thread.js', import.meta.url), { workerData });
    worker.on('message', (dueMs: number) => onTick(dueMs - performance.timeOrigin));
    await once(worker, 'message');
    return new Ticker(worker, new Int32Array(stopWord));
  };

  constructor(worker: Worker, stopWord: Int32Array) {
    this.#stopWord = stopWord;
    this.#exited = once(worker, 'exit');
  }

  /** May be called again. */
  async stop(): Promise<void> {
    Atomics.store(this.#stopWord, 0, 1);
    Atomics.notify(this.#stopWord, 0);
    await this.#exited;
  }
}
