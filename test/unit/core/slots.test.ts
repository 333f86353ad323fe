import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { DIGEST_WORDS, SipHash } from '../../../src/core/siphash.js';
import { maskFor, shardOf, slotOf, SLOTS } from '../../../src/core/slots.js';
import { Random } from '../../support/random.js';

const RANDOM_BYTES = 22;
const hash = new SipHash(Uint8Array.from({ length: 16 }, (_, i) => 7 * i));

function randomDigest(random: Random): Int32Array {
  const space = new ByteSpace(new ArrayBuffer(RANDOM_BYTES));
  for (let i = 0; i < RANDOM_BYTES; i += 1) space.bytes[i] = random.below(256);
  const digest = new Int32Array(DIGEST_WORDS);
  hash.hash(space, 0, RANDOM_BYTES, digest, 0);
  return digest;
}

describe('slots', () => {
  test('a token minted for a slot lands in it', () => {
    const random = new Random(1);
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const [word = 0] = randomDigest(random);
      const mask = maskFor(slot, word);
      expect(mask).toBeGreaterThanOrEqual(0);
      expect(mask).toBeLessThan(65_536);
      expect(slotOf(mask, word)).toBe(slot);
    }
  });

  test('random tokens fall on all slots alike', () => {
    const random = new Random(2);
    const tokens = 200 * SLOTS;
    const counts = new Int32Array(SLOTS);
    for (let i = 0; i < tokens; i += 1) {
      counts[slotOf(random.below(65_536), randomDigest(random)[0] ?? 0)]! += 1;
    }
    // Chi-squared over 1,023 degrees of freedom: mean 1,023, standard deviation 45.
    const chiSquared = counts.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    expect(chiSquared).toBeGreaterThan(1_023 - 6 * 45);
    expect(chiSquared).toBeLessThan(1_023 + 6 * 45);
  });

  test.each([1, 2, 5, 7, 64])('%i shards own the slots evenly', (shards) => {
    const counts = new Array<number>(shards).fill(0);
    for (let slot = 0; slot < SLOTS; slot += 1) counts[shardOf(slot, shards)]! += 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test.each([2, 5, 64])('each of %i shards owns consecutive slots', (shards) => {
    const owners = Array.from({ length: SLOTS }, (_, slot) => shardOf(slot, shards));
    expect(owners).toEqual([...owners].sort((a, b) => a - b));
    expect(owners.at(-1)).toBe(shards - 1);
  });
});
