/**
 * Two threads in turn with one memory: what one has done to pages the other sees after refresh(), and
 * extents after adoptExtents(). The maker is the shard's, the other one a borrower's.
 */
import { describe, expect, test } from 'vitest';
import { CellPool } from '../../../src/memory/cell-pool.js';
import { HashIndex } from '../../../src/memory/hash-index.js';
import { NIL, SharedMemory, SPARE_FRAMES } from '../../../src/memory/shared-memory.js';

const STRUCTURE = 5;
const INDEX_STRUCTURE = 6;
/** Pages of an extent. */
const FRAMES = 256;

function allocate(memory: SharedMemory, count: number): number[] {
  return Array.from({ length: count }, (_, index) => memory.allocate(STRUCTURE, index));
}

function both(pages = 1): { maker: SharedMemory; other: SharedMemory; pages: number[] } {
  const maker = new SharedMemory();
  const allocated = allocate(maker, pages);
  return { maker, other: new SharedMemory(maker.handles()), pages: allocated };
}

/** Writes by one, reads by the other. */
function expectShared(from: SharedMemory, to: SharedMemory, page: number): void {
  from.words[page]![17] = page + 1_000;
  from.doubles[page]![100] = page / 3;
  expect([to.words[page]![17], to.doubles[page]![100]]).toEqual([page + 1_000, page / 3]);
  expect(to.spaces[page]!.view.getInt32(17 * 4, true)).toBe(page + 1_000);
}

describe('SharedMemory.refresh', () => {
  test('has nothing to do where no page has come, gone or moved', () => {
    const { maker, other, pages } = both();
    expect(other.refresh()).toBe(false);
    maker.words[pages[0]!]![0] = 1;
    expect([maker.refresh(), other.refresh()]).toEqual([false, false]);
  });

  test('sees pages that the other side has taken, in both directions', () => {
    const { maker, other } = both();
    const [page] = allocate(maker, 1);
    expect(other.refresh()).toBe(true);
    expect(other.refresh()).toBe(false);
    expectShared(maker, other, page!);
    const [theirs] = allocate(other, 1);
    expect(theirs).not.toBe(page);
    expect(maker.refresh()).toBe(true);
    expectShared(other, maker, theirs!);
    expect([maker.pageCount, other.pageCount]).toEqual([3, 3]);
  });

  test('sees another page under a number that was given back', () => {
    const { maker, other, pages } = both(3);
    const old = other.words[pages[1]!]!;
    maker.release(pages[0]!);
    maker.release(pages[1]!);
    // The same number in the frame of the other.
    const again = maker.allocate(STRUCTURE + 1, 7);
    expect(again).toBe(pages[1]);
    expect(other.refresh()).toBe(true);
    expect([other.structureOf(again), other.ordinalOf(again)]).toEqual([STRUCTURE + 1, 7]);
    expectShared(maker, other, again);
    expect(other.words[again]!.byteOffset).not.toBe(old.byteOffset);
    expect(other.words[pages[0]!]).toHaveLength(0);
  });

  test('sees that all pages have gone at once', () => {
    const { maker, other, pages } = both(300);
    maker.reset();
    expect([other.knowsExtents, other.pageCount]).toEqual([false, 0]);
    const [page] = allocate(maker, 1);
    other.adoptExtents(maker.handles());
    expect(other.refresh()).toBe(true);
    expect(page).toBe(pages[0]);
    expect(other.words).toHaveLength(1);
    expectShared(maker, other, page!);
  });

  test('follows pages that were moved to empty an extent', () => {
    const { maker, other, pages } = both(FRAMES * 3);
    other.adoptExtents(maker.handles());
    other.refresh();
    const kept = pages.filter((_, index) => index % 5 === 0);
    for (const page of kept) maker.words[page]![3] = page * 7;
    for (const page of pages) if (!kept.includes(page)) maker.release(page);
    while (maker.compact() || maker.extentCount > 2);
    expect(maker.pagesMoved).toBeGreaterThan(0);
    other.adoptExtents(maker.handles());
    expect(other.refresh()).toBe(true);
    for (const page of kept) expect(other.words[page]![3]).toBe(page * 7);
    for (const page of kept) expectShared(maker, other, page);
  });

  test('fails where the extents are not known', () => {
    const { maker, other } = both();
    allocate(maker, FRAMES);
    expect(other.knowsExtents).toBe(false);
    expect(() => other.refresh()).toThrow('the extents are known');
  });
});

describe('extents', () => {
  test('are known after adoptExtents, old pages and new ones', () => {
    const { maker, other, pages } = both(10);
    const more = allocate(maker, FRAMES);
    other.adoptExtents(maker.handles());
    expect(other.knowsExtents).toBe(true);
    expect(other.refresh()).toBe(true);
    for (const page of [...pages, ...more]) expectShared(maker, other, page);
  });

  test('that have gone are not held, nor those that came in their place mixed up with them', () => {
    const { maker, other, pages } = both(FRAMES * 2);
    other.adoptExtents(maker.handles());
    other.refresh();
    const before = other.handles().extents[1];
    for (const page of pages.slice(FRAMES)) maker.release(page);
    expect(maker.extentCount).toBe(1);
    const again = allocate(maker, FRAMES);
    expect(maker.extentCount).toBe(2);
    other.adoptExtents(maker.handles());
    // Even before the next turn.
    const held = new Set([...other.words, ...other.doubles].map(({ buffer }) => buffer));
    expect(held.has(before!)).toBe(false);
    expect(other.handles().extents).not.toContain(before);
    other.refresh();
    for (const page of again) expectShared(maker, other, page);
  });

  test('are dropped by their maker alone', () => {
    const { maker, other, pages } = both(FRAMES * 2);
    other.adoptExtents(maker.handles());
    other.refresh();
    for (const page of pages.slice(FRAMES)) other.release(page);
    expect([other.extentCount, other.knowsExtents]).toEqual([2, true]);
    expect(maker.refresh()).toBe(true);
    // Its frames are taken again, by whoever needs them.
    const again = [...allocate(maker, FRAMES / 2)];
    expect(other.refresh()).toBe(true);
    again.push(...allocate(other, FRAMES / 2));
    expect(maker.refresh()).toBe(true);
    expect(maker.extentCount).toBe(2);
    for (const page of again) expectShared(other, maker, page);
  });
});

