/**
 * How long the longest commands wait with many sessions in memory: half of what the server takes
 * of a closed loop, by an open one, and the times that the server counts itself, from when it could
 * read a command to when it sent the reply. The generator's own figures stand beside them.
 *
 * Before and after that a thread spins with nothing else to do: its gaps are the machine's. And while
 * it is measured the cores themselves are watched, and the threads by which the kernel scans memory:
 * tenths of a second in which the machine took a core away count in the figures of the whole time, not in
 * those that the goals are about.
 */
import { randomFillSync } from 'node:crypto';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { isUndisturbed, type Span, watchCores } from './core-watch.js';
import { fill } from './fill.js';
import { fullLoad } from './full-load.js';
import type { Gap } from './kernel-threads.js';
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
import { durationsBetween, msAt, sumOf, type Durations } from './server-times.js';
import { startSojourn } from './servers.js';
import { spinGaps } from './spinner.js';
import { compact } from './table.js';

const SESSIONS = 5_000_000;
const SESSION_SECONDS = 36_000;
const FULL_SECONDS = 1;
const WARM_SECONDS = 2;
const WARM_CALLS = 10;
/** Until the last second has been read, and some more. */
const WATCH_SECONDS_MORE = 4;
const WATCH_START_MS = 500;
/** What is left out for a gap of the machine's. */
const PART_MS = 100;
const SPIN_SECONDS_MAX = 10;
const WAIT_MS_MAX = 20;
const P999_MS_MAX = 5;

interface PausesResult {
  readonly sessions: number;
  readonly perSecond: number;
  readonly fullPerSecond: number;
  readonly server: Durations;
  /** Without the spans in which the machine took a core away; all of them where nobody may watch. */
  readonly undisturbed: Durations;
  /** Of the spans left out there; undefined where nobody may watch. */
  readonly secondsLeftOut: number | undefined;
  /** In those spans. */
  readonly gaps: readonly Gap[];
  readonly clientUs: Latency;
  readonly latenessUs: Latency;
  readonly gapsUs: readonly Latency[];
}

/** A part of the load, and what the server counted in it. */
interface Part extends Span {
  readonly waits: Durations;
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
  const measured = async (): Promise<readonly Part[]> => {
    // To ask for the first time is slow, and it is the bench that asks: that is no pause of the server's.
    for (let call = 0; call < WARM_CALLS; call += 1) await replyTimes();
    await delay(WARM_SECONDS * 1_000);
    return await eachPart(seconds, replyTimes);
  };
  const watch = watchCores(WARM_SECONDS + seconds + WATCH_SECONDS_MORE);
  // Whoever watches takes the cores while it starts.
  await delay(WATCH_START_MS);
  const window = measured();
  const { latencyUs, latenessUs } = await load.run({
    ...{ perSecond, warmSeconds: WARM_SECONDS, until: window },
  });
  const spans = await window;
  const gaps = await watch;
  const gapsAfter = spinGaps(spinSeconds);
  load.close();
  caller.close();
  const felt = gaps?.filter((gap) => spans.some((span) => !isUndisturbed(span, [gap])));
  const kept = spans.filter((span) => isUndisturbed(span, felt ?? []));
  return {
    ...{ sessions, perSecond, fullPerSecond },
    server: sumOf(spans.map(({ waits }) => waits)),
    undisturbed: sumOf(kept.map(({ waits }) => waits)),
    secondsLeftOut: felt && secondsOf(spans) - secondsOf(kept),
    gaps: felt ?? [],
    clientUs: latencyFrom(latencyUs),
    latenessUs: latencyFrom(latenessUs),
    gapsUs: [latencyFrom(gapsBefore), latencyFrom(gapsAfter)],
  };
}

