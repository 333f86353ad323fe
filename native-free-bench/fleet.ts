/**
 * Servers side by side under the same generators, in rounds that take turns: whatever disturbs the
 * machine for longer than a round disturbs all of them.
 */
import type { Output } from './bench.js';
import { Caller } from './caller.js';
import type { TargetKind } from './generator-messages.js';
import { GeneratorProcess } from './generator-process.js';
import type { LoadShape } from './load.js';
import { nativeProtocol } from './native-protocol.js';
import { pollingUsPerCommand, pollsOf } from './polling.js';
import type { RunningServer } from './processes.js';
import type { Operation } from './protocol.js';
import { pacedRoundFrom, roundFrom, type PacedRound, type Round } from './round.js';

/** Part of a measurement that runs before it unmeasured. */
const WARM_PART = 0.25;

export interface Contender {
  /** Unique: several servers of one kind may be side by side. */
  readonly name: string;
  readonly kind: TargetKind;
  readonly start: () => Promise<RunningServer>;
}

export interface FleetOptions {
  /** Per server, divided among the generators, and sessions likewise. */
  readonly connections: number;
  readonly sessions: number;
  readonly generators: number;
}

/** One load on one server. */
export interface LoadCase {
  /** Name of the contender. */
  readonly name: string;
  readonly operation: Operation;
  readonly shape: LoadShape;
  readonly rounds: Round[];
}

export interface Pace {
  readonly operations: readonly Operation[];
  /** Of all generators together. */
  readonly perSecond: number;
  readonly seconds: number;
}

export interface FleetRounds {
  readonly rounds: number;
  readonly seconds: number;
  /** Of each case, unmeasured, before the first round; half of a round unless said. */
  readonly warmSeconds?: number;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #output: Output;
  readonly #generators: readonly GeneratorProcess[];
  readonly #servers = new Map<string, RunningServer>();
  readonly #kinds = new Map<string, TargetKind>();
  /** To those that can be asked how much they poll. */
  readonly #callers = new Map<string, Caller>();

  constructor(options: FleetOptions, output: Output) {
    this.#options = options;
    this.#output = output;
    this.#generators = Array.from({ length: options.generators }, () => new GeneratorProcess());
  }

  /** Starts the servers, the sessions in them and the connections to them. */
  async prepare(contenders: readonly Contender[]): Promise<void> {
    const { connections, sessions, generators } = this.#options;
    for (const { name, kind, start } of contenders) {
      const server = await start();
      this.#servers.set(name, server);
      this.#kinds.set(name, kind);
      if (kind === 'sojourn') {
        this.#callers.set(name, await Caller.open(server.port, nativeProtocol));
      }
      const startedMs = performance.now();
      await this.#each((generator, index) =>
        generator.order({
          type: 'prepare',
          name,
          target: kind,
          port: server.port,
          connections: shareOf(connections, generators, index),
          sessions: shareOf(sessions, generators, index),
        }),
      );
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      this.#output.progress(`${name}: prepared in ${seconds} s`);
    }
  }

  /** Runs every case once to warm up, then all rounds, and adds them to the cases. */
  async measure(
    groups: readonly (readonly LoadCase[])[],
    { rounds, seconds, warmSeconds = seconds / 2 }: FleetRounds,
  ): Promise<void> {
    await this.interleave(groups, rounds, async (one, isWarmUp) => {
      const round = await this.round(one, isWarmUp ? warmSeconds : seconds);
      if (!isWarmUp) one.rounds.push(round);
    });
  }

  /**
   * @param groups what stands in one group is compared, so it runs one after the other; who goes
   *   first changes from round to round.
   */
  async interleave<Case>(
    groups: readonly (readonly Case[])[],
    rounds: number,
    run: (one: Case, isWarmUp: boolean) => Promise<void>,
  ): Promise<void> {
    this.#output.progress('warming up');
    for (const group of groups) for (const one of group) await run(one, true);
    for (let round = 0; round < rounds; round += 1) {
      this.#output.progress(`round ${round + 1} of ${rounds}`);
      for (const group of groups) {
        for (let turn = 0; turn < group.length; turn += 1) {
          await run(group[(turn + round) % group.length]!, false);
        }
      }
    }
  }

  async round({ name, operation, shape }: LoadCase, seconds: number): Promise<Round> {
    const server = this.#servers.get(name);
    const caller = this.#callers.get(name);
    const before = caller === undefined ? undefined : await pollsOf(caller);
    const reports = await this.#each((generator, index) =>
      generator.order({
        type: 'run',
        name,
        operation,
        shape,
        warmSeconds: seconds * WARM_PART,
        seconds,
        pid: index === 0 ? server?.pid : undefined,
      }),
    );
    if (caller === undefined || before === undefined) return roundFrom(reports);
    return roundFrom(reports, pollingUsPerCommand(before, await pollsOf(caller)));
  }

  /** One window of an open loop. */
  async pace(name: string, { operations, perSecond, seconds }: Pace): Promise<PacedRound> {
    const reports = await this.#each((generator) =>
      generator.order({
        type: 'pace',
        name,
        operations,
        perSecond: perSecond / this.#generators.length,
        warmSeconds: seconds * WARM_PART,
        seconds,
      }),
    );
    return pacedRoundFrom(reports);
  }

  /** Throws if any server answers wrongly. */
  async verify(): Promise<void> {
    for (const [name, kind] of this.#kinds) {
      if (kind === 'echo') continue;
      const reports = await this.#each((generator) => generator.order({ type: 'verify', name }));
      const problems = reports.flatMap((report) => report.problems);
      if (problems.length > 0) throw new Error(`${name} answers wrongly:\n${problems.join('\n')}`);
      const checked = reports.reduce((sum, report) => sum + report.checked, 0);
      this.#output.progress(`${name}: ${checked} sessions read, written and read again: all right`);
    }
  }

  /** Ends all servers and generators. */
  async stop(): Promise<void> {
    for (const caller of this.#callers.values()) caller.close();
    await Promise.all(this.#generators.map((generator) => generator.stop()));
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
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

/** Throws if any command failed: figures of refusals are worth nothing. */
export function refuseFailures(cases: readonly LoadCase[]): void {
  const lines = cases.flatMap(({ name, operation, shape, rounds }) => {
    const failures = rounds.reduce((sum, round) => sum + round.failures, 0);
    return failures === 0
      ? []
      : [`${name}, ${operation}, ${shape.name}: ${failures} failing replies`];
  });
  if (lines.length === 0) return;
  throw new Error(`the figures do not count, because commands failed:\n${lines.join('\n')}`);
}
