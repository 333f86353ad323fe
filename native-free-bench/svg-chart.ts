/**
 * Charts as SVG: bars or lines by group, with the range of the rounds as whiskers. Colours of text
 * and ground follow the reader's light or dark mode.
 *
 * A library for charts that runs without a browser weighs megabytes; what is needed here is two kinds of
 * marks on one kind of axes.
 */
import type { Chart, Series } from './bench.js';
import { compact } from './table.js';

const WIDTH = 760;
const HEIGHT = 360;
const PLOT = { left: 60, right: WIDTH - 16, top: 84, bottom: HEIGHT - 34 } as const;
const TICKS_WANTED = 5;
const GROUP_PART = 0.84;
const BAR_WIDTH_MAX = 64;
/** Narrower bars have no room for their figure. */
const LABELLED_BAR_WIDTH_MIN = 24;
const LEGEND_TOP = 48;
const LEGEND_ROW = 17;
const LETTER_WIDTH = 6.6;

/** By the first word of a series' name; several of one family differ in shade. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  sojourn: ['#2f6fde', '#7aa5f0', '#1f9e9e', '#8b6fe0'],
  redis: ['#d0453b', '#e8938c', '#a35a1f'],
  echo: ['#8b929c'],
  memcached: ['#d89b1e'],
};
const OTHERS = ['#2f6fde', '#d0453b', '#d89b1e', '#2f9e5b', '#8b6fe0', '#1f9e9e', '#8b929c'];

const STYLE = `
  svg { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; }
  .ground { fill: #ffffff; }
  text { fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .faint { fill: #59636e; }
  .label { font-size: 10.5px; }
  .grid { stroke: #d8dee4; }
  .axis, .whisker { stroke: #59636e; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; }
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .grid { stroke: #30363d; }
    .axis, .whisker { stroke: #9198a1; }
  }
`;

/** A value's place between the bottom and the top of the plot. */
interface Scale {
  readonly ticks: readonly number[];
  yOf(value: number): number;
}

export function svgOf(chart: Chart): string {
  const values = chart.series.flatMap(({ values, spread }) => [
    ...values,
    ...(spread ?? []).flatMap((range) => range ?? []),
  ]);
  const known = values.filter((value): value is number => value !== null && value > 0);
  const scale = chart.isLog === true ? logScale(known) : linearScale(known);
  // A single series compares its groups.
  const compared = chart.series.length > 1 ? chart.series.map(({ name }) => name) : chart.groups;
  const colours = coloursOf(compared);
  const marks = chart.kind === 'lines' ? linesOf : barsOf;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(chart.title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}" rx="6"/>`,
    `<text class="title" x="16" y="26">${escaped(chart.title)}</text>`,
    ...legendOf(chart.series, colours),
    ...axesOf(chart, scale),
    ...marks(chart, scale, colours),
    '</svg>\n',
  ].join('\n');
}

function coloursOf(names: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return names.map((name, at) => {
    const family = name.split(/[^a-z]/, 1)[0]!;
    const count = seen.get(family) ?? 0;
    seen.set(family, count + 1);
    const shades = FAMILIES[family] ?? OTHERS.slice(at);
    return shades[count % shades.length] ?? OTHERS[at % OTHERS.length]!;
  });
}

/** Steps of 1, 2 or 5 times a power of ten, from zero. */
export function linearScale(values: readonly number[]): Scale {
  const max = Math.max(0, ...values) || 1;
  const rough = max / TICKS_WANTED;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.ceil(max / step);
  const ticks = Array.from({ length: count + 1 }, (_, at) => at * step);
  return { ticks, yOf: (value) => between(value / (count * step)) };
}

