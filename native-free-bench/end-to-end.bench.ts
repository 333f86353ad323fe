/**
 * Commands per second from socket to socket: Sojourn, the bare echo of the same transport (the
 * ceiling) and Redis, under one generator, their rounds interleaved in one run.
 *
 * Every session has three values of 32 bytes; each command names one key of one session drawn at
 * random. Connections are divided among the generators, and sessions likewise.
 */
import type { Bench, Output } from './bench.js';
import { ratioTo, reportOf, threadCosts, type Case, type Results } from './end-to-end-report.js';
import type { TargetKind } from './generator-messages.js';
import { GeneratorProcess } from './generator-process.js';
import type { LoadShape } from './load.js';
import type { BenchOptions } from './options.js';
import type { RunningServer } from './processes.js';
import type { Operation } from './protocol.js';
import { roundFrom, type Round } from './round.js';
import { redisVersion, startTarget } from './servers.js';
import { summaryOf } from './statistics.js';

const SESSIONS = 100_000;
const OPERATIONS: readonly Operation[] = ['get', 'set'];
const SHAPES: readonly LoadShape[] = [
  { name: '1 in flight', messagesInFlight: 1, commandsPerMessage: 1 },
  { name: '16 in flight', messagesInFlight: 16, commandsPerMessage: 1 },
  { name: '16 per frame', messagesInFlight: 1, commandsPerMessage: 16 },
  { name: '64 per frame', messagesInFlight: 1, commandsPerMessage: 64 },
];

/** Part of a measurement that runs before it unmeasured. */
const WARM_PART = 0.25;

export const endToEnd: Bench = {
  name: 'end-to-end',
  summary: 'commands per second over sockets, beside the bare echo and Redis',

  async run(options, output) {
    const installed = redisVersion();
    const targets = options.targets.filter((kind) => kind !== 'redis' || installed !== undefined);
    if (targets.length < options.targets.length) {
      output.text('redis-server is not installed: its column is left out.');
    }
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const bench = new EndToEnd({ ...options, targets, sessions }, output);
    await bench.prepare();
    const results: Results = {
      targets,
      shapes: SHAPES,
      cases: await bench.measure(),
      redisVersion: installed,
    };
    await bench.verify();
    output.heading(
      'end-to-end',
      `${options.connections} connections, ${sessions} sessions of three 32-byte values, ` +
        `${options.generators} generator(s), ${options.rounds} rounds of ${options.seconds} s` +
        (options.serverFlags.length > 0 ? `, server flags ${options.serverFlags.join(' ')}` : ''),
    );
    for (const operation of OPERATIONS) output.text(`${reportOf(results, operation)}\n`);
    for (const one of results.cases) writeResult(results, one, options, output);
    refuseFailures(results);
  },
};

class EndToEnd {
  readonly #options: BenchOptions;
  readonly #output: Output;
  readonly #servers = new Map<TargetKind, RunningServer>();
  readonly #generators: readonly GeneratorProcess[];

  constructor(options: BenchOptions, output: Output) {
    this.#options = options;
    this.#output = output;
    this.#generators = Array.from({ length: options.generators }, () => new GeneratorProcess());
  }

