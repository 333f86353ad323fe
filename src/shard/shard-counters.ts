/** One shard's counters, in shared memory; the shard is their only writer. */
import { SHARD_COUNTER_INDEX, type ShardCounter } from '../core/counters.js';

export class ShardCounters {
  readonly #values: Float64Array;

  constructor(shared: SharedArrayBuffer) {
    this.#values = new Float64Array(shared);
  }

  add(name: ShardCounter, by: number): void {
    this.#values[SHARD_COUNTER_INDEX[name]]! += by;
  }

  set(name: ShardCounter, value: number): void {
    this.#values[SHARD_COUNTER_INDEX[name]] = value;
  }

  raise(name: ShardCounter, value: number): void {
    const index = SHARD_COUNTER_INDEX[name];
    if (value > this.#values[index]!) this.#values[index] = value;
  }
}
