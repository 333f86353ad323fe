import { expect, test } from 'vitest';
import { RunWatch } from '../../../native-free-bench/kernel-threads.js';

test('tells of runs of a millisecond or more, once they are over', () => {
  // By CPU time, as it is seen every millisecond; the system may be late in telling.
  const seenUs = [100, 100, 900, 1_800, 1_800, 1_800, 1_900, 1_900, 5_400, 5_400];
  let at = 0;
  const watch = new RunWatch('kdamond.0', () => seenUs[at]! * 1_000);
  const gaps = seenUs.map((_, index) => {
    at = index;
    return watch.look(index);
  });
  expect(gaps.filter((gap) => gap !== undefined)).toEqual([
    { by: 'kdamond.0', endMs: 4, gapMs: 1.7 },
    { by: 'kdamond.0', endMs: 9, gapMs: 3.5 },
  ]);
});
