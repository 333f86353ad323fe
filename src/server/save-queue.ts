/**
 * Saves and loads one at a time, in the order they came: two at once would slow each other and the
 * commands beside them. A bounded number waits.
 */

/** Waiting behind the one that runs. */
export const WAITING_MAX = 16;

export class SaveQueue {
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  get isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  /** Runs the work when its turn comes. Only while not full. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isRunning = true;
    try {
      return await work();
    } finally {
      // Handed on, not given up: whoever asks in between must not get in first.
      const next = this.#waiting.shift();
      if (next === undefined) this.#isRunning = false;
      else next();
    }
  }
}
