import { describe, expect, test } from 'vitest';
import { logPath } from '../../../src/storage/file-names.js';
import { FILE_HEADER_BYTES } from '../../../src/storage/file-header.js';
import { recoverShard } from '../../../src/storage/recovery.js';
import type { RecoveryPlan } from '../../../src/storage/recovery-plan.js';
import { planRecovery } from '../../../src/storage/recovery-plan.js';
import { listDataFiles } from '../../../src/storage/data-directory.js';
import { StorageError } from '../../../src/storage/storage-error.js';
import { DIRECTORY, LogStory, recover, START_MS } from '../../support/log-story.js';
import { failing, MemoryFiles } from '../../support/memory-files.js';
import { Random } from '../../support/random.js';
import { describeStates, emptyStates } from '../../support/replay.js';

function segment(number: number): string {
  return `${DIRECTORY}/${logPath({ epoch: 1, shard: 0, number })}`;
}

/** A story of so many turns over a few sessions. */
function storyOf(turns: number, options: ConstructorParameters<typeof LogStory>[1] = {}): LogStory {
  const story = new LogStory(new MemoryFiles(), options);
  for (let turn = 0; turn < turns; turn += 1) story.turn(turn % 5, turn * 7);
  return story;
}

/** Where the batches of a segment begin, and at last where it ends. */
function batchOffsets(files: MemoryFiles, path: string): number[] {
  const bytes = Buffer.from(files.content(path));
  const offsets = [FILE_HEADER_BYTES];
  // Behind the last one there may be zeros.
  for (let at = FILE_HEADER_BYTES; at < bytes.length && bytes[at] !== 0;) {
    at += 48 + bytes.readUInt32LE(at + 8);
    offsets.push(at);
  }
  return offsets;
}

/** Zero bytes right before an offset. */
function zerosBefore(bytes: Uint8Array, offset: number): number {
  let zeros = 0;
  while (bytes[offset - 1 - zeros] === 0) zeros += 1;
  return zeros;
}

