/**
 * What a running snapshot does to commands: latencies at about half of what the server can take,
 * in windows without and with a snapshot, by turns. The goal is a p99 at most twice as long.
 */
import { randomFillSync } from 'node:crypto';
import { benchDirectory } from './bench-directory.js';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import { fullLoad } from './full-load.js';
import { delay } from './load.js';
import { nativeProtocol } from './native-protocol.js';
import type { BenchOptions } from './options.js';
import { PacedLoad, type PacedResult } from './paced-load.js';
import { TOKEN_BYTES } from './protocol.js';
import { startSojourn } from './servers.js';
import { median, summaryOf } from './statistics.js';
import { compact } from './table.js';

const SESSIONS = 1_000_000;
const SESSION_SECONDS = 36_000;
const LOAD_PART = 0.5;
const P99_RATIO_MAX = 2;
/** None comes by itself: only those that are asked for. */
const STORAGE = ['--snapshot-min-bytes', '64GiB'];

interface Windows {
  readonly name: 'without' | 'with';
  readonly results: PacedResult[];
}

export const snapshot: Bench = {
  name: 'snapshot',
  summary: 'latency at half load with and without a snapshot under way',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const storage = ['--data-dir', benchDirectory(), ...STORAGE];
    const { port } = await startSojourn(options.serverFlags, storage);
    const tokens = randomFillSync(Buffer.alloc(sessions * TOKEN_BYTES));
    const protocol = nativeProtocol;
    await fill({ port, protocol, sessions, tokens, secondsOf: () => SESSION_SECONDS });
    output.progress('filled');
    const fullPerSecond = await fullLoad({
      ...{ port, protocol, tokens },
      ...{ connections: options.connections, seconds: options.seconds },
    });
    const perSecond = fullPerSecond * LOAD_PART;
    output.progress(`full load ${compact(fullPerSecond)}/s, measured at ${compact(perSecond)}/s`);

    const load = await PacedLoad.open({
      ...{ port, protocol, tokens },
      connections: options.connections,
      operations: ['get', 'set'],
    });
    const caller = await Caller.open(port, protocol);
    const windows: readonly Windows[] = [
      { name: 'without', results: [] },
      { name: 'with', results: [] },
    ];
    await load.run({ perSecond, until: delay(options.seconds * 1_000) });
    for (let round = 0; round < options.rounds; round += 1) {
      for (const { name, results } of windows) {
        const until =
          name === 'with' ? caller.call(protocol.snapshot()) : delay(options.seconds * 1_000);
        results.push(await load.run({ perSecond, until }));
      }
      output.progress(`round ${round + 1} of ${options.rounds}`);
    }
    load.close();
    caller.close();
    report(windows, { sessions, perSecond, fullPerSecond }, options, output);
  },
};

interface Conditions {
  readonly sessions: number;
  readonly perSecond: number;
  readonly fullPerSecond: number;
}

function report(
  windows: readonly Windows[],
  { sessions, perSecond, fullPerSecond }: Conditions,
  options: BenchOptions,
  output: Output,
): void {
  output.heading(
    'snapshot',
    `${sessions} sessions, ${options.connections} connections, half reads and half writes, ` +
      `${compact(perSecond)} commands/s of ${compact(fullPerSecond)}; medians of ${options.rounds}`,
  );
  const usAt = (results: readonly PacedResult[], percentile: number): number[] =>
    results.map(({ latencyUs }) => latencyUs.getValueAtPercentile(percentile));
  const cell = (values: readonly number[]): string => median(values).toFixed(0);
  output.table('snapshot', {
    rows: [
      [
        'a snapshot',
        'p50 µs',
        'p99 µs',
        'p99.9 µs',
        'max µs',
        'window s',
        'generator late, p99 µs',
      ],
      ...windows.map(({ name, results }) => [
        name,
        ...[50, 99, 99.9, 100].map((percentile) => cell(usAt(results, percentile))),
        median(results.map(({ seconds }) => seconds)).toFixed(2),
        cell(results.map(({ latenessUs }) => latenessUs.getValueAtPercentile(99))),
      ]),
    ],
  });
  const p99s = windows.map(({ results }) => median(usAt(results, 99)));
  output.goal('snapshot', {
    what: 'p99 during a snapshot over p99 without',
    value: p99s[1]! / p99s[0]!,
    atMost: P99_RATIO_MAX,
  });
  for (const { name, results } of windows) {
    output.result('snapshot', {
      snapshot: name,
      sessions,
      perSecond,
      p50Us: summaryOf(usAt(results, 50)),
      p99Us: summaryOf(usAt(results, 99)),
      maxUs: summaryOf(usAt(results, 100)),
      seconds: summaryOf(results.map(({ seconds }) => seconds)),
      serverFlags: options.serverFlags,
    });
  }
}