  /** Starts the servers, the sessions in them and the connections to them. */
  async prepare(): Promise<void> {
    const { targets, serverFlags, connections, sessions, generators } = this.#options;
    for (const target of targets) {
      const server = await startTarget(target, serverFlags);
      this.#servers.set(target, server);
      const startedMs = performance.now();
      await this.#each((generator, index) =>
        generator.order({
          type: 'prepare',
          name: target,
          target,
          port: server.port,
          connections: shareOf(connections, generators, index),
          sessions: shareOf(sessions, generators, index),
        }),
      );
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      this.#output.progress(`${target}: prepared in ${seconds} s`);
    }
  }

  async measure(): Promise<Case[]> {
    const { targets, rounds, seconds } = this.#options;
    const cases = SHAPES.flatMap((shape) =>
      OPERATIONS.flatMap((operation) =>
        targets.map((target): Case => ({ target, operation, shape, rounds: [] })),
      ),
    );
    this.#output.progress('warming up');
    for (const one of cases) await this.#round(one, seconds / 2);
    for (let round = 0; round < rounds; round += 1) {
      this.#output.progress(`round ${round + 1} of ${rounds}`);
      for (let at = 0; at < cases.length; at += targets.length) {
        // Who goes first changes from round to round.
        for (let turn = 0; turn < targets.length; turn += 1) {
          const one = cases[at + ((turn + round) % targets.length)]!;
          one.rounds.push(await this.#round(one, seconds));
        }
      }
    }
    return cases;
  }

  /** Throws if any server answers wrongly. */
  async verify(): Promise<void> {
    for (const target of this.#options.targets) {
      if (target === 'echo') continue;
      const reports = await this.#each((generator) =>
        generator.order({ type: 'verify', name: target }),
      );
      const problems = reports.flatMap((report) => report.problems);
      if (problems.length > 0)
        throw new Error(`${target} answers wrongly:\n${problems.join('\n')}`);
      const checked = reports.reduce((sum, report) => sum + report.checked, 0);
      this.#output.progress(
        `${target}: ${checked} sessions read, written and read again: all right`,
      );
    }
  }

  async #round({ target, operation, shape }: Case, seconds: number): Promise<Round> {
    const pid = this.#servers.get(target)?.pid;
    const reports = await this.#each((generator, index) =>
      generator.order({
        type: 'run',
        name: target,
        operation,
        shape,
        warmSeconds: seconds * WARM_PART,
        seconds,
        pid: index === 0 ? pid : undefined,
      }),
    );
    return roundFrom(reports);
  }

  #each<T>(
    orderOne: (generator: GeneratorProcess, index: number) => Promise<T>,
  ): Promise<readonly T[]> {
    return Promise.all(this.#generators.map(orderOne));
  }
}

/** Part number `index` of `total` things divided as evenly as they go; at least 1. */
export function shareOf(total: number, parts: number, index: number): number {
  return Math.max(1, Math.floor(total / parts) + (index < total % parts ? 1 : 0));
}

function writeResult(results: Results, one: Case, options: BenchOptions, output: Output): void {
  const { target, operation, shape, rounds } = one;
  const numbersOf = (field: 'p50Us' | 'p99Us' | 'serverUsPerCommand'): number =>
    summaryOf(rounds.map((round) => round[field])).median;
  output.result('end-to-end', {
    target,
    operation,
    load: shape.name,
    commandsPerSecond: summaryOf(rounds.map((round) => round.perSecond)),
    perRound: rounds.map((round) => Math.round(round.perSecond)),
    p50Us: numbersOf('p50Us'),
    p99Us: numbersOf('p99Us'),
    cpuUsPerCommand: numbersOf('serverUsPerCommand'),
    cpuUsPerCommandByThread: Object.fromEntries(threadCosts(one)),
    ...(target === 'sojourn' && {
      ratioToRedis: ratioTo(results, 'redis', operation, shape),
      ratioToCeiling: ratioTo(results, 'echo', operation, shape),
    }),
    connections: options.connections,
    sessions: options.sessions === 0 ? SESSIONS : options.sessions,
    generators: options.generators,
    serverFlags: options.serverFlags,
  });
}

function refuseFailures(results: Results): void {
  const failed = results.cases.filter((one) => one.rounds.some((round) => round.failures > 0));
  if (failed.length === 0) return;
  const lines = failed.map(({ target, operation, shape, rounds }) => {
    const failures = rounds.reduce((sum, round) => sum + round.failures, 0);
    return `${target}, ${operation}, ${shape.name}: ${failures} failing replies`;
  });
  throw new Error(`the figures do not count, because commands failed:\n${lines.join('\n')}`);
}
