/** In one thread; for what several do see the integration tests of lending. */
import { describe, expect, test } from 'vitest';
import { Lease, LEASE_BYTES } from '../../../src/ring/lease.js';

const STATE = 0;
const WANTED = 1;
const LENT = 2;

interface Setup {
  readonly words: Int32Array;
  readonly shard: Lease;
  readonly borrower: Lease;
  readonly other: Lease;
}

function setUp(): Setup {
  const shared = new SharedArrayBuffer(LEASE_BYTES);
  const [shard, borrower, other] = [new Lease(shared), new Lease(shared), new Lease(shared)];
  return { words: new Int32Array(shared), shard, borrower, other };
}

describe('Lease', () => {
  test('is the shard’s at first', () => {
    const { borrower } = setUp();
    expect(borrower.borrow()).toBe(false);
  });

  test('goes to one borrower at a time, while the shard has released it', () => {
    const { shard, borrower, other } = setUp();
    shard.release();
    expect([borrower.borrow(), other.borrow(), borrower.borrow()]).toEqual([true, false, false]);
    borrower.giveBack();
    expect([other.borrow(), borrower.borrow()]).toEqual([true, false]);
  });

  test('comes back to the shard, and is lent no more until released again', () => {
    const { shard, borrower } = setUp();
    shard.release();
    expect(borrower.borrow()).toBe(true);
    borrower.giveBack();
    shard.acquire();
    expect(borrower.borrow()).toBe(false);
    shard.release();
    expect(borrower.borrow()).toBe(true);
  });

  test('goes to a shard that waits before any borrower', () => {
    const { words, shard, borrower, other } = setUp();
    shard.release();
    borrower.borrow();
    words[WANTED] = 1;
    borrower.giveBack();
    expect([borrower.borrow(), other.borrow()]).toEqual([false, false]);
    shard.acquire();
    expect(words[WANTED]).toBe(0);
    shard.release();
    expect(other.borrow()).toBe(true);
  });

  test('wakes a shard that waits for it when given back', async () => {
    const { words, shard, borrower } = setUp();
    shard.release();
    borrower.borrow();
    // As acquire() waits, but for longer.
    words[WANTED] = 1;
    const wait = Atomics.waitAsync(words, STATE, LENT, 30_000);
    expect(wait.async).toBe(true);
    borrower.giveBack();
    expect(await wait.value).toBe('ok');
  });

  test('does not look for sleepers where nobody waits', async () => {
    const { words, shard, borrower } = setUp();
    shard.release();
    borrower.borrow();
    const wait = Atomics.waitAsync(words, STATE, LENT, 20);
    borrower.giveBack();
    expect(await wait.value).toBe('timed-out');
  });

  test('tells the other side what was done, and what it should know', () => {
    const { shard, borrower, other } = setUp();
    shard.wakeMs = 1_800_000_000_000.25;
    shard.syncFailures = 3;
    shard.release();
    borrower.borrow();
    expect([borrower.wakeMs, borrower.syncFailures]).toEqual([1_800_000_000_000.25, 3]);
    borrower.countServed(5);
    borrower.giveBack();
    other.borrow();
    other.countServed(2);
    other.countHeldBatch();
    other.giveBack();
    shard.acquire();
    expect([shard.served, shard.heldBatches]).toEqual([7, 1]);
  });

  test('counts on when the count of requests wraps', () => {
    const { words, shard } = setUp();
    words[2] = 0x7fff_fffe;
    const before = shard.served;
    shard.countServed(5);
    expect((shard.served - before) | 0).toBe(5);
  });
});