/** Reads the server's counts every PART_MS. */
async function eachPart(
  seconds: number,
  replyTimes: () => Promise<readonly ThreadDurations[]>,
): Promise<readonly Part[]> {
  const spans: Part[] = [];
  let before = await replyTimes();
  let fromMs = epochMs();
  const untilMs = fromMs + seconds * 1_000;
  while (fromMs < untilMs) {
    await delay(PART_MS);
    const after = await replyTimes();
    const toMs = epochMs();
    spans.push({ fromMs, toMs, waits: durationsBetween(before, after) });
    before = after;
    fromMs = toMs;
  }
  return spans;
}

function secondsOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / 1_000;
}

function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

function report(result: PausesResult, options: BenchOptions, output: Output): void {
  const { sessions, perSecond, fullPerSecond, server, undisturbed } = result;
  const { secondsLeftOut, gaps, clientUs, latenessUs, gapsUs } = result;
  const { connections, seconds, serverFlags } = options;
  output.heading(
    'pauses',
    `${sessions} sessions, ${connections} connections, half reads and half writes, ` +
      `${compact(perSecond)} commands/s of ${compact(fullPerSecond)}, ${seconds} s`,
  );
  const serverMs = waitsOf(server);
  const undisturbedMs = waitsOf(undisturbed);
  // Of a machine that was away most of the time nothing can be said.
  const isEnough = (secondsLeftOut ?? 0) <= seconds / 2;
  const cells = ({ p50, p99, p999, max }: Latency, perMs: number): string[] =>
    [p50, p99, p999, max].map((value) => (value / perMs).toFixed(2));
  output.table('pauses', {
    rows: [
      ['ms', ...LATENCY_NAMES],
      ['as the server counts', ...cells(serverMs, 1)],
      ['&nbsp;&nbsp;while the machine took no core away', ...cells(undisturbedMs, 1)],
      ['as the client sees', ...cells(clientUs, 1_000)],
      ['of which the generator was late', ...cells(latenessUs, 1_000)],
      ...['before', 'after'].map((when, at) => [
        `gaps of a spinning thread, ${when}`,
        ...cells(gapsUs[at]!, 1_000),
      ]),
    ],
    note: `${leftOutText(result)} Gaps are those over 20 µs of a thread that only looks at the clock while the server idles.`,
  });
  output.goal('pauses', {
    what: 'longest wait of a command, ms, while the machine took no core away',
    value: isEnough ? undisturbedMs.max : undefined,
    atMost: WAIT_MS_MAX,
  });
  output.goal('pauses', {
    what: 'p99.9 of waits, ms, while the machine took no core away',
    value: isEnough ? undisturbedMs.p999 : undefined,
    atMost: P999_MS_MAX,
  });
  output.result('pauses', {
    ...{ sessions, seconds, perSecond, fullPerSecond },
    ...{ serverMs, undisturbedMs, secondsLeftOut, gaps },
    ...{ clientUs, generatorLatenessUs: latenessUs, spinGapsUs: gapsUs, serverFlags },
  });
}

function waitsOf(waits: Durations): Latency {
  return {
    p50: msAt(waits, 50),
    p99: msAt(waits, 99),
    p999: msAt(waits, 99.9),
    max: msAt(waits, 100),
  };
}

function leftOutText({ secondsLeftOut, gaps }: PausesResult): string {
  if (secondsLeftOut === undefined) {
    return 'Nobody may watch the cores here (chrt asks for a right): nothing is left out.';
  }
  if (gaps.length === 0) return 'The machine took no core away for a millisecond or more.';
  const names = [...new Set(gaps.map(({ by }) => by))].sort();
  const texts = names.map((name) => {
    const ofName = gaps.filter(({ by }) => by === name).map(({ gapMs }) => gapMs);
    return `${name} ${ofName.length} times, ${Math.max(...ofName).toFixed(1)} ms at most`;
  });
  return (
    `Left out there: ${secondsLeftOut.toFixed(1)} s, the tenths of a second in which for a millisecond or ` +
    'more a thread that goes before all others (SCHED_FIFO) did not get its core, which no ordinary thread ' +
    'can bring about, but the host of the machine or a kernel at work; or in which the kernel scanned ' +
    `memory (${texts.join('; ')}).`
  );
}
