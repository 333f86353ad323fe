import { describe, expect, test } from 'vitest';
import { countOf, durationsBetween, msAt, sumOf } from '../../../native-free-bench/server-times.js';

describe('durations that a server has counted', () => {
  const before = [[[1, 5]], [[4, 1]]] as const;
  const after = [
    [
      [1, 10],
      [2, 90],
    ],
    [
      [4, 1],
      [16, 5],
    ],
  ] as const;

  test('are those between two readings, of all threads', () => {
    const between = durationsBetween(before, after);
    expect([...between]).toEqual([
      [1, 5],
      [2, 90],
      [16, 5],
    ]);
    expect(countOf(between)).toBe(100);
  });

  test('have percentiles', () => {
    const between = durationsBetween(before, after);
    expect([5, 50, 95, 99, 100].map((part) => msAt(between, part))).toEqual([1, 2, 2, 16, 16]);
  });

  test('of several spans add up', () => {
    const between = durationsBetween(before, after);
    expect([...sumOf([new Map([[4, 7]]), between, between])]).toEqual([
      [1, 10],
      [2, 180],
      [4, 7],
      [16, 10],
    ]);
    expect([...sumOf([])]).toEqual([]);
  });

  test('are 0 where none were counted', () => {
    expect(msAt(durationsBetween(after, after), 99)).toBe(0);
  });
});
