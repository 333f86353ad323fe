import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../../src/client/backoff.js';

const bounds = { initialMs: 50, maxMs: 5_000 };

describe('backoffMs', () => {
  test.each([
    [0, 50],
    [1, 100],
    [2, 200],
    [6, 3_200],
    [7, 5_000],
    [1_000_000, 5_000],
  ])('waits at most twice as long each time, up to the limit: attempt %i', (attempt, most) => {
    expect(backoffMs(attempt, bounds, () => 1)).toBe(most);
  });

  test('waits any part of that time, down to none', () => {
    expect(backoffMs(3, bounds, () => 0)).toBe(0);
    expect(backoffMs(3, bounds, () => 0.25)).toBe(100);
  });
});
