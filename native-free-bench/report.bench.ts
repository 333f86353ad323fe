/**
 * All benches one after the other, each in a process of its own, and the page of their figures:
 * docs/BENCHMARKS.md, its charts, and the block of figures in the README. What was measured is kept in
 * docs/benchmarks/results.json, so that one part can be refreshed without the others.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Output } from './bench.js';
import { thisMachine, type Machine } from './machine.js';
import type { BenchOptions } from './options.js';
import { runToEnd } from './processes.js';
import { withFigures } from './readme-figures.js';
import { chartFile, pageOf } from './report-page.js';
import { REPORT_PARTS, type ReportPart } from './report-parts.js';
import { linesFrom, readResults, writeResults, type StoredResults } from './results-store.js';
import { peerVersions } from './servers.js';
import { svgOf } from './svg-chart.js';

/** Of `--only`: no bench at all, the page anew from what is stored. */
const PAGE_ONLY = 'page';
/** From dist/native-free-bench. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = fileURLToPath(new URL('main.js', import.meta.url));

export const report: Bench = {
  name: 'report',
  summary: 'all of the above that compare, and docs/BENCHMARKS.md from their figures',

  async run(options, output) {
    const parts = chosenParts(options.only);
    const folder = join(ROOT, 'docs/benchmarks');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'results.json');
    let results = readResults(path);
    // Once: what is written here changes the tree.
    const machine = thisMachine();
    const failures: string[] = [];
    for (const part of parts) {
      try {
        results = { ...results, [part.name]: await measured(part, options, machine, output) };
      } catch (error) {
        // The others are worth having all the same; this part's stored figures stay.
        failures.push(`${part.name}: ${(error as Error).message}`);
      }
      results = inOrder(results);
      writeResults(path, results);
    }
    writePages(results);
    output.text('docs/BENCHMARKS.md, its charts and the figures in README.md are written.');
    if (failures.length > 0) throw new Error(failures.join('\n'));
  },
};

export function chosenParts(only: readonly string[]): readonly ReportPart[] {
  const names = [...REPORT_PARTS.map(({ name }) => name), PAGE_ONLY];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only ${unknown.join(',')}: the parts are ${names.join(', ')}`);
  }
  return only.length === 0 ? REPORT_PARTS : REPORT_PARTS.filter(({ name }) => only.includes(name));
}

async function measured(
  part: ReportPart,
  { passedOn }: BenchOptions,
  machine: Machine,
  output: Output,
): Promise<StoredResults[string]> {
  const flags = [...part.flags, ...passedOn];
  output.progress(`== ${part.name}: ${part.bench} ${flags.join(' ')}`);
  const startedMs = performance.now();
  const { code, standardOutput } = await runToEnd(process.execPath, [
    ...[MAIN, part.bench, '--json'],
    ...flags,
  ]);
  if (code !== 0) throw new Error(`ended with code ${code}`);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  output.progress(`== ${part.name}: ${seconds} s`);
  return {
    date: new Date().toISOString().slice(0, 10),
    seconds,
    ...machine,
    versions: peerVersions(),
    flags,
    lines: linesFrom(standardOutput),
  };
}

/** As the page has them, so that the file does not change for nothing. */
function inOrder(results: StoredResults): StoredResults {
  const known = REPORT_PARTS.flatMap(({ name }) => {
    const stored = results[name];
    return stored === undefined ? [] : [[name, stored] as const];
  });
  return Object.fromEntries(known);
}

function writePages(results: StoredResults): void {
  const folder = join(ROOT, 'docs/benchmarks');
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.svg')) rmSync(join(folder, name));
  }
  for (const [part, { lines }] of Object.entries(results)) {
    for (const { chart } of lines) {
      if (chart !== undefined)
        writeFileSync(join(folder, chartFile(part, chart.name)), svgOf(chart));
    }
  }
  const tried = readFileSync(join(folder, 'tried.md'), 'utf8');
  const page = pageOf({ parts: REPORT_PARTS, results, tried });
  writeFileSync(join(ROOT, 'docs/BENCHMARKS.md'), page);
  const readme = join(ROOT, 'README.md');
  writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
}
