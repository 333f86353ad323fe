/**
 * When the commands on their way to one shard came, as far as it takes to tell how long each was
 * under way: those of one turn of the event loop came at one instant, and a shard answers in the
 * order it was asked. (What is answered later than what came after it swaps times with that.)
 *
 * So it takes one look at the clock in a turn, and a sum for each command.
 */
import type { Durations } from '../core/durations.js';

/** Turns whose commands may be under way; those of any more count as of the last of them. */
const BATCHES_MAX = 1_024;

export class Arrivals {
  /** Commands that came in this turn, and those that were answered in it. */
  came = 0;
  answered = 0;
  // A queue in a ring.
  readonly #cameMs = new Float64Array(BATCHES_MAX);
  readonly #counts = new Float64Array(BATCHES_MAX);
  #first = 0;
  #batches = 0;

  /** What came in this turn may have been there since then. */
  note(cameMs: number): void {
    if (this.came === 0) return;
    if (this.#batches === BATCHES_MAX) {
      this.#counts[(this.#first + this.#batches - 1) % BATCHES_MAX]! += this.came;
    } else {
      const last = (this.#first + this.#batches) % BATCHES_MAX;
      this.#cameMs[last] = cameMs;
      this.#counts[last] = this.came;
      this.#batches += 1;
    }
    this.came = 0;
  }

  /** What was answered in this turn has been sent now. */
  settle(nowMs: number, durations: Durations): void {
    while (this.answered > 0 && this.#batches > 0) {
      const first = this.#first;
      const count = Math.min(this.answered, this.#counts[first]!);
      durations.record(nowMs - this.#cameMs[first]!, count);
      this.answered -= count;
      this.#counts[first]! -= count;
      if (this.#counts[first]! > 0) continue;
      this.#first = (first + 1) % BATCHES_MAX;
      this.#batches -= 1;
    }
    this.answered = 0;
  }
}
