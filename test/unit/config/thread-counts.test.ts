import { describe, expect, test } from 'vitest';
import { threadCountsOf } from '../../../src/config/thread-counts.js';

const BY_CORES = { ioThreads: 0, shards: 0, canSharePort: true };

describe('threadCountsOf', () => {
  test.each([
    [1, 1, 1],
    [2, 1, 1],
    [3, 2, 1],
    [4, 2, 2],
    [6, 4, 2],
    [8, 5, 3],
    [12, 7, 5],
    [16, 10, 6],
    [24, 14, 10],
    [32, 19, 13],
    [48, 29, 19],
    [64, 38, 26],
    [128, 64, 51],
    [1_024, 64, 64],
  ])('on %i cores starts %i I/O threads and %i shards', (cores, ioThreads, shards) => {
    expect(threadCountsOf({ ...BY_CORES, cores })).toEqual({ ioThreads, shards });
  });

  test('uses every core of up to 64, and never starts more busy threads than cores', () => {
    for (let cores = 2; cores <= 256; cores += 1) {
      const { ioThreads, shards } = threadCountsOf({ ...BY_CORES, cores });
      expect(ioThreads + shards).toBeLessThanOrEqual(cores);
      if (cores <= 64) expect(ioThreads + shards).toBe(cores);
    }
  });

  test('has no fewer threads of either kind on more cores', () => {
    let before = threadCountsOf({ ...BY_CORES, cores: 1 });
    for (let cores = 2; cores <= 256; cores += 1) {
      const counts = threadCountsOf({ ...BY_CORES, cores });
      expect(counts.ioThreads).toBeGreaterThanOrEqual(before.ioThreads);
      expect(counts.shards).toBeGreaterThanOrEqual(before.shards);
      before = counts;
    }
  });

  test.each([
    [{ shards: 1 }, 64, { ioThreads: 38, shards: 1 }],
    [{ shards: 5 }, 8, { ioThreads: 3, shards: 5 }],
    [{ shards: 5 }, 2, { ioThreads: 1, shards: 5 }],
    [{ ioThreads: 1 }, 8, { ioThreads: 1, shards: 3 }],
    [{ ioThreads: 7 }, 8, { ioThreads: 7, shards: 1 }],
    [{ ioThreads: 9 }, 8, { ioThreads: 9, shards: 1 }],
    [{ ioThreads: 64, shards: 64 }, 1, { ioThreads: 64, shards: 64 }],
  ])('with %j on %i cores starts %j', (given, cores, counts) => {
    expect(threadCountsOf({ ...BY_CORES, ...given, cores })).toEqual(counts);
  });

  test('leaves a count as it is given, and the other within the cores that are left', () => {
    for (let cores = 1; cores <= 80; cores += 1) {
      for (let given = 1; given <= 64; given += 1) {
        const byShards = threadCountsOf({ ...BY_CORES, shards: given, cores });
        const byIo = threadCountsOf({ ...BY_CORES, ioThreads: given, cores });
        expect(byShards.shards).toBe(given);
        expect(byIo.ioThreads).toBe(given);
        const left = Math.max(1, cores - given);
        expect(byShards.ioThreads).toBeLessThanOrEqual(left);
        expect(byIo.shards).toBeLessThanOrEqual(left);
      }
    }
  });

  test('starts one I/O thread where the port cannot be shared, unless told otherwise', () => {
    const alone = { ...BY_CORES, canSharePort: false, cores: 16 };
    expect(threadCountsOf(alone)).toEqual({ ioThreads: 1, shards: 6 });
    expect(threadCountsOf({ ...alone, ioThreads: 3 })).toEqual({ ioThreads: 3, shards: 6 });
  });
});
