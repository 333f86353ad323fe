import { describe, expect, test } from 'vitest';
import { CellPool } from '../../../src/memory/cell-pool.js';
import { PAGE_BYTES, SharedMemory } from '../../../src/memory/shared-memory.js';

function newPool(memory: SharedMemory, cellBytes: number): CellPool {
  return new CellPool(memory, {
    structure: 2,
    cellBytes,
    markWord: 0,
    nextWord: 1,
    previousWord: 2,
  });
}

function fill(pool: CellPool, count: number): number[] {
  return Array.from({ length: count }, () => {
    const cell = pool.allocate();
    pool.wordsOf(cell)[pool.wordAt(cell)] = cell;
    return cell;
  });
}

describe('CellPool', () => {
  test('numbers cells from 0 and takes pages as it needs them', () => {
    const memory = new SharedMemory();
    const pool = newPool(memory, 4_096);
    expect([pool.live, pool.end, memory.pageCount]).toEqual([0, 0, 0]);
    expect(fill(pool, 65)).toEqual(Array.from({ length: 65 }, (_, cell) => cell));
    expect([pool.live, pool.end, memory.pageCount]).toEqual([65, 65, 2]);
  });

  test.each([16, 24, 64, 4_096, 40_000, PAGE_BYTES])(
    'keeps cells of %i bytes apart',
    (cellBytes) => {
      const pool = newPool(new SharedMemory(), cellBytes);
      const cells = fill(pool, pool.cellsPerPage * 2 + 1).slice(-30);
      for (const cell of cells) {
        const at = pool.wordAt(cell);
        pool.wordsOf(cell).fill(cell, at, at + pool.cellWords);
      }
      for (const cell of cells) {
        const at = pool.wordAt(cell);
        const words = pool.wordsOf(cell).subarray(at, at + pool.cellWords);
        expect(words.length).toBe(cellBytes / 4);
        expect(words.every((word) => word === cell)).toBe(true);
      }
    },
  );

  test('reuses freed cells, the last one first, before it places new ones', () => {
    const pool = newPool(new SharedMemory(), 64);
    fill(pool, 10);
    for (const cell of [3, 7, 5]) pool.free(cell);
    expect([3, 7, 5, 4].map((cell) => pool.isLive(cell))).toEqual([false, false, false, true]);
    expect(fill(pool, 4)).toEqual([5, 7, 3, 10]);
  });

  test('gives all pages back with its last cell', () => {
    const memory = new SharedMemory();
    const pool = newPool(memory, 4_096);
    const cells = fill(pool, 200);
    for (const cell of cells) pool.free(cell);
    expect([pool.live, pool.end, memory.pageCount, memory.extentCount]).toEqual([0, 0, 0, 0]);
    expect(fill(pool, 2)).toEqual([0, 1]);
  });

  test('is sparse only when more than a page and an eighth is free', () => {
    const pool = newPool(new SharedMemory(), 4_096); // 64 a page
    const cells = fill(pool, 1_000);
    const sparseAfter = (count: number): boolean => {
      for (const cell of cells.splice(0, count)) pool.free(cell);
      return pool.isSparse;
    };
    expect(sparseAfter(64)).toBe(false);
    expect(sparseAfter(46)).toBe(false); // 110 free, 890 live
    expect(sparseAfter(2)).toBe(true);
  });

  test('moves the last cells into holes, a few at a time, and tells of each', () => {
    const memory = new SharedMemory();
    const pool = newPool(memory, 4_096);
    const cells = fill(pool, 640);
    for (const cell of cells) if (cell % 2 === 0) pool.free(cell);
    const places = new Map(cells.filter((cell) => cell % 2 === 1).map((cell) => [cell, cell]));
    const contentOf = (cell: number): number => pool.wordsOf(cell)[pool.wordAt(cell)]!;
    const onMove = (from: number, to: number): void => {
      expect(to).toBeLessThan(from);
      expect(places.get(contentOf(to))).toBe(from);
      places.set(contentOf(to), to);
    };
    pool.compact(5, onMove);
    expect(pool.end).toBe(635);
    while (pool.isSparse) pool.compact(50, onMove);
    for (const [content, cell] of places) expect(contentOf(cell)).toBe(content);
    expect(pool.live).toBe(320);
    expect(memory.pageCount).toBeLessThanOrEqual(6);
  });

  test('fails on cells that are not whole words', () => {
    expect(() => newPool(new SharedMemory(), 30)).toThrow('whole words');
  });
});
