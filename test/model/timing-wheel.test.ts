/**
 * Goal: every row comes up exactly once, never early, and is gone by the deadline it had in the end,
 * whatever the order of schedules, extensions and cancellations, the steps of time and the budgets.
 * Method: the same random calls on a wheel and on a Map of deadlines; rows also move into holes.
 */
import { describe, expect, test } from 'vitest';
import { TimingWheel } from '../../src/expiry/timing-wheel.js';
import { CellPool } from '../../src/memory/cell-pool.js';
import { NIL, SharedMemory } from '../../src/memory/shared-memory.js';
import { Random } from '../support/random.js';

const CALLS = 20_000;
const NAME_WORD = 6;
const DEADLINE_DOUBLE = 2;
/** Around every digit of the wheel's base, and across several of them at once. */
const SPANS_MS = [
  ...[0, 1, 2, 254, 255, 256, 257, 511, 512, 65_534, 65_535, 65_536, 65_537, 131_072],
  ...[2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 255, 2 ** 40],
];

class WheelUnderTest {
  readonly pool: CellPool;
  readonly wheel: TimingWheel;
  /** What each live row stands for, and the deadline it has now. */
  readonly deadlines = new Map<number, number>();
  readonly #rows = new Map<number, number>();
  #names = 0;
  nowMs: number;

  constructor(nowMs: number) {
    const memory = new SharedMemory();
    const links = { nextWord: 1, previousWord: 2 };
    this.pool = new CellPool(memory, { structure: 1, cellBytes: 2_048, markWord: 0, ...links });
    this.wheel = new TimingWheel(memory, this.pool, {
      nextWord: 1,
      previousWord: 2,
      deadlineDouble: DEADLINE_DOUBLE,
    });
    this.nowMs = nowMs;
    this.wheel.start(nowMs);
  }

