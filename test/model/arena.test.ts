/**
 * Goal: blocks keep their bytes and their owners hear of every move. Method: the same random calls on
 * an arena and on a Map from owner to content, under compaction and page moves.
 */
import { describe, expect, test } from 'vitest';
import { Arena, BLOCK_PAYLOAD_BYTES_MAX } from '../../src/memory/arena.js';
import { SharedMemory } from '../../src/memory/shared-memory.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';

const CALLS = 20_000;

interface Block {
  pointer: number;
  bytes: number;
  readonly seed: number;
}

class ArenaUnderTest {
  readonly memory = new SharedMemory();
  readonly arena = new Arena(this.memory);
  readonly blocks = new Map<number, Block>();
  #owners = 0;

  allocate(bytes: number): void {
    const owner = (this.#owners += 1);
    const block = { pointer: this.arena.allocate(bytes, owner), bytes, seed: owner * 13 };
    this.blocks.set(owner, block);
    const at = this.arena.payloadAt(block.pointer);
    const space = this.arena.spaceOf(block.pointer).bytes;
    for (let byte = 0; byte < bytes; byte += 1) space[at + byte] = block.seed + byte * 7;
  }

  free(owner: number): void {
    this.expectContent(owner);
    this.arena.free(this.blocks.get(owner)!.pointer);
    this.blocks.delete(owner);
  }

  shrink(owner: number): void {
    const block = this.blocks.get(owner)!;
    block.bytes >>>= 1;
    this.arena.setBytes(block.pointer, block.bytes);
  }

  compact(blocksMax: number): boolean {
    return this.arena.compact(blocksMax, (owner, from, to) => {
      const block = this.blocks.get(owner)!;
      expect(block.pointer).toBe(from);
      block.pointer = to;
    });
  }

  expectContent(owner: number): void {
    const { pointer, bytes, seed } = this.blocks.get(owner)!;
    if (this.arena.bytesOf(pointer) !== bytes) throw new Error('a block has lost its length');
    if (this.arena.capacityOf(pointer) < bytes) throw new Error('a block is too small');
    const at = this.arena.payloadAt(pointer);
    const space = this.arena.spaceOf(pointer).bytes;
    for (let byte = 0; byte < bytes; byte += 1) {
      if (space[at + byte] !== ((seed + byte * 7) & 255)) throw new Error('a block has lost bytes');
    }
  }

  randomOwner(random: Random): number {
    const owners = [...this.blocks.keys()];
    return owners[random.below(owners.length)]!;
  }
}

function randomBytes(random: Random): number {
  const max = [40, 40, 300, 4_000, BLOCK_PAYLOAD_BYTES_MAX][random.below(5)]!;
  return random.below(20) === 0 ? max : 1 + random.below(max);
}

describe('Arena', () => {
  test.each([1, 2])('keeps blocks as a Map does (seed %i)', (seed) => {
    const random = new Random(seed);
    const subject = new ArenaUnderTest();
    const filler = new PageFiller(subject.memory);
    for (let call = 0; call < CALLS; call += 1) {
      const grows = random.below(100) < (call % 4_000 < 2_000 ? 70 : 25);
      if (subject.blocks.size < 5 || (grows && subject.blocks.size < 1_500)) {
        subject.allocate(randomBytes(random));
      } else subject.free(subject.randomOwner(random));
      if (random.below(50) === 0) subject.shrink(subject.randomOwner(random));
      if (random.below(20) === 0) subject.compact(1 + random.below(30));
      if (random.below(50) === 0) filler.change(random);
      if (random.below(10) === 0) subject.memory.compact();
      if (call % 1_000 === 0)
        for (const owner of subject.blocks.keys()) subject.expectContent(owner);
    }
    expect(subject.memory.pagesMoved).toBeGreaterThan(20);
    while (subject.compact(100));
    let bytes = 0;
    for (const [owner, block] of subject.blocks) {
      subject.expectContent(owner);
      bytes += subject.arena.capacityOf(block.pointer) + 8;
    }
    expect(subject.arena.bytes).toBe(bytes);
    for (const owner of [...subject.blocks.keys()]) subject.free(owner);
    expect(subject.arena.bytes).toBe(0);
    filler.clear();
    expect([subject.memory.pageCount, subject.memory.extentCount]).toEqual([0, 0]);
  });
});
