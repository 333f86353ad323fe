import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AsyncSleeper, Doorbell, DOORBELL_BYTES } from '../../../src/ring/doorbell.js';

let shared: SharedArrayBuffer;
let bell: Doorbell;
// A pending asynchronous wait does not keep an event loop alive; this does.
let keepAlive: NodeJS.Timeout;

beforeEach(() => {
  shared = new SharedArrayBuffer(DOORBELL_BYTES);
  bell = new Doorbell(shared);
  keepAlive = setInterval(() => undefined, 1_000);
});
afterEach(() => {
  clearInterval(keepAlive);
});

/** As ringers see it. */
function isAsleep(): boolean {
  return new Int32Array(shared)[1] !== 0;
}

describe('Doorbell', () => {
  test('wait returns at once when rung since the count was read', () => {
    const count = bell.count();
    bell.ring();
    bell.wait(count, 60_000);
    expect(isAsleep()).toBe(false);
  });
});

describe('AsyncSleeper', () => {
  test('calls back once when rung', async () => {
    const onRing = vi.fn();
    const sleeper = new AsyncSleeper(shared, onRing);
    expect(sleeper.sleep(bell.count())).toBe(true);
    expect(isAsleep()).toBe(true);
    bell.ring();
    bell.ring();
    await vi.waitFor(() => {
      expect(onRing).toHaveBeenCalledTimes(1);
    });
    expect(isAsleep()).toBe(false);
  });

  test('does not fall asleep when rung since the count was read', () => {
    const sleeper = new AsyncSleeper(shared, () => undefined);
    const count = bell.count();
    bell.ring();
    expect(sleeper.sleep(count)).toBe(false);
    expect(isAsleep()).toBe(false);
  });

  test('is not called back after wake, and sleeps again on the same pending wait', async () => {
    const onRing = vi.fn();
    const sleeper = new AsyncSleeper(shared, onRing);
    for (let i = 0; i < 10; i += 1) {
      expect(sleeper.sleep(bell.count())).toBe(true);
      sleeper.wake();
      bell.ring();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(onRing).not.toHaveBeenCalled();
    const stale = bell.count() - 1;
    expect(sleeper.sleep(stale)).toBe(false);
    expect(sleeper.sleep(bell.count())).toBe(true);
    bell.ring();
    await vi.waitFor(() => {
      expect(onRing).toHaveBeenCalledTimes(1);
    });
  });
});
