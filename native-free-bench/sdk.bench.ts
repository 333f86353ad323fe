/**
 * One Node process that reads keys: session.get of the SDK beside hGet of the `redis` package, each
 * against its own server. Both put what is called in one tick into one message by themselves.
 */
import type { ChildProcess } from 'node:child_process';
import type { Bench, Output } from './bench.js';
import type { BenchOptions } from './options.js';
import { startScript } from './processes.js';
import type { SdkKind, SdkOrder, SdkReport, SdkRun } from './sdk-messages.js';
import { sessionServers, startTarget } from './servers.js';
import { pairedRatio, summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

const SESSIONS = 100_000;
const MANY = 1_000;
const CALLS_IN_FLIGHT = [1, 100, MANY] as const;
const WARM_PART = 0.5;

interface Case {
  readonly kind: SdkKind;
  readonly callsInFlight: number;
  readonly rounds: SdkRun[];
}

export const sdk: Bench = {
  name: 'sdk',
  summary: 'session.get of the SDK beside hGet of the redis package, one process each',

  async run(options, output) {
    const kinds = sessionServers(options.targets);
    const processes = await prepare(kinds, options);
    const cases = CALLS_IN_FLIGHT.flatMap((callsInFlight) =>
      kinds.map((kind): Case => ({ kind, callsInFlight, rounds: [] })),
    );
    for (const one of cases) {
      await run(processes, one, options.seconds * WARM_PART);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      output.progress(`round ${round + 1} of ${options.rounds}`);
      for (let at = 0; at < cases.length; at += kinds.length) {
        // Who goes first changes from round to round.
        for (let turn = 0; turn < kinds.length; turn += 1) {
          const one = cases[at + ((turn + round) % kinds.length)]!;
          one.rounds.push(await run(processes, one, options.seconds));
        }
      }
    }
    report(cases, options, output);
  },
};

type Processes = ReadonlyMap<SdkKind, ChildProcess>;

async function prepare(kinds: readonly SdkKind[], options: BenchOptions): Promise<Processes> {
  const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
  const processes = new Map<SdkKind, ChildProcess>();
  for (const kind of kinds) {
    const { port } = await startTarget(kind, options.serverFlags);
    const child = startScript(new URL('sdk-caller.js', import.meta.url));
    processes.set(kind, child);
    await ordered(child, { type: 'prepare', kind, port, sessions });
  }
  return processes;
}

async function run(processes: Processes, one: Case, seconds: number): Promise<SdkRun> {
  const { kind, callsInFlight } = one;
  const result = await ordered(processes.get(kind)!, { type: 'run', seconds, callsInFlight });
  if (result.type !== 'ran') throw new Error(`${kind} did not run`);
  return result;
}

function ordered(child: ChildProcess, order: SdkOrder): Promise<SdkReport> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("the client's process ended"));
    child.once('exit', onExit);
    child.once('message', (result: SdkReport) => {
      child.off('exit', onExit);
      if (result.type === 'failed') reject(new Error(result.reason));
      else resolve(result);
    });
    child.send(order);
  });
}

function report(cases: readonly Case[], options: BenchOptions, output: Output): void {
  const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
  output.heading(
    'sdk',
    `reads of one key by one client in one process, ${sessions} sessions of three 32-byte values, ` +
      `${options.rounds} rounds of ${options.seconds} s`,
  );
  const rows = cases.map((one) => {
    const rate = summaryOf(one.rounds.map(({ perSecond }) => perSecond));
    const cpuUsPerCall = summaryOf(one.rounds.map((round) => round.cpuUsPerCall)).median;
    const ratio = ratioToRedis(cases, one);
    output.result('sdk', {
      target: one.kind,
      callsInFlight: one.callsInFlight,
      callsPerSecond: rate,
      cpuUsPerCall,
      ...(ratio !== undefined && { ratioToRedis: ratio }),
      sessions,
      serverFlags: options.serverFlags,
    });
    return [
      `${one.kind === 'sojourn' ? 'session.get' : 'redis hGet'}, ${one.callsInFlight} in flight`,
      compact(rate.median),
      percent(rate.spread),
      cpuUsPerCall.toFixed(2),
      ratio === undefined ? '' : ratio.toFixed(2),
    ];
  });
  output.table('sdk', {
    rows: [['', 'calls/s', 'spread', "client's CPU µs per call", 'to redis'], ...rows],
  });
  const many = cases.find(
    ({ kind, callsInFlight }) => kind === 'sojourn' && callsInFlight === MANY,
  );
  const value = many && ratioToRedis(cases, many);
  output.goal('sdk', { what: `session.get over hGet, ${MANY} in flight`, value, atLeast: 1.5 });
}

function ratioToRedis(cases: readonly Case[], one: Case): number | undefined {
  const peer = cases.find(
    ({ kind, callsInFlight }) => kind === 'redis' && callsInFlight === one.callsInFlight,
  );
  if (peer === undefined || one.kind === 'redis') return undefined;
  const ratesOf = ({ rounds }: Case): readonly number[] => rounds.map((round) => round.perSecond);
  return pairedRatio(ratesOf(one), ratesOf(peer));
}
