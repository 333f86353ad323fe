/**
 * How one thread sleeps until another has work for it. Shared: 64 bytes, two i32 words. One
 * sleeper, any number of ringers.
 *
 * The sleeper reads the count BEFORE it looks for work and goes to sleep on that count, so a ring
 * that lands in between ends the sleep at once: no wake-up is lost. The ringer skips the notify,
 * which takes a process-wide lock in V8, while nobody sleeps. Both orders are covered: the ringer
 * adds to the count and then looks at SLEEPING, the sleeper sets SLEEPING and then looks at the
 * count, so at least one of them sees the other. SLEEPING says that a wake-up is needed and not yet
 * under way: the sleeper sets it, the first ringer clears it.
 */
const COUNT = 0;
const SLEEPING = 1;
export const DOORBELL_BYTES = 64;

export class Doorbell {
  readonly #words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared, 0, 2);
  }

  /** Call after publish(). Once per batch, not once per record. */
  ring(): void {
    Atomics.add(this.#words, COUNT, 1);
    // Taken back at once: a thread takes a while to wake, and one notify is enough for it.
    if (Atomics.load(this.#words, SLEEPING) === 0) return;
    if (Atomics.exchange(this.#words, SLEEPING, 0) !== 0) Atomics.notify(this.#words, COUNT);
  }

  /** The count to hand to wait() or sleep(), read before looking for work. */
  count(): number {
    return Atomics.load(this.#words, COUNT);
  }

  /** Shard threads: blocks until rung since countSeen was read, or until timeoutMs has passed. */
  wait(countSeen: number, timeoutMs: number): void {
    Atomics.store(this.#words, SLEEPING, 1);
    // Compares the count once more, in one step with falling asleep.
    Atomics.wait(this.#words, COUNT, countSeen, timeoutMs);
    Atomics.store(this.#words, SLEEPING, 0);
  }
}

/**
 * The same for a thread with an event loop, which must not block: it asks to be called back. One
 * asynchronous wait at most is ever pending; it outlives a wake() and serves the next sleep, since
 * any ring that finds SLEEPING set ends it. It does not keep the process alive.
 */
export class AsyncSleeper {
  readonly #words: Int32Array;
  readonly #onRing: () => void;
  readonly #onWaitEnd = (): void => {
    this.#isWaiting = false;
    if (!this.#isAsleep) return;
    this.wake();
    this.#onRing();
  };
  #isWaiting = false;
  #isAsleep = false;

  constructor(shared: SharedArrayBuffer, onRing: () => void) {
    this.#words = new Int32Array(shared, 0, 2);
    this.#onRing = onRing;
  }

  /**
   * Asks for one call back when rung.
   *
   * @returns false, and no call back, if it was rung since countSeen was read.
   */
  sleep(countSeen: number): boolean {
    this.#isAsleep = true;
    Atomics.store(this.#words, SLEEPING, 1);
    if (!this.#isWaiting) {
      const wait = Atomics.waitAsync(this.#words, COUNT, countSeen);
      if (wait.async) {
        this.#isWaiting = true;
        void wait.value.then(this.#onWaitEnd);
        return true;
      }
    } else if (Atomics.load(this.#words, COUNT) === countSeen) {
      return true;
    }
    this.wake();
    return false;
  }

  /** Ends the sleep without a call back: there is work from elsewhere. */
  wake(): void {
    this.#isAsleep = false;
    Atomics.store(this.#words, SLEEPING, 0);
  }
}
