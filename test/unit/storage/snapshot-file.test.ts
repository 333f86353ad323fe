import { describe, expect, test } from 'vitest';
import type { FileHeader } from '../../../src/storage/file-header.js';
import {
  appendChunk,
  createSnapshot,
  discardSnapshot,
  finishSnapshot,
} from '../../../src/storage/snapshot-file.js';
import { SnapshotReader } from '../../../src/storage/snapshot-reader.js';
import { DamagedFileError, StorageError } from '../../../src/storage/storage-error.js';
import { failing, MemoryFiles } from '../../support/memory-files.js';
import { Random } from '../../support/random.js';

const FILE = 'snapshots/000001-00-00000002.snap';
const PATH = `/data/${FILE}`;
const HEADER: FileHeader = {
  ...{ kind: 'snapshot', epoch: 1, shard: 0, shards: 1, number: 2, createdMs: 5 },
  ...{ firstSequence: 3, backlog: 0, secretCheck: '0123456789abcdef' },
};

function randomBytes(bytes: number, seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: bytes }, () => random.below(256));
}

function newFiles(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory('/data/snapshots');
  return files;
}

/** Two that deflate, one that does not, one in between, and one with nothing. */
const CHUNKS = [
  new Uint8Array(100_004).fill(7),
  randomBytes(80_000, 1),
  Uint8Array.from([...randomBytes(300, 2), ...new Uint8Array(333 * 4)]),
  new Uint8Array(0),
  new Uint8Array(44).fill(1),
];

function write(files: MemoryFiles, chunks: readonly Uint8Array[] = CHUNKS): void {
  let progress = createSnapshot(files, { directory: '/data', file: FILE, header: HEADER });
  chunks.forEach((chunk, index) => {
    // As it crosses from thread to thread.
    progress = structuredClone(appendChunk(files, progress, chunk, index, index * 2));
  });
  const figures = finishSnapshot(files, progress);
  const count = chunks.length;
  expect(figures).toEqual({
    sessions: SUMS[count],
    keys: SUMS[count]! * 2,
    bytes: files.content(PATH).length,
  });
}

/** By count of chunks: 0 + 1 + 2 ... */
const SUMS = [0, 0, 1, 3, 6, 10];

function openReader(files: MemoryFiles, offset?: number): SnapshotReader {
  return new SnapshotReader(files, {
    ...{ path: PATH, file: FILE, expected: HEADER },
    ...(offset === undefined ? {} : { offset }),
  });
}

function read(files: MemoryFiles): Uint8Array[] {
  const reader = openReader(files);
  const found: Uint8Array[] = [];
  try {
    for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
      found.push(chunk.space.bytes.slice(chunk.at, chunk.end));
    }
  } finally {
    reader.close();
  }
  return found;
}

describe('a snapshot file', () => {
  test('gives its chunks back, smaller on the disk where that is worth it', () => {
    const files = newFiles();
    write(files);
    expect(read(files)).toEqual(CHUNKS);
    const { length } = files.content(PATH);
    expect(length).toBeGreaterThan(80_000);
    expect(length).toBeLessThan(84_000);
    expect(files.openCount).toBe(0);
  });

  test('may be empty', () => {
    const files = newFiles();
    write(files, []);
    expect(read(files)).toEqual([]);
  });

  test('has its name only once all of it is on the disk', () => {
    const files = newFiles();
    let progress = createSnapshot(files, { directory: '/data', file: FILE, header: HEADER });
    progress = appendChunk(files, progress, CHUNKS[0]!, 1, 1);
    expect(files.paths()).toEqual([`${PATH}.new`]);
    const from = files.done.length;
    finishSnapshot(files, progress);
    expect(files.done.slice(from)).toEqual([
      ...[`write ${PATH}.new`, `sync ${PATH}.new`, `rename ${PATH}`, 'sync /data/snapshots'],
    ]);
  });

  test('that cannot be written leaves nothing behind once it is discarded', () => {
    for (const operation of ['write', 'sync', 'rename'] as const) {
      for (let from = 0; from < 8; from += 1) {
        const files = newFiles();
        files.fault = failing(operation, { code: 'ENOSPC', from, count: 1, afterBytes: 9 });
        try {
          let progress = createSnapshot(files, { directory: '/data', file: FILE, header: HEADER });
          try {
            for (const chunk of CHUNKS) progress = appendChunk(files, progress, chunk, 1, 1);
            finishSnapshot(files, progress);
          } catch (error) {
            discardSnapshot(files, progress);
            throw error;
          }
          expect(files.paths()).toEqual([PATH]);
        } catch {
          expect(files.paths(), `${operation} ${from}`).toEqual([]);
        }
        expect(files.openCount).toBe(0);
      }
    }
  });

  test('replaces what an attempt before has left', () => {
    const files = newFiles();
    files.put(`${PATH}.new`, new Uint8Array(1_000_000));
    write(files);
    expect(read(files)).toEqual(CHUNKS);
  });

  test('can be read from any chunk on', () => {
    const files = newFiles();
    write(files);
    const reader = openReader(files);
    reader.next();
    reader.next();
    const rest = openReader(files, reader.offset);
    const chunk = rest.next()!;
    expect(chunk.space.bytes.slice(chunk.at, chunk.end)).toEqual(CHUNKS[2]);
    while (rest.next() !== undefined);
  });

  test('with any bit flipped, or cut anywhere, is damaged: never other bytes, never a surprise', () => {
    const files = newFiles();
    write(files);
    const size = files.content(PATH).length;
    const random = new Random(3);
    for (let step = 0; step < 1_500; step += 1) {
      const damaged = files.copy();
      // Half of them where headers and the footer are.
      const near = [0, 92, size - 32, size - 110][random.below(4)]! + random.below(100);
      const byte = step % 2 === 0 ? random.below(size) : Math.min(size - 1, near);
      if (step % 3 === 0) damaged.cut(PATH, byte);
      else damaged.flip(PATH, byte * 8 + random.below(8));
      try {
        // Only padding may change unnoticed.
        expect(read(damaged)).toEqual(CHUNKS);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        expect(error).toBeInstanceOf(DamagedFileError);
        expect(error.file).toBe(FILE);
        expect(error.offset).toBeGreaterThanOrEqual(0);
      }
      expect(damaged.openCount).toBe(0);
    }
  });

  test('of which whole chunks are missing is damaged', () => {
    const files = newFiles();
    write(files, CHUNKS.slice(1));
    const bytes = files.content(PATH);
    const chunkBytes = 28 + 80_000;
    files.put(PATH, Buffer.concat([bytes.subarray(0, 64), bytes.subarray(64 + chunkBytes)]));
    expect(() => read(files)).toThrow('chunks of it are missing');
  });
});
