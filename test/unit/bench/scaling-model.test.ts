import { describe, expect, test } from 'vitest';
import {
  boundsOf,
  busiestByChance,
  busiestShard,
  efficiencyOf,
  lowestBound,
  partsOfBest,
  possibleCounts,
  predict,
  recommend,
  type Costs,
  type MeasuredLoad,
  type Place,
} from '../../../native-free-bench/scaling-model.js';

const COSTS: Costs = { io: 1, shard: 0.5, other: 0.1, generator: 0.4 };

/** A machine of its own, and so many clients that chance deals evenly. */
const PLACE: Place = {
  ...{ cores: 8, ioThreads: 1, shards: 1 },
  ...{ generators: 0, connections: Infinity, sessions: Infinity },
};

const LOAD: MeasuredLoad = { name: 'load', lent: COSTS, neverLent: COSTS, efficiency: 1 };

describe('boundsOf', () => {
  test('an I/O thread and a shard carry no more than their time allows', () => {
    expect(boundsOf(COSTS, PLACE)).toMatchObject({ 'I/O threads': 1e6, shards: 2e6 });
    expect(boundsOf(COSTS, { ...PLACE, ioThreads: 3, shards: 2 })).toMatchObject({
      'I/O threads': 3e6,
      shards: 4e6,
    });
  });

  test('the cores carry all threads, and a generator only where it runs on them', () => {
    expect(boundsOf(COSTS, PLACE)).toMatchObject({ generators: Infinity, cores: 5e6 });
    expect(boundsOf(COSTS, { ...PLACE, generators: 2 })).toMatchObject({
      generators: 5e6,
      cores: 4e6,
    });
  });

  test('uneven shards and I/O threads are full earlier', () => {
    const uneven = { ...PLACE, ioThreads: 4, shards: 3, connections: 50, sessions: 1_000 };
    const bounds = boundsOf(COSTS, uneven);
    expect(bounds['I/O threads']).toBeCloseTo(4e6 / busiestByChance(4, 50));
    expect(bounds.shards).toBeCloseTo(6e6 / busiestShard(3, 1_000));
  });
});

describe('lowestBound', () => {
  test.each([
    [{ ioThreads: 1, shards: 4 }, 'I/O threads'],
    [{ ioThreads: 6, shards: 1 }, 'shards'],
    [{ ioThreads: 8, shards: 8, cores: 2 }, 'cores'],
    [{ ioThreads: 8, shards: 8, cores: 64, generators: 1 }, 'generators'],
  ])('with %j is that of the %s', (counts, bound) => {
    expect(lowestBound(COSTS, { ...PLACE, ...counts })).toBe(bound);
  });
});

describe('busiestShard', () => {
  test('has its part where slots divide evenly', () => {
    expect(busiestShard(1, 100)).toBe(1);
    expect(busiestShard(16, Infinity)).toBe(1);
  });

  test('has a whole number of slots where they do not', () => {
    // 1,024 slots among 60: some have 18, where 17.07 would be even.
    expect(busiestShard(60, Infinity)).toBeCloseTo((18 * 60) / 1_024);
  });

  test('is about as full as the fullest of as many boxes that balls fall into', () => {
    const [boxes, balls, trials] = [16, 1_600, 200];
    let seed = 1;
    const next = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    let sum = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const counts = new Array<number>(boxes).fill(0);
      for (let ball = 0; ball < balls; ball += 1) counts[Math.floor(next() * boxes)]! += 1;
      sum += Math.max(...counts) / (balls / boxes);
    }
    const simulated = sum / trials;
    expect(busiestByChance(boxes, balls)).toBeGreaterThan(simulated);
    expect(busiestByChance(boxes, balls)).toBeLessThan(simulated * 1.1);
  });

  test('has at most everything', () => {
    expect(busiestByChance(4, 1)).toBe(4);
  });
});

describe('predict', () => {
  test('gives back what the load was measured at', () => {
    const place = { ...PLACE, cores: 2, generators: 1 };
    const efficiency = efficiencyOf(COSTS, place, 600_000);
    expect(efficiency).toBeCloseTo(0.6);
    expect(predict({ ...LOAD, efficiency }, place).perSecond).toBeCloseTo(600_000);
  });

  test('is never more with one core less', () => {
    for (let cores = 2; cores <= 64; cores += 1) {
      const place = { ...PLACE, ioThreads: 20, shards: 12, connections: 5_000, sessions: 1e6 };
      const fewer = predict(LOAD, { ...place, cores: cores - 1 }).perSecond;
      expect(predict(LOAD, { ...place, cores }).perSecond).toBeGreaterThanOrEqual(fewer);
    }
  });

  describe('where shards are lent', () => {
    // Lent, the I/O thread does it all; not lent, a shard must be woken.
    const lending: MeasuredLoad = {
      ...LOAD,
      lent: { io: 6, shard: 0, other: 0, generator: 6 },
      neverLent: { io: 7, shard: 2, other: 0, generator: 6 },
    };

    test('a single I/O thread finds them free', () => {
      const { perSecond, freePart, bound } = predict(lending, PLACE);
      expect(freePart).toBe(1);
      expect(bound).toBe('I/O threads');
      expect(perSecond).toBeCloseTo(1e6 / 6);
    });

    test('several find one shard busy as often as it has work of others', () => {
      const { perSecond, freePart } = predict(lending, { ...PLACE, ioThreads: 2 });
      const io = 6 * freePart + 7 * (1 - freePart);
      expect(perSecond).toBeCloseTo(2e6 / io, 0);
      expect(1 - freePart).toBeCloseTo(((perSecond / 2) * 2) / 1e6, 4);
    });

    test('more shards are found free more often', () => {
      const freeOf = (shards: number): number =>
        predict(lending, { ...PLACE, cores: 64, ioThreads: 8, shards }).freePart;
      expect(freeOf(8)).toBeGreaterThan(freeOf(4));
      expect(freeOf(56)).toBeGreaterThan(0.95);
    });
  });
});

describe('recommend', () => {
  const alone = { cores: 8, generators: 0, connections: Infinity, sessions: Infinity };

  test('splits the cores as one load needs them', () => {
    const load = { ...LOAD, lent: { ...COSTS, io: 3, shard: 1, other: 0 } };
    expect(recommend([load], alone)).toEqual({ ioThreads: 6, shards: 2 });
  });

  test('between two loads loses as little as it can on the worse', () => {
    const ioHeavy = { ...LOAD, lent: { ...COSTS, io: 3, shard: 1, other: 0 } };
    const shardHeavy = { ...LOAD, lent: { ...COSTS, io: 1, shard: 3, other: 0 } };
    const loads = [ioHeavy, shardHeavy].map((load) => ({ ...load, neverLent: load.lent }));
    expect(recommend(loads, alone)).toEqual({ ioThreads: 4, shards: 4 });
    const parts = partsOfBest(loads, alone, { ioThreads: 4, shards: 4 });
    expect(parts[0]).toBeCloseTo(2 / 3);
    expect(parts[1]).toBeCloseTo(2 / 3);
  });

  test('knows all pairs that fill the cores', () => {
    expect(possibleCounts(1)).toEqual([{ ioThreads: 1, shards: 1 }]);
    expect(possibleCounts(3)).toEqual([
      { ioThreads: 1, shards: 2 },
      { ioThreads: 2, shards: 1 },
    ]);
  });
});
