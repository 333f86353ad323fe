/** The tables, charts and goals of the end-to-end bench. */
import type { Chart, Goal, Series } from './bench.js';
import type { LoadCase } from './fleet.js';
import type { TargetKind } from './generator-messages.js';
import type { LoadShape } from './load.js';
import type { Operation } from './protocol.js';
import type { Round } from './round.js';
import type { Versions } from './servers.js';
import { median, pairedRatio, summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

export interface Case extends LoadCase {
  readonly name: TargetKind;
}

export interface Results {
  readonly targets: readonly TargetKind[];
  readonly shapes: readonly LoadShape[];
  readonly cases: readonly Case[];
  readonly versions: Versions;
}

export const TITLES: Readonly<Record<Operation, string>> = {
  get: 'SH_GET of one key (Redis: HGET; memcached: get of the session)',
  set: 'SH_SET of one key (Redis: HSET; memcached: set of the session)',
};

/** The load at which the processor time of a command is judged. */
const CPU_SHAPE = '64 per frame';
const CPU_RATIO_MAX = 1;

/** Those whose names do not say what they are: Node gives its helpers the name of the process. */
const THREAD_TITLES: Readonly<Record<string, string>> = { node: "main, V8's helpers" };

/** Threads that use less than this part of their process are not worth a row. */
const THREAD_PART_MIN = 0.02;

export function caseOf(
  results: Results,
  target: TargetKind,
  operation: Operation,
  shape: LoadShape,
): Case | undefined {
  return results.cases.find(
    (one) => one.name === target && one.operation === operation && one.shape === shape,
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

export function tableRowsOf(results: Results, operation: Operation): string[][] {
  const part: Part = { results, operation };
  const names = results.shapes.map((shape) => shape.name);
  return [
    ['commands/s', ...names],
    ...rateRows(part),
    ...ratioRows(part),
    [],
    ['latency p50 / p99, µs', ...names],
    ...latencyRows(part),
    [],
    ['CPU µs per command', ...names],
    ...cpuRows(part),
  ];
}

/** Commands per second as multiples of Redis' in the same round; undefined without Redis. */
export function chartOf(results: Results, operation: Operation): Chart | undefined {
  const { targets, shapes } = results;
  if (!targets.includes('redis')) return undefined;
  const series = targets.map((target): Series => {
    const ratios = shapes.map((shape) => {
      const one = caseOf(results, target, operation, shape);
      const redis = caseOf(results, 'redis', operation, shape);
      if (one === undefined || redis === undefined) return undefined;
      const references = ratesOf(redis);
      return summaryOf(ratesOf(one).map((rate, round) => rate / references[round]!));
    });
    return {
      name: target === 'echo' ? 'echo (the ceiling)' : target,
      values: ratios.map((ratio) => ratio?.median ?? null),
      spread: ratios.map((ratio) => (ratio === undefined ? null : [ratio.min, ratio.max])),
    };
  });
  const verb = operation === 'get' ? 'Reads' : 'Writes';
  return {
    name: operation,
    title: `${verb} per second, as multiples of Redis'`,
    unit: 'times Redis',
    groups: shapes.map((shape) => shape.name),
    series,
  };
}

/** Processor time of all threads of the server, over that of Redis. */
export function cpuGoalOf(results: Results, operation: Operation): Goal {
  const shape = results.shapes.find(({ name }) => name === CPU_SHAPE)!;
  const sojourn = caseOf(results, 'sojourn', operation, shape);
  const redis = caseOf(results, 'redis', operation, shape);
  const cpuOf = (one: Case): number[] => one.rounds.map((round) => round.serverUsPerCommand);
  const value =
    sojourn === undefined || redis === undefined
      ? undefined
      : pairedRatio(cpuOf(sojourn), cpuOf(redis));
  return {
    what: `server's CPU per ${operation.toUpperCase()} over Redis', ${shape.name}`,
    value,
    atMost: CPU_RATIO_MAX,
  };
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
  const { targets, versions } = part.results;
  const titleOf = (target: TargetKind): string => {
    if (target === 'echo') return 'echo, no shard (the ceiling)';
    return `${target} ${versions[target] ?? ''}`.trimEnd();
  };
  return targets.map((target) =>
    rowOf(part, target, titleOf(target), (one) => {
      const { median: rate, spread } = summaryOf(ratesOf(one));
      return `${compact(rate)} ${percent(spread)}`;
    }),
  );
}

function ratioRows({ results, operation }: Part): string[][] {
  const { targets, shapes } = results;
  if (!targets.includes('sojourn')) return [];
  const references = targets.filter((kind) => kind !== 'sojourn');
  return references.map((reference) => [
    `sojourn / ${reference === 'echo' ? 'ceiling' : reference}`,
    ...shapes.map((shape) => ratioTo(results, reference, operation, shape)?.toFixed(2) ?? '-'),
  ]);
}

function latencyRows(part: Part): string[][] {
  return part.results.targets.map((target) =>
    rowOf(part, target, target, (one) => {
      if (one.shape.messagesInFlight > 1) return '-';
      const of = (field: 'p50' | 'p99'): string =>
        median(one.rounds.map((round) => round.latencyUs[field])).toFixed(0);
      return `${of('p50')} / ${of('p99')}`;
    }),
  );
}

function cpuRows(part: Part): string[][] {
  const medianOf = (one: Case, field: keyof Round & `${string}UsPerCommand`): string =>
    median(one.rounds.map((round) => round[field])).toFixed(2);
  return part.results.targets.flatMap((target) => [
    rowOf(part, target, target, (one) => medianOf(one, 'serverUsPerCommand')),
    ...threadRows(part, target),
    rowOf(part, target, '  its load generator', (one) => medianOf(one, 'generatorUsPerCommand')),
  ]);
}

/** Median cost of each kind of thread that matters in this case. */
export function threadCosts(one: Case): ReadonlyMap<string, number> {
  const kinds = new Set(one.rounds.flatMap((round) => Object.keys(round.usPerCommandByThread)));
  const least = THREAD_PART_MIN * median(one.rounds.map((round) => round.serverUsPerCommand));
  const costs = [...kinds].map((kind) => {
    const ofRounds = one.rounds.map((round) => round.usPerCommandByThread[kind] ?? 0);
    return [kind, median(ofRounds)] as const;
  });
  return new Map(costs.filter(([, cost]) => cost >= least));
}

function threadRows({ results, operation }: Part, target: TargetKind): string[][] {
  const byShape = results.shapes.map((shape) => {
    const one = caseOf(results, target, operation, shape);
    return one === undefined ? new Map<string, number>() : threadCosts(one);
  });
  const kinds = [...new Set(byShape.flatMap((costs) => [...costs.keys()]))].sort();
  // A process of one busy kind has its figure in the row above.
  if (kinds.length < 2) return [];
  return kinds.map((kind) => [
    `  ${THREAD_TITLES[kind] ?? kind}`,
    ...byShape.map((costs) => costs.get(kind)?.toFixed(2) ?? '-'),
  ]);
}
