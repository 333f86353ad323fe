import { describe, expect, test } from 'vitest';
import {
  allocateEventRing,
  CREATED,
  ENDED,
  EventRingReader,
  EventRingWriter,
  ROTATED,
} from '../../../src/ring/event-ring.js';

const START_MS = 1_800_000_000_000;

function ring(slots = 4): { writer: EventRingWriter; reader: EventRingReader } {
  const shared = allocateEventRing(slots, true);
  return { writer: new EventRingWriter(shared), reader: new EventRingReader(shared, START_MS) };
}

/** Writes events whose ids tell their numbers. */
function write(writer: EventRingWriter, count: number, kind = CREATED): number {
  const first = writer.claim(count);
  for (let event = Math.max(0, count - writer.slots); event < count; event += 1) {
    const number = first + event;
    writer.put(number, kind, START_MS + number, Int32Array.of(0, number, 1, 2, 3, 4, 5), 1);
  }
  return first;
}

describe('EventRing', () => {
  test('has numbers that grow over restarts, exact as doubles', () => {
    const { reader } = ring();
    expect(reader.firstSequence).toBe(START_MS * 1_000);
    expect(reader.firstSequence).toBeLessThan(Number.MAX_SAFE_INTEGER / 4);
    const later = new EventRingReader(allocateEventRing(4, true), START_MS + 0.5);
    expect(later.firstSequence).toBe(START_MS * 1_000 + 500);
  });

  test('gives what was put, and nothing before it', () => {
    const { writer, reader } = ring();
    expect([reader.next, reader.oldest, reader.read(0)]).toEqual([0, 0, false]);
    write(writer, 1, ENDED);
    expect([reader.next, reader.oldest]).toEqual([1, 0]);
    expect(reader.read(0)).toBe(true);
    expect([reader.kind, reader.timeMs, ...reader.ids.subarray(0, 3)]).toEqual([
      ...[ENDED, START_MS, 0, 1, 2],
    ]);
    expect(reader.read(1)).toBe(false);
  });

  test('keeps a time that is no whole millisecond, and the second id of a rotation', () => {
    const { writer, reader } = ring();
    writer.put(writer.claim(1), ROTATED, START_MS + 0.25, Int32Array.of(1, 2, 3, -4, 5, 6), 0);
    expect(reader.read(0)).toBe(true);
    expect([reader.timeMs, ...reader.ids]).toEqual([START_MS + 0.25, 1, 2, 3, -4, 5, 6]);
  });

  test('does not give an event that is claimed and not yet put', () => {
    const { writer, reader } = ring();
    const first = writer.claim(2);
    expect([reader.next, reader.read(first)]).toEqual([2, false]);
    writer.put(first, CREATED, 0, new Int32Array(6), 0);
    expect([reader.read(first), reader.read(first + 1)]).toEqual([true, false]);
  });

  test('forgets the oldest, which is never taken for a newer one in its slot', () => {
    const { writer, reader } = ring(4);
    write(writer, 3);
    write(writer, 3);
    expect([reader.next, reader.oldest]).toEqual([6, 2]);
    expect([0, 1, 2, 3, 4, 5, 6].map((number) => reader.read(number))).toEqual([
      ...[false, false, true, true, true, true, false],
    ]);
    expect(reader.read(5)).toBe(true);
    expect(reader.ids[0]).toBe(5);
  });

  test('takes more events at a time than it has slots: the last ones stay', () => {
    const { writer, reader } = ring(4);
    write(writer, 2);
    write(writer, 11);
    write(writer, 1);
    expect([reader.next, reader.oldest]).toEqual([14, 10]);
    expect([9, 10, 11, 12, 13].map((number) => reader.read(number))).toEqual([
      ...[false, true, true, true, true],
    ]);
    // None of the writers waits for a number that was left out.
    for (let round = 0; round < 20; round += 1) write(writer, round);
    expect(reader.read(reader.next - 1)).toBe(true);
  });

  test('gives readers their own places', () => {
    const shared = allocateEventRing(4, true);
    const writer = new EventRingWriter(shared);
    const [one, other] = [new EventRingReader(shared, 0), new EventRingReader(shared, 0)];
    write(writer, 4);
    expect([one.read(3), other.read(0), one.read(0)]).toEqual([true, true, true]);
  });
});
