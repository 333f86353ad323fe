import { describe, expect, test } from 'vitest';
import { KeyList } from '../../../src/commands/key-list.js';

function itemsOf(list: KeyList): number[][] {
  return Array.from({ length: list.count }, (_, index) => [
    list.keyAt(index),
    list.keyBytes(index),
    list.valueAt(index),
    list.valueBytes(index),
  ]);
}

describe('KeyList', () => {
  test.each([0, 1, 64, 65, 5_000, 20_000])('keeps %i items, and starts over', (count) => {
    const list = new KeyList();
    for (let round = 0; round < 2; round += 1) {
      const items = Array.from({ length: count }, (_, item) => [item, item % 512, item + 7, 3]);
      for (const [keyAt, keyBytes, valueAt, valueBytes] of items) {
        list.add(keyAt!, keyBytes!, valueAt!, valueBytes!);
      }
      expect(itemsOf(list)).toEqual(items);
      list.clear();
      expect([list.count, list.pairsBytes]).toEqual([0, 0]);
    }
  });

  test('counts what pairs take in a small record, and nothing for plain lists', () => {
    const list = new KeyList();
    list.add(0, 10, 0, 0);
    expect(list.pairsBytes).toBe(0);
    list.add(0, 10, 20, 5); // one byte of length, one of header
    expect(list.pairsBytes).toBe(17);
    list.add(0, 40, 50, 100); // two and two
    expect(list.pairsBytes).toBe(17 + 144);
  });

  test('gathers items at its front', () => {
    const list = new KeyList();
    for (let item = 0; item < 6; item += 1) list.add(item, item, item, item);
    [1, 3, 5].forEach((item, to) => list.keep(item, to));
    expect(itemsOf(list).slice(0, 3)).toEqual([1, 3, 5].map((item) => [item, item, item, item]));
  });
});
