import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import type { PaceReport, RunReport } from '../../../native-free-bench/generator-messages.js';
import {
  type Latency,
  latencyFrom,
  medianLatency,
  newLatencyHistogram,
} from '../../../native-free-bench/latency.js';
import { pollingUsPerCommand, pollsFrom } from '../../../native-free-bench/polling.js';
import { pacedRoundFrom, roundFrom } from '../../../native-free-bench/round.js';
import type { Stats } from '../../../native-free-bench/native-protocol.js';
import { median, pairedRatio, summaryOf } from '../../../native-free-bench/statistics.js';
import { compact, percent, rounded, tableOf } from '../../../native-free-bench/table.js';
import { Tape } from '../../../native-free-bench/tape.js';
import {
  cpuUsFromStat,
  kindOfThread,
  threadTimesBetween,
} from '../../../native-free-bench/thread-times.js';

describe('statistics', () => {
  test.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[10, 9, 1, 2], 5.5],
  ])('median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test('summaryOf gives the spread as half the range over the median', () => {
    expect(summaryOf([90, 100, 120])).toEqual({ median: 100, min: 90, max: 120, spread: 0.15 });
  });

  test('pairedRatio compares rounds that ran next to each other', () => {
    // The machine was twice as slow in the second round, for both.
    expect(pairedRatio([100, 50, 100], [200, 100, 200])).toBe(0.5);
  });
});

describe('table', () => {
  test('aligns the first column left and the others right', () => {
    expect(tableOf([['', 'ab'], ['row', '1'], []])).toBe('     ab\nrow   1\n');
  });

  test.each([
    [12, '12'],
    [1_234, '1.2k'],
    [123_456, '123k'],
    [1_234_567, '1.23M'],
  ])('writes %d as %s', (value, text) => {
    expect(compact(value)).toBe(text);
  });

  test.each([
    [0.947, '0.95'],
    [12.34, '12.3'],
    [1_234.5, '1235'],
  ])('rounds %d to %s', (value, text) => {
    expect(rounded(value)).toBe(text);
  });

  test('writes a spread as percent', () => {
    expect(percent(0.084)).toBe('±8%');
  });
});

describe('roundFrom', () => {
  const reportOf = (commands: number, latencyUs: number): RunReport => {
    const histogram = newLatencyHistogram();
    histogram.recordValue(latencyUs);
    return {
      type: 'ran',
      commands,
      seconds: 2,
      failures: 1,
      threads: [
        { tid: 7, name: 'io-0', cpuUs: 600_000 },
        { tid: 8, name: 'io-1', cpuUs: 200_000 },
        { tid: 9, name: 'shard-0', cpuUs: 200_000 },
      ],
      ownCpuUs: 400,
      latencyUs: encodeIntoCompressedBase64(histogram),
    };
  };

  test('adds up the generators and divides the CPU time by all commands', () => {
    const round = roundFrom([reportOf(1_000, 100), { ...reportOf(3_000, 300), threads: [] }]);
    expect(round.perSecond).toBe(2_000);
    expect(round.failures).toBe(2);
    expect(round.usPerCommandByThread).toEqual({ io: 200, shard: 50 });
    expect(round.serverUsPerCommand).toBe(250);
    expect(round.generatorUsPerCommand).toBe(0.2);
    expect([round.latencyUs.p50, round.latencyUs.p99]).toEqual([100, 300]);
  });

  test('leaves out idle polling, thread by thread', () => {
    const round = roundFrom([reportOf(4_000, 100)], { io: 50, shard: 1_000, other: 1 });
    expect(round.usPerCommandByThread).toEqual({ io: 150, shard: 0 });
    expect(round.serverUsPerCommand).toBe(150);
  });
});

