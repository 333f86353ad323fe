import { describe, expect, test } from 'vitest';
import { NIL, PAGE_BYTES, PAGE_WORDS, SharedMemory } from '../../../src/memory/shared-memory.js';

const STRUCTURE = 5;
/** Pages of an extent. */
const FRAMES = 256;

function allocate(memory: SharedMemory, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => memory.allocate(STRUCTURE, from + index));
}

function mark(memory: SharedMemory, page: number): void {
  memory.words[page]!.set([page * 3 + 1], 0);
  memory.words[page]!.set([page * 5 + 2], PAGE_WORDS - 1);
}

function expectMark(memory: SharedMemory, page: number): void {
  const words = memory.words[page]!;
  expect([words[0], words[PAGE_WORDS - 1]]).toEqual([page * 3 + 1, page * 5 + 2]);
}

describe('SharedMemory', () => {
  test('hands out pages that do not overlap, with three views of the same bytes', () => {
    const memory = new SharedMemory();
    const pages = allocate(memory, FRAMES + 10);
    expect(new Set(pages).size).toBe(FRAMES + 10);
    expect([memory.pageCount, memory.extentCount]).toEqual([FRAMES + 10, 2]);
    for (const page of pages) mark(memory, page);
    for (const page of pages) expectMark(memory, page);
    memory.doubles[pages[7]!]![1] = Math.PI;
    expect(memory.spaces[pages[7]!]!.view.getFloat64(8, true)).toBe(Math.PI);
    expect(memory.spaces[pages[7]!]!.bytes.length).toBe(PAGE_BYTES);
  });

  test('knows structure and ordinal of each page', () => {
    const memory = new SharedMemory();
    const first = memory.allocate(239, 70_000);
    const second = memory.allocate(1, 0);
    expect([memory.structureOf(first), memory.ordinalOf(first)]).toEqual([239, 70_000]);
    expect([memory.structureOf(second), memory.ordinalOf(second)]).toEqual([1, 0]);
    const seen: number[][] = [];
    memory.forEachPage((...place) => seen.push(place));
    expect(seen).toEqual([
      [239, 70_000, first],
      [1, 0, second],
    ]);
  });

  test('reuses page numbers that were given back, and gives empty extents up', () => {
    const memory = new SharedMemory();
    const pages = allocate(memory, FRAMES * 2);
    for (const page of pages) memory.release(page);
    expect([memory.pageCount, memory.extentCount]).toEqual([0, 0]);
    const again = allocate(memory, FRAMES * 2);
    expect(new Set(again)).toEqual(new Set(pages));
    expect(memory.extentCount).toBe(2);
  });

  test('fails on a page that is released twice', () => {
    const memory = new SharedMemory();
    const [page] = allocate(memory, 2);
    memory.release(page!);
    expect(() => memory.release(page!)).toThrow('twice');
  });

  test('moves pages together once an extent and a quarter is free, and keeps their content', () => {
    const memory = new SharedMemory();
    const moved: [number, number][] = [];
    memory.onMoved(STRUCTURE, (_structure, ordinal, page) => moved.push([ordinal, page]));
    const pages = allocate(memory, FRAMES * 3);
    for (const page of pages) mark(memory, page);
    expect(memory.compact()).toBe(false);
    // 40 % of each extent stay: too much for one, enough for two.
    const kept = pages.filter((_, index) => index % 5 < 2);
    for (const page of pages) if (!kept.includes(page)) memory.release(page);
    expect(memory.extentCount).toBe(3);
    let moves = 0;
    while (memory.compact()) moves += 1;
    expect(memory.extentCount).toBe(2);
    expect([moves, memory.pagesMoved]).toEqual([moved.length, moved.length]);
    expect(moves).toBeLessThanOrEqual(FRAMES);
    for (const page of kept) expectMark(memory, page);
    for (const [ordinal, page] of moved) expect(pages[ordinal]).toBe(page);
    memory.forEachPage((_structure, ordinal, page) => expect(pages[ordinal]).toBe(page));
  });

  test('shows the same pages to a second memory over the same buffers', () => {
    const first = new SharedMemory();
    const pages = allocate(first, FRAMES + 3);
    for (const page of pages) mark(first, page);
    for (const page of pages.slice(0, 50)) first.release(page);
    const second = new SharedMemory(first.handles());
    for (const page of pages.slice(50)) expectMark(second, page);
    expect(second.pageCount).toBe(FRAMES - 47);
    // It goes on where the first left off: no page is handed out twice.
    const more = allocate(second, 60, 1_000);
    expect(more.filter((page) => pages.slice(50).includes(page))).toEqual([]);
    for (const page of more) mark(second, page);
    for (const page of pages.slice(50)) expectMark(second, page);
  });

  test('is as new after a reset', () => {
    const memory = new SharedMemory();
    for (const page of allocate(memory, 300)) mark(memory, page);
    memory.release(7);
    memory.reset();
    expect([memory.pageCount, memory.extentCount, memory.pagesMoved]).toEqual([0, 0, 0]);
    memory.forEachPage(() => expect.unreachable());
    expect(memory.compact()).toBe(false);
    expect(allocate(memory, 3)).toEqual([0, 1, 2]);
  });

  test('has no page that ends up as NIL', () => {
    const memory = new SharedMemory();
    expect(NIL).toBe(-1);
    expect(allocate(memory, 1_000).every((page) => page >= 0)).toBe(true);
  });
});
