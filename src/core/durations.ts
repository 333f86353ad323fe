/**
 * How long things took, counted in buckets over shared memory: whole microseconds up to 32, then 16
 * buckets to each doubling, so that what is read from them is at most a sixteenth too high. The longest
 * is kept as it was. One thread writes; others may read at any time, and take two readings apart.
 */
const LINEAR_BITS = 4;
const LINEAR = 1 << LINEAR_BITS;
const US_BITS_MAX = 30;
const US_MAX = 2 ** US_BITS_MAX - 1;
/** Of clz32: for a number whose first bit is the one that makes a bucket's place within its doubling. */
const CLZ_LINEAR = 31 - LINEAR_BITS;

/** Doubles that the buckets take. */
export const DURATION_BUCKETS = (US_BITS_MAX - LINEAR_BITS + 1) * LINEAR;

export class Durations {
  readonly #buckets: Float64Array;
  readonly #figures: Float64Array;
  readonly #maxIndex: number;

  /** @param maxIndex place of the longest, milliseconds, among the figures. */
  constructor(buckets: Float64Array, figures: Float64Array, maxIndex: number) {
    this.#buckets = buckets;
    this.#figures = figures;
    this.#maxIndex = maxIndex;
  }

  record(ms: number, count: number): void {
    const bucket = bucketOf(ms);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + count;
    if (ms > (this.#figures[this.#maxIndex] ?? 0)) this.#figures[this.#maxIndex] = ms;
  }
}

function bucketOf(ms: number): number {
  const us = Math.min(Math.max(0, ms * 1_000), US_MAX) | 0;
  if (us < LINEAR) return us;
  const shift = CLZ_LINEAR - Math.clz32(us);
  return (shift << LINEAR_BITS) + (us >>> shift);
}

/** No duration of the bucket is that long, milliseconds. */
export function bucketEndMs(bucket: number): number {
  if (bucket < LINEAR) return (bucket + 1) / 1_000;
  const shift = (bucket >>> LINEAR_BITS) - 1;
  const place = (bucket & (LINEAR - 1)) + LINEAR;
  return ((place + 1) * 2 ** shift) / 1_000;
}

/** What that part of all durations took at most, milliseconds; 0 where there are none. */
export function durationAt(buckets: Float64Array, part: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  let left = Math.ceil(total * part);
  if (left === 0) return 0;
  const bucket = buckets.findIndex((count) => (left -= count) <= 0);
  return bucketEndMs(bucket);
}
