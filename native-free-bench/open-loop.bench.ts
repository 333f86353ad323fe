/**
 * Latency under a load that does not wait: all servers get the same rate, a part of what the
 * slowest of them can take (or --rate itself, above 1), half reads and half writes. Latency counts
 * from the instant at which a command should have left, so a stall is seen in all that it delays.
 */
import type { Bench, Output } from './bench.js';
import { Fleet } from './fleet.js';
import type { TargetKind } from './generator-messages.js';
import { LATENCY_NAMES, latencyCells, medianLatency, type Latency } from './latency.js';
import { SHAPES } from './load.js';
import type { BenchOptions } from './options.js';
import type { Operation } from './protocol.js';
import type { PacedRound } from './round.js';
import { installedTargets, startTarget } from './servers.js';
import { median, summaryOf } from './statistics.js';
import { compact } from './table.js';

const SESSIONS = 100_000;
const OPERATIONS: readonly Operation[] = ['get', 'set'];
/** The closed loop whose writes an open loop's are like. */
const FULL_SHAPE = SHAPES[1]!;
const FULL_ROUNDS = 3;

interface PacedCase {
  readonly name: TargetKind;
  readonly rounds: PacedRound[];
}

export const openLoop: Bench = {
  name: 'open-loop',
  summary: 'latency at a fixed rate, from the instant at which each command was due',

  async run(options, output) {
    const targets = installedTargets(options.targets, output);
    const { rounds, seconds, serverFlags } = options;
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const fleet = new Fleet({ ...options, sessions }, output);
    await fleet.prepare(
      targets.map((kind) => ({ name: kind, kind, start: () => startTarget(kind, serverFlags) })),
    );
    await fleet.verify();
    const perSecond =
      options.rate > 1
        ? options.rate
        : options.rate * (await fullRate(fleet, targets, seconds, output));
    const cases = targets.map((name): PacedCase => ({ name, rounds: [] }));
    await fleet.interleave([cases], rounds, async (one, isWarmUp) => {
      const length = isWarmUp ? seconds / 2 : seconds;
      const pace = { operations: OPERATIONS, perSecond, seconds: length };
      const round = await fleet.pace(one.name, pace);
      if (!isWarmUp) one.rounds.push(round);
    });
    output.heading(
      'open-loop',
      `${compact(perSecond)} commands/s, half reads and half writes, ${options.connections} connections, ` +
        `${sessions} sessions, medians of ${rounds} rounds of ${seconds} s`,
    );
    report(cases, perSecond, options, output);
  },
};

/** Commands per second, reads and writes in equal parts, that the slowest takes in a closed loop. */
async function fullRate(
  fleet: Fleet,
  targets: readonly TargetKind[],
  seconds: number,
  output: Output,
): Promise<number> {
  const cases = targets.flatMap((name) =>
    OPERATIONS.map((operation) => ({ name, operation, shape: FULL_SHAPE, rounds: [] })),
  );
  await fleet.measure([cases], { rounds: FULL_ROUNDS, seconds });
  return Math.min(
    ...targets.map((target) => {
      const costs = cases
        .filter(({ name }) => name === target)
        .map(({ rounds }) => 1 / median(rounds.map(({ perSecond }) => perSecond)));
      const perSecond = OPERATIONS.length / costs.reduce((sum, cost) => sum + cost, 0);
      output.progress(`${target}: ${compact(perSecond)} commands/s at most`);
      return perSecond;
    }),
  );
}

function report(
  cases: readonly PacedCase[],
  perSecond: number,
  options: BenchOptions,
  output: Output,
): void {
  const latencyOf = (one: PacedCase): Latency =>
    medianLatency(one.rounds.map((round) => round.latencyUs));
  const lateness = medianLatency(
    cases.flatMap(({ rounds }) => rounds.map((round) => round.latenessUs)),
  );
  const rateOf = ({ rounds }: PacedCase): number => median(rounds.map((round) => round.perSecond));
  output.table('open-loop', {
    rows: [
      ['latency, µs', ...LATENCY_NAMES, 'commands/s'],
      ...cases.map((one) => [one.name, ...latencyCells(latencyOf(one)), compact(rateOf(one))]),
      ['of which the generator was late', ...latencyCells(lateness), ''],
    ],
  });
  output.chart('open-loop', {
    name: 'latency',
    title: `Latency at ${compact(perSecond)} commands per second`,
    unit: 'µs',
    isLog: true,
    groups: LATENCY_NAMES,
    series: cases.map((one) => ({
      name: one.name,
      values: Object.values(latencyOf(one)) as number[],
    })),
  });
  for (const one of cases) {
    output.result('open-loop', {
      target: one.name,
      rate: perSecond,
      commandsPerSecond: summaryOf(one.rounds.map((round) => round.perSecond)),
      latencyUs: latencyOf(one),
      p99Us: summaryOf(one.rounds.map((round) => round.latencyUs.p99)),
      generatorLatenessUs: lateness,
      serverFlags: options.serverFlags,
    });
  }
}
