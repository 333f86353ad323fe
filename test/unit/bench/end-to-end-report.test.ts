import { describe, expect, test } from 'vitest';
import {
  chartOf,
  cpuGoalOf,
  ratioTo,
  tableRowsOf,
  threadCosts,
  type Case,
  type Results,
} from '../../../native-free-bench/end-to-end-report.js';
import { Fleet, refuseFailures, shareOf } from '../../../native-free-bench/fleet.js';
import type { TargetKind } from '../../../native-free-bench/generator-messages.js';
import { Output } from '../../../native-free-bench/bench.js';
import { chosenParts } from '../../../native-free-bench/report.bench.js';
import { REPORT_PARTS } from '../../../native-free-bench/report-parts.js';
import type { Round } from '../../../native-free-bench/round.js';

const SHAPE = { name: '64 per frame', messagesInFlight: 1, commandsPerMessage: 64 };
const LATENCY = { p50: 10, p99: 20, p999: 30, max: 40 };

function round(perSecond: number, byThread: Readonly<Record<string, number>>): Round {
  return {
    perSecond,
    failures: 0,
    usPerCommandByThread: byThread,
    serverUsPerCommand: Object.values(byThread).reduce((sum, us) => sum + us, 0),
    generatorUsPerCommand: 0.5,
    latencyUs: LATENCY,
  };
}

function caseOf(name: TargetKind, rounds: readonly Round[]): Case {
  return { name, operation: 'get', shape: SHAPE, rounds: [...rounds] };
}

/** The machine is half as fast in the second round, for both. */
const RESULTS: Results = {
  targets: ['sojourn', 'redis'],
  shapes: [SHAPE],
  versions: { redis: '7.0.15' },
  cases: [
    caseOf('sojourn', [
      round(300, { io: 1, shard: 2 }),
      round(150, { io: 2, shard: 4, node: 0.01 }),
    ]),
    caseOf('redis', [round(200, { 'redis-server': 2 }), round(100, { 'redis-server': 4 })]),
  ],
};

describe('the end-to-end report', () => {
  test('compares neighbouring rounds', () => {
    expect(ratioTo(RESULTS, 'redis', 'get', SHAPE)).toBe(1.5);
    expect(ratioTo(RESULTS, 'echo', 'get', SHAPE)).toBeUndefined();
    expect(ratioTo(RESULTS, 'redis', 'set', SHAPE)).toBeUndefined();
  });

  test('asks for no more processor time than Redis takes', () => {
    expect(cpuGoalOf(RESULTS, 'get').value).toBeCloseTo(1.5, 2);
    expect(cpuGoalOf(RESULTS, 'get').atMost).toBe(1);
    expect(cpuGoalOf(RESULTS, 'set').value).toBeUndefined();
  });

  test('tells processor time by kind of thread, without those that hardly matter', () => {
    expect([...threadCosts(RESULTS.cases[0]!)]).toEqual([
      ['io', 1.5],
      ['shard', 3],
    ]);
    const rows = tableRowsOf(RESULTS, 'get').map(([title]) => title);
    expect(rows).toContain('  io');
    // Redis has one thread, whose figure is the row above.
    expect(rows).not.toContain('  redis-server');
  });

  test('charts multiples of Redis with the range of the rounds', () => {
    expect(chartOf(RESULTS, 'get')?.series).toEqual([
      { name: 'sojourn', values: [1.5], spread: [[1.5, 1.5]] },
      { name: 'redis', values: [1], spread: [[1, 1]] },
    ]);
    expect(chartOf({ ...RESULTS, targets: ['sojourn'] }, 'get')).toBeUndefined();
  });

  test('refuses figures of commands that failed', () => {
    expect(() => refuseFailures(RESULTS.cases)).not.toThrow();
    const failed = caseOf('redis', [{ ...round(1, {}), failures: 3 }]);
    expect(() => refuseFailures([failed])).toThrow('redis, get, 64 per frame: 3 failing replies');
  });
});

describe('Fleet', () => {
  test('warms every case up, then lets each of a group go first in turn', async () => {
    const fleet = new Fleet({ connections: 1, sessions: 1, generators: 0 }, new Output(false));
    const runs: string[] = [];
    await fleet.interleave([['a', 'b'], ['c']], 2, (one, isWarmUp) => {
      runs.push(isWarmUp ? `(${one})` : one);
      return Promise.resolve();
    });
    expect(runs.join(' ')).toBe('(a) (b) (c) a b c b a c');
  });

  test.each([
    [50, 3, [17, 17, 16]],
    [1, 2, [1, 1]],
  ])('shares %i among %i generators as %j', (total, parts, shares) => {
    expect(shares.map((_, index) => shareOf(total, parts, index))).toEqual(shares);
  });
});

describe('chosenParts', () => {
  test('are all, those that are named, or none for the page alone', () => {
    expect(chosenParts([])).toEqual(REPORT_PARTS);
    expect(chosenParts(['memory']).map(({ name }) => name)).toEqual(['memory']);
    expect(chosenParts(['page'])).toEqual([]);
  });

  test('must exist', () => {
    expect(() => chosenParts(['memory', 'speed'])).toThrow(/speed: the parts are end-to-end.*page/);
  });

  test('have names of their own', () => {
    expect(new Set(REPORT_PARTS.map(({ name }) => name)).size).toBe(REPORT_PARTS.length);
  });
});
