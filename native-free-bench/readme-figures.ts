/** The figures in the README: a marked block, written by the report and by nobody else. */
import { markdownTable } from './report-page.js';
import type { ReportLine, StoredResults } from './results-store.js';

const BEGIN = '<!-- figures, written by npm run bench -- report -->';
const END = '<!-- end of figures -->';

/** @returns the text with its block replaced; throws where there is none. */
export function withFigures(readme: string, results: StoredResults): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the README lacks its block "${BEGIN}"`);
  const figures = figuresOf(results);
  return `${readme.slice(0, from + BEGIN.length)}\n\n${figures}\n\n${readme.slice(to)}`;
}

/** A result of the end-to-end bench. */
interface Throughput extends ReportLine {
  readonly target: string;
  readonly operation: 'get' | 'set';
  readonly load: string;
  readonly ratioToRedis?: number;
}

/** A result of the memory bench. */
interface Footprint extends ReportLine {
  readonly target: string;
  readonly bytesPerSession: number;
}

export function figuresOf(results: StoredResults): string {
  const blocks = [throughputOf(results), memoryOf(results)];
  const known = blocks.filter((block) => block !== undefined);
  return known.length === 0 ? 'Not measured yet.' : known.join('\n\n');
}

function throughputOf(results: StoredResults): string | undefined {
  const stored = results['end-to-end'];
  if (stored === undefined) return undefined;
  const ours = (stored.lines as readonly Throughput[]).filter(
    ({ target, ratioToRedis }) => target === 'sojourn' && ratioToRedis !== undefined,
  );
  if (ours.length === 0) return undefined;
  const loads = [...new Set(ours.map(({ load }) => load))];
  const rowOf = (operation: Throughput['operation'], name: string): string[] => [
    name,
    ...loads.map((load) => {
      const one = ours.find((line) => line.load === load && line.operation === operation);
      return one?.ratioToRedis?.toFixed(2) ?? '-';
    }),
  ];
  return [
    `Commands per second as multiples of those of Redis ${stored.versions.redis}, 50 connections, ${stored.machine}:`,
    markdownTable([
      ['', ...loads],
      rowOf('get', '`SH_GET` of one key / `HGET`'),
      rowOf('set', '`SH_SET` of one key / `HSET`'),
    ]),
  ].join('\n\n');
}

function memoryOf(results: StoredResults): string | undefined {
  const lines = (results['memory']?.lines ?? []) as readonly Footprint[];
  const prints = lines.filter(({ bytesPerSession }) => bytesPerSession !== undefined);
  if (prints.length === 0) return undefined;
  const listed = prints.map(
    ({ target, bytesPerSession }) => `${target} ${bytesPerSession.toFixed(0)}`,
  );
  return `Resident bytes per session of three 32-byte values with an expiry: ${listed.join(', ')}.`;
}
