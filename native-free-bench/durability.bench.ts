/**
 * What durability costs: SH_SET per second without a data directory and with one, for each choice
 * of --fsync, beside Redis (HSET) without persistence and with its append-only file, all in one
 * interleaved run under one generator.
 */
import { benchDirectory } from './bench-directory.js';
import type { Bench, Output } from './bench.js';
import { shareOf } from './end-to-end.bench.js';
import type { TargetKind } from './generator-messages.js';
import { GeneratorProcess } from './generator-process.js';
import type { LoadShape } from './load.js';
import type { BenchOptions } from './options.js';
import type { RunningServer } from './processes.js';
import { roundFrom, type Round } from './round.js';
import { redisVersion, startRedis, startSojourn } from './servers.js';
import { pairedRatio, summaryOf } from './statistics.js';
import { compact, percent, tableOf } from './table.js';

const SESSIONS = 100_000;
const WARM_PART = 0.25;
const SHAPES: readonly LoadShape[] = [
  { name: '16 in flight', messagesInFlight: 16, commandsPerMessage: 1 },
  { name: '16 per frame', messagesInFlight: 1, commandsPerMessage: 16 },
  { name: '64 per frame', messagesInFlight: 1, commandsPerMessage: 64 },
];

interface Variant {
  readonly name: string;
  readonly kind: Exclude<TargetKind, 'echo'>;
  readonly start: (flags: readonly string[]) => Promise<RunningServer>;
}

const sojournWith =
  (fsync: string): Variant['start'] =>
  (flags) =>
    startSojourn(flags, ['--data-dir', benchDirectory(), '--fsync', fsync]);

const redisWith =
  (fsync: string): Variant['start'] =>
  () =>
    startRedis([
      ...['--save', '', '--appendonly', 'yes', '--appendfsync', fsync],
      ...['--dir', benchDirectory()],
    ]);

const VARIANTS: readonly Variant[] = [
  { name: 'sojourn --memory', kind: 'sojourn', start: (flags) => startSojourn(flags) },
  { name: 'sojourn --fsync no', kind: 'sojourn', start: sojournWith('no') },
  { name: 'sojourn --fsync everysec', kind: 'sojourn', start: sojournWith('everysec') },
  { name: 'sojourn --fsync always', kind: 'sojourn', start: sojournWith('always') },
  { name: 'redis, no persistence', kind: 'redis', start: () => startRedis() },
  { name: 'redis, appendonly everysec', kind: 'redis', start: redisWith('everysec') },
  { name: 'redis, appendonly always', kind: 'redis', start: redisWith('always') },
];

/** What is asked of each pair: the first over the second, at least. */
const RATIOS: readonly (readonly [string, string, number | undefined])[] = [
  ['sojourn --fsync no', 'sojourn --memory', undefined],
  ['sojourn --fsync everysec', 'sojourn --memory', 0.85],
  ['sojourn --fsync always', 'sojourn --memory', undefined],
  ['sojourn --fsync everysec', 'redis, appendonly everysec', undefined],
  ['sojourn --fsync always', 'redis, appendonly always', 1],
];

interface Case {
  readonly variant: Variant;
  readonly shape: LoadShape;
  readonly rounds: Round[];
}

export const durability: Bench = {
  name: 'durability',
  summary: 'SH_SET per second by --fsync, beside Redis by appendfsync',

  async run(options, output) {
    const hasRedis = redisVersion() !== undefined;
    if (!hasRedis) output.text('redis-server is not installed: its rows are left out.');
    const variants = VARIANTS.filter(
      ({ kind }) => options.targets.includes(kind) && (kind !== 'redis' || hasRedis),
    );
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const run = new DurabilityRun({ ...options, sessions }, variants, output);
    await run.prepare();
    const cases = await run.measure();
    await run.verify();
    output.heading(
      'durability',
      `SH_SET of one key (Redis: HSET), commands/s; ${options.connections} connections, ` +
        `${sessions} sessions of three 32-byte values, ${options.rounds} rounds of ${options.seconds} s`,
    );
    output.text(reportOf(cases, variants));
    for (const one of cases) {
      output.result('durability', {
        variant: one.variant.name,
        load: one.shape.name,
        commandsPerSecond: summaryOf(ratesOf(one)),
        perRound: ratesOf(one).map(Math.round),
        serverUsPerCommand: summaryOf(one.rounds.map((round) => round.serverUsPerCommand)).median,
      });
    }
    const failures = cases.reduce((sum, { rounds }) => sum + failuresIn(rounds), 0);
    if (failures > 0) throw new Error(`the figures do not count: ${failures} failing replies`);
  },
};

