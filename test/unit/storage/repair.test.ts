import { describe, expect, test } from 'vitest';
import { readManifest } from '../../../src/storage/data-directory.js';
import { encodeManifest } from '../../../src/storage/manifest.js';
import type { FileHeader } from '../../../src/storage/file-header.js';
import { snapshotPath } from '../../../src/storage/file-names.js';
import { createSnapshot, finishSnapshot } from '../../../src/storage/snapshot-file.js';
import { sealJson } from '../../../src/storage/sealed-json.js';
import { DIRECTORY, hostFacts, LogStory, recover, START_MS } from '../../support/log-story.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { repairDirectory } from '../../../src/storage/repair.js';
import {
  checkIn,
  nameOf,
  planIn,
  repairIn,
  SEGMENT,
  SNAPSHOT,
  storyOfThree,
} from '../../support/tool-runs.js';
import { Random } from '../../support/random.js';

const COPY = `${DIRECTORY}.before-repair-20270115T080000Z`;
const PART = 64 + 60;

/** Everything below a folder, by name. */
function contentBelow(files: MemoryFiles, folder: string): Record<string, string> {
  const paths = files.paths().filter((path) => path.startsWith(`${folder}/`));
  return Object.fromEntries(
    paths.map((path) => [
      path.slice(folder.length),
      Buffer.from(files.content(path)).toString('base64'),
    ]),
  );
}

/** The state that a start finds after the repair, which it takes without a word. */
function stateAfterRepair(files: MemoryFiles): readonly string[] {
  const { outcome, lines } = recover(files, planIn(files));
  expect(outcome.lines).toEqual([]);
  return lines;
}

