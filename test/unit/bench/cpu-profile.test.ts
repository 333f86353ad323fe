import { describe, expect, test } from 'vitest';
import {
  cutTo,
  summaryOf,
  threadKindOf,
  withLinesFromOne,
  withShortPaths,
  type CpuProfile,
  type ProfileNode,
} from '../../../native-free-bench/cpu-profile.js';
import { parseProfileOptions } from '../../../native-free-bench/profile-options.js';

const ROOT = 'file:///somewhere/';

function node(id: number, name: string, url: string, children: readonly number[]): ProfileNode {
  const callFrame = { functionName: name, url, lineNumber: 9, columnNumber: 0, scriptId: '1' };
  return { id, callFrame, hitCount: 0, children };
}

/** run() calls itself once, and work(); the rest sleeps. A sample every 10 µs from 1,000 on. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 5]),
    node(2, 'run', `${ROOT}dist/src/shard/shard-loop.js`, [3, 6]),
    node(3, 'run', `${ROOT}dist/src/shard/shard-loop.js`, [4]),
    node(4, 'work', `${ROOT}dist/src/state/work.js`, []),
    node(5, '(idle)', '', []),
    node(6, 'wait', '', []),
  ],
  startTime: 1_000,
  endTime: 1_100,
  samples: [2, 3, 4, 4, 5, 6, 4, 2],
  timeDeltas: [10, 10, 10, 10, 10, 10, 10, 10],
};

const hitsOf = ({ nodes }: CpuProfile): number[] => nodes.map(({ hitCount }) => hitCount);

describe('cutTo', () => {
  test('keeps the samples of the window and counts their hits anew', () => {
    const cut = cutTo(PROFILE, { fromUs: 1_020, toUs: 1_060 });
    expect(cut.samples).toEqual([3, 4, 4, 5, 6]);
    expect(hitsOf(cut)).toEqual([0, 0, 1, 2, 1, 1]);
    expect([cut.startTime, cut.endTime]).toEqual([1_020, 1_060]);
  });

  test('keeps nothing of a window in which the thread did not live', () => {
    expect(cutTo(PROFILE, { fromUs: 5_000, toUs: 6_000 }).samples).toEqual([]);
  });
});

describe('summaryOf', () => {
  const summary = summaryOf(cutTo(PROFILE, { fromUs: 0, toUs: 2_000 }));

  test('leaves out the time in which the thread slept', () => {
    expect(summary.samples).toBe(8);
    expect(summary.idlePart).toBe(2 / 8);
    expect(summary.functions.map(({ name }) => name)).not.toContain('wait');
  });

  test('orders functions by their own time; one that calls itself counts once', () => {
    expect(summary.functions).toEqual([
      { name: 'run', place: `${PROFILE.nodes[1]!.callFrame.url}:10`, selfPart: 0.5, totalPart: 1 },
      {
        name: 'work',
        place: `${PROFILE.nodes[3]!.callFrame.url}:10`,
        selfPart: 0.5,
        totalPart: 0.5,
      },
    ]);
  });

  test('is empty for a profile without samples', () => {
    const nothing = summaryOf(cutTo(PROFILE, { fromUs: 0, toUs: 1 }));
    expect(nothing).toEqual({ samples: 0, idlePart: 0, functions: [] });
  });
});

describe('threadKindOf', () => {
  const kindOf = (url: string): string | undefined =>
    threadKindOf({ ...PROFILE, nodes: [node(1, 'f', `${ROOT}dist${url}`, [])] });

  test.each([
    ['/src/shard/shard-loop.js', 'shard'],
    ['/src/io/turns.js', 'io'],
    ['/src/server/server.js', undefined],
  ])('a thread that runs %s is of kind %s', (url, kind) => {
    expect(kindOf(url)).toBe(kind);
  });
});

test('withShortPaths names files from the root of the project', () => {
  const urls = withShortPaths(PROFILE, ROOT).nodes.map(({ callFrame }) => callFrame.url);
  expect(urls.slice(0, 2)).toEqual(['', 'src/shard/shard-loop.js']);
});

test('withLinesFromOne counts lines as editors do', () => {
  expect(withLinesFromOne(PROFILE).nodes[1]!.callFrame.lineNumber).toBe(10);
});

describe('parseProfileOptions', () => {
  test('profiles all threads under a read load by default', () => {
    expect(parseProfileOptions([])).toMatchObject({
      threads: ['io', 'shard'],
      seconds: 5,
      operation: 'get',
      shape: { name: '16 per frame' },
      log: 'none',
      top: 20,
      isInlining: true,
      serverFlags: [],
    });
  });

  test('takes every flag', () => {
    const options = parseProfileOptions([
      ...['shard', '--seconds', '2', '--operation', 'set', '--shape', '1-in-flight', '--top', '5'],
      ...['--log', 'everysec', '--no-inlining', '--server-flags', 'a b'],
    ]);
    expect(options).toMatchObject({
      threads: ['shard'],
      seconds: 2,
      operation: 'set',
      shape: { name: '1 in flight' },
      log: 'everysec',
      top: 5,
      isInlining: false,
      serverFlags: ['a', 'b'],
    });
  });

  test('names every mistake at once', () => {
    const args = ['disk', '--shape', 'round', '--seconds', '0', '--operation', 'del', '--log', 'x'];
    expect(() => parseProfileOptions(args)).toThrow(
      /io, shard or all\n--shape.*\n--seconds.*\n--operation.*\n--log/s,
    );
  });
});