function refusalOf(files: MemoryFiles, plan: RecoveryPlan): StorageError {
  try {
    recover(files, plan);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('recoverShard', () => {
  test('brings back what was flushed', () => {
    const story = storyOf(20);
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[20]);
    expect(outcome).toMatchObject({ sessions: 5, nextSequence: 21, nextSegment: 2, cutBytes: 0 });
    expect(outcome.lines).toEqual([]);
    expect(outcome.nowMs).toBe(story.nowMs);
  });

  test('writes and creates nothing after a clean stop', () => {
    const story = storyOf(3);
    const files = story.files.copy();
    recover(files, story.plan);
    expect(files.done.filter((line) => !line.startsWith('sync'))).toEqual([]);
    expect(files.openCount).toBe(0);
  });

  test('syncs what a killed process may have left in the page cache', () => {
    const story = storyOf(3, { fsync: 'no' });
    const files = story.files.copy();
    recover(files, story.plan);
    expect(files.done).toEqual([`sync ${segment(1)}`, `sync ${DIRECTORY}/log`]);
    files.fault = failing('sync', { code: 'EIO' });
    expect(refusalOf(files, story.plan).message).toContain('the log cannot be written: EIO');
  });

  test('goes on over several starts, each with segments of its own', () => {
    let files = new MemoryFiles();
    for (let start = 1; start <= 5; start += 1) {
      const story = new LogStory(files, { segmentBytes: 400, pid: start });
      expect(story.log.sequence).toBe((start - 1) * 6);
      for (let turn = 0; turn < 6; turn += 1) story.turn(turn, 30 * start);
      files = story.files.copy();
      expect(recover(files, story.plan).lines).toEqual(story.history[start * 6]);
    }
  });

  test.each(['always', 'everysec'] as const)(
    'cut at every byte of its last batches, the newest segment gives the whole ones (%s)',
    (fsync) => {
      const story = storyOf(8, { fsync });
      const path = segment(1);
      const offsets = batchOffsets(story.files, path);
      const size = offsets.at(-1)!;
      for (let cut = 0; cut < size; cut += 1) {
        if (cut > FILE_HEADER_BYTES && cut < offsets[5]!) continue;
        const files = story.files.copy();
        files.cut(path, cut);
        const whole = offsets.filter((offset) => offset <= cut).length - 1;
        const kept = whole < 0 ? 0 : whole;
        const { outcome, lines } = recover(files, story.plan);
        expect(lines, `cut at ${cut}`).toEqual(story.history[kept]);
        const cutBytes = whole < 0 ? cut : cut - offsets[kept]!;
        // Zeros at the end of a file that may have them are none of it.
        const zeros = fsync === 'always' ? zerosBefore(story.files.content(path), cut) : 0;
        expect([cutBytes, cutBytes - zeros]).toContain(outcome.cutBytes);
        expect(outcome.lines.length).toBe(cutBytes > 0 || whole < 0 ? 1 : 0);
        // What is left is clean.
        const plan = planOf(files, story);
        expect(recover(files, plan).outcome).toMatchObject({ cutBytes: 0, lines: [] });
      }
    },
  );

  test.each([
    ['always', 0],
    ['everysec', 1],
  ] as const)('takes zeros behind the last batch for its end with %s only', (fsync, lines) => {
    const story = storyOf(3, { fsync });
    story.log.close();
    const bytes = story.files.content(segment(1));
    story.files.put(segment(1), Buffer.concat([bytes, Buffer.alloc(3 << 20)]));
    const { outcome } = recover(story.files, story.plan);
    expect(outcome.nextSequence).toBe(4);
    expect(outcome.lines).toHaveLength(lines);
    expect(outcome.cutBytes).toBe(lines * (3 << 20));
    // A byte of a batch that was begun, after a sector that never got there.
    const torn = Buffer.concat([bytes, Buffer.alloc(512), Buffer.alloc(1, 1), Buffer.alloc(999)]);
    story.files.put(segment(1), torn);
    const cut = recover(story.files, planOf(story.files, story)).outcome.cutBytes;
    expect(cut).toBe(fsync === 'always' ? 513 : 513 + 999);
  });

  test('tells how many bytes of a torn tail it cuts off, and where', () => {
    const story = storyOf(3, { fsync: 'everysec' });
    const offsets = batchOffsets(story.files, segment(1));
    story.files.cut(segment(1), offsets[2]! + 10);
    const { outcome } = recover(story.files, story.plan);
    expect(outcome.lines).toEqual([
      `log/000001-00-00000001.log: cut off 10 bytes at offset ${offsets[2]}, ` +
        'a write that a stop had interrupted (from batch 3 on)',
    ]);
  });

  test('refuses damage in what was synced, naming file, offset and what repair would lose', () => {
    const story = storyOf(8);
    const offsets = batchOffsets(story.files, segment(1));
    story.files.flip(segment(1), (offsets[2]! + 60) * 8);
    story.files.done.length = 0;
    const refusal = refusalOf(story.files, story.plan);
    expect(refusal).toMatchObject({ file: 'log/000001-00-00000001.log', offset: offsets[2] });
    expect(refusal.message).toBe(
      `log/000001-00-00000001.log is damaged at offset ${offsets[2]}: there is no whole batch here, ` +
        'although batches 3 to 8 were written there once; "sojourn repair" would lose batches 3 to 8 ' +
        '(5 of them can still be read, with 5 changes)',
    );
    expect(story.files.done.some((line) => line.startsWith('truncate'))).toBe(false);
  });

  test('with everysec, cuts damage that nobody had synced, and refuses what somebody had', () => {
    const story = storyOf(4, { fsync: 'everysec' });
    story.sync();
    for (let turn = 0; turn < 4; turn += 1) story.turn(turn, 20);
    const offsets = batchOffsets(story.files, segment(1));
    const unsynced = story.files.copy();
    unsynced.flip(segment(1), (offsets[4]! + 60) * 8);
    expect(recover(unsynced, story.plan).lines).toEqual(story.history[4]);
    const synced = story.files.copy();
    synced.flip(segment(1), (offsets[3]! + 60) * 8);
    expect(refusalOf(synced, story.plan).offset).toBe(offsets[3]);
  });

  test('with everysec, cuts off a later segment that a power cut spared by chance', () => {
    const story = storyOf(12, { fsync: 'everysec', segmentBytes: 500 });
    const { segments } = story.plan.sources[0]!;
    expect(segments.length).toBeGreaterThan(3);
    const offsets = batchOffsets(story.files, segment(2));
    const first = batchOffsets(story.files, segment(1)).length - 1;
    story.files.cut(segment(2), offsets[1]! + 3);
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[first + 1]);
    expect(outcome.nextSequence).toBe(first + 2);
    expect(listDataFiles(story.files, DIRECTORY).log).toHaveLength(2);
    expect(outcome.nextSegment).toBe(segments.length + 1);
  });

  test('cut off in the middle of cutting off, finds the same torn tail again', () => {
    const story = storyOf(12, { fsync: 'everysec', segmentBytes: 500 });
    const offsets = batchOffsets(story.files, segment(2));
    story.files.cut(segment(2), offsets[1]! + 3);
    const whole = recover(story.files.copy(), story.plan).lines;
    for (let crashAt = 0; crashAt < 12; crashAt += 1) {
      const files = story.files.copy();
      let operations = 0;
      files.fault = (operation) => {
        operations += operation === 'read' || operation === 'open' ? 0 : 1;
        return operations > crashAt ? { code: 'KILLED' } : undefined;
      };
      try {
        recover(files, story.plan);
      } catch {
        // Killed; what is there is what the next start finds.
      }
      const after = files.copy();
      expect(recover(after, planOf(after, story)).lines, `at ${crashAt}`).toEqual(whole);
    }
  });

  test.each([
    ['everything of the middle one', (files: MemoryFiles) => files.remove(segment(2))],
    ['its header', (files: MemoryFiles) => files.flip(segment(2), 8 * 20)],
    [
      'its end',
      (files: MemoryFiles) => files.cut(segment(2), files.content(segment(2)).length - 60),
    ],
    ['all but its header', (files: MemoryFiles) => files.cut(segment(2), FILE_HEADER_BYTES)],
    ['all of its bytes', (files: MemoryFiles) => files.cut(segment(2), 0)],
    ['the first one', (files: MemoryFiles) => files.remove(segment(1))],
  ])('refuses a log that lacks %s', (_what, damage) => {
    const story = storyOf(12, { segmentBytes: 500 });
    damage(story.files);
    const refusal = refusalOf(story.files, planOf(story.files, story));
    expect(refusal.file).toMatch(/^log\/000001-00-0000000[12]\.log$/);
    expect(refusal.offset).toBeGreaterThanOrEqual(0);
    expect(refusal.message).toContain('sojourn repair');
  });

  test('takes a newest segment whose header was never written for a stop while it was begun', () => {
    for (const content of [new Uint8Array(0), new Uint8Array(40), new Uint8Array(64)]) {
      const story = storyOf(4);
      story.files.put(segment(2), content);
      const plan = planOf(story.files, story);
      const { outcome, lines } = recover(story.files, plan);
      expect(lines).toEqual(story.history[4]);
      expect(outcome.nextSegment).toBe(3);
      expect(story.files.exists(segment(2))).toBe(false);
    }
  });

  test('refuses a newest segment whose header is wrong: it was right once', () => {
    const story = storyOf(4);
    story.files.flip(segment(1), 8 * 60);
    expect(refusalOf(story.files, story.plan)).toMatchObject({ offset: 0 });
  });

  test('passes over what a segment given up holds beyond the next one', () => {
    const story = storyOf(3);
    story.files.fault = failing('sync', { code: 'EIO', count: 1 });
    expect(story.turn(9, 9)).toBe(true);
    for (let turn = 0; turn < 3; turn += 1) story.turn(turn, 5);
    story.files.fault = () => undefined;
    // Batch 4 is in both segments; in the first it may be anything.
    expect(batchOffsets(story.files, segment(1))).toHaveLength(5);
    const offsets = batchOffsets(story.files, segment(1));
    for (const damage of ['whole', 'flipped', 'cut', 'gone']) {
      const files = story.files.copy();
      if (damage === 'flipped') files.flip(segment(1), (offsets[3]! + 60) * 8);
      if (damage === 'cut') files.cut(segment(1), offsets[3]! + 7);
      if (damage === 'gone') files.cut(segment(1), offsets[3]!);
      const { outcome, lines } = recover(files, planOf(files, story));
      expect(lines).toEqual(story.history[7]);
      expect(outcome.lines).toEqual([]);
    }
  });

  test('is not misled by a value that looks like a batch of the log', () => {
    const story = storyOf(3, { fsync: 'everysec' });
    const bytes = story.files.content(segment(1));
    const offsets = batchOffsets(story.files, segment(1));
    // A torn tail in which a batch of another segment lies, with its checksum right there.
    const other = storyOf(9);
    const planted = other.files
      .content(segment(1))
      .subarray(batchOffsets(other.files, segment(1))[8]);
    story.files.put(segment(1), Buffer.concat([bytes, Buffer.alloc(64, 1), planted]));
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[3]);
    expect(outcome.cutBytes).toBe(64 + planted.length);
    expect(offsets).toHaveLength(4);
  });

  test('takes the later of the clock and the last batch for now', () => {
    const story = storyOf(3);
    const { sessions, defaults } = emptyStates(START_MS);
    const options = { files: story.files, directory: DIRECTORY, plan: story.plan };
    const target = { sessions, defaults };
    const late = START_MS * 2;
    expect(recoverShard({ ...options, target, nowMs: late }).nowMs).toBe(late);
  });
});

