/**
 * Goal: the index finds exactly the cells that were inserted under a hash, at every size on the way up
 * and down. Method: the same random calls on an index and on a Map of sets, with hashes that collide
 * in all bits or in many; cells move into holes and pages between extents meanwhile.
 */
import { describe, expect, test } from 'vitest';
import { CellPool } from '../../src/memory/cell-pool.js';
import { HashIndex } from '../../src/memory/hash-index.js';
import { NIL, SharedMemory } from '../../src/memory/shared-memory.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';

const CALLS = 20_000;
const HASH_WORD = 3;

class IndexUnderTest {
  readonly memory = new SharedMemory();
  readonly pool: CellPool;
  readonly index: HashIndex;
  readonly hashes = new Map<number, number>();
  readonly #cellsOf = new Map<number, Set<number>>();

  constructor() {
    const words = { markWord: 0, nextWord: 1, previousWord: 2 };
    this.pool = new CellPool(this.memory, { structure: 1, cellBytes: 20, ...words });
    this.index = new HashIndex(this.memory, this.pool, {
      structure: 2,
      hashWord: HASH_WORD,
      chainWord: 4,
    });
  }

  insert(hash: number): void {
    const cell = this.pool.allocate();
    this.pool.wordsOf(cell)[this.pool.wordAt(cell)] = 1;
    this.pool.wordsOf(cell)[this.pool.wordAt(cell) + HASH_WORD] = hash;
    if (!this.index.insert(cell, hash)) throw new Error('out of pages');
    this.#add(cell, hash);
  }

  remove(cell: number): void {
    const hash = this.hashes.get(cell)!;
    this.index.remove(cell, hash);
    this.pool.free(cell);
    this.#delete(cell, hash);
  }

  compact(cellsMax: number): void {
    this.pool.compact(cellsMax, (from, to) => {
      const hash = this.hashes.get(from)!;
      this.index.relocate(from, to, hash);
      this.#delete(from, hash);
      this.#add(to, hash);
    });
  }

  expectFound(hash: number): void {
    const found: number[] = [];
    for (let cell = this.index.firstOf(hash); cell !== NIL; cell = this.index.nextOf(cell)) {
      if (this.hashes.get(cell) === hash) found.push(cell);
      if (!this.hashes.has(cell)) throw new Error(`cell ${cell} is not in the index any more`);
    }
    const expected = [...(this.#cellsOf.get(hash) ?? [])];
    found.sort();
    expected.sort();
    if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
  }

  expectAllFound(): void {
    for (const hash of this.#cellsOf.keys()) this.expectFound(hash);
  }

  #add(cell: number, hash: number): void {
    this.hashes.set(cell, hash);
    const cells = this.#cellsOf.get(hash);
    if (cells === undefined) this.#cellsOf.set(hash, new Set([cell]));
    else cells.add(cell);
  }

  #delete(cell: number, hash: number): void {
    this.hashes.delete(cell);
    this.#cellsOf.get(hash)!.delete(cell);
  }
}

/** Few different ones, or with the same low bits, or any. */
function randomHash(random: Random): number {
  const kind = random.below(10);
  if (kind === 0) return random.below(5) - 2;
  if (kind === 1) return random.below(64) << 20;
  return random.below(2 ** 32) | 0;
}

describe('HashIndex', () => {
  test.each([1, 2, 3])('finds what a Map of sets holds (seed %i)', (seed) => {
    const random = new Random(seed);
    const subject = new IndexUnderTest();
    const filler = new PageFiller(subject.memory);
    for (let call = 0; call < CALLS; call += 1) {
      const grows = random.below(100) < (call % 5_000 < 2_500 ? 75 : 25);
      if (grows || subject.hashes.size === 0) subject.insert(randomHash(random));
      else {
        const cell = random.below(subject.pool.end);
        if (subject.hashes.has(cell)) subject.remove(cell);
      }
      const hash = randomHash(random);
      subject.expectFound(hash);
      if (random.below(50) === 0) subject.compact(1 + random.below(50));
      if (random.below(5) === 0) subject.index.shrink(random.below(10));
      if (random.below(50) === 0) filler.change(random);
      if (random.below(10) === 0) subject.memory.compact();
      if (call % 2_500 === 0) subject.expectAllFound();
    }
    subject.expectAllFound();
    for (const cell of [...subject.hashes.keys()]) subject.remove(cell);
    expect(subject.pool.live).toBe(0);
  });

  test('grows over several pages and gives them back on the way down', () => {
    const random = new Random(9);
    const subject = new IndexUnderTest();
    for (let cell = 0; cell < 80_000; cell += 1) subject.insert(random.below(2 ** 32) & ~1);
    expect(subject.index.bytes).toBe(80_000 * 4);
    subject.expectAllFound();
    const cells = [...subject.hashes.keys()];
    for (let at = 0; at < cells.length; at += 1) {
      subject.remove(cells[at]!);
      subject.index.shrink(2);
      if (at === 40_000 || at === 79_000) subject.expectAllFound();
    }
    expect(subject.index.bytes).toBe(64 * 4);
    expect(subject.memory.pageCount).toBe(1);
  });
});
