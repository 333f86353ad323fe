/** One measured round of one case, from what the generators report of it. */
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { RunReport } from './generator-messages.js';
import { newLatencyHistogram } from './load.js';

export interface ThreadCost {
  readonly tid: number;
  readonly name: string;
  readonly usPerCommand: number;
}

export interface Round {
  readonly perSecond: number;
  readonly failures: number;
  /** CPU of the server's threads; empty where it cannot be read. */
  readonly threads: readonly ThreadCost[];
  readonly serverUsPerCommand: number;
  readonly generatorUsPerCommand: number;
  /** 0 unless one message is in flight. */
  readonly p50Us: number;
  readonly p99Us: number;
}

/** @param reports one per generator, of the same window; the first has the server's CPU times. */
export function roundFrom(reports: readonly RunReport[]): Round {
  const total = (valueOf: (report: RunReport) => number): number =>
    reports.reduce((sum, report) => sum + valueOf(report), 0);
  const perSecond = total((report) => report.commands / report.seconds);
  const { threads: times, seconds } = reports[0]!;
  const threads = times.map(({ tid, name, cpuUs }) => ({
    tid,
    name,
    usPerCommand: cpuUs / seconds / perSecond,
  }));
  const latencyUs: Histogram = newLatencyHistogram();
  for (const report of reports) latencyUs.add(decodeFromCompressedBase64(report.latencyUs));
  return {
    perSecond,
    failures: total((report) => report.failures),
    threads,
    serverUsPerCommand: threads.reduce((sum, thread) => sum + thread.usPerCommand, 0),
    generatorUsPerCommand: total((report) => report.ownCpuUs) / total((report) => report.commands),
    p50Us: latencyUs.getValueAtPercentile(50),
    p99Us: latencyUs.getValueAtPercentile(99),
  };
}
