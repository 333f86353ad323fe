import { describe, expect, test } from 'vitest';
import { CellPool } from '../../../src/memory/cell-pool.js';
import { HashIndex } from '../../../src/memory/hash-index.js';
import { NIL, SharedMemory } from '../../../src/memory/shared-memory.js';

function newIndex(): { pool: CellPool; index: HashIndex; insert: (hash: number) => number } {
  const memory = new SharedMemory();
  const words = { markWord: 0, nextWord: 1, previousWord: 2 };
  const pool = new CellPool(memory, { structure: 1, cellBytes: 20, ...words });
  const index = new HashIndex(memory, pool, { structure: 2, hashWord: 3, chainWord: 4 });
  const insert = (hash: number): number => {
    const cell = pool.allocate();
    pool.wordsOf(cell)[pool.wordAt(cell)] = 1;
    pool.wordsOf(cell)[pool.wordAt(cell) + 3] = hash;
    expect(index.insert(cell, hash)).toBe(true);
    return cell;
  };
  return { pool, index, insert };
}

describe('HashIndex', () => {
  test('finds nothing while it is empty, and takes no memory', () => {
    const { index } = newIndex();
    expect([index.firstOf(0), index.firstOf(-1), index.bytes]).toEqual([NIL, NIL, 0]);
  });

  test.each([0, 1, -1, 63, 64, 0x7fff_ffff, -0x8000_0000])('finds the hash %i', (hash) => {
    const { index, insert } = newIndex();
    const cell = insert(hash);
    expect(index.firstOf(hash)).toBe(cell);
    expect(index.nextOf(cell)).toBe(NIL);
  });

  test('has one bucket a cell, from 64 on, at every moment of its growth', () => {
    const { index, insert } = newIndex();
    for (let cells = 1; cells <= 1_000; cells += 1) {
      insert(Math.imul(cells, 0x9e3779b1));
      expect(index.bytes).toBe(Math.max(64, cells) * 4);
    }
  });

  test.each([0, 64, 100, 70_000])('makes room ahead for %i cells, while it is empty', (cells) => {
    const { pool, index, insert } = newIndex();
    index.expect(cells);
    const bytes = Math.max(64, cells) * 4;
    expect(index.bytes).toBe(bytes);
    const hashOf = (number: number): number => Math.imul(number, 0x9e3779b1);
    const inserted = Array.from({ length: cells }, (_, number) => insert(hashOf(number)));
    expect(index.bytes).toBe(bytes);
    for (const [number, cell] of inserted.entries()) {
      let at = index.firstOf(hashOf(number));
      while (at !== NIL && at !== cell) at = index.nextOf(at);
      if (at !== cell) expect(at).toBe(cell);
    }
    index.expect(cells + 1_000_000);
    if (cells > 0) expect(index.bytes).toBe(bytes);
    insert(5);
    for (const [number, cell] of inserted.entries()) {
      index.remove(cell, hashOf(number));
      pool.free(cell);
    }
    expect(index.firstOf(5)).not.toBe(NIL);
  });

  test('keeps many cells of one hash, and takes each of them out', () => {
    const { pool, index, insert } = newIndex();
    const cells = Array.from({ length: 200 }, () => insert(42));
    for (const cell of [cells[100]!, cells[0]!, cells[199]!]) {
      index.remove(cell, 42);
      pool.free(cell);
      const found: number[] = [];
      for (let at = index.firstOf(42); at !== NIL; at = index.nextOf(at)) found.push(at);
      expect(found).not.toContain(cell);
    }
    let count = 0;
    for (let at = index.firstOf(42); at !== NIL; at = index.nextOf(at)) count += 1;
    expect(count).toBe(197);
  });

  test('shrinks when it is told, a few buckets at a time, down to twice what it holds', () => {
    const { pool, index, insert } = newIndex();
    const hashOf = (number: number): number => Math.imul(number, 0x9e3779b1);
    const cells = Array.from({ length: 1_000 }, (_, number) => insert(hashOf(number)));
    expect(index.isSparse).toBe(false);
    for (const [number, cell] of cells.slice(0, 900).entries()) {
      index.remove(cell, hashOf(number));
      pool.free(cell);
    }
    expect([index.bytes, index.isSparse]).toEqual([4_000, true]);
    index.shrink(10);
    expect([index.bytes, index.isSparse]).toEqual([3_960, true]);
    index.shrink(1_000);
    expect([index.bytes, index.isSparse]).toEqual([800, false]);
    for (const [at, cell] of cells.slice(900).entries()) {
      let found = index.firstOf(hashOf(900 + at));
      while (found !== NIL && found !== cell) found = index.nextOf(found);
      expect(found).toBe(cell);
    }
  });

  test('fails on a cell that is not in its bucket', () => {
    const { index, insert } = newIndex();
    insert(1);
    expect(() => index.remove(insert(2), 1)).toThrow('missing');
  });
});
