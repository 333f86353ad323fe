import { describe, expect, test } from 'vitest';
import { isUndisturbed } from '../../../native-free-bench/core-watch.js';

describe('isUndisturbed', () => {
  const span = { fromMs: 10_000, toMs: 11_000 };
  test.each([
    ['within', 10_500, 3, false],
    ['over its beginning', 10_002, 5, false],
    ['over its end', 11_002, 5, false],
    ['around it', 12_000, 5_000, false],
    ['shortly before', 9_985, 3, false],
    ['long before', 9_980, 3, true],
    ['after it', 11_010, 10, true],
  ])('of a span with a gap %s', (_, endMs, gapMs, expected) => {
    expect(isUndisturbed(span, [{ by: 'core 0', endMs, gapMs }])).toBe(expected);
  });

  test('of a span with none', () => expect(isUndisturbed(span, [])).toBe(true));
});
