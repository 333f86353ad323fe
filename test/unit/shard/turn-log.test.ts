/** Turns of a whole shard over files that fail on demand. */
import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { NOT_DURABLE } from '../../../src/ring/records.js';
import type { FileOperation } from '../../support/memory-files.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const key = sessionKey(1);
const GET = 34;
const GET_BODY = encode({ keys: ['a'] });
const EXPIRY = { duration: 60, extendOnGet: true, deleteSession: true };

/** A shard with a log and one session {a: 1} that is extended by reads. */
function start(fsync: 'always' | 'everysec' = 'everysec'): {
  shard: ShardHarness;
  files: MemoryFiles;
  failing: (operation: FileOperation | undefined) => void;
} {
  const files = new MemoryFiles();
  const shard = new ShardHarness({ files, fsync });
  shard.start(key, { keys: { a: 1 }, expiry: EXPIRY });
  const failing = (failed: FileOperation | undefined): void => {
    files.fault = (operation) => (operation === failed ? { code: 'ENOSPC' } : undefined);
  };
  return { shard, files, failing };
}

const statusesOf = (shard: ShardHarness): (number | string)[] =>
  shard.replies().map(({ status, tokenAt }) => (tokenAt === NOT_DURABLE ? 'marked' : status));

describe('a turn with a log', () => {
  test('shows no reply before the log has what it speaks of', () => {
    const { shard, files } = start();
    const visible: number[] = [];
    files.fault = (operation) => {
      if (operation === 'write') visible.push(shard.replies().length);
      return undefined;
    };
    shard.push('SH_SET', key, { keys: { b: 2 } });
    shard.push('SH_GET', key, { keys: ['b'] });
    shard.loop.runTurn();
    expect(visible).toEqual([0]);
    expect(shard.replies()).toHaveLength(2);
  });

  test('writes one batch however many commands it has, and none if nothing changed', () => {
    const { shard, files } = start();
    files.done.length = 0;
    for (let i = 0; i < 100; i += 1) shard.push('SH_SET', key, { keys: { b: i } });
    shard.loop.runTurn();
    shard.push('SH_COUNT', key, null);
    shard.loop.runTurn();
    expect(files.done.filter((line) => line.startsWith('write'))).toHaveLength(1);
    expect(shard.counter('logBatches')).toBe(2);
  });

  test('writes in between where much has gathered', () => {
    const files = new MemoryFiles();
    const shard = new ShardHarness({ files, ringBytes: 8 << 20 });
    shard.start(key);
    files.done.length = 0;
    const value = 'v'.repeat(100_000);
    for (let i = 0; i < 40; i += 1) {
      shard.push('SH_SET', key, { keys: { [`k${i % 4}`]: value } });
    }
    shard.loop.runTurn();
    const writes = files.done.filter((line) => line.startsWith('write')).length;
    expect(writes).toBeGreaterThanOrEqual(3);
    expect(statusesOf(shard)).toEqual(Array(40).fill(1));
  });

  test('writes what deadlines have cleared though no reply waits for it', () => {
    const { shard } = start();
    shard.start(sessionKey(2), { keys: { a: 1 }, expiry: { duration: 1 } });
    const batches = shard.counter('logBatches');
    shard.clock.advance(1_000);
    shard.loop.runTurn();
    expect(shard.counter('logBatches')).toBe(batches + 1);
    expect(shard.log?.effects.isEmpty).toBe(true);
  });
});

