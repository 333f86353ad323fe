/** Latencies of one window: recorded in an HDR histogram, told as four figures. */
import { build, type Histogram } from 'hdr-histogram-js';
import { median } from './statistics.js';

/** Nanoseconds would be too many digits: microseconds, up to a minute. */
const LATENCY_US_MAX = 60_000_000;

/** In plain JavaScript. That of perf_hooks would do as well, but it cannot cross to another process. */
export function newLatencyHistogram(): Histogram {
  return build({ highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3 });
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export const LATENCY_NAMES = ['p50', 'p99', 'p99.9', 'max'] as const;

/** @param histogram microseconds. All are 0 where it is empty. */
export function latencyFrom(histogram: Histogram): Latency {
  return {
    p50: histogram.getValueAtPercentile(50),
    p99: histogram.getValueAtPercentile(99),
    p999: histogram.getValueAtPercentile(99.9),
    max: histogram.maxValue,
  };
}

/** Median of the rounds, figure by figure. */
export function medianLatency(rounds: readonly Latency[]): Latency {
  const of = (field: keyof Latency): number => median(rounds.map((round) => round[field]));
  return { p50: of('p50'), p99: of('p99'), p999: of('p999'), max: of('max') };
}

/** Cells for LATENCY_NAMES. */
export function latencyCells({ p50, p99, p999, max }: Latency): string[] {
  return [p50, p99, p999, max].map((us) => us.toFixed(0));
}
