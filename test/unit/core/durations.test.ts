import { describe, expect, test } from 'vitest';
import {
  bucketEndMs,
  DURATION_BUCKETS,
  durationAt,
  Durations,
} from '../../../src/core/durations.js';

function durations(): {
  readonly buckets: Float64Array;
  readonly figures: Float64Array;
  readonly counted: Durations;
} {
  const buckets = new Float64Array(DURATION_BUCKETS);
  const figures = new Float64Array(2);
  return { buckets, figures, counted: new Durations(buckets, figures, 1) };
}

describe('durations', () => {
  test('are found again within a sixteenth, whatever their size', () => {
    for (let ms = 0.0005; ms < 1_000_000; ms *= 1.37) {
      const { buckets, counted } = durations();
      counted.record(ms, 1);
      const read = durationAt(buckets, 1);
      expect(read).toBeGreaterThan(ms);
      expect(read).toBeLessThanOrEqual(Math.max(ms * (1 + 1 / 16), ms + 0.001) + 1e-9);
    }
  });

  test('have buckets that begin where the one before ends', () => {
    for (let bucket = 1; bucket < DURATION_BUCKETS; bucket += 1) {
      const { buckets, counted } = durations();
      counted.record(bucketEndMs(bucket - 1), 1);
      expect(buckets[bucket]).toBe(1);
    }
  });

  test('are told by the part of them that took no longer', () => {
    const { buckets, counted } = durations();
    counted.record(0.001, 989);
    counted.record(0.003, 10);
    counted.record(0.005, 1);
    expect(durationAt(buckets, 0.5)).toBe(0.002);
    expect(durationAt(buckets, 0.99)).toBe(0.004);
    expect(durationAt(buckets, 0.999)).toBe(0.004);
    expect(durationAt(buckets, 1)).toBe(0.006);
  });

  test('keep the longest as it was', () => {
    const { figures, counted } = durations();
    counted.record(17.3, 2);
    counted.record(2, 1);
    expect([...figures]).toEqual([0, 17.3]);
  });

  test('beyond the last bucket are in it, below the first in that', () => {
    const { buckets, counted } = durations();
    counted.record(1e12, 1);
    counted.record(-1, 1);
    expect(buckets[DURATION_BUCKETS - 1]).toBe(1);
    expect(buckets[0]).toBe(1);
  });

  test('are 0 where there are none', () => {
    expect(durationAt(durations().buckets, 0.99)).toBe(0);
  });
});
