/**
 * The ring of events between real threads: writers that lap one another, readers that fall behind.
 * Every event that is read is whole and in its writer's order, and every one that is not is accounted
 * for.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  allocateEventRing,
  EventRingReader,
  EventRingWriter,
  ROTATED,
} from '../../src/ring/event-ring.js';

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** What one reader has seen. */
class Reading {
  read = 0;
  missed = 0;
  readonly problems: string[] = [];
  readonly #ring: EventRingReader;
  readonly #last: number[];
  #next = 0;

  constructor(ring: EventRingReader, writers: number) {
    this.#ring = ring;
    this.#last = Array<number>(writers).fill(0);
  }

  /** Reads what there is, at most so many. */
  step(eventsMax: number): void {
    const ring = this.#ring;
    const { next } = ring;
    for (let looks = 0; this.#next < next && looks < eventsMax; looks += 1) {
      if (ring.read(this.#next)) {
        this.#check();
        this.#next += 1;
        this.read += 1;
      } else if (this.#next < ring.oldest) {
        const { oldest } = ring;
        this.missed += oldest - this.#next;
        this.#next = oldest;
      } else {
        return;
      }
    }
  }

  #check(): void {
    const { ids, kind, timeMs } = this.#ring;
    const [writer = -1, count = 0] = ids;
    const expected = [writer, count, ~count, writer ^ count, count, -count];
    const words = kind === ROTATED ? 6 : 3;
    const isWhole =
      expected.slice(0, words).every((word, at) => ids[at] === word) &&
      kind === count % 6 &&
      timeMs === count + 0.5;
    if (!isWhole) this.problems.push(`torn: ${kind} ${timeMs} ${ids.join()}`);
    if (count <= (this.#last[writer] ?? Infinity)) this.problems.push(`${writer}: ${count} again`);
    this.#last[writer] = count;
  }
}

describe.each([
  ['a small ring that is lapped all the time', { slots: 64, batchMax: 200, events: 60_000 }],
  ['two slots, which both writers are in all the time', { slots: 2, batchMax: 4, events: 20_000 }],
  ['small batches', { slots: 64, batchMax: 3, events: 30_000 }],
  ['a ring that holds everything', { slots: 1 << 19, batchMax: 64, events: 100_000 }],
])('%s', (_, { slots, batchMax, events }) => {
  test('gives no torn event, none twice, and loses none without a gap', async () => {
    const writers = 2;
    const shared = allocateEventRing(slots, true);
    const eager = new Reading(new EventRingReader(shared, 0), writers);
    const slow = new Reading(new EventRingReader(shared, 0), writers);
    let running = 0;
    for (let writer = 0; writer < writers; writer += 1) {
      const thread = new Worker(new URL('../support/event-thread.mjs', import.meta.url), {
        workerData: { shared, writer, events, batchMax },
      });
      workers.push(thread);
      running += 1;
      void once(thread, 'message').then(() => (running -= 1));
    }
    for (let turn = 0; running > 0; turn += 1) {
      eager.step(10_000);
      if (turn % 7 === 0) slow.step(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const reading of [eager, slow]) {
      reading.step(Infinity);
      expect(reading.problems.slice(0, 5)).toEqual([]);
      expect(reading.read + reading.missed).toBe(writers * events);
      if (slots > writers * events) expect(reading.missed).toBe(0);
    }
    // The ring's last events are there for whoever comes now.
    const late = new EventRingReader(shared, 0);
    expect([late.next, late.read(late.next - 1)]).toEqual([writers * events, true]);
  });
});

test('a writer waits for one that is still in its slot, a lap behind', async () => {
  const shared = allocateEventRing(2, true);
  const slow = new EventRingWriter(shared);
  const reader = new EventRingReader(shared, 0);
  const number = slow.claim(1);
  const thread = new Worker(new URL('../support/event-thread.mjs', import.meta.url), {
    workerData: { shared, writer: 1, events: 3, batchMax: 1 },
  });
  workers.push(thread);
  const done = vi.fn();
  const isDone = once(thread, 'message').then(done);
  await vi.waitFor(() => expect(reader.next).toBe(3), { timeout: 10_000 });
  await delay(50);
  expect(done).not.toHaveBeenCalled();
  expect([1, 2].map((each) => reader.read(each))).toEqual([true, false]);
  slow.put(number, 0, 0, new Int32Array(6), 0);
  await isDone;
  expect([reader.next, reader.read(2), reader.read(3)]).toEqual([4, true, true]);
});
