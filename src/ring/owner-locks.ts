/**
 * One lock for each of 1,024 stripes of owners, shared by all I/O threads: whoever holds an owner's
 * stripe is the only one to give that owner a session. Nobody blocks for it: who does not get a
 * stripe is called back.
 *
 * Layout: one i32 a stripe, FREE or HELD. Another thread may take or release a stripe at any moment,
 * so a stripe is taken by compare-and-exchange only, and stored to by its holder only. A release
 * wakes one waiter, first come first served; a thread has at most one wait a stripe pending.
 */
const FREE = 0;
const HELD = 1;

export const OWNER_STRIPES = 1_024;
export const OWNER_LOCKS_BYTES = OWNER_STRIPES * 4;

type Granted = () => void;

export class OwnerLocks {
  readonly #words: Int32Array;
  /** Those of this thread that wait, by stripe, in the order they came. */
  readonly #waiting = new Map<number, Granted[]>();

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
  }

  /** Calls back when the stripe is the caller's: at once, before it returns, if it is free. */
  take(stripe: number, granted: Granted): void {
    const queue = this.#waiting.get(stripe);
    if (queue !== undefined) {
      queue.push(granted);
    } else if (this.#tryTake(stripe)) {
      granted();
    } else {
      this.#waiting.set(stripe, [granted]);
      this.#wait(stripe);
    }
  }

  /** By its holder. Whoever is next is called back later, not from within. */
  release(stripe: number): void {
    Atomics.store(this.#words, stripe, FREE);
    Atomics.notify(this.#words, stripe, 1);
  }

  #tryTake(stripe: number): boolean {
    return Atomics.compareExchange(this.#words, stripe, FREE, HELD) === FREE;
  }

  /** Falls asleep only if the stripe is held at that moment, so no release can be missed. */
  #wait(stripe: number): void {
    const wait = Atomics.waitAsync(this.#words, stripe, HELD);
    const retry = (): void => this.#retry(stripe);
    if (wait.async) void wait.value.then(retry);
    else setImmediate(retry);
  }

  #retry(stripe: number): void {
    if (!this.#tryTake(stripe)) {
      this.#wait(stripe);
      return;
    }
    const queue = this.#waiting.get(stripe)!;
    const granted = queue.shift()!;
    if (queue.length === 0) this.#waiting.delete(stripe);
    else this.#wait(stripe);
    granted();
  }
}

/** The stripe of an owner: FNV-1a of the name's bytes. Owners that share one merely wait. */
export function stripeOf(owner: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < owner.length; i += 1) hash = Math.imul(hash ^ owner[i]!, 0x01000193);
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (OWNER_STRIPES - 1);
}
