/**
 * What durability costs: SH_SET per second without a data directory and with one, for each choice
 * of --fsync, beside Redis (HSET) without persistence and with its append-only file, all in one
 * interleaved run under one generator.
 *
 * The servers are started anew several times, and the rounds divided among the starts: what the
 * engine's compiler makes of the same code differs from process to process by up to 20 %.
 */
import type { Bench, Chart, Output, Series } from './bench.js';
import { RATIO_GOALS } from './end-to-end.bench.js';
import { Fleet, refuseFailures, shareOf, type Contender, type LoadCase } from './fleet.js';
import { SHAPES } from './load.js';
import { medianLatency } from './latency.js';
import type { BenchOptions, LogChoice } from './options.js';
import {
  redisStorage,
  sessionServers,
  sojournStorage,
  startRedis,
  startSojourn,
} from './servers.js';
import { median, pairedRatio, summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

const SESSIONS = 100_000;
const STARTS = 3;
/**
 * Of each load on each server: a server runs for weeks, and in the first seconds of a log the compiler has
 * not seen all of it. (64 a frame, one start: 1.5M to 1.7M/s in the first three seconds of that load, 1.7M
 * to 2.2M/s afterwards.)
 */
const WARM_SECONDS = 2;

interface Variant extends Contender {
  readonly log: LogChoice;
}

const NAMES = {
  sojourn: (log: LogChoice): string =>
    log === 'none' ? 'sojourn --memory' : `sojourn --fsync ${log}`,
  redis: (log: LogChoice): string =>
    log === 'none' ? 'redis, no persistence' : `redis, appendonly ${log}`,
} as const;

function variantsOf({ targets, logs, serverFlags }: BenchOptions): readonly Variant[] {
  return sessionServers(targets).flatMap((kind) =>
    // Redis without syncing is between two that are there; it would only take time.
    logs
      .filter((log) => kind === 'sojourn' || log !== 'no')
      .map((log) => ({
        name: NAMES[kind](log),
        kind,
        log,
        start: () =>
          kind === 'sojourn'
            ? startSojourn(serverFlags, sojournStorage(log))
            : startRedis(redisStorage(log)),
      })),
  );
}

interface Ratio {
  readonly over: string;
  readonly under: string;
  /** By load; undefined: nothing is asked of this pair. */
  readonly atLeast: readonly number[] | undefined;
}

const RATIOS: readonly Ratio[] = [
  { over: NAMES.sojourn('no'), under: NAMES.sojourn('none'), atLeast: undefined },
  {
    over: NAMES.sojourn('everysec'),
    under: NAMES.sojourn('none'),
    atLeast: SHAPES.map(() => 0.85),
  },
  { over: NAMES.sojourn('always'), under: NAMES.sojourn('none'), atLeast: undefined },
  {
    over: NAMES.sojourn('everysec'),
    under: NAMES.redis('everysec'),
    atLeast: RATIO_GOALS.set,
  },
  {
    over: NAMES.sojourn('always'),
    under: NAMES.redis('always'),
    atLeast: SHAPES.map(() => 1),
  },
];

export const durability: Bench = {
  name: 'durability',
  summary: 'SH_SET per second by --fsync, beside Redis by appendfsync',

  async run(options, output) {
    const variants = variantsOf(options);
    const { rounds, seconds } = options;
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const groups = SHAPES.map((shape) =>
      variants.map(({ name }): LoadCase => ({ name, operation: 'set', shape, rounds: [] })),
    );
    const starts = Math.min(STARTS, rounds);
    for (let start = 0; start < starts; start += 1) {
      output.progress(`start ${start + 1} of ${starts}`);
      const fleet = new Fleet({ ...options, sessions }, output);
      await fleet.prepare(variants);
      await fleet.measure(groups, {
        ...{ rounds: shareOf(rounds, starts, start), seconds },
        warmSeconds: WARM_SECONDS,
      });
      await fleet.verify();
      await fleet.stop();
    }
    output.heading(
      'durability',
      `SH_SET of one key (Redis: HSET); ${options.connections} connections, ` +
        `${sessions} sessions of three 32-byte values, ${rounds} rounds of ${seconds} s in ${starts} starts of each server`,
    );
    const cases = groups.flat();
    report(variants, cases, output);
    refuseFailures(cases);
  },
};

const ratesOf = ({ rounds }: LoadCase): readonly number[] => rounds.map((round) => round.perSecond);

function report(variants: readonly Variant[], cases: readonly LoadCase[], output: Output): void {
  const loads = SHAPES.map(({ name }) => name);
  const casesOf = (name: string): readonly LoadCase[] => cases.filter((one) => one.name === name);
  const rates = variants.map(({ name }) => ({
    name,
    rates: casesOf(name).map((one) => summaryOf(ratesOf(one))),
  }));
  const measured = RATIOS.flatMap((ratio) => {
    const over = casesOf(ratio.over);
    const under = casesOf(ratio.under);
    if (over.length === 0 || under.length === 0) return [];
    const values = over.map((one, at) => pairedRatio(ratesOf(one), ratesOf(under[at]!)));
    return [{ ...ratio, values }];
  });
  output.table('durability', {
    rows: [
      ['commands/s', ...loads],
      ...rates.map((one) => [
        one.name,
        ...one.rates.map((rate) => `${compact(rate.median)} ${percent(rate.spread)}`),
      ]),
      [],
      ['ratio', ...loads],
      ...measured.map(({ over, under, values }) => [
        `${over} / ${under}`,
        ...values.map((value) => value.toFixed(2)),
      ]),
    ],
  });
  const reference = casesOf(NAMES.redis('everysec'));
  if (reference.length > 0) {
    const logged = variants.filter(({ log }) => log !== 'none');
    output.chart('durability', chartOf(logged, casesOf, reference));
  }
  for (const { over, under, values, atLeast } of measured) {
    if (atLeast === undefined) continue;
    for (const [at, value] of values.entries()) {
      const what = `${over} over ${under}, ${loads[at]}`;
      output.goal('durability', { what, value, atLeast: atLeast[at]! });
    }
  }
  for (const one of cases) writeResult(one, output);
}

/** Commands per second as multiples of the reference's in the same round. */
function chartOf(
  variants: readonly Variant[],
  casesOf: (name: string) => readonly LoadCase[],
  reference: readonly LoadCase[],
): Chart {
  const series = variants.map(({ name }): Series => {
    const ratios = casesOf(name).map((one, at) => {
      const references = ratesOf(reference[at]!);
      return summaryOf(ratesOf(one).map((rate, round) => rate / references[round]!));
    });
    return {
      name,
      values: ratios.map((ratio) => ratio.median),
      spread: ratios.map(({ min, max }) => [min, max] as const),
    };
  });
  return {
    name: 'set',
    title: 'Writes per second with a log, as multiples of Redis with appendonly everysec',
    unit: 'times Redis',
    groups: SHAPES.map((shape) => shape.name),
    series,
  };
}

function writeResult(one: LoadCase, output: Output): void {
  output.result('durability', {
    variant: one.name,
    load: one.shape.name,
    commandsPerSecond: summaryOf(ratesOf(one)),
    perRound: ratesOf(one).map(Math.round),
    latencyUs: medianLatency(one.rounds.map((round) => round.latencyUs)),
    serverUsPerCommand: median(one.rounds.map((round) => round.serverUsPerCommand)),
  });
}
