import { describe, expect, test } from 'vitest';
import { WaitingQueue } from '../../../src/client/waiting-queue.js';

describe('WaitingQueue', () => {
  test('gives items back in the order they came, over many rounds', () => {
    const queue = new WaitingQueue<number>();
    let put = 0;
    let taken = 0;
    for (let round = 0; round < 5_000; round += 1) {
      for (let n = 0; n < round % 7; n += 1) queue.push(put++);
      for (let n = 0; n < round % 5 && !queue.isEmpty; n += 1) expect(queue.shift()).toBe(taken++);
      expect(queue.length).toBe(put - taken);
    }
    while (!queue.isEmpty) expect(queue.shift()).toBe(taken++);
    expect(taken).toBe(put);
    expect(queue.shift()).toBeUndefined();
  });

  test('takes items at the front, their order kept', () => {
    const queue = new WaitingQueue<number>();
    for (const item of [0, 3, 4]) queue.push(item);
    queue.shift();
    queue.putFirst([1, 2]);
    expect(queue.takeAll()).toEqual([1, 2, 3, 4]);
    expect(queue.isEmpty).toBe(true);
  });

  test('drops the items that are not to be kept', () => {
    const queue = new WaitingQueue<number>();
    for (const item of [0, 1, 2, 3, 4]) queue.push(item);
    queue.shift();
    queue.retain((item) => item % 2 === 0);
    expect(queue.takeAll()).toEqual([2, 4]);
  });
});
