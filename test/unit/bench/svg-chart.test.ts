import { describe, expect, test } from 'vitest';
import type { Chart } from '../../../native-free-bench/bench.js';
import { linearScale, logScale, svgOf } from '../../../native-free-bench/svg-chart.js';

const CHART: Chart = {
  name: 'get',
  title: 'Reads & <writes>',
  unit: 'times Redis',
  groups: ['one', 'two'],
  series: [
    { name: 'sojourn', values: [1, 2], spread: [[0.5, 1.5], null] },
    { name: 'redis', values: [1, null] },
  ],
};

const count = (svg: string, pattern: RegExp): number => [...svg.matchAll(pattern)].length;
/** Bars have a radius of their own. */
const BAR = /<rect [^>]*rx="1.5"/g;
/** Top of each bar, from left to right. */
function topsOf(svg: string): number[] {
  return [...svg.matchAll(/<rect x="[^"]*" y="([^"]*)"[^>]*rx="1.5"/g)].map(([, y]) => Number(y));
}

describe('svgOf', () => {
  const svg = svgOf(CHART);

  test('draws a bar for each known value, and a whisker for each known range', () => {
    expect(count(svg, BAR)).toBe(3);
    expect(count(svg, /class="whisker"/g)).toBe(1);
  });

  test('draws greater values higher, and equal ones equally high', () => {
    const [first, second, third] = topsOf(svg);
    expect(second).toBeLessThan(first!);
    expect(third).toBe(first);
  });

  test('escapes text, and names groups, series and unit', () => {
    expect(svg).toContain('Reads &amp; &lt;writes&gt;');
    for (const text of ['one', 'two', 'sojourn', 'redis', 'times Redis']) {
      expect(svg).toContain(`>${text}</text>`);
    }
  });

  test('follows dark mode', () => {
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  test('draws lines where asked', () => {
    const lines = svgOf({ ...CHART, kind: 'lines' });
    expect(count(lines, /<polyline/g)).toBe(2);
    expect(count(lines, /<circle/g)).toBe(3);
    expect(count(lines, BAR)).toBe(0);
  });

  test('has no legend for a single series, whose groups then differ in colour', () => {
    const single = svgOf({
      ...CHART,
      groups: ['sojourn', 'redis'],
      series: [{ name: 'bytes', values: [1, 2] }],
    });
    expect(single).not.toContain('>bytes</text>');
    const colours = [...single.matchAll(/rx="1.5" fill="([^"]*)"/g)].map(([, fill]) => fill);
    expect(new Set(colours).size).toBe(2);
  });

  test('is well formed even where nothing was measured', () => {
    const empty = svgOf({ ...CHART, series: [{ name: 'sojourn', values: [null, null] }] });
    expect(empty).not.toMatch(/NaN|Infinity|undefined/);
    const isLog = svgOf({ ...CHART, isLog: true, series: [{ name: 'sojourn', values: [] }] });
    expect(isLog).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('linearScale', () => {
  test.each([
    [[5.3], [0, 2, 4, 6]],
    [[0.9], [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [[200], [0, 50, 100, 150, 200]],
  ])('for %j has the ticks %j', (values, ticks) => {
    linearScale(values).ticks.forEach((tick, at) => expect(tick).toBeCloseTo(ticks[at]!, 9));
    expect(linearScale(values).ticks).toHaveLength(ticks.length);
  });
});

describe('logScale', () => {
  test('spans whole decades, equally high', () => {
    const { ticks, yOf } = logScale([30, 4_000]);
    expect(ticks).toEqual([10, 100, 1_000, 10_000]);
    expect(yOf(10) - yOf(100)).toBeCloseTo(yOf(100) - yOf(1_000), 9);
  });
});
