/**
 * Commands per second from socket to socket: Sojourn, the bare echo of the same transport (the
 * ceiling), Redis and memcached, under one generator, their rounds interleaved in one run.
 *
 * Every session has three values of 32 bytes; each command names one key of one session drawn at
 * random. memcached has no keys within a value: it reads and writes the whole session.
 */
import type { Bench, Output } from './bench.js';
import {
  chartOf,
  cpuGoalOf,
  ratioTo,
  tableRowsOf,
  threadCosts,
  TITLES,
  type Case,
  type Results,
} from './end-to-end-report.js';
import { Fleet, refuseFailures } from './fleet.js';
import { SHAPES } from './load.js';
import type { BenchOptions } from './options.js';
import type { Operation } from './protocol.js';
import { installedTargets, peerVersions, startTarget } from './servers.js';
import { medianLatency } from './latency.js';
import { median, summaryOf } from './statistics.js';

const SESSIONS = 100_000;
const OPERATIONS: readonly Operation[] = ['get', 'set'];

/** Commands per second, over those of Redis, by load. */
export const RATIO_GOALS: Readonly<Record<Operation, readonly number[]>> = {
  get: [0.95, 1.1, 1.5, 2],
  set: [0.9, 1, 1.4, 1.8],
};

export const endToEnd: Bench = {
  name: 'end-to-end',
  summary: 'commands per second over sockets, beside the bare echo, Redis and memcached',

  async run(options, output) {
    const targets = installedTargets(options.targets, output);
    const { rounds, seconds, serverFlags } = options;
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const fleet = new Fleet({ ...options, sessions }, output);
    await fleet.prepare(
      targets.map((kind) => ({ name: kind, kind, start: () => startTarget(kind, serverFlags) })),
    );
    const groups = SHAPES.flatMap((shape) =>
      OPERATIONS.map((operation) =>
        targets.map((name): Case => ({ name, operation, shape, rounds: [] })),
      ),
    );
    await fleet.measure(groups, { rounds, seconds });
    await fleet.verify();
    const cases = groups.flat();
    const results: Results = { targets, shapes: SHAPES, cases, versions: peerVersions() };
    output.heading(
      'end-to-end',
      `${options.connections} connections, ${sessions} sessions of three 32-byte values, ` +
        `${options.generators} generator(s), ${rounds} rounds of ${seconds} s` +
        (serverFlags.length > 0 ? `, server flags ${serverFlags.join(' ')}` : ''),
    );
    for (const operation of OPERATIONS) {
      output.table('end-to-end', {
        title: TITLES[operation],
        rows: tableRowsOf(results, operation),
      });
      const chart = chartOf(results, operation);
      if (chart !== undefined) output.chart('end-to-end', chart);
    }
    for (const operation of OPERATIONS) writeGoals(results, operation, output);
    for (const one of cases) writeResult(results, one, { ...options, sessions }, output);
    refuseFailures(cases);
  },
};

function writeGoals(results: Results, operation: Operation, output: Output): void {
  for (const [at, shape] of results.shapes.entries()) {
    output.goal('end-to-end', {
      what: `${operation.toUpperCase()} over Redis, ${shape.name}`,
      value: ratioTo(results, 'redis', operation, shape),
      atLeast: RATIO_GOALS[operation][at]!,
    });
  }
  output.goal('end-to-end', cpuGoalOf(results, operation));
}

function writeResult(results: Results, one: Case, options: BenchOptions, output: Output): void {
  const { name, operation, shape, rounds } = one;
  output.result('end-to-end', {
    target: name,
    operation,
    load: shape.name,
    commandsPerSecond: summaryOf(rounds.map((round) => round.perSecond)),
    perRound: rounds.map((round) => Math.round(round.perSecond)),
    latencyUs: medianLatency(rounds.map((round) => round.latencyUs)),
    cpuUsPerCommand: median(rounds.map((round) => round.serverUsPerCommand)),
    cpuUsPerCommandByThread: Object.fromEntries(threadCosts(one)),
    generatorUsPerCommand: median(rounds.map((round) => round.generatorUsPerCommand)),
    ...(name === 'sojourn' && {
      ratioToRedis: ratioTo(results, 'redis', operation, shape),
      ratioToCeiling: ratioTo(results, 'echo', operation, shape),
    }),
    connections: options.connections,
    sessions: options.sessions,
    generators: options.generators,
    serverFlags: options.serverFlags,
  });
}
