/**
 * What the server could do on other machines: the processor time of a command is measured here for
 * each kind of thread and load, and the model of scaling-model.ts makes throughput of it, for 2 to
 * 64 cores. What the model says of other numbers of threads than those it was fed with is measured,
 * too, on the cores there are.
 */
import { availableParallelism } from 'node:os';
import { threadCountsOf } from '../src/config/thread-counts.js';
import type { Bench } from './bench.js';
import { Fleet, refuseFailures, type LoadCase } from './fleet.js';
import { SHAPES } from './load.js';
import type { Operation } from './protocol.js';
import { startSojourn } from './servers.js';
import { efficiencyOf, type Costs, type Counts, type MeasuredLoad } from './scaling-model.js';
import { ScalingReport } from './scaling-report.js';
import { median } from './statistics.js';

const SESSIONS = 100_000;
const OPERATIONS: readonly Operation[] = ['get', 'set'];

/** What the model is fed with. */
const ONE_OF_EACH: Counts = { ioThreads: 1, shards: 1 };
const NEVER_LENT = 'never lent';

export const scaling: Bench = {
  name: 'scaling',
  summary:
    'throughput on 2 to 64 cores, predicted from the CPU cost of a command, and checked here',

  async run(options, output) {
    const { rounds, seconds, serverFlags, connections, generators } = options;
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const cores = availableParallelism();
    const checked = countsToCheck(cores);
    const fleet = new Fleet({ ...options, sessions }, output);
    const startWith =
      (counts: Counts, ...flags: string[]) =>
      () =>
        startSojourn([...serverFlags, ...flagsOf(counts), ...flags]);
    await fleet.prepare([
      { name: nameOf(ONE_OF_EACH), kind: 'sojourn', start: startWith(ONE_OF_EACH) },
      { name: NEVER_LENT, kind: 'sojourn', start: startWith(ONE_OF_EACH, '--lend', 'never') },
      ...checked.map((counts) => ({
        name: nameOf(counts),
        kind: 'sojourn' as const,
        start: startWith(counts),
      })),
    ]);
    const names = [nameOf(ONE_OF_EACH), NEVER_LENT, ...checked.map(nameOf)];
    const groups = OPERATIONS.flatMap((operation) =>
      SHAPES.map((shape) =>
        names.map((name): LoadCase => ({ name, operation, shape, rounds: [] })),
      ),
    );
    await fleet.measure(groups, { rounds, seconds });
    refuseFailures(groups.flat());

    const here = { cores, generators, sessions, connections: Infinity };
    const efficiencies = groups.map((group) =>
      group.slice(0, 2).map((one) => {
        return efficiencyOf(costsOf(one), { ...here, ...ONE_OF_EACH }, rateOf(one));
      }),
    );
    const loads = groups.map(([lent, neverLent]): MeasuredLoad => {
      const { operation, shape } = lent!;
      const alike = efficiencies.filter((_, at) => groups[at]![0]!.shape === shape);
      return {
        name: `${operation.toUpperCase()} ${shape.name}`,
        lent: costsOf(lent!),
        neverLent: costsOf(neverLent!),
        // Of reads and writes, lent and not: how threads wait for one another is the shape's doing.
        efficiency: median(alike.flat()),
      };
    });
    output.heading(
      'scaling',
      `${connections} connections, ${sessions} sessions of three 32-byte values, ` +
        `${generators} generator(s), medians of ${rounds} rounds of ${seconds} s`,
    );
    const report = new ScalingReport(loads, output);
    report.costs();
    report.check(
      here,
      checked.map((counts, at) => ({
        counts,
        perSecond: groups.map((group) => rateOf(group[at + 2]!)),
      })),
    );
    report.predictions();
    report.recommendations();
  },
};

/** Two of either and of both; on larger machines also what is started by default. */
function countsToCheck(cores: number): readonly Counts[] {
  const byDefault = threadCountsOf({ ioThreads: 0, shards: 0, cores, canSharePort: true });
  const all = [
    { ioThreads: 1, shards: 2 },
    { ioThreads: 2, shards: 1 },
    { ioThreads: 2, shards: 2 },
  ];
  const isNew = ![ONE_OF_EACH, ...all].some((one) => nameOf(one) === nameOf(byDefault));
  return isNew ? [...all, byDefault] : all;
}

function flagsOf({ ioThreads, shards }: Counts): string[] {
  return ['--io-threads', String(ioThreads), '--shards', String(shards)];
}

/** Names of contenders. */
function nameOf({ ioThreads, shards }: Counts): string {
  return `${ioThreads}+${shards}`;
}

function rateOf({ rounds }: LoadCase): number {
  return median(rounds.map((round) => round.perSecond));
}

function costsOf({ rounds }: LoadCase): Costs {
  const ofKind = (kind: string): number =>
    median(rounds.map(({ usPerCommandByThread }) => usPerCommandByThread[kind] ?? 0));
  const [io, shard] = [ofKind('io'), ofKind('shard')];
  const total = median(rounds.map((round) => round.serverUsPerCommand));
  const generator = median(rounds.map((round) => round.generatorUsPerCommand));
  return { io, shard, other: Math.max(0, total - io - shard), generator };
}
