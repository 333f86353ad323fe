import { describe, expect, test } from 'vitest';
import { FoundPairs } from '../../../src/commands/found-pairs.js';

describe('FoundPairs', () => {
  test.each([1, 15, 16, 17, 64, 65, 3_000])('keeps %i pairs, each once, in order', (count) => {
    const found = new FoundPairs();
    for (let round = 0; round < 3; round += 1) {
      found.clear();
      const pairs = Array.from({ length: count }, (_, pair) => [
        pair % 7 === 0 ? -pair - 2 : pair << 14,
        (pair * 97) % 262_144,
        pair + 1,
      ]);
      for (const [pointer, at, bytes] of [...pairs, ...pairs, ...pairs.slice(0, 1)]) {
        found.add(pointer!, at!, bytes!);
      }
      const kept = Array.from({ length: found.count }, (_, index) => [
        found.pointer(index),
        found.at(index),
        found.pairBytes(index),
      ]);
      expect(kept).toEqual(pairs);
      expect(found.bytes).toBe((count * (count + 1)) / 2);
    }
  });

  test('tells pairs apart by both pointer and offset', () => {
    const found = new FoundPairs();
    for (let pair = 0; pair < 40; pair += 1) found.add(pair % 2, pair >>> 1, 1);
    expect(found.count).toBe(40);
  });
});
