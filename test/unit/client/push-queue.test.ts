import { describe, expect, test } from 'vitest';
import { FeedOverflowError } from '../../../src/client/errors.js';
import { PushQueue } from '../../../src/client/push-queue.js';
import { stateOf } from './fake-network.js';

function queueOf(maxBuffered = 10): {
  readonly queue: PushQueue<number>;
  readonly left: unknown[];
} {
  const left: unknown[] = [];
  return { queue: new PushQueue<number>(maxBuffered, (queue) => left.push(queue)), left };
}

async function all(queue: PushQueue<number>): Promise<number[]> {
  const items: number[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

describe('PushQueue', () => {
  test('gives items in order, those that were there and those that come', async () => {
    const { queue } = queueOf();
    queue.push(1);
    queue.push(2);
    const items = all(queue);
    expect(await stateOf(items)).toBe('pending');
    queue.push(3);
    queue.end();
    expect(await items).toEqual([1, 2, 3]);
  });

  test('serves readers that ask before there is anything, each with one', async () => {
    const { queue } = queueOf();
    const asked = [queue.next(), queue.next(), queue.next()];
    queue.push(1);
    queue.push(2);
    queue.end();
    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([1, 2, undefined]);
  });

  test('ends with an error after what it holds, and tells it once', async () => {
    const { queue } = queueOf();
    queue.push(1);
    queue.end(new Error('cut'));
    expect(await queue.next()).toEqual({ done: false, value: 1 });
    await expect(queue.next()).rejects.toThrow('cut');
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });

  test('ends with FeedOverflowError when more wait than may, and takes no more', async () => {
    const { queue, left } = queueOf(2);
    for (const item of [1, 2, 3, 4]) queue.push(item);
    expect(left).toEqual([queue]);
    expect([(await queue.next()).value, (await queue.next()).value]).toEqual([1, 2]);
    await expect(queue.next()).rejects.toThrow(FeedOverflowError);
  });

  test('says once that its reader has left, and forgets what nobody wants', async () => {
    const { queue, left } = queueOf();
    queue.push(1);
    queue.push(2);
    for await (const item of queue) {
      expect(item).toBe(1);
      break;
    }
    await queue.return();
    expect(left).toEqual([queue]);
    queue.push(3);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });

  test('does not say that its reader has left when it came to its end', async () => {
    const { queue, left } = queueOf();
    queue.end();
    await all(queue);
    await queue.return();
    expect(left).toEqual([]);
  });

  test('answers a reader that waits while another leaves', async () => {
    const { queue } = queueOf();
    const waiting = queue.next();
    await queue.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test.each([0, 0.5, Number.NaN, '5' as unknown as number])(
    'refuses room for %s',
    (maxBuffered) => {
      expect(() => queueOf(maxBuffered)).toThrow('maxBuffered must be a whole number from 1');
    },
  );
});
