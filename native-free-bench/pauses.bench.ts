/**
 * How long the longest commands wait with many sessions in memory: half of what the server takes
 * of a closed loop, by an open one, and the times that the server counts itself, from when it could
 * read a command to when it sent the reply. The generator's own figures stand beside them.
 *
 * Before and after that a thread spins with nothing else to do: its gaps are the machine's.
 */
import { randomFillSync } from 'node:crypto';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import { fullLoad } from './full-load.js';
import { LATENCY_NAMES, latencyFrom, type Latency } from './latency.js';
import { delay } from './load.js';
import {
  nativeProtocol,
  statsCommand,
  statsFrom,
  type ThreadDurations,
} from './native-protocol.js';
import type { BenchOptions } from './options.js';
import { PacedLoad } from './paced-load.js';
import { TOKEN_BYTES } from './protocol.js';
import { durationsBetween, msAt, type Durations } from './server-times.js';
import { startSojourn } from './servers.js';
import { spinGaps } from './spinner.js';
import { compact } from './table.js';

const SESSIONS = 5_000_000;
const SESSION_SECONDS = 36_000;
const FULL_SECONDS = 1;
const WARM_SECONDS = 2;
const WARM_CALLS = 10;
const SPIN_SECONDS_MAX = 10;
const WAIT_MS_MAX = 20;
const P999_MS_MAX = 5;

interface PausesResult {
  readonly sessions: number;
  readonly perSecond: number;
  readonly fullPerSecond: number;
  readonly server: Durations;
  readonly clientUs: Latency;
  readonly latenessUs: Latency;
  readonly gapsUs: readonly Latency[];
}

export const pauses: Bench = {
  name: 'pauses',
  summary: 'the longest waits at half load, with five million sessions in memory',

  async run(options, output) {
    report(await measure(options, output), options, output);
  },
};

async function measure(options: BenchOptions, output: Output): Promise<PausesResult> {
  const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
  const { connections, rate, seconds, serverFlags } = options;
  const protocol = nativeProtocol;
  const { port } = await startSojourn(serverFlags);
  const spinSeconds = Math.min(seconds, SPIN_SECONDS_MAX);
  const gapsBefore = spinGaps(spinSeconds);
  const tokens = randomFillSync(Buffer.alloc(sessions * TOKEN_BYTES));
  await fill({ port, protocol, sessions, tokens, secondsOf: () => SESSION_SECONDS });
  output.progress('filled');
  const fullPerSecond = await fullLoad({
    ...{ port, protocol, tokens, connections },
    seconds: FULL_SECONDS,
  });
  const perSecond = rate > 1 ? rate : fullPerSecond * rate;
  output.progress(`full load ${compact(fullPerSecond)}/s, measured at ${compact(perSecond)}/s`);

  const operations = ['get', 'set'] as const;
  const load = await PacedLoad.open({ port, protocol, tokens, connections, operations });
  const caller = await Caller.open(port, protocol);
  const replyTimes = async (): Promise<readonly ThreadDurations[]> =>
    statsFrom(await caller.call(statsCommand())).replyTimes;
  // One load from the warming on: starting another one takes the cores for a tenth of a second.
  let before: readonly ThreadDurations[] = [];
  const measured = async (): Promise<void> => {
    // To ask for the first time is slow, and it is the bench that asks: that is no pause of the server's.
    for (let call = 0; call < WARM_CALLS; call += 1) await replyTimes();
    await delay(WARM_SECONDS * 1_000);
    before = await replyTimes();
    await delay(seconds * 1_000);
  };
  const { latencyUs, latenessUs } = await load.run({
    ...{ perSecond, warmSeconds: WARM_SECONDS, until: measured() },
  });
  const after = await replyTimes();
  const gapsAfter = spinGaps(spinSeconds);
  load.close();
  caller.close();
  return {
    ...{ sessions, perSecond, fullPerSecond },
    server: durationsBetween(before, after),
    clientUs: latencyFrom(latencyUs),
    latenessUs: latencyFrom(latenessUs),
    gapsUs: [latencyFrom(gapsBefore), latencyFrom(gapsAfter)],
  };
}

function report(result: PausesResult, options: BenchOptions, output: Output): void {
  const { sessions, perSecond, fullPerSecond, server, clientUs, latenessUs, gapsUs } = result;
  const { connections, seconds, serverFlags } = options;
  output.heading(
    'pauses',
    `${sessions} sessions, ${connections} connections, half reads and half writes, ` +
      `${compact(perSecond)} commands/s of ${compact(fullPerSecond)}, ${seconds} s`,
  );
  const serverMs: Latency = {
    p50: msAt(server, 50),
    p99: msAt(server, 99),
    p999: msAt(server, 99.9),
    max: msAt(server, 100),
  };
  const cells = ({ p50, p99, p999, max }: Latency, perMs: number): string[] =>
    [p50, p99, p999, max].map((value) => (value / perMs).toFixed(2));
  output.table('pauses', {
    rows: [
      ['ms', ...LATENCY_NAMES],
      ['as the server counts', ...cells(serverMs, 1)],
      ['as the client sees', ...cells(clientUs, 1_000)],
      ['of which the generator was late', ...cells(latenessUs, 1_000)],
      ...['before', 'after'].map((when, at) => [
        `gaps of a spinning thread, ${when}`,
        ...cells(gapsUs[at]!, 1_000),
      ]),
    ],
    note: 'Gaps are those over 20 µs of a thread that only looks at the clock while the server idles.',
  });
  output.goal('pauses', {
    what: 'longest wait of a command, ms',
    value: serverMs.max,
    atMost: WAIT_MS_MAX,
  });
  output.goal('pauses', {
    what: 'p99.9 of waits, ms',
    value: serverMs.p999,
    atMost: P999_MS_MAX,
  });
  output.result('pauses', {
    ...{ sessions, seconds, perSecond, fullPerSecond },
    ...{ serverMs, clientUs, generatorLatenessUs: latenessUs, spinGapsUs: gapsUs, serverFlags },
  });
}
