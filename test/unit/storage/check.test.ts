import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  checkDirectory,
  type DirectoryReport,
  type FileState,
} from '../../../src/storage/check.js';
import { DIRECTORY, hostFacts, LogStory, START_MS } from '../../support/log-story.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { checkIn, nameOf, SEGMENT, SNAPSHOT, storyOfThree } from '../../support/tool-runs.js';

const stateOf = (report: DirectoryReport, path: string): FileState | undefined =>
  report.files.find(({ file }) => file === nameOf(path))?.state;

describe('checkDirectory', () => {
  test('counts what is there, and finds no damage in a directory that is whole', () => {
    const { files } = storyOfThree();
    const report = checkIn(files);
    expect(report).toMatchObject({
      holder: null,
      epoch: 1,
      shards: 1,
      sessions: 12,
      expired: 0,
      keys: 12,
      defaultMapKeys: 0,
      tornBytes: 0,
      logBatches: 4,
      damage: [],
    });
    expect(report.memoryBytes).toBeGreaterThan(12 * 64);
    expect(report.logBytes).toBe(files.content(SEGMENT(3)).length);
  });

  test('has a line for each file, with its size', () => {
    const { files } = storyOfThree();
    const report = checkIn(files);
    const paths = report.files.map(({ file }) => `${DIRECTORY}/${file}`);
    expect(paths.sort()).toEqual(files.paths());
    expect(paths).toHaveLength(6);
    for (const { file, bytes, state } of report.files) {
      expect([state, bytes]).toEqual(['ok', files.content(`${DIRECTORY}/${file}`).length]);
    }
  });

  test('changes nothing', () => {
    const { files } = storyOfThree();
    files.cut(SEGMENT(3), files.content(SEGMENT(3)).length - 1);
    const done = files.done.length;
    checkIn(files);
    expect(files.done.slice(done).filter((what) => !what.startsWith('open'))).toEqual([]);
    expect(files.openCount).toBe(0);
  });

  test('tells expired sessions apart from live ones', () => {
    const story = new LogStory(new MemoryFiles());
    for (let number = 1; number <= 3; number += 1) story.turn(number);
    const { sessions } = story.states;
    const row = sessions.find(Int32Array.of(1, 2, 3, 4), 0, 1);
    sessions.setExpiry(row, {
      ...{ idleMs: 5_000, maxAgeMs: Infinity, deletesSession: true },
      ...{ extendsOnWrite: false, extendsOnRead: false },
    });
    story.flush();
    expect(checkIn(story.files)).toMatchObject({ sessions: 3, expired: 0, keys: 3 });
    const later = checkIn(story.files, START_MS + 60_000);
    expect(later).toMatchObject({ sessions: 2, expired: 1, keys: 2 });
  });

  test('says who has the directory open', () => {
    const story = new LogStory(new MemoryFiles(), { pid: 42 });
    story.turn(1);
    const host = hostFacts(2, new Map([[42, '77']]));
    const options = { files: story.files, path: DIRECTORY, host, nowMs: START_MS };
    expect(checkDirectory(options)).toMatchObject({
      holder: 'process 42',
      sessions: 1,
      damage: [],
    });
    expect(checkIn(story.files).holder).toBeNull();
  });

  test('a torn tail that was never synced is no damage', () => {
    const { files } = storyOfThree();
    const bytes = files.content(SEGMENT(3)).length;
    files.cut(SEGMENT(3), bytes - 1);
    const report = checkIn(files);
    expect(report.damage).toEqual([]);
    expect(report.sessions).toBe(11);
    expect(report.tornBytes).toBeGreaterThan(40);
    expect(stateOf(report, SEGMENT(3))).toBe('torn');
  });

  test('a bit that has flipped in the middle is damage, with file, offset and what it costs', () => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(3), (64 + 60) * 8);
    const report = checkIn(files);
    expect(report.damage).toEqual([
      { file: nameOf(SEGMENT(3)), offset: 64, text: expect.stringContaining('batches 9 to 12') },
    ]);
    expect(stateOf(report, SEGMENT(3))).toBe('damaged');
    expect(report.sessions).toBe(8);
  });

  test.each([
    ['cut short', (files: MemoryFiles): void => files.cut(SNAPSHOT(3), 100)],
    ['flipped', (files: MemoryFiles): void => files.flip(SNAPSHOT(3), 100 * 8)],
    ['missing', (files: MemoryFiles): void => files.remove(SNAPSHOT(3))],
  ])('finds the newest snapshot %s, and counts by the one before', (_, harm) => {
    const { files } = storyOfThree();
    harm(files);
    const report = checkIn(files);
    expect(report.damage).toHaveLength(1);
    expect(report.damage[0]?.file).toBe(nameOf(SNAPSHOT(3)));
    expect(stateOf(report, SNAPSHOT(3))).toBe('damaged');
    expect(report).toMatchObject({ sessions: 12, keys: 12, logBatches: 8 });
  });

  test('finds damage in the snapshot before, which no start would read', () => {
    const { files } = storyOfThree();
    files.flip(SNAPSHOT(2), 100 * 8);
    const report = checkIn(files);
    expect(report.damage.map(({ file }) => file)).toEqual([nameOf(SNAPSHOT(2))]);
    expect(report.sessions).toBe(12);
  });

  test('finds damage in the log that only the snapshot before needs', () => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(2), (64 + 60) * 8);
    const report = checkIn(files);
    expect(report.damage).toHaveLength(1);
    expect(report.damage[0]).toMatchObject({ file: nameOf(SEGMENT(2)), offset: 64 });
    expect(report.damage[0]?.text).toContain('nothing is lost as long as the newest one is whole');
    expect(stateOf(report, SEGMENT(2))).toBe('damaged');
    expect(report.sessions).toBe(12);
  });

  test('misses a segment', () => {
    const { files } = storyOfThree();
    files.remove(SNAPSHOT(3));
    files.remove(SEGMENT(2));
    const report = checkIn(files);
    expect(report.damage.map(({ file }) => file)).toEqual([
      nameOf(SNAPSHOT(3)),
      nameOf(SEGMENT(3)),
    ]);
    expect(report.sessions).toBe(4);
  });

  test('lists what the next start removes', () => {
    const { files } = storyOfThree();
    files.put(`${SNAPSHOT(9)}.new`, Uint8Array.of(1));
    const report = checkIn(files);
    expect(stateOf(report, `${SNAPSHOT(9)}.new`)).toBe('unneeded');
    expect(report.damage).toEqual([]);
  });

  test.each([
    ['damaged', (files: MemoryFiles): void => files.flip(`${DIRECTORY}/manifest`, 99)],
    ['missing', (files: MemoryFiles): void => files.remove(`${DIRECTORY}/manifest`)],
  ])('reads on without a manifest that is %s', (_, harm) => {
    const { files } = storyOfThree();
    harm(files);
    const report = checkIn(files);
    expect(report.damage.map(({ file }) => file)).toEqual(['manifest']);
    expect(report.sessions).toBe(12);
  });

  test('reads on without the secret', () => {
    const { files } = storyOfThree();
    files.remove(`${DIRECTORY}/secret`);
    const report = checkIn(files);
    expect(report.damage).toMatchObject([{ file: 'secret' }]);
    expect(report.damage[0]?.text).toContain('no token opens its session');
    expect(report.sessions).toBe(12);
  });

  test('refuses a file of another format by its name and version', () => {
    const { files } = storyOfThree();
    files.put(SEGMENT(3), withVersion(files.content(SEGMENT(3)), 9));
    const [damage] = checkIn(files).damage;
    expect(damage?.text).toContain(`${nameOf(SEGMENT(3))} cannot be used: it has format version 9`);
  });

  test.each([
    ['is not there', '/nowhere', 'there is no directory /nowhere'],
    ['holds nothing of ours', '/', '/ is no data directory'],
  ])('refuses a directory that %s', (_, path, text) => {
    const { files } = storyOfThree();
    files.makeDirectory('/');
    const options = { files, path, host: hostFacts(2), nowMs: START_MS };
    expect(() => checkDirectory(options)).toThrow(text);
  });
});

/** The same file as a later version might write it: its checksum is right. */
function withVersion(content: Uint8Array, version: number): Uint8Array {
  const bytes = Buffer.from(content);
  bytes.writeUInt16LE(version, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}
