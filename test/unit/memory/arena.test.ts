import { describe, expect, test } from 'vitest';
import { Arena, BLOCK_PAYLOAD_BYTES_MAX } from '../../../src/memory/arena.js';
import { SharedMemory } from '../../../src/memory/shared-memory.js';

describe('Arena', () => {
  test('has room in every block, and wastes at most 1/16 beyond the header and 8 bytes', () => {
    const arena = new Arena(new SharedMemory());
    for (let bytes = 0; bytes <= BLOCK_PAYLOAD_BYTES_MAX; bytes += bytes < 2_000 ? 1 : 97) {
      const cell = arena.cellBytesOf(bytes);
      expect(cell).toBeGreaterThanOrEqual(bytes + 8);
      expect(cell).toBeLessThanOrEqual(Math.max(16, (bytes + 8 + 7) * (1 + 1 / 16)));
    }
    expect(arena.cellBytesOf(BLOCK_PAYLOAD_BYTES_MAX)).toBe(32 * 1_024);
  });

  test('counts the bytes of its live blocks', () => {
    const arena = new Arena(new SharedMemory());
    const small = arena.allocate(10, 1);
    const large = arena.allocate(20_000, 2);
    expect(arena.bytes).toBe(arena.cellBytesOf(10) + arena.cellBytesOf(20_000));
    arena.free(small);
    expect(arena.bytes).toBe(arena.cellBytesOf(20_000));
    arena.free(large);
    expect(arena.bytes).toBe(0);
  });

  test('knows length and capacity of a block', () => {
    const arena = new Arena(new SharedMemory());
    const pointer = arena.allocate(300, 1);
    expect([arena.bytesOf(pointer), arena.capacityOf(pointer)]).toEqual([300, 312]);
    arena.setBytes(pointer, 311);
    expect([arena.bytesOf(pointer), arena.capacityOf(pointer)]).toEqual([311, 312]);
  });

  test('tells the owner as it is now of a move', () => {
    const arena = new Arena(new SharedMemory());
    const pointers = Array.from({ length: 9_000 }, (_, owner) => arena.allocate(100, owner));
    arena.setOwner(pointers[8_999]!, 77_777);
    for (const pointer of pointers.slice(0, 5_000)) arena.free(pointer);
    const owners: number[] = [];
    while (arena.compact(100, (owner) => owners.push(owner)));
    expect(owners[0]).toBe(77_777);
    expect(owners[1]).toBe(8_998);
  });

  test('compacts one sparse class after the other, and says when none is left', () => {
    const memory = new SharedMemory();
    const arena = new Arena(memory);
    expect(arena.compact(100, () => undefined)).toBe(false);
    const sizes = [20, 100, 1_000, 8_000];
    const pointers = sizes.flatMap((bytes) =>
      Array.from({ length: 1_200_000 / bytes }, () => arena.allocate(bytes, 1)),
    );
    const pagesFull = memory.pageCount;
    pointers.forEach((pointer, index) => {
      if (index % 4 !== 0) arena.free(pointer);
    });
    let steps = 0;
    while (arena.compact(64, () => undefined)) steps += 1;
    expect(steps).toBeGreaterThan(10);
    expect(memory.pageCount).toBeLessThan(pagesFull * 0.6);
  });
});
