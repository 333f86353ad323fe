/** The tables of the end-to-end bench. */
import type { TargetKind } from './generator-messages.js';
import type { LoadShape } from './load.js';
import type { Operation } from './protocol.js';
import type { Round } from './round.js';
import { median, pairedRatio, summaryOf } from './statistics.js';
import { compact, percent, tableOf } from './table.js';

export interface Case {
  readonly target: TargetKind;
  readonly operation: Operation;
  readonly shape: LoadShape;
  readonly rounds: Round[];
}

export interface Results {
  readonly targets: readonly TargetKind[];
  readonly shapes: readonly LoadShape[];
  readonly cases: readonly Case[];
  readonly redisVersion: string | undefined;
}

const TITLES: Readonly<Record<Operation, string>> = {
  get: 'SH_GET of one key (Redis: HGET)',
  set: 'SH_SET of one key (Redis: HSET)',
};

/** Threads that use less than this part of their process are not worth a row. */
const THREAD_PART_MIN = 0.02;

export function caseOf(
  results: Results,
  target: TargetKind,
  operation: Operation,
  shape: LoadShape,
): Case | undefined {
  return results.cases.find(
    (one) => one.target === target && one.operation === operation && one.shape === shape,
  );
}

const ratesOf = (one: Case): readonly number[] => one.rounds.map((round) => round.perSecond);

/** Sojourn's commands per second over those of `reference`; undefined where either is missing. */
export function ratioTo(
  results: Results,
  reference: TargetKind,
  operation: Operation,
  shape: LoadShape,
): number | undefined {
  const sojourn = caseOf(results, 'sojourn', operation, shape);
  const other = caseOf(results, reference, operation, shape);
  if (sojourn === undefined || other === undefined) return undefined;
  return pairedRatio(ratesOf(sojourn), ratesOf(other));
}

export function reportOf(results: Results, operation: Operation): string {
  const part: Part = { results, operation };
  const names = results.shapes.map((shape) => shape.name);
  return tableOf([
    [`${TITLES[operation]}, commands/s`, ...names],
    ...rateRows(part),
    ...ratioRows(part),
    [],
    ['latency p50 / p99, µs', ...names],
    ...latencyRows(part),
    [],
    ['CPU µs per command', ...names],
    ...cpuRows(part),
  ]);
}

/** What one report is about. */
interface Part {
  readonly results: Results;
  readonly operation: Operation;
}

function rowOf(
  { results, operation }: Part,
  target: TargetKind,
  name: string,
  cellOf: (one: Case) => string,
): string[] {
  const cells = results.shapes.map((shape) => {
    const one = caseOf(results, target, operation, shape);
    return one === undefined ? '-' : cellOf(one);
  });
  return [name, ...cells];
}

function rateRows(part: Part): string[][] {
  const titleOf = (target: TargetKind): string => {
    if (target === 'echo') return 'echo, no shard (the ceiling)';
    return target === 'redis' ? `redis ${part.results.redisVersion ?? ''}`.trimEnd() : target;
  };
  return part.results.targets.map((target) =>
    rowOf(part, target, titleOf(target), (one) => {
      const { median: rate, spread } = summaryOf(ratesOf(one));
      return `${compact(rate)} ${percent(spread)}`;
    }),
  );
}

function ratioRows({ results, operation }: Part): string[][] {
  const { targets, shapes } = results;
  if (!targets.includes('sojourn')) return [];
  const references = (['redis', 'echo'] as const).filter((kind) => targets.includes(kind));
  return references.map((reference) => [
    `sojourn / ${reference === 'echo' ? 'ceiling' : reference}`,
    ...shapes.map((shape) => ratioTo(results, reference, operation, shape)?.toFixed(2) ?? '-'),
  ]);
}

function latencyRows(part: Part): string[][] {
  return part.results.targets.map((target) =>
    rowOf(part, target, target, (one) => {
      if (one.shape.messagesInFlight > 1) return '-';
      return `${medianOf(one, 'p50Us').toFixed(0)} / ${medianOf(one, 'p99Us').toFixed(0)}`;
    }),
  );
}

function cpuRows(part: Part): string[][] {
  return part.results.targets.flatMap((target) => [
    rowOf(part, target, target, (one) => medianOf(one, 'serverUsPerCommand').toFixed(2)),
    ...threadRows(part, target),
    rowOf(part, target, '  its load generator', (one) =>
      medianOf(one, 'generatorUsPerCommand').toFixed(2),
    ),
  ]);
}

function medianOf(
  one: Case,
  field: 'p50Us' | 'p99Us' | 'serverUsPerCommand' | 'generatorUsPerCommand',
): number {
  return median(one.rounds.map((round) => round[field]));
}

/** Median cost of each thread that matters in this case. */
export function threadCosts(one: Case): ReadonlyMap<string, number> {
  const costs = new Map<string, number[]>();
  for (const round of one.rounds) {
    for (const { tid, name, usPerCommand } of round.threads) {
      const key = `${tid} ${name}`;
      costs.set(key, [...(costs.get(key) ?? []), usPerCommand]);
    }
  }
  const least = THREAD_PART_MIN * medianOf(one, 'serverUsPerCommand');
  const medians = [...costs].map(([key, values]) => [key, median(values)] as const);
  return new Map(medians.filter(([, cost]) => cost >= least));
}

function threadRows({ results, operation }: Part, target: TargetKind): string[][] {
  const byShape = results.shapes.map((shape) => {
    const one = caseOf(results, target, operation, shape);
    return one === undefined ? new Map<string, number>() : threadCosts(one);
  });
  const names = [...new Set(byShape.flatMap((costs) => [...costs.keys()]))].sort();
  // A process of one busy thread has its figure in the row above.
  if (names.length < 2) return [];
  return names.map((name) => [
    `  thread ${name}`,
    ...byShape.map((costs) => costs.get(name)?.toFixed(2) ?? '-'),
  ]);
}
