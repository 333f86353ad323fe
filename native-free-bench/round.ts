/** One measured round of one case, from what the generators report of it. */
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { PaceReport, RunReport } from './generator-messages.js';
import { latencyFrom, newLatencyHistogram, type Latency } from './latency.js';
import { kindOfThread } from './thread-times.js';

export interface Round {
  readonly perSecond: number;
  readonly failures: number;
  /** CPU of the server's threads, by kind, without idle polling; empty where it cannot be read. */
  readonly usPerCommandByThread: Readonly<Record<string, number>>;
  readonly serverUsPerCommand: number;
  readonly generatorUsPerCommand: number;
  /** All 0 unless one message is in flight. */
  readonly latencyUs: Latency;
}

/**
 * @param reports one per generator, of the same window; the first has the server's CPU times.
 * @param pollingUs what a command's share of idle polling is, by kind of thread: it is left out.
 */
export function roundFrom(
  reports: readonly RunReport[],
  pollingUs: Readonly<Record<string, number>> = {},
): Round {
  const total = (valueOf: (report: RunReport) => number): number =>
    reports.reduce((sum, report) => sum + valueOf(report), 0);
  const perSecond = total((report) => report.commands / report.seconds);
  const { threads, seconds } = reports[0]!;
  const byThread: Record<string, number> = {};
  for (const { name, cpuUs } of threads) {
    const kind = kindOfThread(name);
    byThread[kind] = (byThread[kind] ?? 0) + cpuUs / seconds / perSecond;
  }
  for (const [kind, us] of Object.entries(pollingUs)) {
    const whole = byThread[kind];
    if (whole !== undefined) byThread[kind] = Math.max(0, whole - us);
  }
  return {
    perSecond,
    failures: total((report) => report.failures),
    usPerCommandByThread: byThread,
    serverUsPerCommand: Object.values(byThread).reduce((sum, us) => sum + us, 0),
    generatorUsPerCommand: total((report) => report.ownCpuUs) / total((report) => report.commands),
    latencyUs: latencyFrom(merged(reports.map((report) => report.latencyUs))),
  };
}

/** One window of an open loop. */
export interface PacedRound {
  readonly perSecond: number;
  /** From the instant at which each command should have left. */
  readonly latencyUs: Latency;
  /** How much later than that it left. */
  readonly latenessUs: Latency;
}

export function pacedRoundFrom(reports: readonly PaceReport[]): PacedRound {
  return {
    perSecond: reports.reduce((sum, { commands, seconds }) => sum + commands / seconds, 0),
    latencyUs: latencyFrom(merged(reports.map((report) => report.latencyUs))),
    latenessUs: latencyFrom(merged(reports.map((report) => report.latenessUs))),
  };
}

/** @param encoded histograms as base64. */
function merged(encoded: readonly string[]): Histogram {
  const all = newLatencyHistogram();
  for (const one of encoded) all.add(decodeFromCompressedBase64(one));
  return all;
}