class DurabilityRun {
  readonly #options: BenchOptions;
  readonly #variants: readonly Variant[];
  readonly #output: Output;
  readonly #generators: readonly GeneratorProcess[];
  readonly #pids = new Map<string, number>();

  constructor(options: BenchOptions, variants: readonly Variant[], output: Output) {
    this.#options = options;
    this.#variants = variants;
    this.#output = output;
    this.#generators = Array.from({ length: options.generators }, () => new GeneratorProcess());
  }

  async prepare(): Promise<void> {
    const { serverFlags, connections, sessions, generators } = this.#options;
    for (const { name, kind, start } of this.#variants) {
      const { pid, port } = await start(serverFlags);
      this.#pids.set(name, pid);
      await this.#each((generator, index) =>
        generator.order({
          type: 'prepare',
          name,
          target: kind,
          port,
          connections: shareOf(connections, generators, index),
          sessions: shareOf(sessions, generators, index),
        }),
      );
      this.#output.progress(`${name}: prepared`);
    }
  }

  async measure(): Promise<Case[]> {
    const { rounds, seconds } = this.#options;
    const cases = SHAPES.flatMap((shape) =>
      this.#variants.map((variant): Case => ({ variant, shape, rounds: [] })),
    );
    for (const one of cases) await this.#round(one, seconds / 2);
    const perShape = this.#variants.length;
    for (let round = 0; round < rounds; round += 1) {
      this.#output.progress(`round ${round + 1} of ${rounds}`);
      for (let at = 0; at < cases.length; at += perShape) {
        // Who goes first changes from round to round.
        for (let turn = 0; turn < perShape; turn += 1) {
          const one = cases[at + ((turn + round) % perShape)]!;
          one.rounds.push(await this.#round(one, seconds));
        }
      }
    }
    return cases;
  }

  async verify(): Promise<void> {
    for (const { name } of this.#variants) {
      const reports = await this.#each((generator) => generator.order({ type: 'verify', name }));
      const problems = reports.flatMap((report) => report.problems);
      if (problems.length > 0) throw new Error(`${name} answers wrongly:\n${problems.join('\n')}`);
    }
  }

  async #round({ variant, shape }: Case, seconds: number): Promise<Round> {
    const { name } = variant;
    const pid = this.#pids.get(name);
    const reports = await this.#each((generator, index) =>
      generator.order({
        type: 'run',
        name,
        operation: 'set',
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

function ratesOf({ rounds }: Case): readonly number[] {
  return rounds.map((round) => round.perSecond);
}

function failuresIn(rounds: readonly Round[]): number {
  return rounds.reduce((sum, round) => sum + round.failures, 0);
}

function reportOf(cases: readonly Case[], variants: readonly Variant[]): string {
  const names = SHAPES.map((shape) => shape.name);
  const casesOf = (name: string): readonly Case[] =>
    cases.filter(({ variant }) => variant.name === name);
  const rates = variants.map(({ name }) => [
    name,
    ...casesOf(name).map((one) => {
      const { median, spread } = summaryOf(ratesOf(one));
      return `${compact(median)} ${percent(spread)}`;
    }),
  ]);
  const ratios = RATIOS.flatMap(([first, second, target]) => {
    const over = casesOf(first);
    const under = casesOf(second);
    if (over.length === 0 || under.length === 0) return [];
    const title = `${first} / ${second}${target === undefined ? '' : ` (at least ${target})`}`;
    const cells = over.map((one, at) => pairedRatio(ratesOf(one), ratesOf(under[at]!)).toFixed(2));
    return [[title, ...cells]];
  });
  return tableOf([['commands/s', ...names], ...rates, [], ['ratio', ...names], ...ratios]);
}
