/**
 * Who may run turns of a shard: its own thread, or, while that sleeps, an I/O thread that borrows it
 * for one turn. One word decides; the others say what a borrower must know before it begins.
 *
 * Layout of the SharedArrayBuffer, in bytes:
 *
 *   0    state    i32   HELD by the shard's thread, FREE while that sleeps, LENT to an I/O thread
 *   4    wanted   i32   1 while the shard's thread waits for a borrower to be done
 *   8    served   i32   requests that borrowers have answered so far, whatever it wraps at
 *   12   held     i32   batches that borrowers could not log and have posted to the shard
 *   16   news     i32   failed syncs that the shard knew of when it went to sleep
 *   24   wake     f64   instant until which the shard means to sleep
 *
 * Everything but `state` and `wanted` is written by whoever has the lease; storing FREE or taking it
 * from there orders these plain writes, and all that was written to the shard's memory.
 */
export const LEASE_BYTES = 64;

const STATE = 0;
const WANTED = 1;
const SERVED = 2;
const HELD_BATCHES = 3;
const NEWS = 4;
const WAKE_DOUBLE = 3;

const HELD = 0;
const FREE = 1;
const LENT = 2;
/** How long the shard's thread sleeps at a time while it waits for a borrower. */
const WANT_WAIT_MS = 1;

export class Lease {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  /** Held by the shard's thread at first. */
  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared, 0, 6);
    this.#doubles = new Float64Array(shared, 0, 4);
  }

  /** The shard's thread, before it sleeps. */
  release(): void {
    Atomics.store(this.#words, STATE, FREE);
  }

  /** The shard's thread, after it has slept. Waits for a borrower's turn to end. */
  acquire(): void {
    while (Atomics.compareExchange(this.#words, STATE, FREE, HELD) !== FREE) {
      Atomics.store(this.#words, WANTED, 1);
      Atomics.wait(this.#words, STATE, LENT, WANT_WAIT_MS);
    }
    Atomics.store(this.#words, WANTED, 0);
  }

  /** An I/O thread: never waits, and gives way to a shard's thread that does. */
  borrow(): boolean {
    return (
      Atomics.load(this.#words, STATE) === FREE &&
      Atomics.load(this.#words, WANTED) === 0 &&
      Atomics.compareExchange(this.#words, STATE, FREE, LENT) === FREE
    );
  }

  /** The borrower is done, or has found that it cannot begin. */
  giveBack(): void {
    Atomics.store(this.#words, STATE, FREE);
    if (Atomics.load(this.#words, WANTED) !== 0) Atomics.notify(this.#words, STATE);
  }

  /** Requests that borrowers have answered. */
  get served(): number {
    return this.#words[SERVED]!;
  }

  countServed(requests: number): void {
    this.#words[SERVED] = (this.#words[SERVED]! + requests) | 0;
  }

  /** Batches posted to the shard because they could not be logged. */
  get heldBatches(): number {
    return this.#words[HELD_BATCHES]!;
  }

  countHeldBatch(): void {
    this.#words[HELD_BATCHES] = (this.#words[HELD_BATCHES]! + 1) | 0;
  }

  /** Failed syncs, as main counts them, that the shard knew of when it went to sleep. */
  get syncFailures(): number {
    return this.#words[NEWS]!;
  }

  set syncFailures(count: number) {
    this.#words[NEWS] = count;
  }

  /** Until when the shard means to sleep: milliseconds. A borrower that files something earlier wakes it. */
  get wakeMs(): number {
    return this.#doubles[WAKE_DOUBLE]!;
  }

  set wakeMs(ms: number) {
    this.#doubles[WAKE_DOUBLE] = ms;
  }
}