/** Whole decades. */
export function logScale(values: readonly number[]): Scale {
  const from = Math.floor(Math.log10(Math.min(...values, 1e9)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  const ticks = Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
  return { ticks, yOf: (value) => between((Math.log10(value) - from) / (to - from)) };
}

function between(part: number): number {
  return PLOT.bottom - Math.max(0, part) * (PLOT.bottom - PLOT.top);
}

function legendOf(series: readonly Series[], colours: readonly string[]): string[] {
  if (series.length < 2) return [];
  let x = 16;
  let y = LEGEND_TOP;
  return series.map(({ name }, at) => {
    const width = 30 + name.length * LETTER_WIDTH;
    if (x + width > WIDTH) {
      x = 16;
      y += LEGEND_ROW;
    }
    const key =
      `<rect x="${x}" y="${y - 9}" width="10" height="10" rx="2" fill="${colours[at]}"/>` +
      `<text x="${x + 15}" y="${y}">${escaped(name)}</text>`;
    x += width;
    return key;
  });
}

function axesOf(chart: Chart, scale: Scale): string[] {
  const grid = scale.ticks.map((tick) => {
    const y = scale.yOf(tick).toFixed(1);
    return (
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y}" y2="${y}"/>` +
      `<text class="faint" x="${PLOT.left - 7}" y="${Number(y) + 4}" text-anchor="end">${figure(tick)}</text>`
    );
  });
  const names = chart.groups.map((group, at) => {
    const x = centreOf(chart, at).toFixed(1);
    return `<text x="${x}" y="${PLOT.bottom + 20}" text-anchor="middle">${escaped(group)}</text>`;
  });
  return [
    ...grid,
    `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`,
    `<text class="faint" x="${PLOT.right}" y="26" text-anchor="end">${escaped(chart.unit)}</text>`,
    ...names,
  ];
}

const bandOf = ({ groups }: Chart): number => (PLOT.right - PLOT.left) / groups.length;

function centreOf(chart: Chart, group: number): number {
  return PLOT.left + (group + 0.5) * bandOf(chart);
}

function barsOf(chart: Chart, scale: Scale, colours: readonly string[]): string[] {
  const { series } = chart;
  const slot = Math.min((bandOf(chart) * GROUP_PART) / series.length, BAR_WIDTH_MAX);
  const width = slot * 0.9;
  return series.flatMap(({ values, spread }, at) =>
    values.flatMap((value, group) => {
      if (value === null) return [];
      const middle = centreOf(chart, group) + (at - (series.length - 1) / 2) * slot;
      const top = scale.yOf(value);
      const range = spread?.[group] ?? undefined;
      const labelTop = range === undefined ? top : scale.yOf(range[1]);
      const bar =
        `<rect x="${(middle - width / 2).toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" ` +
        `height="${(PLOT.bottom - top).toFixed(1)}" rx="1.5" fill="${colours[series.length > 1 ? at : group]}"/>`;
      const label =
        slot < LABELLED_BAR_WIDTH_MIN
          ? []
          : [
              `<text class="label" x="${middle.toFixed(1)}" y="${(labelTop - 4).toFixed(1)}" text-anchor="middle">${figure(value)}</text>`,
            ];
      return [bar, ...whiskerOf(middle, range, scale), ...label];
    }),
  );
}

function whiskerOf(
  x: number,
  range: readonly [number, number] | undefined,
  scale: Scale,
): string[] {
  if (range === undefined) return [];
  const [low, high] = range.map((value) => scale.yOf(value).toFixed(1));
  const middle = x.toFixed(1);
  return [`<line class="whisker" x1="${middle}" x2="${middle}" y1="${low}" y2="${high}"/>`];
}

function linesOf(chart: Chart, scale: Scale, colours: readonly string[]): string[] {
  return chart.series.flatMap(({ values, spread }, at) => {
    const points = values.flatMap((value, group) =>
      value === null ? [] : [{ x: centreOf(chart, group), y: scale.yOf(value), group }],
    );
    const path = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
    return [
      `<polyline points="${path}" fill="none" stroke="${colours[at]}" stroke-width="2.5"/>`,
      ...points.flatMap(({ x, y, group }) => [
        ...whiskerOf(x, spread?.[group] ?? undefined, scale),
        `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="${colours[at]}"/>`,
      ]),
    ];
  });
}

/** Short, and with no more digits than can be told apart. */
function figure(value: number): string {
  if (value >= 1_000) return compact(value).replace(/\.0+(?=\D)/, '');
  return String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
