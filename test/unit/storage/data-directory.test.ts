import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DataDirectory, openDataDirectory } from '../../../src/storage/data-directory.js';
import { logPath, snapshotPath } from '../../../src/storage/file-names.js';
import {
  decodeManifest,
  encodeManifest,
  firstManifest,
  type Manifest,
  type ManifestSnapshot,
  nextEpoch,
  withoutNewest,
  withSnapshot,
} from '../../../src/storage/manifest.js';
import { StorageError } from '../../../src/storage/storage-error.js';
import { DIRECTORY, hostFacts, LogStory, START_MS } from '../../support/log-story.js';
import { failing, MemoryFiles } from '../../support/memory-files.js';

function open(files: MemoryFiles, shards = 2): DataDirectory {
  return openDataDirectory({ files, path: DIRECTORY, host: hostFacts(), shards, nowMs: START_MS });
}

function refusal(files: MemoryFiles, shards = 2): StorageError {
  try {
    open(files, shards);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('it was opened');
}

function path(file: string): string {
  return `${DIRECTORY}/${file}`;
}

function snapshotOf(epoch: number, shard: number, number: number): ManifestSnapshot {
  return {
    file: snapshotPath({ epoch, shard, number }),
    ...{ logFrom: number, firstSequence: number * 10, lastSequence: number * 10 },
    ...{ sessions: 1, keys: 2, bytes: 300 },
  };
}

/** A file of ours that nobody reads here. */
function putLog(files: MemoryFiles, epoch: number, shard: number, number: number): string {
  const file = logPath({ epoch, shard, number });
  files.put(path(file), new Uint8Array(9));
  return file;
}

function putSnapshot(files: MemoryFiles, epoch: number, shard: number, number: number): string {
  const file = snapshotPath({ epoch, shard, number });
  files.put(path(file), new Uint8Array(9));
  return file;
}

describe('openDataDirectory', () => {
  test('makes a new one, with a secret that stays', () => {
    const files = new MemoryFiles();
    const first = open(files);
    expect(files.list(DIRECTORY)).toEqual(['LOCK', 'log', 'manifest', 'secret', 'snapshots']);
    expect(first.secret).toHaveLength(32);
    expect(first.manifest).toEqual(firstManifest(2));
    expect(first.lines).toEqual([]);
    first.release();
    const before = files.done.length;
    const second = open(files);
    expect(second.secret).toEqual(first.secret);
    expect(second.secretCheck).toBe(first.secretCheck);
    // The next start creates nothing but its lock.
    const done = files.done.slice(before).filter((line) => !line.includes('LOCK'));
    expect(done).toEqual([`makeDirectory ${DIRECTORY}`]);
  });

  test('puts the names of new folders on the disk, up to the first that was there', () => {
    const files = new MemoryFiles();
    const deep = '/a/b/data';
    openDataDirectory({ files, path: deep, host: hostFacts(), shards: 1, nowMs: 0 });
    const synced = files.done.filter((line) => line.startsWith('sync /')).slice(0, 3);
    expect(synced).toEqual(['sync /', 'sync /a', 'sync /a/b']);
  });

  test('takes a folder with files of others only for a new one, and leaves them alone', () => {
    const files = new MemoryFiles();
    files.makeDirectory(path('log'));
    for (const file of ['notes.txt', 'log/000001-00-1.log', 'log/old.log', 'log/x.snap']) {
      files.put(path(file), new Uint8Array(3));
    }
    open(files);
    expect(files.list(path('log'))).toEqual(['000001-00-1.log', 'old.log', 'x.snap']);
    expect(files.exists(path('notes.txt'))).toBe(true);
  });

  test.each([
    ['log', () => logPath({ epoch: 1, shard: 0, number: 1 })],
    ['snapshots', () => snapshotPath({ epoch: 1, shard: 0, number: 1 })],
  ])('refuses one without a manifest that has %s', (folder, file) => {
    const files = new MemoryFiles();
    files.makeDirectory(path(folder));
    files.put(path(file()), new Uint8Array(3));
    expect(refusal(files).message).toBe(
      'data directory /data: manifest is missing, but there are sessions; ' +
        'bring it back from a copy, or run "sojourn repair"',
    );
    expect(files.exists(path('secret'))).toBe(false);
    expect(files.exists(path('LOCK'))).toBe(false);
  });

  test('refuses one that has lost its secret', () => {
    const files = new MemoryFiles();
    open(files).release();
    files.remove(path('secret'));
    expect(refusal(files).message).toContain('secret is missing');
    files.remove(path('manifest'));
    files.makeDirectory(path('saves/evening'));
    expect(refusal(files).message).toContain('secret is missing');
  });

  test.each(['log', 'snapshots', 'saves'])('refuses a file or link in the place of %s', (name) => {
    const files = new MemoryFiles();
    files.makeDirectory(DIRECTORY);
    files.put(path(name), new Uint8Array(1));
    expect(refusal(files).message).toContain(`${name} is no folder`);
  });

  test.each([
    ['makeDirectory', 'EACCES'],
    ['link', 'EROFS'],
    ['write', 'ENOSPC'],
    ['rename', 'EIO'],
    ['syncDirectory', 'EIO'],
  ] as const)('gives one line and the lock back where %s fails', (operation, code) => {
    const files = new MemoryFiles();
    files.fault = failing(operation, { code });
    expect(refusal(files).message).toBe(`data directory /data cannot be used: ${code}`);
    expect(files.exists(path('LOCK'))).toBe(false);
    expect(files.openCount).toBe(0);
  });

  test('is made whole by the next start, wherever the first one was killed', () => {
    let kills = 0;
    for (let at = 1; at < 60; at += 1) {
      const files = new MemoryFiles();
      let operations = 0;
      files.fault = () => {
        operations += 1;
        return operations >= at ? { code: 'KILLED' } : undefined;
      };
      try {
        open(files);
      } catch {
        kills += 1;
      }
      const after = files.copy();
      const opened = open(after);
      opened.release();
      expect(open(after).secret).toEqual(opened.secret);
    }
    expect(kills).toBeGreaterThan(20);
  });

  test.each(['secret', 'manifest'])('refuses a %s with any bit flipped, or cut', (name) => {
    const files = new MemoryFiles();
    const { secret } = open(files);
    const size = files.content(path(name)).length;
    const texts = [Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('latin1')];
    for (let bit = 0; bit < size * 8; bit += 1) {
      const flipped = files.copy();
      flipped.flip(path(name), bit);
      const error = refusal(flipped);
      expect(error.file).toBe(name);
      expect(error.message).toContain(name);
      for (const text of texts) expect(error.message).not.toContain(text);
    }
    for (let bytes = 0; bytes < size; bytes += 1) {
      const cut = files.copy();
      cut.cut(path(name), bytes);
      expect(refusal(cut).file).toBe(name);
    }
  });
});

describe('the leftovers of a crash', () => {
  test('go: of an older epoch, of an unfinished conversion, of an unfinished snapshot', () => {
    const files = new MemoryFiles();
    const directory = open(files);
    const manifest: Manifest = {
      epoch: 3,
      perShard: [
        { snapshots: [snapshotOf(3, 0, 7), snapshotOf(3, 0, 5)] },
        { snapshots: [snapshotOf(3, 1, 2)] },
      ],
    };
    directory.swapManifest(manifest);
    directory.release();
    const kept = [
      ...[putLog(files, 3, 0, 5), putLog(files, 3, 0, 6), putLog(files, 3, 0, 8)],
      ...[putLog(files, 3, 1, 2), putLog(files, 3, 1, 3)],
      ...[putSnapshot(files, 3, 0, 7), putSnapshot(files, 3, 0, 5), putSnapshot(files, 3, 1, 2)],
    ];
    putLog(files, 3, 0, 4);
    putLog(files, 2, 0, 9);
    putLog(files, 4, 0, 1);
    putLog(files, 3, 2, 1);
    putSnapshot(files, 3, 0, 8);
    putSnapshot(files, 2, 1, 8);
    putSnapshot(files, 4, 2, 1);
    files.put(path(`${snapshotPath({ epoch: 3, shard: 0, number: 7 })}.new`), new Uint8Array(2));
    const from = files.done.length;
    expect(open(files).lines).toEqual(['removed 8 files that a stop had left unfinished']);
    const left = [...files.list(path('log')), ...files.list(path('snapshots'))];
    expect(left.sort()).toEqual(kept.map((file) => file.replace(/.*\//, '')).sort());
    // They do not come back after a power cut: their numbers are used again.
    const done = files.done.slice(from);
    expect(done.indexOf('sync /data/log')).toBeGreaterThan(0);
    expect(done.indexOf('sync /data/snapshots')).toBeGreaterThan(0);
  });

  test('stay, and the start is refused, where the manifest is an old copy', () => {
    const files = new MemoryFiles();
    open(files).release();
    const file = putLog(files, 3, 0, 4);
    expect(refusal(files)).toMatchObject({ file });
    expect(files.exists(path(file))).toBe(true);
  });

  test('of a swap that may or may not have happened are kept for both cases', () => {
    const files = new MemoryFiles();
    const directory = open(files, 1);
    const first = withSnapshot(directory.manifest, 0, snapshotOf(1, 0, 2));
    putSnapshot(files, 1, 0, 2);
    directory.swapManifest(first);
    const second = withSnapshot(first, 0, snapshotOf(1, 0, 4));
    for (const number of [2, 3, 4, 5]) putLog(files, 1, 0, number);
    putSnapshot(files, 1, 0, 4);
    directory.swapManifest(second);
    const third = withSnapshot(second, 0, snapshotOf(1, 0, 6));
    putSnapshot(files, 1, 0, 6);
    files.fault = failing('syncDirectory', { code: 'EIO', count: 1 });
    expect(() => directory.swapManifest(third)).toThrow('EIO');
    directory.removeUnneeded();
    expect(files.list(path('snapshots'))).toHaveLength(3);
    expect(files.list(path('log'))).toHaveLength(4);
    directory.swapManifest(third);
    expect(directory.removeUnneeded()).toBe(3);
    expect(files.list(path('snapshots'))).toHaveLength(2);
  });
});

describe('the manifest', () => {
  test('comes back as it was', () => {
    const manifest = withSnapshot(firstManifest(3), 1, snapshotOf(1, 1, 4));
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  });

  test('keeps the newest snapshot and the one before, the empty beginning counting as one', () => {
    const one = withSnapshot(firstManifest(1), 0, snapshotOf(1, 0, 4));
    expect(one.perShard[0]!.snapshots.map(({ file }) => file)).toEqual([
      ...['snapshots/000001-00-00000004.snap', null],
    ]);
    const two = withSnapshot(one, 0, snapshotOf(1, 0, 6));
    expect(two.perShard[0]!.snapshots.map(({ logFrom }) => logFrom)).toEqual([6, 4]);
    expect(withoutNewest(two, 0).perShard[0]!.snapshots.map(({ logFrom }) => logFrom)).toEqual([4]);
  });

  test('of the next epoch has no previous ones', () => {
    const next = nextEpoch(firstManifest(1), [snapshotOf(2, 0, 1), snapshotOf(2, 1, 1)]);
    expect(next.epoch).toBe(2);
    expect(next.perShard.map(({ snapshots }) => snapshots.length)).toEqual([1, 1]);
  });

  test('of a format to come is refused by name and number', () => {
    const text = Buffer.from(encodeManifest(firstManifest(1))).toString();
    const open = text.replace(/,"crc32".*/s, '').replace('"format":1', '"format":2');
    const bytes = reseal(open);
    expect(() => decodeManifest(bytes)).toThrow(
      'manifest: it has format version 2, and this version of Sojourn reads 1',
    );
  });
});

describe('a data directory that is killed at any moment', () => {
  // Turns, rotations and snapshots; the n-th change of a file is the last. What was durable is there.
  test.each(['always', 'everysec'] as const)('has all that was acknowledged (%s)', (fsync) => {
    let kills = 0;
    for (let at = 8; at < 130; at += 1) {
      const files = new MemoryFiles();
      let operations = 0;
      files.fault = (operation) => {
        operations += operation === 'read' || operation === 'open' ? 0 : 1;
        return operations >= at ? { code: 'KILLED', afterBytes: at % 90 } : undefined;
      };
      let story: LogStory | undefined;
      try {
        story = new LogStory(files, { fsync, segmentBytes: 500 });
        for (let turn = 0; turn < 20; turn += 1) {
          story.turn(turn % 4, turn * 3);
          if (turn % 6 === 5) story.snapshot();
          if (turn % 7 === 6) story.directory.removeUnneeded();
        }
      } catch {
        kills += 1;
      }
      if (story === undefined) continue;
      const next = new LogStory(files.copy(), { pid: 2 });
      const { sequence } = next.log;
      expect(sequence, `at ${at}`).toBeGreaterThanOrEqual(story.log.sequence);
      // One batch more may be whole though nobody heard of it.
      if (sequence === story.log.sequence)
        expect(next.history[sequence]).toEqual(story.history[sequence]);
      else expect(sequence).toBe(story.log.sequence + 1);
    }
    expect(kills).toBeGreaterThan(20);
  });
});

function reseal(open: string): Uint8Array {
  return Buffer.from(`${open},"crc32":"${crcText(open)}"}\n`);
}

function crcText(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
