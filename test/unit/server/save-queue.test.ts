import { describe, expect, test } from 'vitest';
import { SaveQueue, WAITING_MAX } from '../../../src/server/save-queue.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SaveQueue', () => {
  test('runs one at a time, in order, also past one that fails', async () => {
    const queue = new SaveQueue();
    const events: string[] = [];
    const work = async (name: string): Promise<string> => {
      events.push(`+${name}`);
      await settled();
      events.push(`-${name}`);
      if (name === 'b') throw new Error(name);
      return name;
    };
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) => queue.run(() => work(name))),
    );
    expect(events).toEqual(['+a', '-a', '+b', '-b', '+c', '-c']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('lets nobody in between the end of one and the start of the next', async () => {
    const queue = new SaveQueue();
    const runs: Promise<void>[] = [];
    let running = 0;
    let runningMax = 0;
    const work = async (): Promise<void> => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      await settled();
      running -= 1;
    };
    // Asks again after each number of microtasks: one of them falls into the gap, if there is any.
    const askLater = (microtasks: number): void => {
      if (microtasks === 0) runs.push(queue.run(work));
      else queueMicrotask(() => askLater(microtasks - 1));
    };
    const first = queue.run(() => {
      for (let microtasks = 1; microtasks < 9; microtasks += 1) askLater(microtasks);
      return Promise.resolve();
    });
    await Promise.all([first, queue.run(work)]);
    await Promise.all(runs);
    expect(runs).toHaveLength(8);
    expect(runningMax).toBe(1);
  });

  test('is full when its bound waits behind the one that runs', async () => {
    const queue = new SaveQueue();
    const runs = Array.from({ length: WAITING_MAX }, () => queue.run(settled));
    expect(queue.isFull).toBe(false);
    runs.push(queue.run(settled));
    expect(queue.isFull).toBe(true);
    await Promise.all(runs);
    expect(queue.isFull).toBe(false);
  });
});
