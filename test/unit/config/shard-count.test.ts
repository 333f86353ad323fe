import { describe, expect, test } from 'vitest';
import { shardCountOf } from '../../../src/config/shard-count.js';

describe('shardCountOf', () => {
  test.each([
    [1, 1, 1],
    [2, 1, 1],
    [4, 1, 3],
    [8, 2, 6],
    [8, 8, 1],
    [8, 9, 1],
    [64, 1, 63],
    [65, 1, 64],
    [256, 4, 64],
  ])('on %i cores with %i I/O threads starts %i shards', (cores, ioThreads, shards) => {
    expect(shardCountOf({ shards: 0, ioThreads, cores })).toBe(shards);
  });

  test('never has more busy threads than cores where two cores are there', () => {
    for (let cores = 2; cores <= 128; cores += 1) {
      for (let ioThreads = 1; ioThreads < cores; ioThreads += 1) {
        expect(shardCountOf({ shards: 0, ioThreads, cores }) + ioThreads).toBeLessThanOrEqual(
          cores,
        );
      }
    }
  });

  test('leaves a count that was asked for as it is', () => {
    expect(shardCountOf({ shards: 5, ioThreads: 1, cores: 2 })).toBe(5);
  });
});