describe('idle polling', () => {
  const statsOf = (
    commandsIn: number,
    io: number,
    shard: number,
  ): Pick<Stats, 'io' | 'shards'> => ({
    io: [
      { commandsIn, idleTurns: io },
      { commandsIn: 0, idleTurns: 0 },
    ],
    shards: [{ idleTurns: shard }],
  });

  test('is what was polled in vain between two readings, spread over the commands', () => {
    const before = pollsFrom(statsOf(1_000, 50, 10));
    const after = pollsFrom(statsOf(1_100, 100, 30));
    expect(pollingUsPerCommand(before, after)).toEqual({ io: 1, shard: 0.1 });
  });

  test('is nothing for a server that counts none', () => {
    const polls = pollsFrom({ io: [{ commandsIn: 5 }], shards: [{}] });
    expect(pollingUsPerCommand(polls, polls)).toEqual({ io: 0, shard: 0 });
  });
});

describe('pacedRoundFrom', () => {
  test('puts the histograms of all generators together', () => {
    const encodedOf = (us: number): string => {
      const histogram = newLatencyHistogram();
      histogram.recordValue(us);
      return encodeIntoCompressedBase64(histogram);
    };
    const reportOf = (us: number): PaceReport => ({
      type: 'paced',
      commands: 100,
      seconds: 2,
      latencyUs: encodedOf(us),
      latenessUs: encodedOf(us / 10),
    });
    const round = pacedRoundFrom([reportOf(100), reportOf(900)]);
    expect(round.perSecond).toBe(100);
    expect([round.latencyUs.p50, round.latencyUs.max]).toEqual([100, 900]);
    expect([round.latenessUs.p50, round.latenessUs.max]).toEqual([10, 90]);
  });
});

describe('latency', () => {
  test('tells the percentiles of what was recorded', () => {
    const histogram = newLatencyHistogram();
    for (let us = 1; us <= 1_000; us += 1) histogram.recordValue(us);
    expect(latencyFrom(histogram)).toEqual({ p50: 500, p99: 990, p999: 999, max: 1_000 });
  });

  test('is all zeros where nothing was recorded', () => {
    expect(latencyFrom(newLatencyHistogram())).toEqual({ p50: 0, p99: 0, p999: 0, max: 0 });
  });

  test('medianLatency takes the median of each figure by itself', () => {
    const of = (us: number, max: number): Latency => ({ p50: us, p99: us, p999: us, max });
    const rounds = [of(1, 30), of(2, 10), of(3, 20)];
    expect(medianLatency(rounds)).toEqual({ p50: 2, p99: 2, p999: 2, max: 20 });
  });
});

describe('thread times', () => {
  test.each([
    ['io-0', 'io'],
    ['shard-12', 'shard'],
    ['mc-worker', 'mc-worker'],
  ])('thread %s is of kind %s', (name, kind) => {
    expect(kindOfThread(name)).toBe(kind);
  });

  test('cpuUsFromStat reads user and system time after a name with spaces and brackets', () => {
    const stat = '12 (a b) c) S 1 1 1 0 -1 4194304 10 0 0 0 25 5 0 0 20 0 7 0 173266';
    expect(cpuUsFromStat(stat)).toBe(300_000);
  });

  test('threadTimesBetween leaves out threads that were not there before', () => {
    const before = [{ tid: 1, name: 'node', cpuUs: 100 }];
    const after = [
      { tid: 1, name: 'node', cpuUs: 150 },
      { tid: 2, name: 'new', cpuUs: 20 },
    ];
    expect(threadTimesBetween(before, after)).toEqual([{ tid: 1, name: 'node', cpuUs: 50 }]);
  });
});

describe('Tape', () => {
  test('gives any run of messages as one view', () => {
    const tape = new Tape([Buffer.from('aa'), Buffer.from('bb'), Buffer.from('cc')]);
    expect(tape.messages).toBe(3);
    expect(tape.view(1, 2).toString()).toBe('bbcc');
  });

  test('refuses messages of unequal size', () => {
    expect(() => new Tape([Buffer.from('aa'), Buffer.from('b')])).toThrow('differ in size');
  });
});
