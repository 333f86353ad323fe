/**
 * Exponential back-off with full jitter: the wait before attempt n is anywhere between 0 and
 * initialMs * 2^n, at most maxMs, so that clients who lost one server do not come back as one crowd.
 */
export interface BackoffBounds {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** @param attempt 0 for the first. */
export function backoffMs(attempt: number, bounds: BackoffBounds, random: () => number): number {
  return random() * Math.min(bounds.maxMs, bounds.initialMs * 2 ** Math.min(attempt, 52));
}
