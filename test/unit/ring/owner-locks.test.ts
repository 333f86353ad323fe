import { describe, expect, test } from 'vitest';
import {
  OWNER_LOCKS_BYTES,
  OWNER_STRIPES,
  OwnerLocks,
  stripeOf,
} from '../../../src/ring/owner-locks.js';
import { Random } from '../../support/random.js';

/** Two threads' views of the same locks, as far as one thread can play two. */
function twoThreads(): [OwnerLocks, OwnerLocks] {
  const shared = new SharedArrayBuffer(OWNER_LOCKS_BYTES);
  return [new OwnerLocks(shared), new OwnerLocks(shared)];
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('OwnerLocks', () => {
  test('gives a free stripe at once, and other stripes beside it', () => {
    const [one, other] = twoThreads();
    const granted: string[] = [];
    one.take(5, () => granted.push('one 5'));
    other.take(6, () => granted.push('other 6'));
    expect(granted).toEqual(['one 5', 'other 6']);
  });

  test('gives a held stripe to the next in line when it is released, and not before', async () => {
    const [one, other] = twoThreads();
    const granted: number[] = [];
    one.take(7, () => granted.push(0));
    one.take(7, () => granted.push(1));
    one.take(7, () => granted.push(2));
    await turn();
    expect(granted).toEqual([0]);
    one.release(7);
    // Never from within release(): its caller is in the middle of something.
    expect(granted).toEqual([0]);
    await expect.poll(() => granted).toEqual([0, 1]);
    one.release(7);
    await expect.poll(() => granted).toEqual([0, 1, 2]);
    one.release(7);
    await turn();
    other.take(7, () => granted.push(3));
    expect(granted.at(-1)).toBe(3);
  });

  test('gives a stripe to another thread when it is released', async () => {
    const [one, other] = twoThreads();
    const granted: string[] = [];
    one.take(0, () => granted.push('one'));
    other.take(0, () => granted.push('other'));
    await turn();
    expect(granted).toEqual(['one']);
    one.release(0);
    await expect.poll(() => granted).toEqual(['one', 'other']);
  });

  // Goal: mutual exclusion, and no one is forgotten. Method: many takers on few stripes over four
  // views of the same memory; each holds its stripe for a random number of turns.
  test.each([1, 2, 3])('has one holder at a time and forgets nobody (seed %i)', async (seed) => {
    const random = new Random(seed);
    const shared = new SharedArrayBuffer(OWNER_LOCKS_BYTES);
    const threads = Array.from({ length: 4 }, () => new OwnerLocks(shared));
    const holders = new Map<number, number>();
    let done = 0;
    const takers = 400;
    for (let taker = 0; taker < takers; taker += 1) {
      const locks = threads[random.below(4)]!;
      const stripe = random.below(3);
      locks.take(stripe, () => {
        holders.set(stripe, (holders.get(stripe) ?? 0) + 1);
        expect(holders.get(stripe)).toBe(1);
        const release = (): void => {
          holders.set(stripe, 0);
          done += 1;
          locks.release(stripe);
        };
        if (random.below(2) === 0) release();
        else setImmediate(release);
      });
      if (random.below(20) === 0) await turn();
    }
    await expect.poll(() => done, { timeout: 10_000 }).toBe(takers);
  });
});

describe('stripeOf', () => {
  test('is the same for the same name, and spreads names evenly', () => {
    const counts = new Array<number>(OWNER_STRIPES).fill(0);
    for (let i = 0; i < OWNER_STRIPES * 32; i += 1) {
      const name = new TextEncoder().encode(`user:${i}`);
      expect(stripeOf(name)).toBe(stripeOf(Uint8Array.from(name)));
      counts[stripeOf(name)]! += 1;
    }
    expect(Math.max(...counts)).toBeLessThan(32 * 2.5);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });
});
