/** docs/BENCHMARKS.md from what is stored. */
import { isMet, type Goal, type Table } from './bench.js';
import type { ReportPart } from './report-parts.js';
import type { ReportLine, StoredPart, StoredResults } from './results-store.js';
import { rounded } from './table.js';

export interface PageSources {
  readonly parts: readonly ReportPart[];
  readonly results: StoredResults;
  /** docs/benchmarks/tried.md, a page of its own. */
  readonly tried: string;
}

/** Of dashes in the line below a header, with the colon. */
const CELL_WIDTH_MIN = 3;

export function chartFile(part: string, chart: string): string {
  return part === chart ? `${part}.svg` : `${part}-${chart}.svg`;
}

export function pageOf({ parts, results, tried }: PageSources): string {
  const measured = parts.flatMap((part) => {
    const stored = results[part.name];
    return stored === undefined ? [] : [{ part, stored }];
  });
  const sections = measured.map(({ part, stored }) => sectionOf(part, stored));
  return `${[
    '# Benchmarks',
    '<!-- Written by `npm run bench -- report`. "What was tried" is kept by hand in benchmarks/tried.md. -->',
    'Every figure on this page comes from `npm run bench -- report`, which runs all benches one after ' +
      'the other, the servers in each of them by turns, and writes this page. `--only NAME` refreshes one part; ' +
      '`--only page` writes the page anew without measuring. ± is half the range of the rounds.',
    originsOf(measured.map(({ stored }) => stored)),
    '## What it must reach',
    goalsOf(measured.flatMap(({ stored }) => goalsIn(stored.lines))),
    ...sections,
    '## What was tried',
    includedFrom(tried),
  ].join('\n\n')}\n`;
}

/** Machines and versions of the parts, each combination once, with the parts' share. */
function originsOf(parts: readonly StoredPart[]): string {
  const rows = new Set(
    parts.map(({ machine, node, versions, commit, date }) => {
      const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
      return `- ${machine}; Node ${node}; ${peers.join(', ')}; commit ${commit}, ${date}`;
    }),
  );
  return [...rows].join('\n');
}

const goalsIn = (lines: readonly ReportLine[]): readonly Goal[] =>
  lines.flatMap(({ goal }) => (goal === undefined ? [] : [goal]));

function goalsOf(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => {
    const { what, value, atLeast, atMost } = goal;
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const measured = value === undefined ? '-' : rounded(value);
    const verdict = isMet(goal) ? 'met' : '**missed**';
    return [what, bound, measured, value === undefined ? 'not measured' : verdict];
  });
  return markdownTable([['goal', 'asked for', 'measured', ''], ...rows]);
}

function sectionOf(part: ReportPart, stored: StoredPart): string {
  const blocks = stored.lines.flatMap(({ conditions, table, chart }) => {
    if (conditions !== undefined) return [`${capitalised(conditions)}.`];
    if (table !== undefined) return [markdownOf(table)];
    if (chart === undefined) return [];
    return [`![${chart.title}](benchmarks/${chartFile(part.name, chart.name)})`];
  });
  return [`## ${part.title}`, part.text, ...blocks].join('\n\n');
}

function markdownOf({ title, rows, note }: Table): string {
  const tables: (readonly string[])[][] = [[]];
  for (const row of rows) {
    if (row.length === 0) tables.push([]);
    else tables.at(-1)!.push(row);
  }
  const blocks = tables.filter((table) => table.length > 0).map(markdownTable);
  return [title === undefined ? [] : [`**${title}**`], blocks, note ?? []].flat().join('\n\n');
}

/**
 * Columns padded, as the formatter has them. Leading spaces of a first cell, which stand for a part of
 * the row above, are kept.
 */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const cells = rows.map((row) =>
    Array.from({ length: columns }, (_, at) => cellOf(row[at] ?? '')),
  );
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.max(CELL_WIDTH_MIN, ...cells.map((row) => row[at]!.length)),
  );
  const lineOf = (row: readonly string[]): string => {
    const padded = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!),
    );
    return `| ${padded.join(' | ')} |`;
  };
  const ruler = widths.map((width, at) =>
    at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  const [header = [], ...body] = cells;
  return [lineOf(header), `| ${ruler.join(' | ')} |`, ...body.map(lineOf)].join('\n');
}

function cellOf(text: string): string {
  const indent = text.length - text.trimStart().length;
  return '&nbsp;'.repeat(indent) + text.trim().replaceAll('|', '\\|');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Without its title, its links as they are from docs/. */
function includedFrom(page: string): string {
  return page
    .replace(/^# .*\n+/, '')
    .replaceAll('](../', '](')
    .trim();
}
