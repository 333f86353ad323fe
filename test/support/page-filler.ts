/**
 * Another structure that takes and returns many pages at random, so that extents come and go and
 * those of the structure under test have to move. Its pages stay untouched and so cost nothing.
 */
import { expect } from 'vitest';
import { NIL, type SharedMemory } from '../../src/memory/shared-memory.js';
import type { Random } from './random.js';

const STRUCTURE = 15;
/** More than two extents. */
const PAGES_MAX = 700;

export class PageFiller {
  readonly #memory: SharedMemory;
  readonly #pages: number[] = [];
  #isGrowing = true;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    memory.onMoved(STRUCTURE, () => undefined);
  }

  /** Takes or returns some pages, for a while in the one direction, then in the other. */
  change(random: Random): void {
    if (this.#pages.length >= PAGES_MAX) this.#isGrowing = false;
    if (this.#pages.length === 0) this.#isGrowing = true;
    for (let count = random.below(80); count > 0; count -= 1) {
      if (this.#isGrowing) {
        const page = this.#memory.allocate(STRUCTURE, this.#pages.length);
        expect(page).not.toBe(NIL);
        this.#pages.push(page);
      } else if (this.#pages.length > 0) {
        const [page] = this.#pages.splice(random.below(this.#pages.length), 1);
        this.#memory.release(page!);
      }
    }
  }

  clear(): void {
    for (const page of this.#pages.splice(0)) this.#memory.release(page);
  }
}
