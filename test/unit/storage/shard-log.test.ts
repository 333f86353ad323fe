import { describe, expect, test } from 'vitest';
import { FILE_HEADER_BYTES } from '../../../src/storage/file-header.js';
import { logPath } from '../../../src/storage/file-names.js';
import { FILL_BYTES, RETRY_MS } from '../../../src/storage/shard-log.js';
import { DIRECTORY, LogStory, recover } from '../../support/log-story.js';
import { failing, MemoryFiles } from '../../support/memory-files.js';

const LOG = `${DIRECTORY}/log`;

function segment(number: number): string {
  return `${DIRECTORY}/${logPath({ epoch: 1, shard: 0, number })}`;
}

/** What has been done to files of the log since a moment. */
function doneSince(files: MemoryFiles, from: number): string[] {
  return files.done.slice(from).map((line) => line.replace(`${LOG}/000001-00-0000000`, ''));
}

describe('ShardLog', () => {
  test('begins its segment with the first batch, and writes each batch in one piece', () => {
    const story = new LogStory(new MemoryFiles(), { fsync: 'everysec' });
    const from = story.files.done.length;
    expect(story.flush()).toBe(true);
    expect(story.reports).toEqual([]);
    story.turn(1);
    story.turn(2);
    expect(doneSince(story.files, from)).toEqual([
      ...['create 1.log', 'write 1.log', 'write 1.log', 'write 1.log'],
    ]);
    expect(story.reports).toEqual([{ number: 1, fd: story.board.descriptor, isClosed: false }]);
    expect(story.board.segmentReports).toBe(1);
    expect(story.log.sequence).toBe(2);
    expect(story.log.bytesSinceSnapshotStart).toBe(story.board.position - FILE_HEADER_BYTES);
  });

  test('with always, syncs each batch, and the name of a new segment with its first', () => {
    const story = new LogStory(new MemoryFiles());
    const from = story.files.done.length;
    story.turn(1);
    story.turn(2);
    expect(doneSince(story.files, from).slice(1)).toEqual([
      // Its header, the batch, and zeros for those that follow.
      ...['write 1.log', 'write 1.log', 'write 1.log', 'sync 1.log', `sync ${LOG}`],
      ...['write 1.log', 'sync 1.log'],
    ]);
    expect(story.reports).toEqual([]);
  });

  test('with always, writes zeros ahead, and takes away what no batch lies upon', () => {
    const story = new LogStory(new MemoryFiles(), { segmentBytes: 5_000 });
    const lengths: number[] = [];
    while (story.log.segmentNumber === 1) {
      story.turn(1, 1_000);
      lengths.push(story.files.content(segment(1)).length);
    }
    const written = FILE_HEADER_BYTES + story.log.bytesSinceSnapshotStart;
    expect(written).toBeGreaterThanOrEqual(5_000);
    expect(lengths).toEqual([5_000, 5_000, 5_000, 5_000, written]);
    story.turn(2);
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[6]);
    expect(outcome).toMatchObject({ nextSequence: 7, cutBytes: 0 });
    story.log.close();
    expect(story.files.content(segment(2)).length).toBeLessThan(5_000);
  });

  test('with always, leaves the room of a full disk to batches', () => {
    const story = new LogStory(new MemoryFiles());
    // Header and batch get there, the zeros in part.
    const full = failing('write', { code: 'ENOSPC', from: 2, count: 1, afterBytes: 700 });
    story.files.fault = full;
    expect(story.turn(1)).toBe(true);
    const { position } = story.board;
    expect(story.files.content(segment(1))).toHaveLength(position);
    expect(story.turn(2)).toBe(true);
    expect(story.files.content(segment(1))).toHaveLength(story.board.position);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[2]);
  });

  test('with always, does without what the system refuses', () => {
    const story = new LogStory(new MemoryFiles());
    story.files.fault = failing('truncate', { code: 'EINVAL' });
    for (let turn = 0; turn < 3; turn += 1) expect(story.turn(turn)).toBe(true);
    story.log.close();
    expect(story.files.content(segment(1)).length).toBeGreaterThan(FILL_BYTES);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[3]);
  });

  test('begins another segment once one is full, and leaves the old one to main to sync', () => {
    const story = new LogStory(new MemoryFiles(), { fsync: 'everysec', segmentBytes: 500 });
    for (let turn = 0; turn < 4; turn += 1) story.turn(1, 150);
    expect(story.reports.map(({ number, isClosed }) => [number, isClosed])).toEqual([
      ...[
        [1, false],
        [1, true],
        [2, false],
        [2, true],
      ],
    ]);
    expect(story.files.openCount).toBe(2);
    expect(story.reports[0]!.fd).toBe(story.reports[1]!.fd);
    expect(story.log.segmentNumber).toBe(3);
  });

  test('with always, closes what is full itself', () => {
    const story = new LogStory(new MemoryFiles(), { segmentBytes: 500 });
    for (let turn = 0; turn < 4; turn += 1) story.turn(1, 150);
    expect(story.files.openCount).toBe(0);
    expect(story.log.segmentNumber).toBe(3);
  });

  test('writes a batch larger than a segment as one', () => {
    const story = new LogStory(new MemoryFiles(), { segmentBytes: 300 });
    story.turn(1, 3_000_000);
    story.turn(2);
    expect(story.plan.sources[0]!.segments).toEqual([1, 2]);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[2]);
  });

  test('gives each snapshot a segment of its own, with or without batches in between', () => {
    const story = new LogStory(new MemoryFiles());
    expect([story.log.beginSegment(), story.log.beginSegment()]).toEqual([2, 3]);
    story.turn(1);
    expect(story.log.bytesSinceSnapshotStart).toBeGreaterThan(0);
    expect(story.log.beginSegment()).toBe(4);
    expect(story.log.bytesSinceSnapshotStart).toBe(0);
    story.turn(2);
    expect(story.plan.sources[0]!.segments).toEqual([3, 4]);
  });

  test('is closed without a trace of a batch that was never written', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    story.log.close();
    story.log.close();
    expect(story.files.openCount).toBe(0);
  });

  test.each([
    ['opened', 'open', 0],
    ['written', 'write', 0],
    ['written beyond its header', 'write', 1],
  ] as const)('tries again where a segment could not be %s', (_what, operation, from) => {
    const story = new LogStory(new MemoryFiles());
    story.files.fault = failing(operation, { code: 'ENOSPC', from, count: 2, afterBytes: 20 });
    expect(story.turn(1)).toBe(false);
    expect([story.log.isFailing, story.log.failure]).toEqual([true, 'ENOSPC']);
    story.advance(RETRY_MS);
    expect(story.flush()).toBe(false);
    story.advance(RETRY_MS);
    expect(story.flush()).toBe(true);
    expect(story.log.isFailing).toBe(false);
    expect(story.turn(2)).toBe(true);
    expect(story.plan.sources[0]!.segments).toEqual([1]);
    expect(recover(story.files, story.plan)).toMatchObject({
      lines: story.history[2],
      outcome: { cutBytes: 0, nextSequence: 3 },
    });
  });

  test('tries again every 100 ms at most', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    let tries = 0;
    story.files.fault = (operation) => {
      tries += operation === 'write' ? 1 : 0;
      return operation === 'write' ? { code: 'ENOSPC' } : undefined;
    };
    // Each flush comes 10 ms after the one before.
    for (let turn = 0; turn < 41; turn += 1) expect(story.turn(1)).toBe(false);
    expect(tries).toBe(5);
  });

  test('keeps what is appended meanwhile, and writes it all in the same place', () => {
    const story = new LogStory(new MemoryFiles(), { fsync: 'no' });
    story.turn(1);
    const { position } = story.board;
    for (const afterBytes of [0, 1, 47, 48, 90, 1_000_000]) {
      story.files.fault = failing('write', { code: 'ENOSPC', afterBytes });
      story.advance(RETRY_MS);
      expect(story.turn(afterBytes % 7, 30)).toBe(false);
      expect(story.board.position).toBe(position);
      // Killed here, the torn write is cut off, or a whole one counts that nobody heard of.
      const killed = story.files.copy();
      const { lines } = recover(killed, story.plan);
      if (afterBytes < 1_000_000) expect(lines).toEqual(story.history[1]);
    }
    story.files.fault = () => undefined;
    story.advance(RETRY_MS);
    expect(story.flush()).toBe(true);
    expect(story.log.sequence).toBe(2);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[2]);
  });

  test('with nothing left to write, heals by an empty batch', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    const mark = story.log.effects.mark();
    story.files.fault = failing('write', { code: 'EIO', count: 1 });
    story.change(2);
    expect(story.flush()).toBe(false);
    story.log.effects.rewind(mark);
    story.advance(RETRY_MS);
    expect(story.flush()).toBe(true);
    expect(story.log.sequence).toBe(2);
    expect(recover(story.files, story.plan).outcome).toMatchObject({
      nextSequence: 3,
      cutBytes: 0,
    });
  });

  test('with always, puts a batch that could not be synced into a new segment at once', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    const from = story.files.done.length;
    story.files.fault = failing('sync', { code: 'EIO', count: 1 });
    expect(story.turn(2)).toBe(true);
    expect(story.log.isFailing).toBe(false);
    expect(doneSince(story.files, from)).toEqual([
      'write 1.log',
      ...['create 2.log', 'write 2.log', 'write 2.log', 'write 2.log'],
      ...['sync 2.log', `sync ${LOG}`],
    ]);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[2]);
  });

  test.each(['sync', 'syncDirectory'] as const)(
    'with always, fails for as long as %s does, and leaves no files behind',
    (operation) => {
      const story = new LogStory(new MemoryFiles());
      story.turn(1);
      story.turn(2);
      story.log.beginSegment();
      story.files.fault = failing(operation, { code: 'EIO' });
      for (let turn = 0; turn < 200; turn += 1) expect(story.turn(turn % 5)).toBe(false);
      expect(story.log.failure).toBe('EIO');
      expect(story.log.sequence).toBe(2);
      expect(story.plan.sources[0]!.segments).toEqual([1]);
      story.files.fault = () => undefined;
      story.advance(RETRY_MS);
      expect(story.flush()).toBe(true);
      expect(story.turn(3)).toBe(true);
      expect(story.log.sequence).toBe(4);
      expect(recover(story.files, story.plan).lines).toEqual(story.history[4]);
    },
  );

  test('never syncs a segment again after a failed sync', () => {
    const story = new LogStory(new MemoryFiles());
    for (let turn = 0; turn < 3; turn += 1) story.turn(turn);
    const failed: string[] = [];
    let count = 0;
    story.files.fault = (operation, path) => {
      if (operation !== 'sync') return undefined;
      expect(failed).not.toContain(`${path} ${story.board.descriptor}`);
      count += 1;
      if (count % 3 !== 0) return undefined;
      failed.push(`${path} ${story.board.descriptor}`);
      return { code: 'EIO' };
    };
    for (let turn = 0; turn < 20; turn += 1) story.turn(turn % 4);
    expect(failed.length).toBeGreaterThan(5);
    story.files.fault = () => undefined;
    expect(recover(story.files, story.plan).lines).toEqual(story.history[story.log.sequence]);
  });

  test('takes the next number where the file of one is there and cannot be removed', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    story.log.beginSegment();
    story.files.fault = (operation) =>
      operation === 'sync' || operation === 'remove' ? { code: 'EIO' } : undefined;
    expect(story.turn(2)).toBe(false);
    story.files.fault = () => undefined;
    story.files.put(segment(story.log.segmentNumber), new Uint8Array(10));
    for (let tries = 0; tries < 3; tries += 1) {
      story.advance(RETRY_MS);
      story.flush();
    }
    expect(story.turn(3)).toBe(true);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[story.log.sequence]);
  });

  test('tells in each batch which one was on the disk before it', () => {
    const story = new LogStory(new MemoryFiles(), { fsync: 'everysec' });
    for (let turn = 0; turn < 3; turn += 1) story.turn(turn);
    story.sync();
    for (let turn = 0; turn < 2; turn += 1) story.turn(turn);
    expect(syncedOf(story.files, segment(1))).toEqual([0, 0, 0, 3, 3]);
    const always = new LogStory(new MemoryFiles());
    for (let turn = 0; turn < 3; turn += 1) always.turn(turn);
    expect(syncedOf(always.files, segment(1))).toEqual([0, 1, 2]);
  });
});

