/**
 * What one client waits for: one connection with one command in flight, nobody else there. Servers
 * take turns, and what is slow here is a wake-up, not work.
 */
import type { Bench, Output } from './bench.js';
import { Fleet, refuseFailures, type LoadCase } from './fleet.js';
import type { TargetKind } from './generator-messages.js';
import { LATENCY_NAMES, latencyCells, medianLatency } from './latency.js';
import { SHAPES } from './load.js';
import type { Operation } from './protocol.js';
import { installedTargets, startTarget } from './servers.js';
import { median, pairedRatio } from './statistics.js';
import { compact } from './table.js';

const SESSIONS = 10_000;
const OPERATIONS: readonly Operation[] = ['get', 'set'];
const SHAPE = SHAPES[0]!;
/** p50 over that of Redis. */
const RATIO_MAX = 1.2;

export const singleClient: Bench = {
  name: 'single-client',
  summary: 'latency of one connection with one command in flight',

  async run(options, output) {
    const targets = installedTargets(options.targets, output);
    const { rounds, seconds, serverFlags } = options;
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const fleet = new Fleet({ connections: 1, sessions, generators: 1 }, output);
    await fleet.prepare(
      targets.map((kind) => ({ name: kind, kind, start: () => startTarget(kind, serverFlags) })),
    );
    const groups = OPERATIONS.map((operation) =>
      targets.map((name): LoadCase => ({ name, operation, shape: SHAPE, rounds: [] })),
    );
    await fleet.measure(groups, { rounds, seconds });
    await fleet.verify();
    output.heading(
      'single-client',
      `one connection, one command in flight, medians of ${rounds} rounds of ${seconds} s`,
    );
    for (const cases of groups) report(cases, targets, output);
    refuseFailures(groups.flat());
  },
};

function report(cases: readonly LoadCase[], targets: readonly TargetKind[], output: Output): void {
  const { operation } = cases[0]!;
  const latenciesOf = ({ rounds }: LoadCase): ReturnType<typeof medianLatency> =>
    medianLatency(rounds.map((round) => round.latencyUs));
  output.table('single-client', {
    rows: [
      [
        `${operation.toUpperCase()}, latency, µs`,
        ...[...LATENCY_NAMES, 'p50 of the rounds', 'commands/s'],
      ],
      ...cases.map((one) => [
        one.name,
        ...latencyCells(latenciesOf(one)),
        rangeOf(one.rounds.map((round) => round.latencyUs.p50)),
        compact(median(one.rounds.map((round) => round.perSecond))),
      ]),
    ],
  });
  const p50sOf = (target: TargetKind): number[] | undefined =>
    cases.find(({ name }) => name === target)?.rounds.map((round) => round.latencyUs.p50);
  const [sojourn, redis] = [p50sOf('sojourn'), p50sOf('redis')];
  output.goal('single-client', {
    what: `p50 of a single client's ${operation.toUpperCase()} over Redis'`,
    value: sojourn === undefined || redis === undefined ? undefined : pairedRatio(sojourn, redis),
    atMost: RATIO_MAX,
  });
  for (const [at, one] of cases.entries()) {
    output.result('single-client', {
      target: targets[at],
      operation,
      latencyUs: latenciesOf(one),
      perRoundP50Us: one.rounds.map((round) => round.latencyUs.p50),
    });
  }
}

function rangeOf(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
}
