import { beforeEach, describe, expect, test } from 'vitest';
import { DURATION_BUCKETS, bucketEndMs, Durations } from '../../../src/core/durations.js';
import { Arrivals } from '../../../src/io/arrivals.js';

let arrivals: Arrivals;
let buckets: Float64Array;
let durations: Durations;

beforeEach(() => {
  arrivals = new Arrivals();
  buckets = new Float64Array(DURATION_BUCKETS);
  durations = new Durations(buckets, new Float64Array(1), 0);
});

function come(count: number, atMs: number): void {
  arrivals.came += count;
  arrivals.note(atMs);
}

function answer(count: number, atMs: number): void {
  arrivals.answered += count;
  arrivals.settle(atMs, durations);
}

/** Of all that was counted: about how many milliseconds, and how often. */
function counted(): readonly (readonly [ms: number, count: number])[] {
  return [...buckets.entries()]
    .filter(([, count]) => count > 0)
    .map(([bucket, count]) => [Math.round(bucketEndMs(bucket - 1)), count]);
}

describe('arrivals', () => {
  test('count from when a command came to when it was answered', () => {
    come(3, 100);
    answer(3, 108);
    expect(counted()).toEqual([[8, 3]]);
  });

  test('are answered in their order, across turns', () => {
    come(2, 0);
    come(2, 4);
    answer(3, 8);
    expect(counted()).toEqual([
      [4, 1],
      [8, 2],
    ]);
    answer(1, 20);
    expect(counted()).toEqual([
      [4, 1],
      [8, 2],
      [16, 1],
    ]);
  });

  test('of more turns than are kept lose none, and none is said to be shorter', () => {
    const turns = 3_000;
    for (let turn = 0; turn < turns; turn += 1) come(1, turn / turns);
    answer(turns, 9);
    const counts = counted();
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(turns);
    expect(counts.every(([ms]) => ms >= 8)).toBe(true);
    come(1, 20);
    answer(1, 22);
    expect(counted()).toContainEqual([2, 1]);
  });

  test('take no reply for a command that never came', () => {
    answer(1, 5);
    come(1, 10);
    answer(1, 11);
    expect(counted()).toEqual([[1, 1]]);
  });
});