describe.each([
  ['write', 'everysec'],
  ['write', 'always'],
  ['sync', 'always'],
] as const)('a turn whose %s fails, --fsync %s', (operation, fsync) => {
  test('marks the replies to changes, leaves the others, and keeps their order', () => {
    const { shard, failing } = start(fsync);
    // So that reading extends.
    shard.clock.advance(1_000);
    failing(operation);
    const ids = [
      shard.push('SH_GET', key, { keys: ['a'] }),
      shard.push('SH_SET', key, { keys: { b: 2 } }),
      shard.push('SH_SET', sessionKey(9), { keys: { b: 2 } }),
      shard.push('SH_GET', key, { keys: ['b'] }),
      shard.push('SH_NEW', sessionKey(3), null),
      shard.push('SH_OPEN', sessionKey(4), { name: 'n', create: true }),
      shard.push('SH_RMV', key, { keys: ['none'] }),
      shard.push('KV_SET', undefined, { keys: { k: 1 } }),
    ];
    shard.loop.runTurn();
    const replies = shard.replies();
    expect(replies.map(({ id }) => id)).toEqual(ids);
    expect(
      replies.map(({ status, tokenAt }) => (tokenAt === NOT_DURABLE ? 'marked' : status)),
    ).toEqual([1, 'marked', 100, 1, 'marked', 'marked', 1, 'marked']);
    expect(shard.counter('notDurable')).toBe(4);
    expect(shard.counter('logFailures')).toBe(1);
    expect(shard.reports).toContainEqual({ type: 'log-failing', reason: 'ENOSPC' });
  });

  test('is followed by refusals before anything executes, while reads go on', () => {
    const { shard, failing } = start(fsync);
    shard.ask('SH_OPEN', sessionKey(5), { name: 'there', create: true });
    failing(operation);
    shard.ask('SH_SET', key, { keys: { b: 2 } });
    const refused = { m: 'the write could not be made durable' };
    expect(shard.ask('SH_SET', key, { keys: { c: 3 } })).toEqual([210, refused]);
    for (const [name, body] of [
      ['SH_ADD', { keys: { c: 3 } }],
      ['SH_CLEAR', null],
      ['SH_CLEAR_SET', { keys: {} }],
      ['SH_RMV', { keys: ['a'] }],
      ['SH_TOUCH', null],
      ['SH_EXPIRE', { expiry: null }],
      ['SH_END', null],
    ] as const) {
      expect([name, shard.statusOf(name, key, body)]).toEqual([name, 210]);
    }
    expect(shard.statusOf('SH_END_ALL', undefined)).toBe(210);
    expect(shard.statusOf('SH_NEW', sessionKey(6))).toBe(210);
    expect(shard.statusOf('SH_OPEN', sessionKey(7), { name: 'new', create: true })).toBe(210);
    expect(shard.statusOf('SH_OPEN', sessionKey(7), { name: 'new' })).toBe(102);
    expect(shard.statusOf('SH_OPEN', sessionKey(5), { name: 'there', create: true })).toBe(1);
    expect(shard.statusOf('SH_SET', sessionKey(6), { keys: { c: 3 } })).toBe(100);
    expect(shard.ask('SH_GET_ALL', key)).toEqual([1, { keys: { a: 1, b: 2 } }]);
    expect(shard.statusOf('KV_GET', undefined, { keys: ['a'] })).toBe(1);
  });

  test('is tried again every 100 ms, and heals by itself', () => {
    const { shard, files, failing } = start(fsync);
    failing(operation);
    shard.ask('SH_SET', key, { keys: { b: 2 } });
    files.done.length = 0;
    for (let ms = 0; ms < 1_000; ms += 10) {
      shard.clock.advance(10);
      shard.loop.runTurn();
    }
    expect(shard.log?.isFailing).toBe(true);
    failing(undefined);
    shard.loop.runTurn();
    shard.clock.advance(100);
    expect(shard.statusOf('SH_SET', key, { keys: { c: 3 } })).toBe(1);
    expect(shard.log?.isFailing).toBe(false);
    expect(shard.log?.effects.isEmpty).toBe(true);
    expect(shard.reports.filter(({ type }) => type !== 'segment')).toEqual([
      { type: 'log-failing', reason: 'ENOSPC' },
      { type: 'log-healed' },
    ]);
  });
});

describe('a log that fails for long', () => {
  test('does not let reads append without end', () => {
    const { shard, failing } = start();
    const keys = Array.from({ length: 250 }, (_, number) => sessionKey(100 + number));
    for (const each of keys) shard.start(each, { expiry: EXPIRY });
    failing('write');
    shard.ask('SH_SET', key, { keys: { b: 2 } });
    // An entry of 36 bytes each.
    for (let turn = 0; turn < 2_200; turn += 1) {
      shard.clock.advance(1);
      for (const each of keys) shard.pushRaw(GET, each, GET_BODY);
      shard.loop.runTurn();
      shard.replies();
    }
    expect(shard.log!.effects.bytes).toBeLessThan(17 * 1024 * 1024);
    expect(shard.sessions.mayExtendOnRead).toBe(false);
    failing(undefined);
    shard.clock.advance(100);
    shard.loop.runTurn();
    expect(shard.sessions.mayExtendOnRead).toBe(true);
  });
});

describe('a segment that main could not sync', () => {
  test('stops acknowledgements until a snapshot behind it is there', () => {
    const { shard } = start();
    const lost = shard.board.segment;
    shard.board.countSyncFailure();
    expect(shard.statusOf('SH_SET', key, { keys: { b: 2 } })).toBe(210);
    shard.board.snapshotDone = lost;
    shard.clock.advance(1_000);
    expect(shard.statusOf('SH_SET', key, { keys: { b: 2 } })).toBe(210);
    shard.board.snapshotDone = shard.board.segment;
    expect(shard.statusOf('SH_SET', key, { keys: { b: 2 } })).toBe(1);
    expect(shard.board.segment).toBeGreaterThan(lost);
  });
});
