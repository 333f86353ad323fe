/** The figures of the report as they were measured, by part: docs/benchmarks/results.json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Chart, Goal, Table } from './bench.js';
import type { Versions } from './servers.js';

/** One line that a bench wrote; what has none of these fields is the result of one case. */
export interface ReportLine {
  readonly bench: string;
  readonly conditions?: string;
  readonly table?: Table;
  readonly chart?: Chart;
  readonly goal?: Goal;
  readonly [field: string]: unknown;
}

export interface StoredPart {
  /** Day of the measurement, as 2026-01-31. */
  readonly date: string;
  /** How long it took. */
  readonly seconds: number;
  readonly machine: string;
  readonly node: string;
  readonly commit: string;
  readonly versions: Versions;
  readonly flags: readonly string[];
  readonly lines: readonly ReportLine[];
}

export type StoredResults = Readonly<Record<string, StoredPart>>;

export function readResults(path: string): StoredResults {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, 'utf8')) as StoredResults;
}

/** One line of a bench to a line of the file, so that changes show where they are. */
export function writeResults(path: string, results: StoredResults): void {
  const parts = Object.entries(results).map(([name, { lines, ...head }]) => {
    const listed = lines.map((line) => `      ${JSON.stringify(line)}`).join(',\n');
    const fields = JSON.stringify(head, null, 2).slice(2, -2).replace(/^/gm, '  ');
    return `  ${JSON.stringify(name)}: {\n${fields},\n    "lines": [\n${listed}\n    ]\n  }`;
  });
  writeFileSync(path, `{\n${parts.join(',\n')}\n}\n`);
}

/** The lines that a bench wrote to standard output. */
export function linesFrom(output: string): readonly ReportLine[] {
  const lines = output.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const parsed = JSON.parse(line) as ReportLine & { machine?: string };
    // Where it was measured is kept once for the whole part.
    const { machine: _machine, node: _node, commit: _commit, ...rest } = parsed;
    return rest as ReportLine;
  });
}