  add(deadlineMs: number): void {
    const row = this.pool.allocate();
    const name = (this.#names += 1);
    const words = this.pool.wordsOf(row);
    const at = this.pool.wordAt(row);
    words[at] = 1;
    words[at + NAME_WORD] = name;
    this.#rows.set(name, row);
    this.wheel.clear(row);
    this.#setDeadline(name, deadlineMs);
    this.wheel.schedule(row);
  }

  /** To a later instant: the header only, as a touch does. */
  extend(name: number, byMs: number): void {
    this.#setDeadline(name, this.deadlines.get(name)! + byMs);
  }

  reschedule(name: number, deadlineMs: number): void {
    this.#setDeadline(name, deadlineMs);
    this.wheel.schedule(this.#rows.get(name)!);
  }

  remove(name: number): void {
    const row = this.#rows.get(name)!;
    this.wheel.cancel(row);
    this.#forget(name, row);
  }

  advance(rowsMax: number, onDue: (name: number) => void): number {
    return this.wheel.advance(this.nowMs, rowsMax, (row) => {
      const name = this.pool.wordsOf(row)[this.pool.wordAt(row) + NAME_WORD]!;
      expect(this.#rows.get(name)).toBe(row);
      expect(this.wheel.isFiled(row)).toBe(false);
      if (this.deadlines.get(name)! > this.nowMs) throw new Error('a row came up early');
      this.#forget(name, row);
      onDue(name);
    });
  }

  soonest(): number | undefined {
    const row = this.wheel.soonest();
    if (row === NIL) return undefined;
    return this.pool.wordsOf(row)[this.pool.wordAt(row) + NAME_WORD]!;
  }

  compact(cellsMax: number): void {
    this.pool.compact(cellsMax, (from, to) => {
      const name = this.pool.wordsOf(to)[this.pool.wordAt(to) + NAME_WORD]!;
      expect(this.#rows.get(name)).toBe(from);
      this.#rows.set(name, to);
      this.wheel.relocate(to);
    });
  }

  #setDeadline(name: number, deadlineMs: number): void {
    const row = this.#rows.get(name)!;
    const words = this.pool.wordsOf(row);
    const bytes = new Float64Array(words.buffer, words.byteOffset, words.length / 2);
    bytes[this.pool.wordAt(row) / 2 + DEADLINE_DOUBLE] = deadlineMs;
    this.deadlines.set(name, deadlineMs);
  }

  #forget(name: number, row: number): void {
    this.pool.free(row);
    this.#rows.delete(name);
    this.deadlines.delete(name);
  }
}

function randomSpan(random: Random): number {
  const span = SPANS_MS[random.below(SPANS_MS.length)]!;
  const fraction = random.below(3) === 0 ? random.below(1_000) / 1_000 : 0;
  return random.below(2) === 0 ? span + fraction : random.below(2_000) + fraction;
}

function randomName(random: Random, subject: WheelUnderTest): number | undefined {
  const names = [...subject.deadlines.keys()];
  return names[random.below(Math.max(1, names.length))];
}

/** One random call; returns how many rows have come up. */
function step(random: Random, subject: WheelUnderTest): void {
  const kind = random.below(12);
  const name = kind < 4 || kind === 11 ? undefined : randomName(random, subject);
  if (kind < 4) subject.add(subject.nowMs + randomSpan(random) - random.below(3));
  else if (kind === 4 && name !== undefined) subject.extend(name, randomSpan(random));
  else if (kind === 5 && name !== undefined) {
    subject.reschedule(name, subject.nowMs + randomSpan(random));
  } else if (kind === 6 && name !== undefined) subject.remove(name);
  else if (kind === 7) subject.compact(1 + random.below(20));
  else if (kind > 7) {
    // Small steps mostly, or the long deadlines would never be many.
    const isLong = random.below(20) === 0;
    subject.nowMs += isLong ? randomSpan(random) : random.below(600) * 0.5;
    const budget = 1 + random.below(random.below(2) === 0 ? 4 : 400);
    const touched = subject.advance(budget, () => undefined);
    expect(touched).toBeLessThanOrEqual(budget);
    if (touched < budget) expectNothingDue(subject);
  }
}

/** Up to the tick: a deadline between two milliseconds is noticed at the second of them. */
function expectNothingDue(subject: WheelUnderTest): void {
  for (const deadlineMs of subject.deadlines.values()) {
    if (Math.ceil(deadlineMs) <= subject.nowMs)
      throw new Error(`due at ${deadlineMs}, not handed over`);
  }
}

describe('TimingWheel', () => {
  test.each([1, 2, 3])('hands rows over as a Map of deadlines says (seed %i)', (seed) => {
    const random = new Random(seed);
    const subject = new WheelUnderTest(seed * 1e12 + 0.25);
    for (let call = 0; call < CALLS; call += 1) {
      step(random, subject);
      if (subject.wheel.size !== subject.deadlines.size) throw new Error(`lost one at ${call}`);
    }
    subject.nowMs += 2 ** 41;
    while (subject.advance(1_000, () => undefined) > 0);
    expect([subject.deadlines.size, subject.wheel.size, subject.pool.live]).toEqual([0, 0, 0]);
  });

  test.each([4, 5])('knows the nearest deadline, extended or not (seed %i)', (seed) => {
    const random = new Random(seed);
    const subject = new WheelUnderTest(1e12);
    for (let call = 0; call < CALLS / 4; call += 1) {
      step(random, subject);
      if (subject.deadlines.size > 200) subject.remove(randomName(random, subject)!);
      const soonest = subject.soonest();
      if (soonest === undefined) expect(subject.deadlines.size).toBe(0);
      else {
        const nearestMs = Math.min(...subject.deadlines.values());
        // Those that are due are all as near.
        const dueMs = Math.max(nearestMs, subject.nowMs + 1);
        expect(subject.deadlines.get(soonest)).toBeLessThanOrEqual(dueMs);
      }
    }
  });
});