describe('ShardLog after main could not sync', () => {
  function afterFailure(): LogStory {
    const story = new LogStory(new MemoryFiles(), { fsync: 'everysec' });
    for (let turn = 0; turn < 3; turn += 1) story.turn(turn);
    story.log.syncFailed();
    return story;
  }

  test('acknowledges nothing until a snapshot that began later is in place', () => {
    const story = afterFailure();
    expect(story.log.isFailing).toBe(true);
    expect(story.reports.at(-1)).toMatchObject({ number: 1, isClosed: true });
    story.advance(10 * RETRY_MS);
    expect(story.turn(1)).toBe(false);
    // One that began before does not hold what may be lost.
    story.log.snapshotDone(1);
    story.advance(10 * RETRY_MS);
    expect(story.turn(1)).toBe(false);
    const before = story.log.sequence;
    const snapshot = story.snapshot();
    expect(snapshot.logFrom).toBeGreaterThan(1);
    expect(story.log.isFailing).toBe(true);
    expect(story.flush()).toBe(true);
    expect(story.log.isFailing).toBe(false);
    expect(story.log.sequence).toBe(before + 1);
  });

  test('needs the old segment no more', () => {
    const story = afterFailure();
    story.change(1);
    story.snapshot();
    story.flush();
    story.turn(4);
    story.files.cut(segment(1), 70);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[story.log.sequence]);
  });

  test('killed before the snapshot, gives what the disk has kept', () => {
    const story = afterFailure();
    story.files.cut(segment(1), story.files.content(segment(1)).length - 5);
    expect(recover(story.files, story.plan).lines).toEqual(story.history[2]);
  });

  test('fails on if the write after the snapshot fails', () => {
    const story = afterFailure();
    story.snapshot();
    story.files.fault = failing('write', { code: 'ENOSPC', count: 1 });
    expect(story.turn(1)).toBe(false);
    expect(story.log.failure).toBe('ENOSPC');
    story.advance(RETRY_MS);
    expect(story.flush()).toBe(true);
  });
});

/** What each batch of a segment says of the disk. */
function syncedOf(files: MemoryFiles, path: string): number[] {
  const bytes = Buffer.from(files.content(path));
  const found: number[] = [];
  // Behind the last one there may be zeros.
  let at = FILE_HEADER_BYTES;
  while (at < bytes.length && bytes[at] !== 0) {
    found.push(Number(bytes.readBigUInt64LE(at + 32)));
    at += 48 + bytes.readUInt32LE(at + 8);
  }
  return found;
}
