import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isMet, Output } from '../../../native-free-bench/bench.js';
import { figuresOf, withFigures } from '../../../native-free-bench/readme-figures.js';
import { markdownTable, pageOf } from '../../../native-free-bench/report-page.js';
import { REPORT_PARTS, type ReportPart } from '../../../native-free-bench/report-parts.js';
import {
  linesFrom,
  readResults,
  writeResults,
  type ReportLine,
  type StoredPart,
} from '../../../native-free-bench/results-store.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const PART: ReportPart = {
  name: 'speed',
  bench: 'end-to-end',
  title: 'Speed',
  flags: [],
  text: 'How fast.',
};

function stored(lines: readonly ReportLine[]): StoredPart {
  return {
    date: '2026-01-31',
    seconds: 7,
    machine: 'a machine',
    node: 'v20',
    commit: 'abc1234',
    versions: { redis: '7.0.15' },
    flags: ['--rounds', '7'],
    lines,
  };
}

describe('Output', () => {
  const printed: string[] = [];
  beforeEach(() => {
    printed.length = 0;
    vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => void vi.restoreAllMocks());

  test('writes a line for each thing that the report takes, with --json', () => {
    const output = new Output(true);
    output.heading('speed', '5 rounds');
    output.table('speed', { rows: [['a', 'b']] });
    output.goal('speed', { what: 'ratio', value: 2, atLeast: 1 });
    output.result('speed', { target: 'sojourn' });
    expect(linesFrom(printed.join('\n'))).toEqual([
      { bench: 'speed', conditions: '5 rounds' },
      { bench: 'speed', table: { rows: [['a', 'b']] } },
      { bench: 'speed', goal: { what: 'ratio', value: 2, atLeast: 1 } },
      { bench: 'speed', target: 'sojourn' },
    ]);
  });

  test('prints tables and goals for people without it, and nothing for programs', () => {
    const output = new Output(false);
    output.table('speed', { title: 'Title', rows: [['a', 'b']], note: 'Note.' });
    output.goal('speed', { what: 'ratio', value: 2, atMost: 1 });
    output.result('speed', { target: 'sojourn' });
    expect(printed).toEqual(['Title\na  b\nNote.\n', 'goal: ratio: 2.00, at most 1: missed']);
  });
});

describe('isMet', () => {
  test.each([
    [{ what: '', value: 1, atLeast: 1 }, true],
    [{ what: '', value: 0.99, atLeast: 1 }, false],
    [{ what: '', value: 1, atMost: 1 }, true],
    [{ what: '', value: 1.01, atMost: 1 }, false],
    [{ what: '', value: undefined, atLeast: 1 }, false],
  ])('%j: %s', (goal, expected) => {
    expect(isMet(goal)).toBe(expected);
  });
});

describe('results', () => {
  test('are read as they were written, a line of a bench to a line', () => {
    const path = join(temporaryFolder(), 'results.json');
    const results = {
      speed: stored([
        { bench: 'x', conditions: 'a' },
        { bench: 'x', n: 1 },
      ]),
    };
    writeResults(path, results);
    expect(readResults(path)).toEqual(results);
    expect(readFileSync(path, 'utf8')).toContain('\n      {"bench":"x","n":1}\n');
  });

  test('are empty before the first report', () => {
    expect(readResults(join(temporaryFolder(), 'none.json'))).toEqual({});
  });
});

describe('markdownTable', () => {
  test('aligns figures right, fills short rows, keeps indents and escapes bars', () => {
    expect(markdownTable([['', 'figure'], ['a|b', '1'], ['  part']])).toBe(
      [
        '|                  | figure |',
        '| ---------------- | -----: |',
        '| a\\|b             |      1 |',
        '| &nbsp;&nbsp;part |        |',
      ].join('\n'),
    );
  });
});

describe('pageOf', () => {
  const lines: readonly ReportLine[] = [
    { bench: 'x', conditions: 'two rounds' },
    {
      bench: 'x',
      table: { title: 'T', rows: [['a', 'b'], ['c', '1'], [], ['d'], ['e']], note: 'N' },
    },
    { bench: 'x', chart: { name: 'get', title: 'C', unit: '', groups: [], series: [] } },
    { bench: 'x', goal: { what: 'ratio', value: 0.5, atLeast: 1 } },
    { bench: 'x', goal: { what: 'size', value: undefined, atMost: 200 } },
  ];
  const tried = '# What was tried\n\nRows, see [ADR 2](../adr/0002-linear-hash.md).\n';
  const page = pageOf({ parts: [PART], results: { speed: stored(lines) }, tried });

  test('says where and with what it was measured', () => {
    expect(page).toContain('- a machine; Node v20; redis 7.0.15; commit abc1234, 2026-01-31\n');
  });

  test('lists all goals, met, missed or not measured', () => {
    expect(page).toMatch(/\| ratio +\| +at least 1 \| +0.50 \| +\*\*missed\*\* \|/);
    expect(page).toMatch(/\| size +\| +at most 200 \| +- \| +not measured \|/);
  });

  test('has a section with conditions, tables, notes and charts for each part', () => {
    expect(page).toContain('## Speed\n\nHow fast.\n\nTwo rounds.\n\n**T**\n\n| a   |   b |');
    expect(page).toContain(
      '| c   |   1 |\n\n| d   |\n| --- |\n| e   |\n\nN\n\n![C](benchmarks/speed-get.svg)',
    );
  });

  test('includes what was tried, its links as they are from its own folder', () => {
    expect(page).toContain('## What was tried\n\nRows, see [ADR 2](adr/0002-linear-hash.md).\n');
  });

  test('leaves out parts that were not measured', () => {
    expect(pageOf({ parts: [PART], results: {}, tried })).not.toContain('## Speed');
  });
});

describe('the figures in the README', () => {
  const readme =
    'Before.\n<!-- figures, written by npm run bench -- report -->\nold\n<!-- end of figures -->\nAfter.\n';
  const throughput = (operation: string, load: string, ratioToRedis: number): ReportLine => ({
    bench: 'end-to-end',
    ...{ target: 'sojourn', operation, load, ratioToRedis },
  });
  const results = {
    'end-to-end': stored([
      throughput('get', '1 in flight', 1.234),
      throughput('set', '1 in flight', 1),
    ]),
    memory: stored([
      { bench: 'memory', target: 'sojourn', bytesPerSession: 198.4 },
      { bench: 'memory', target: 'redis', bytesPerSession: 274 },
    ]),
  };

  test('replace the marked block and nothing else', () => {
    const text = withFigures(readme, results);
    expect(text).toMatch(/^Before\.\n<!-- figures/);
    expect(text).toMatch(/<!-- end of figures -->\nAfter\.\n$/);
    expect(text).not.toContain('old');
    expect(withFigures(text, results)).toBe(text);
  });

  test('tell ratios to Redis and bytes per session', () => {
    const figures = figuresOf(results);
    expect(figures).toContain('Redis 7.0.15');
    expect(figures).toMatch(/\| `SH_GET` of one key \/ `HGET` \| +1.23 \|/);
    expect(figures).toContain('sojourn 198, redis 274');
  });

  test('need their block', () => {
    expect(() => withFigures('Nothing here.', results)).toThrow('lacks its block');
  });
});

describe('the pages in the tree', () => {
  const results = readResults(join(ROOT, 'docs/benchmarks/results.json'));

  test('docs/BENCHMARKS.md is what the stored figures give: npm run bench -- report --only page', () => {
    const tried = textOf('docs/benchmarks/tried.md');
    expect(pageOf({ parts: REPORT_PARTS, results, tried })).toBe(textOf('docs/BENCHMARKS.md'));
  });

  test('so is the block of figures in the README', () => {
    const readme = textOf('README.md');
    expect(withFigures(readme, results)).toBe(readme);
  });
});