describe('recoverShard with snapshots', () => {
  test('reads the newest one and the log after it', () => {
    const story = storyOf(6);
    const snapshot = story.snapshot();
    expect(snapshot).toMatchObject({ logFrom: 2, firstSequence: 7, lastSequence: 6, sessions: 5 });
    expect(recover(story.files, story.plan).lines).toEqual(story.history[6]);
    for (let turn = 0; turn < 4; turn += 1) story.turn(turn, 11);
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[10]);
    expect(outcome).toMatchObject({ nextSequence: 11, entries: 4, damagedSnapshots: 0 });
  });

  test('goes on from the snapshot alone, once no segment is left', () => {
    const story = storyOf(6);
    story.snapshot();
    story.snapshot();
    story.directory.removeUnneeded();
    const { outcome } = recover(story.files, story.plan);
    expect(story.plan.sources[0]!.segments).toEqual([]);
    expect(outcome).toMatchObject({ nextSequence: 7, nextSegment: 3 });
  });

  test('falls back on the one before and its log, then on the whole log, and says so', () => {
    const story = storyOf(6);
    const first = story.snapshot();
    story.turn(1, 99);
    const firstAlone = story.files.copy();
    const planOfFirst = story.plan;
    const second = story.snapshot();
    story.turn(2, 98);
    story.files.flip(`${DIRECTORY}/${second.file}`, 8 * 200);
    const { outcome, lines } = recover(story.files, story.plan);
    expect(lines).toEqual(story.history[8]);
    expect(outcome.damagedSnapshots).toBe(1);
    expect(outcome.lines).toEqual([
      `${second.file} is damaged at offset 64: the checksum of a chunk is wrong; ` +
        `reading ${first.file} and its log instead`,
    ]);
    firstAlone.remove(`${DIRECTORY}/${first.file}`);
    const whole = recover(firstAlone, planOfFirst);
    expect(whole.lines).toEqual(story.history[7]);
    expect(whole.outcome.lines[0]).toContain(
      'cannot be opened: ENOENT; reading the whole log instead',
    );
  });

  test('refuses if both are damaged', () => {
    const story = storyOf(6);
    const snapshots = [story.snapshot(), story.snapshot()];
    for (const { file } of snapshots) story.files.cut(`${DIRECTORY}/${file}`, 100);
    expect(refusalOf(story.files, story.plan).message).toContain('there is no other snapshot');
  });

  test('refuses a log that ends before the end of the walk, which was synced', () => {
    const story = storyOf(6);
    story.snapshot();
    story.turn(1);
    story.snapshot();
    const { sources } = story.plan;
    story.files.cut(segment(2), FILE_HEADER_BYTES);
    // The newest snapshot does not need that segment; if it cannot be read, the loss shows.
    expect(recover(story.files.copy(), story.plan).lines).toEqual(story.history[7]);
    story.files.cut(`${DIRECTORY}/${sources[0]!.bases[0]!.file}`, 80);
    expect(refusalOf(story.files, story.plan).message).toContain('it ends too early');
  });

  test('refuses a snapshot of another data directory by name', () => {
    const story = storyOf(6);
    const other = storyOf(6);
    const { file } = story.snapshot();
    const path = `${DIRECTORY}/${other.snapshot().file}`;
    story.files.put(path, other.files.content(path));
    expect(refusalOf(story.files, story.plan).message).toBe(
      `${file} cannot be used: it belongs to a data directory with another secret`,
    );
  });
});

