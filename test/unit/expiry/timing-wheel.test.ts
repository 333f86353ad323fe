import { describe, expect, test } from 'vitest';
import { TimingWheel } from '../../../src/expiry/timing-wheel.js';
import { CellPool } from '../../../src/memory/cell-pool.js';
import { NIL, SharedMemory } from '../../../src/memory/shared-memory.js';

const START_MS = 1_700_000_000_000;

class Rows {
  readonly wheel: TimingWheel;
  readonly due: number[] = [];
  readonly #pool: CellPool;

  constructor(startMs = START_MS) {
    const memory = new SharedMemory();
    const links = { nextWord: 1, previousWord: 2 };
    this.#pool = new CellPool(memory, { structure: 1, cellBytes: 24, markWord: 0, ...links });
    this.wheel = new TimingWheel(memory, this.#pool, { ...links, deadlineDouble: 2 });
    this.wheel.start(startMs);
  }

  add(deadlineMs: number): number {
    const row = this.#pool.allocate();
    this.#pool.wordsOf(row)[this.#pool.wordAt(row)] = 1;
    this.wheel.clear(row);
    this.setDeadline(row, deadlineMs);
    this.wheel.schedule(row);
    return row;
  }

  setDeadline(row: number, deadlineMs: number): void {
    this.#pool.doubles[0]![this.#pool.wordAt(row) / 2 + 2] = deadlineMs;
  }

  advance(nowMs: number, rowsMax = Infinity): number {
    return this.wheel.advance(nowMs, rowsMax, (row) => this.due.push(row));
  }
}

/** Where a deadline changes its level or its bucket. */
const SPANS_MS = [
  ...[1, 255, 256, 257, 65_535, 65_536, 65_537, 2 ** 24 - 1, 2 ** 24, 2 ** 32, 2 ** 40 + 3],
];

describe('TimingWheel', () => {
  test.each(SPANS_MS)('hands a row over %d ms after its start, not 1 ms sooner', (spanMs) => {
    const rows = new Rows();
    const row = rows.add(START_MS + spanMs);
    rows.advance(START_MS + spanMs - 1);
    expect([rows.due, rows.wheel.size]).toEqual([[], 1]);
    rows.advance(START_MS + spanMs);
    expect([rows.due, rows.wheel.size]).toEqual([[row], 0]);
  });

  test.each(SPANS_MS)('does so when time goes on in small steps before (%d ms)', (spanMs) => {
    const rows = new Rows();
    for (const part of [0.1, 0.5, 0.9, 0.99]) rows.add(START_MS + Math.floor(spanMs * part));
    const row = rows.add(START_MS + spanMs);
    for (let step = 1; step <= 50; step += 1) rows.advance(START_MS + ((spanMs - 1) * step) / 50);
    expect(rows.due).not.toContain(row);
    rows.advance(START_MS + spanMs);
    expect(rows.due.at(-1)).toBe(row);
  });

  test('hands rows over in the order of their deadlines across levels', () => {
    const rows = new Rows();
    const spans = [70_000, 3, 255, 17_000_000, 256, 600, 65_536, 1];
    const added = new Map(spans.map((spanMs) => [rows.add(START_MS + spanMs), spanMs]));
    rows.advance(START_MS + 20_000_000);
    expect(rows.due.map((row) => added.get(row))).toEqual([...spans].sort((a, b) => a - b));
  });

  test('takes a deadline in the past as due at once', () => {
    const rows = new Rows();
    rows.advance(START_MS + 1_000);
    rows.add(START_MS + 5);
    rows.add(START_MS - 5_000);
    rows.advance(START_MS + 1_000);
    expect(rows.due.length).toBe(2);
  });

  test('waits for the millisecond after a deadline between two', () => {
    const rows = new Rows(START_MS + 0.7);
    rows.add(START_MS + 10.25);
    rows.advance(START_MS + 10.2);
    expect(rows.due.length).toBe(0);
    rows.advance(START_MS + 11);
    expect(rows.due.length).toBe(1);
  });

  test('touches no more rows than it may, and goes on where it stopped', () => {
    const rows = new Rows();
    for (let row = 0; row < 100; row += 1) rows.add(START_MS + 200_000 + (row % 3));
    let calls = 0;
    // Down to the finest level first, then out.
    while (rows.advance(START_MS + 199_990, 7) > 0) calls += 1;
    expect([calls, rows.wheel.size]).toEqual([Math.ceil(200 / 7), 100]);
    while (rows.wheel.size > 0) {
      const before = rows.due.length;
      expect(rows.advance(START_MS + 200_003, 7)).toBeLessThanOrEqual(7);
      expect(rows.due.length - before).toBeLessThanOrEqual(7);
      calls += 1;
    }
    expect(calls).toBe(Math.ceil(200 / 7) + Math.ceil(100 / 7));
    expect(new Set(rows.due).size).toBe(100);
  });

  test('moves rows ahead, a few a tick, so that only those that are due are touched then', () => {
    const rows = new Rows();
    const first = START_MS + 3 * 65_536;
    for (let row = 0; row < 1_024; row += 1) rows.add(first + (row % 256));
    // Nothing is counted that is not due.
    for (let ms = 65_536; ms > 0; ms -= 1) expect(rows.advance(first - ms, 1)).toBe(0);
    for (let ms = 0; ms < 256; ms += 1) expect(rows.advance(first + ms, 2_000)).toBe(4);
    expect(rows.due.length).toBe(1_024);
  });

  test('has them in time where there was no tick to move them ahead', () => {
    const rows = new Rows();
    const first = START_MS + 3 * 65_536;
    for (let row = 0; row < 1_024; row += 1) rows.add(first + (row % 256));
    rows.advance(first - 1, 1);
    rows.advance(first, 10_000);
    expect(rows.due.length).toBe(4);
  });

  test('files a row again whose deadline was put off meanwhile', () => {
    const rows = new Rows();
    const row = rows.add(START_MS + 300);
    rows.setDeadline(row, START_MS + 1_000);
    rows.advance(START_MS + 999);
    expect([rows.due, rows.wheel.size]).toEqual([[], 1]);
    rows.advance(START_MS + 1_000);
    expect(rows.due).toEqual([row]);
  });

  test('moves a row to an earlier deadline with schedule', () => {
    const rows = new Rows();
    const row = rows.add(START_MS + 100_000);
    rows.setDeadline(row, START_MS + 10);
    rows.wheel.schedule(row);
    expect(rows.wheel.size).toBe(1);
    rows.advance(START_MS + 10);
    expect(rows.due).toEqual([row]);
  });

  test('forgets a row that was cancelled, once', () => {
    const rows = new Rows();
    const cancelled = [rows.add(START_MS + 5), rows.add(START_MS + 5), rows.add(START_MS + 500)];
    const kept = rows.add(START_MS + 5);
    for (const row of cancelled) {
      rows.wheel.cancel(row);
      rows.wheel.cancel(row);
      expect(rows.wheel.isFiled(row)).toBe(false);
    }
    rows.advance(START_MS + 1_000);
    expect([rows.due, rows.wheel.size]).toEqual([[kept], 0]);
  });

  test('lets the callback schedule, cancel and add rows', () => {
    const rows = new Rows();
    const first = rows.add(START_MS + 10);
    const second = rows.add(START_MS + 20);
    const log: number[] = [];
    const onDue = (row: number): void => {
      log.push(row);
      if (row === first && log.length < 3) {
        rows.setDeadline(first, START_MS + 30 * log.length);
        rows.wheel.schedule(first);
        rows.wheel.cancel(second);
      }
    };
    rows.wheel.advance(START_MS + 100, Infinity, onDue);
    expect(log).toEqual([first, first, first]);
    expect(rows.wheel.size).toBe(0);
  });

  test('is not held up by time in which there was nothing', () => {
    const rows = new Rows();
    expect(rows.advance(START_MS + 2 ** 41)).toBe(0);
    const row = rows.add(START_MS + 2 ** 41 + 100);
    expect(rows.advance(START_MS + 2 ** 41 + 99, 10)).toBeLessThan(10);
    rows.advance(START_MS + 2 ** 41 + 100);
    expect(rows.due).toEqual([row]);
  });

  test('stays where it is when time does not go on', () => {
    const rows = new Rows();
    rows.advance(START_MS + 1_000);
    const row = rows.add(START_MS + 1_001);
    rows.advance(START_MS + 10);
    expect(rows.due).toEqual([]);
    rows.advance(START_MS + 1_001);
    expect(rows.due).toEqual([row]);
  });

  test('knows the soonest, beyond rows that were put off', () => {
    const rows = new Rows();
    expect(rows.wheel.soonest()).toBe(NIL);
    const far = rows.add(START_MS + 1e9);
    const putOff = Array.from({ length: 1_000 }, () => rows.add(START_MS + 50));
    const near = rows.add(START_MS + 5_000);
    expect(putOff).toContain(rows.wheel.soonest());
    for (const row of putOff) rows.setDeadline(row, START_MS + 90_000);
    expect(rows.wheel.soonest()).toBe(near);
    rows.wheel.cancel(near);
    expect(putOff).toContain(rows.wheel.soonest());
    for (const row of putOff) rows.wheel.cancel(row);
    expect(rows.wheel.soonest()).toBe(far);
  });

  test('finds the soonest among rows whose time has come but that are not removed yet', () => {
    const rows = new Rows();
    const first = rows.add(START_MS + 70_000);
    for (let row = 0; row < 20; row += 1) rows.add(START_MS + 70_100);
    rows.advance(START_MS + 70_050, 3);
    expect(rows.due).toEqual([]);
    expect(rows.wheel.soonest()).toBe(first);
  });
});