describe('SharedMemory.spare', () => {
  test('adds an extent where fewer frames are free, and none where they suffice', () => {
    const maker = new SharedMemory();
    expect(maker.freeFrames).toBe(0);
    maker.spare();
    expect([maker.freeFrames, maker.extentCount]).toEqual([FRAMES, 1]);
    allocate(maker, FRAMES - SPARE_FRAMES);
    maker.spare();
    expect([maker.freeFrames, maker.extentCount]).toEqual([SPARE_FRAMES, 1]);
    allocate(maker, 1);
    maker.spare();
    expect([maker.freeFrames, maker.extentCount]).toEqual([SPARE_FRAMES - 1 + FRAMES, 2]);
  });

  test('is not undone by the next step of tidying', () => {
    const maker = new SharedMemory();
    const pages = allocate(maker, FRAMES + 10);
    for (const page of pages.slice(0, 200)) maker.release(page);
    maker.spare();
    const { extentChanges } = maker;
    for (let step = 0; step < 1_000; step += 1) {
      maker.compact();
      maker.spare();
    }
    // At most one extent goes, once.
    expect(maker.extentChanges - extentChanges).toBeLessThanOrEqual(1);
    expect(maker.freeFrames).toBeGreaterThanOrEqual(SPARE_FRAMES);
  });
});

describe('structures', () => {
  const CELL = { cellBytes: 4_096, markWord: 0, nextWord: 1, previousWord: 2 };

  function poolOver(memory: SharedMemory): CellPool {
    return new CellPool(memory, { structure: STRUCTURE, ...CELL });
  }

  function attach(memory: SharedMemory, pool: CellPool, index?: HashIndex): void {
    pool.beginAttaching();
    index?.beginAttaching();
    memory.forEachPage((structure, ordinal, page) => {
      if (structure === STRUCTURE) pool.attachPage(ordinal, page);
      else index?.attachPage(ordinal, page);
    });
  }

  test('of either side go on with cells that the other has taken and freed', () => {
    const maker = new SharedMemory();
    maker.spare();
    const other = new SharedMemory(maker.handles());
    const sides = [
      { memory: maker, pool: poolOver(maker) },
      { memory: other, pool: poolOver(other) },
    ];
    const live = new Map<number, number>();
    for (let round = 0; round < 60; round += 1) {
      const { memory, pool } = sides[round % 2]!;
      if (memory.refresh()) attach(memory, pool);
      for (const [cell, mark] of live) {
        expect(pool.wordsOf(cell)[pool.wordAt(cell)]).toBe(mark);
      }
      const isShrinking = round % 20 >= 14;
      if (isShrinking) for (const cell of [...live.keys()].slice(0, 250)) pool.free(cell);
      if (isShrinking) for (const cell of [...live.keys()].slice(0, 250)) live.delete(cell);
      for (let count = isShrinking ? 0 : 100 + round; count > 0; count -= 1) {
        const cell = pool.allocate();
        expect(cell === NIL || live.has(cell)).toBe(false);
        pool.wordsOf(cell)[pool.wordAt(cell)] = round * 1_000 + count;
        live.set(cell, round * 1_000 + count);
      }
      expect(pool.live).toBe(live.size);
    }
    expect(maker.extentCount).toBe(1);
  });

  test('find by an index that the other side has let grow', () => {
    const maker = new SharedMemory();
    maker.spare();
    const other = new SharedMemory(maker.handles());
    const sides = [maker, other].map((memory) => {
      const options = { cellBytes: 32, markWord: 0, nextWord: 6, previousWord: 7 };
      const pool = new CellPool(memory, { structure: STRUCTURE, ...options });
      const fields = { structure: INDEX_STRUCTURE, hashWord: 1, chainWord: 2 };
      return { memory, pool, index: new HashIndex(memory, pool, fields) };
    });
    const cells: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const { memory, pool, index } = sides[round % 2]!;
      if (memory.refresh()) attach(memory, pool, index);
      // More than a page of buckets after a while.
      for (let count = 0; count < 20_000; count += 1) {
        const cell = pool.allocate();
        const hash = Math.imul(cells.length + 1, 0x9e3779b1);
        pool.wordsOf(cell)[pool.wordAt(cell)] = 1;
        pool.wordsOf(cell)[pool.wordAt(cell) + 1] = hash;
        index.insert(cell, hash);
        cells.push(cell);
      }
      const isFound = (cell: number, at: number): boolean => {
        let found = index.firstOf(Math.imul(at + 1, 0x9e3779b1));
        while (found !== NIL && found !== cell) found = index.nextOf(found);
        return found === cell;
      };
      expect(cells.every(isFound)).toBe(true);
    }
  });
});