describe('recoverShard after a flipped bit', () => {
  // Anywhere in log, snapshot: the state of some batch, or a refusal that names the file.
  test.each([1, 2, 3])('gives the right prefix or refuses (seed %i)', (seed) => {
    const random = new Random(seed);
    const story = storyOf(7, { segmentBytes: 600, fsync: seed === 1 ? 'always' : 'everysec' });
    if (seed !== 3) story.snapshot();
    for (let turn = 0; turn < 9; turn += 1) story.turn(turn % 6, 40);
    if (seed === 2) story.snapshot();
    for (let turn = 0; turn < 3; turn += 1) story.turn(turn % 6, 10);
    const paths = story.files.paths().filter((path) => /\.(log|snap)$/.test(path));
    const counts = { same: 0, shorter: 0, refused: 0 };
    for (let flip = 0; flip < 1_200; flip += 1) {
      const files = story.files.copy();
      const path = paths[random.below(paths.length)]!;
      const bit = random.below(files.content(path).length * 8);
      files.flip(path, bit);
      try {
        const { outcome, lines } = recover(files, story.plan);
        expect(lines, `${path} ${bit}`).toEqual(story.history[outcome.nextSequence - 1]);
        counts[outcome.nextSequence === 20 ? 'same' : 'shorter'] += 1;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        expect(error.file).toMatch(/\.(log|snap)$/);
        expect(error.offset).toBeGreaterThanOrEqual(0);
        counts.refused += 1;
      }
    }
    expect(counts.refused).toBeGreaterThan(20);
    expect(counts.same + counts.shorter).toBeGreaterThan(20);
  });
});

