/**
 * Goal: cells keep what is in them through reuse, compaction and page moves, and pages go back.
 * Method: the same random calls on a pool and on a Map; another structure takes and returns pages in
 * between, so that extents come and go and pages move between them.
 */
import { describe, expect, test } from 'vitest';
import { CellPool, FREE } from '../../src/memory/cell-pool.js';
import { SharedMemory } from '../../src/memory/shared-memory.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';

const CALLS = 20_000;
const STRUCTURE = 3;

function newPool(memory: SharedMemory, cellBytes: number): CellPool {
  const words = { markWord: 2, nextWord: 0, previousWord: 1 };
  return new CellPool(memory, { structure: STRUCTURE, cellBytes, ...words });
}

/** The words at both ends of a cell; large ones would take long otherwise. */
function* endWords(pool: CellPool): Generator<number> {
  for (let word = 0; word < Math.min(pool.cellWords, 8); word += 1) {
    yield word;
    yield pool.cellWords - 1 - word;
  }
}

function write(pool: CellPool, cell: number, value: number): void {
  const words = pool.wordsOf(cell);
  const at = pool.wordAt(cell);
  for (const word of endWords(pool)) words[at + word] = value + word;
}

function expectContent(pool: CellPool, cell: number, value: number): void {
  const words = pool.wordsOf(cell);
  const at = pool.wordAt(cell);
  for (const word of endWords(pool)) {
    if (words[at + word] !== value + word) throw new Error(`cell ${cell} has lost its content`);
  }
}

describe('CellPool', () => {
  test.each([
    [1, 16],
    [2, 4_096],
    [3, 65_536],
    [4, 40_000],
  ])('keeps cells as a Map does (seed %i, cells of %i bytes)', (seed, cellBytes) => {
    const random = new Random(seed);
    const memory = new SharedMemory();
    const filler = new PageFiller(memory);
    let pool = newPool(memory, cellBytes);
    const values = new Map<number, number>();
    const grows = (call: number): boolean => random.below(100) < (call % 4_000 < 2_000 ? 70 : 25);
    for (let call = 0; call < CALLS; call += 1) {
      if (values.size < 3 || (grows(call) && values.size < 1_500)) {
        const cell = pool.allocate();
        expect(values.has(cell)).toBe(false);
        const value = random.below(1_000_000);
        write(pool, cell, value);
        values.set(cell, value);
      } else {
        const cell = [...values.keys()][random.below(values.size)]!;
        expectContent(pool, cell, values.get(cell)!);
        pool.free(cell);
        values.delete(cell);
        if (pool.live > 0) expect(pool.isLive(cell)).toBe(false);
      }
      expect(pool.live).toBe(values.size);
      if (random.below(20) === 0) {
        pool.compact(1 + random.below(30), (from, to) => {
          expect(values.has(to)).toBe(false);
          values.set(to, values.get(from)!);
          values.delete(from);
        });
      }
      if (random.below(50) === 0) filler.change(random);
      if (random.below(10) === 0) memory.compact();
      if (random.below(500) === 0) {
        // All truth is in the memory: another pool over it goes on.
        pool = newPool(memory, cellBytes);
        memory.forEachPage((structure, ordinal, page) => {
          if (structure === STRUCTURE) pool.attachPage(ordinal, page);
        });
      }
      if (call % 500 === 0) for (const [cell, value] of values) expectContent(pool, cell, value);
    }
    expect(memory.pagesMoved).toBeGreaterThan(20);
    while (pool.isSparse) {
      pool.compact(100, (from, to) => {
        values.set(to, values.get(from)!);
        values.delete(from);
      });
    }
    for (const [cell, value] of values) {
      expectContent(pool, cell, value);
      expect(pool.wordsOf(cell)[pool.wordAt(cell) + 2]).not.toBe(FREE);
    }
    const needed = Math.ceil(values.size / pool.cellsPerPage);
    expect(pool.pages.length).toBeLessThanOrEqual(needed * 1.125 + 2);
    for (const cell of values.keys()) pool.free(cell);
    filler.clear();
    expect([memory.pageCount, memory.extentCount]).toEqual([0, 0]);
  });
});