describe('repairDirectory', () => {
  test('has nothing to do, and copies nothing, where nothing is damaged', () => {
    const { files } = storyOfThree();
    const before = contentBelow(files, DIRECTORY);
    expect(repairIn(files)).toEqual({ outcome: 'nothing', lines: [] });
    expect(repairIn(files, true)).toEqual({ outcome: 'nothing', lines: [] });
    expect(contentBelow(files, DIRECTORY)).toEqual(before);
    expect(contentBelow(files, COPY)).toEqual({});
  });

  test('leaves a torn tail to the start', () => {
    const { files } = storyOfThree();
    files.cut(SEGMENT(3), files.content(SEGMENT(3)).length - 1);
    expect(repairIn(files).outcome).toBe('nothing');
  });

  test('cuts a log at the damage, keeps what is before, and says what goes', () => {
    const { files, history } = storyOfThree();
    files.flip(SEGMENT(3), PART * 8);
    const { outcome, lines } = repairIn(files);
    expect(outcome).toBe('repaired');
    expect(lines.join('\n')).toContain('loses batches 9 to 12');
    expect(lines.join('\n')).toMatch(/3 batches with 3 entries could still be read/);
    expect(checkIn(files).damage).toEqual([]);
    expect(stateAfterRepair(files)).toEqual(history[8]);
  });

  test('copies everything but the lock before it changes anything', () => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(3), PART * 8);
    const before = contentBelow(files, DIRECTORY);
    repairIn(files);
    expect(contentBelow(files, COPY)).toEqual(before);
    expect(contentBelow(files, DIRECTORY)).not.toEqual(before);
    const cut = files.done.lastIndexOf(`truncate ${SEGMENT(3)}`);
    const lastCopied = files.done
      .map((what) => what.startsWith(`write ${COPY}/`))
      .lastIndexOf(true);
    expect(cut).toBeGreaterThan(lastCopied);
    expect(lastCopied).toBeGreaterThan(0);
  });

  test('never copies over an older copy', () => {
    const { files } = storyOfThree();
    files.makeDirectory(COPY);
    files.flip(SEGMENT(3), PART * 8);
    expect(repairIn(files).lines[0]).toBe(`copying all of it to ${COPY}-2`);
    expect(contentBelow(files, COPY)).toEqual({});
  });

  test('says in a dry run what it would do, and changes nothing', () => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(3), PART * 8);
    const before = contentBelow(files, DIRECTORY);
    const { outcome, lines } = repairIn(files, true);
    expect(outcome).toBe('planned');
    expect(lines[0]).toMatch(/^would cut the log in log\/000001-00-00000003.log at offset 64/);
    expect(contentBelow(files, DIRECTORY)).toEqual(before);
    expect(contentBelow(files, COPY)).toEqual({});
  });

  test('loses nothing where the newest snapshot alone is damaged', () => {
    const { files, history } = storyOfThree();
    files.cut(SNAPSHOT(3), 100);
    const { lines } = repairIn(files);
    expect(lines.join('\n')).toContain('nothing is lost');
    expect(checkIn(files).damage).toEqual([]);
    expect(stateAfterRepair(files)).toEqual(history[12]);
  });

  test.each([
    ['the snapshot before is', (files: MemoryFiles): void => files.flip(SNAPSHOT(2), 800)],
    ['its log is', (files: MemoryFiles): void => files.flip(SEGMENT(2), PART * 8)],
    ['a segment of its log is missing, which is', (files: MemoryFiles) => files.remove(SEGMENT(2))],
  ])('loses nothing where %s damaged', (_, harm) => {
    const { files, history } = storyOfThree();
    harm(files);
    expect(repairIn(files).outcome).toBe('repaired');
    expect(checkIn(files).damage).toEqual([]);
    expect(readManifest(files, DIRECTORY).perShard[0]?.snapshots).toHaveLength(1);
    expect(stateAfterRepair(files)).toEqual(history[12]);
  });

  test('goes on from the snapshot before to where its log is damaged', () => {
    const { files, history } = storyOfThree();
    files.remove(SNAPSHOT(3));
    files.flip(SEGMENT(2), PART * 8);
    expect(repairIn(files).outcome).toBe('repaired');
    expect(checkIn(files).damage).toEqual([]);
    expect(stateAfterRepair(files)).toEqual(history[4]);
  });

  test('keeps those chunks that can be read where no snapshot is whole', () => {
    const { files, history } = storyOfThree();
    files.flip(SNAPSHOT(3), 100 * 8);
    files.flip(SNAPSHOT(2), 100 * 8);
    const { lines } = repairIn(files);
    expect(lines.join('\n')).toContain('loses 1 session of 8');
    expect(checkIn(files)).toMatchObject({ damage: [], sessions: 11 });
    const left = stateAfterRepair(files);
    expect(history[12]).toEqual(expect.arrayContaining([...left]));
  });

  test('keeps what the log has where all snapshots are gone', () => {
    const { files, history } = storyOfThree();
    files.remove(SNAPSHOT(3));
    files.remove(SNAPSHOT(2));
    expect(repairIn(files).outcome).toBe('repaired');
    expect(checkIn(files)).toMatchObject({ damage: [], sessions: 4 });
    expect(history[12]).toEqual(expect.arrayContaining([...stateAfterRepair(files)]));
  });

  test.each([
    ['damaged', (files: MemoryFiles): void => files.flip(`${DIRECTORY}/manifest`, 99)],
    ['missing', (files: MemoryFiles): void => files.remove(`${DIRECTORY}/manifest`)],
  ])('makes a manifest that is %s again', (_, harm) => {
    const { files, history } = storyOfThree();
    const before = readManifest(files, DIRECTORY);
    harm(files);
    const { lines } = repairIn(files);
    expect(lines.join('\n')).toContain('write a new manifest');
    expect(readManifest(files, DIRECTORY)).toMatchObject({
      epoch: 1,
      perShard: before.perShard.map(({ snapshots }) => ({
        snapshots: snapshots.map(({ file, logFrom, firstSequence }) => {
          return { file, logFrom, firstSequence };
        }),
      })),
    });
    expect(checkIn(files).damage).toEqual([]);
    expect(stateAfterRepair(files)).toEqual(history[12]);
  });

  test('makes the manifest of a directory without snapshots again', () => {
    const story = new LogStory(new MemoryFiles());
    story.turn(1);
    story.turn(2);
    story.files.remove(`${DIRECTORY}/manifest`);
    expect(repairIn(story.files).outcome).toBe('repaired');
    expect(stateAfterRepair(story.files)).toEqual(story.history[2]);
  });

  test('does not guess a manifest where a log begins in the middle', () => {
    const { files } = storyOfThree();
    for (const path of [`${DIRECTORY}/manifest`, SNAPSHOT(2), SNAPSHOT(3)]) files.remove(path);
    expect(() => repairIn(files)).toThrow('cannot be made again from the other files');
    expect(contentBelow(files, COPY)).toEqual({});
  });

  test('does not take an unfinished change of the shard count for the truth', () => {
    const { files, history } = storyOfThree();
    putEmptySnapshot(files, { shard: 0, shards: 2 });
    files.remove(`${DIRECTORY}/manifest`);
    expect(repairIn(files).outcome).toBe('repaired');
    expect(readManifest(files, DIRECTORY).epoch).toBe(1);
    expect(stateAfterRepair(files)).toEqual(history[12]);
  });

  test('takes a finished change of the shard count for the truth', () => {
    const { files } = storyOfThree();
    for (const shard of [0, 1]) putEmptySnapshot(files, { shard, shards: 2 });
    files.remove(`${DIRECTORY}/manifest`);
    expect(repairIn(files).outcome).toBe('repaired');
    expect(readManifest(files, DIRECTORY)).toMatchObject({ epoch: 2, perShard: [{}, {}] });
    expect(checkIn(files).damage).toEqual([]);
  });

  test.each([
    ['missing', (files: MemoryFiles): void => files.remove(`${DIRECTORY}/secret`)],
    ['damaged', (files: MemoryFiles): void => files.flip(`${DIRECTORY}/secret`, 70 * 8)],
  ])('cannot help where the secret is %s', (_, harm) => {
    const { files } = storyOfThree();
    harm(files);
    const before = contentBelow(files, DIRECTORY);
    expect(() => repairIn(files)).toThrow(
      /cannot be repaired: secret .*no token opens its session/,
    );
    expect(contentBelow(files, DIRECTORY)).toEqual(before);
  });

  test('leaves the files of another version alone', () => {
    const { files } = storyOfThree();
    files.put(`${DIRECTORY}/manifest`, sealedVersion(files));
    expect(() => repairIn(files)).toThrow('format version 9');
  });

  test('leaves the files of another directory alone', () => {
    const { files } = storyOfThree();
    files.put(SEGMENT(3), storyOfThree().files.content(SEGMENT(3)));
    expect(() => repairIn(files)).toThrow('another secret');
  });

  test('refuses a directory in use', () => {
    const story = new LogStory(new MemoryFiles(), { pid: 42 });
    story.turn(1);
    const host = hostFacts(2, new Map([[42, '77']]));
    for (const isDryRun of [true, false]) {
      const onLine = (): void => undefined;
      const options = { files: story.files, path: DIRECTORY, host, nowMs: START_MS };
      expect(() => repairDirectory({ ...options, isDryRun, onLine })).toThrow(
        'is in use by process 42',
      );
    }
  });

  test('gives the directory back, also when it fails', () => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(3), PART * 8);
    files.fault = (operation, path) =>
      operation === 'write' && path.startsWith(`${COPY}/snapshots`)
        ? { code: 'ENOSPC' }
        : undefined;
    const before = contentBelow(files, DIRECTORY);
    expect(() => repairIn(files)).toThrow(`cannot be copied to ${COPY}: ENOSPC`);
    expect(contentBelow(files, COPY)).toEqual({});
    expect(contentBelow(files, DIRECTORY)).toEqual(before);
    expect(files.openCount).toBe(0);
  });

  // Goal: whatever single bit flips, or wherever a file ends, a repair leads to a directory that is
  // whole and holds nothing that was never there. Method: harm at random places, seeded.
  test.each([1, 2, 3])('makes of any single harm a directory that is whole (seed %i)', (seed) => {
    const random = new Random(seed);
    const { files: whole, history } = storyOfThree();
    const paths = whole.paths().filter((path) => !path.endsWith('secret'));
    const known = new Set(history.flat());
    for (let round = 0; round < 25; round += 1) {
      const files = whole.copy();
      const path = paths[random.below(paths.length)] ?? '';
      const place = random.below(files.content(path).length * 8);
      if (random.below(10) < 7) files.flip(path, place);
      else files.cut(path, place >>> 3);
      repairIn(files);
      expect(checkIn(files).damage, `${nameOf(path)} ${place}`).toEqual([]);
      for (const line of recover(files, planIn(files)).lines) expect(known).toContain(line);
    }
  });
});

/** A snapshot of the second epoch, as a change of the shard count leaves it. */
function putEmptySnapshot(files: MemoryFiles, place: { shard: number; shards: number }): void {
  const { secretCheck } = planIn(files);
  const header: FileHeader = {
    ...{ kind: 'snapshot' as const, epoch: 2, ...place, number: 1, createdMs: START_MS },
    ...{ firstSequence: 1, backlog: 0, secretCheck },
  };
  const file = snapshotPath({ epoch: 2, shard: place.shard, number: 1 });
  // The second epoch's files are written while the manifest is still that of the first.
  finishSnapshot(files, createSnapshot(files, { directory: DIRECTORY, file, header }));
}

/** A manifest as a later version might write it. */
function sealedVersion(files: MemoryFiles): Uint8Array {
  const bytes = encodeManifest(readManifest(files, DIRECTORY));
  const { crc32: _, ...members } = JSON.parse(Buffer.from(bytes).toString()) as object & {
    crc32: string;
  };
  return sealJson({ ...members, format: 9 });
}
