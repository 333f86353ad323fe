/** The tables, the charts and the goal of the scaling bench. */
import { threadCountsOf } from '../src/config/thread-counts.js';
import type { Output } from './bench.js';
import {
  partsOfBest,
  predict,
  recommend,
  type Counts,
  type Machine,
  type MeasuredLoad,
} from './scaling-model.js';
import { median } from './statistics.js';
import { compact } from './table.js';

const BENCH = 'scaling';
const CORES = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** A server that has the machine to itself, and many clients. */
const SERVER: Omit<Machine, 'cores'> = { generators: 0, connections: 10_000, sessions: 1_000_000 };
/** Of what the worst load does with the recommended flags, what it must with the default ones. */
const DEFAULT_PART_MIN = 0.9;

const NEVER_LENT = ['never lent: I/O', 'never lent: shard'];

interface Checked {
  readonly counts: Counts;
  /** By load. */
  readonly perSecond: readonly number[];
}

export class ScalingReport {
  readonly #loads: readonly MeasuredLoad[];
  readonly #output: Output;

  constructor(loads: readonly MeasuredLoad[], output: Output) {
    this.#loads = loads;
    this.#output = output;
  }

  costs(): void {
    this.#output.table(BENCH, {
      title: 'What the model is fed with: one I/O thread, one shard',
      rows: [
        ['CPU µs per command', 'I/O', 'shard', 'other', 'generator', ...NEVER_LENT, 'efficiency'],
        ...this.#loads.map(({ name, lent, neverLent, efficiency }) => [
          name,
          ...[lent.io, lent.shard, lent.other, lent.generator].map(twoDigits),
          ...[neverLent.io, neverLent.shard, efficiency].map(twoDigits),
        ]),
      ],
      note: 'Efficiency: commands per second as a part of what the processor time would allow; of reads and writes, lent and not, the median.',
    });
    for (const { name, ...measured } of this.#loads) {
      this.#output.result(BENCH, { load: name, ...measured });
    }
  }

  /** @param here the machine of the run. */
  check(here: Machine, checked: readonly Checked[]): void {
    const errors: number[] = [];
    const rows = this.#loads.map((load, at) => [
      load.name,
      ...checked.flatMap(({ counts, perSecond }) => {
        const measured = perSecond[at]!;
        const predicted = predict(load, { ...here, ...counts }).perSecond;
        const error = predicted / measured - 1;
        errors.push(Math.abs(error));
        this.#output.result(BENCH, { load: load.name, ...counts, predicted, measured, error });
        return [`${compact(predicted)} / ${compact(measured)}`, signed(error)];
      }),
    ]);
    this.#output.table(BENCH, {
      title: `Predicted / measured commands/s on ${here.cores} cores shared with the generator`,
      rows: [
        ['I/O threads + shards', ...checked.flatMap(({ counts }) => [namesOf(counts), 'error'])],
        ...rows,
      ],
      note:
        `Error: median ${signed(median(errors)).slice(1)}, at most ${signed(Math.max(...errors)).slice(1)}. ` +
        'None of these counts was fed to the model.',
    });
  }

  /** With the default flags, clients elsewhere. */
  predictions(): void {
    const ratesOf = (load: MeasuredLoad): number[] =>
      CORES.map((cores) => predict(load, { ...SERVER, cores, ...defaultCounts(cores) }).perSecond);
    this.#output.table(BENCH, {
      title: 'Predicted commands/s with the default flags, clients on other machines',
      rows: [
        ['cores', ...CORES.map(String)],
        ...this.#loads.map((load) => [load.name, ...ratesOf(load).map(compact)]),
      ],
      note: `${SERVER.connections} connections, ${SERVER.sessions} sessions. The network is not in it.`,
    });
    this.#output.chart(BENCH, {
      name: 'cores',
      title: 'Predicted commands per second by cores, default flags',
      unit: 'commands/s',
      kind: 'lines',
      isLog: true,
      groups: CORES.map(String),
      series: this.#loads
        .filter(({ name }) => name.startsWith('GET'))
        .map((load) => ({ name: load.name, values: ratesOf(load) })),
    });
  }

  recommendations(): void {
    const parts = CORES.map((cores) => {
      const machine = { ...SERVER, cores };
      const best = recommend(this.#loads, machine);
      const given = defaultCounts(cores);
      const worst = (counts: Counts): number =>
        Math.min(...partsOfBest(this.#loads, machine, counts));
      return { cores, best, given, bestWorst: worst(best), givenWorst: worst(given) };
    });
    const percent = (part: number): string => `${(part * 100).toFixed(0)}%`;
    this.#output.table(BENCH, {
      title: 'Flags by cores: --io-threads + --shards',
      rows: [
        ['cores', ...parts.map(({ cores }) => String(cores))],
        ['recommended', ...parts.map(({ best }) => namesOf(best))],
        ['its worst load', ...parts.map(({ bestWorst }) => percent(bestWorst))],
        ['default', ...parts.map(({ given }) => namesOf(given))],
        ['its worst load', ...parts.map(({ givenWorst }) => percent(givenWorst))],
      ],
      note:
        'The worst load: what it reaches with these flags, of what it would reach with those that suit it best. ' +
        'Recommended is what loses least there.',
    });
    this.#output.chart(BENCH, {
      name: 'flags',
      title: 'I/O threads by cores; the other cores are for shards',
      unit: 'I/O threads',
      kind: 'lines',
      groups: CORES.map(String),
      series: [
        { name: 'recommended', values: parts.map(({ best }) => best.ioThreads) },
        { name: 'default', values: parts.map(({ given }) => given.ioThreads) },
      ],
    });
    this.#output.goal(BENCH, {
      what: 'worst load with the default flags over that with the recommended ones, 2 to 64 cores',
      value: Math.min(...parts.map(({ givenWorst, bestWorst }) => givenWorst / bestWorst)),
      atLeast: DEFAULT_PART_MIN,
    });
  }
}

function defaultCounts(cores: number): Counts {
  return threadCountsOf({ ioThreads: 0, shards: 0, cores, canSharePort: true });
}

function namesOf({ ioThreads, shards }: Counts): string {
  return `${ioThreads} + ${shards}`;
}

function signed(part: number): string {
  return `${part < 0 ? '-' : '+'}${(Math.abs(part) * 100).toFixed(0)}%`;
}

function twoDigits(value: number): string {
  return value.toFixed(2);
}
