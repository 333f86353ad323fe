/** Durations as a Sojourn counts them itself (src/core/durations.ts), between two readings. */
import type { ThreadDurations } from './native-protocol.js';

/** Counts by the end of their bucket, milliseconds. */
export type Durations = ReadonlyMap<number, number>;

/** Of all threads together. */
export function durationsBetween(
  before: readonly ThreadDurations[],
  after: readonly ThreadDurations[],
): Durations {
  const counts = new Map<number, number>();
  const add = (threads: readonly ThreadDurations[], sign: number): void => {
    for (const [endMs, count] of threads.flat()) {
      counts.set(endMs, (counts.get(endMs) ?? 0) + sign * count);
    }
  };
  add(after, 1);
  add(before, -1);
  return new Map([...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b));
}

/** Of several spans together. */
export function sumOf(spans: readonly Durations[]): Durations {
  const counts = new Map<number, number>();
  for (const [endMs, count] of spans.flatMap((span) => [...span])) {
    counts.set(endMs, (counts.get(endMs) ?? 0) + count);
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

export function countOf(durations: Durations): number {
  return [...durations.values()].reduce((sum, count) => sum + count, 0);
}

/** Milliseconds, at most a sixteenth too many; 0 where nothing was counted. */
export function msAt(durations: Durations, percentile: number): number {
  let left = Math.ceil((countOf(durations) * percentile) / 100);
  for (const [endMs, count] of durations) {
    left -= count;
    if (left <= 0) return endMs;
  }
  return 0;
}