describe('recoverShard with another shard count', () => {
  test.each([
    [1, 2],
    [1, 3],
  ])('gives each of them its part (%i to %i)', (_from, shards) => {
    const story = new LogStory(new MemoryFiles(), { segmentBytes: 700 });
    for (let turn = 0; turn < 8; turn += 1) story.turn(turn * 128 + 5, 12);
    story.snapshot();
    for (let turn = 0; turn < 8; turn += 1) story.turn(turn * 128 + 5, 20);
    const plans = plansOf(story.files, story, shards);
    expect(plans.map(({ epoch, isConversion }) => [epoch, isConversion])).toEqual(
      plans.map(() => [2, true]),
    );
    const parts = plans.map((plan) => recover(story.files, plan));
    const sessions = parts.flatMap(({ lines }) => lines.slice(1)).sort();
    expect(sessions).toEqual(story.history[16]!.slice(1));
    for (const { outcome } of parts) {
      expect(outcome.sessions).toBeGreaterThan(0);
      expect(outcome).toMatchObject({ nextSegment: 1, nextSequence: 1 });
    }
  });

  test('leaves a torn tail where it is, and one shard tells of it', () => {
    const story = storyOf(5, { fsync: 'no' });
    const size = story.files.content(segment(1)).length;
    story.files.cut(segment(1), size - 1);
    const parts = plansOf(story.files, story, 2).map((plan) => recover(story.files, plan));
    expect(parts.map(({ outcome }) => outcome.lines.length)).toEqual([1, 0]);
    expect(story.files.content(segment(1)).length).toBe(size - 1);
  });

  test('ends with END_ALL only what its writer had', () => {
    const story = storyOf(5);
    story.states.sessions.endAll();
    expect(story.flush()).toBe(true);
    const [plan] = plansOf(story.files, story, 2);
    const states = emptyStates(START_MS);
    // As if another old shard had brought a session of its own before.
    const [source] = plan!.sources;
    states.sessions.create(Int32Array.of(1, 1, 1, 1), 0, 600, false);
    const half = { ...plan!, sources: [{ ...source!, shards: 2 }] };
    recover(story.files, half, states);
    expect(describeStates(states, START_MS)).toHaveLength(2);
  });
});

/** The plan that a start makes of the files as they are now. */
function planOf(files: MemoryFiles, story: LogStory): RecoveryPlan {
  return plansOf(files, story, 1)[0]!;
}

function plansOf(files: MemoryFiles, story: LogStory, shards: number): RecoveryPlan[] {
  return planRecovery({
    manifest: story.directory.manifest,
    listing: listDataFiles(files, DIRECTORY),
    shards,
    secretCheck: story.directory.secretCheck,
  });
}
