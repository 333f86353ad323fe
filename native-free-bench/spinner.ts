/**
 * What the machine takes from a thread that does nothing but look at the clock: whoever has
 * waited for the server that long may have waited for the machine.
 */
import type { Histogram } from 'hdr-histogram-js';
import { newLatencyHistogram } from './latency.js';

/** Shorter ones are the loop itself. */
const GAP_US_MIN = 20;

/** Spins in this thread. @returns the gaps between two looks at the clock, microseconds. */
export function spinGaps(seconds: number): Histogram {
  const gapsUs = newLatencyHistogram();
  const endMs = performance.now() + seconds * 1_000;
  for (let lastMs = performance.now(); lastMs < endMs;) {
    const nowMs = performance.now();
    const gapUs = (nowMs - lastMs) * 1_000;
    if (gapUs >= GAP_US_MIN) gapsUs.recordValue(Math.round(gapUs));
    lastMs = nowMs;
  }
  return gapsUs;
}
