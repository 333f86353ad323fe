import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { shardOf } from '../../../src/core/slots.js';
import { entryProblem, entryStride } from '../../../src/state/check-entry.js';
import { KEYS_AT, SLOT_AT } from '../../../src/state/entry-format.js';
import { NodeFiles } from '../../../src/storage/files.js';
import { readSave, verifySave, type SaveSource } from '../../../src/storage/save-tasks.js';
import { appendChunk, createSnapshot, finishSnapshot } from '../../../src/storage/snapshot-file.js';
import { pair, sessionEntry, shortEntry } from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const files = new NodeFiles();
const SECRET_CHECK = '0123456789abcdef';

function write(
  chunks: readonly (readonly Uint8Array[])[],
  kind: 'save' | 'snapshot' = 'save',
): SaveSource {
  const directory = temporaryFolder();
  const header = { epoch: 0, shard: 0, shards: 1, number: 5, createdMs: 1, firstSequence: 0 };
  let progress = createSnapshot(files, {
    ...{ directory, file: '00.save' },
    header: { kind, ...header, backlog: 0, secretCheck: SECRET_CHECK },
  });
  for (const entries of chunks) {
    progress = appendChunk(files, progress, bytes(...entries), entries.length, entries.length);
  }
  finishSnapshot(files, progress);
  return { directory, file: '00.save', secretCheck: SECRET_CHECK, kind: 'sessions' };
}

function session(slot: number, ...pairs: Uint8Array[]): Uint8Array {
  return sessionEntry({ kind: 1, slot, digest: [slot, 1, 2, 3], createdMs: 1 }, ...pairs);
}

/** The entries in a buffer, as [slot, keys]. */
function entriesIn(buffer: ArrayBuffer | undefined): [number, number][] {
  const space = new ByteSpace(buffer ?? new ArrayBuffer(0));
  const found: [number, number][] = [];
  for (let at = 0; at < space.bytes.length; at += entryStride(space, at)) {
    expect(entryProblem(space, at, space.bytes.length)).toBeUndefined();
    found.push([
      space.view.getUint16(at + SLOT_AT, true),
      space.view.getUint32(at + KEYS_AT, true),
    ]);
  }
  return found;
}

/** All that a file has for each shard, however many reads it takes. */
function readAll(
  source: SaveSource,
  shards: number,
): { found: [number, number][][]; reads: number } {
  const { start, end } = verifySave(files, source);
  const found = Array.from({ length: shards }, (): [number, number][] => []);
  let reads = 0;
  for (let offset = start; offset < end; reads += 1) {
    const chunks = readSave(files, { ...source, offset, end, shards });
    expect(chunks.offset).toBeGreaterThan(offset);
    offset = chunks.offset;
    chunks.parts.forEach((part, shard) => found[shard]!.push(...entriesIn(part)));
  }
  return { found, reads };
}

describe('verifySave and readSave', () => {
  test.each([1, 3, 64])('sort the entries by %i shards', (shards) => {
    const slots = Array.from({ length: 200 }, (_, i) => (i * 37) & 1_023);
    const sessions = slots.map((slot) => session(slot, pair('k', encode('v'.repeat(slot)))));
    const source = write([sessions.slice(0, 77), sessions.slice(77)]);
    expect(verifySave(files, source)).toMatchObject({ sessions: 200, keys: 200 });
    const { found } = readAll(source, shards);
    found.forEach((entries, shard) => {
      const expected = slots.filter((slot) => shardOf(slot, shards) === shard);
      expect(entries).toEqual(expected.map((slot) => [slot, 1]));
    });
  });

  test('read a large file in several parts, each chunk once', () => {
    const noise = Uint8Array.from({ length: 900_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 13);
    const chunks = Array.from({ length: 7 }, (_, i) => [session(i, pair('k', encode(noise)))]);
    const { found, reads } = readAll(write(chunks), 1);
    expect(found[0]).toEqual(chunks.map((_, i) => [i, 1]));
    expect(reads).toBe(3);
  });

  test('cut the default map into parts of whole pairs', () => {
    const pairs = Array.from({ length: 500 }, (_, i) => pair(`key${i}`, encode('v'.repeat(i * 2))));
    const map = sessionEntry({ kind: 1, flags: 1, createdMs: 1 }, ...pairs);
    const source: SaveSource = { ...write([[map]]), kind: 'default-map' };
    const { found } = readAll(source, 2);
    expect(found[1]).toEqual([]);
    expect(found[0]!.length).toBeGreaterThan(3);
    expect(found[0]!.reduce((sum, [, keys]) => sum + keys, 0)).toBe(500);
  });

  test('pass over the attributes of a default map, and an empty one is nothing', () => {
    const attributes = bytes(9, 2, 0, 1, 2);
    const map = { kind: 1, flags: 1, createdMs: 1, attributes };
    const source = write([[sessionEntry(map, pair('a', encode(1)))], [sessionEntry(map)]]);
    expect(readAll({ ...source, kind: 'default-map' }, 1).found).toEqual([[[0, 1]]]);
  });

  test('find nothing in a file without chunks', () => {
    expect(readAll(write([]), 2)).toEqual({ found: [[], []], reads: 0 });
  });
});

describe('verifySave', () => {
  test('refuses entries that are no sessions, broken, or of the other kind of set', () => {
    const map = sessionEntry({ kind: 1, flags: 1, createdMs: 1 });
    for (const bad of [shortEntry({ kind: 5 }), new Uint8Array(24), map]) {
      const source = write([[session(1)], [session(2), bad]]);
      expect(() => verifySave(files, source)).toThrow(/^00\.save is damaged in the chunk at/);
    }
    const source = write([[session(1)]]);
    expect(() => verifySave(files, { ...source, kind: 'default-map' })).toThrow('other kind');
  });

  test('refuses a snapshot, and a file of another secret', () => {
    expect(() => verifySave(files, write([[session(1)]], 'snapshot'))).toThrow('another file');
    const source = { ...write([[session(1)]]), secretCheck: 'fedcba9876543210' };
    expect(() => verifySave(files, source)).toThrow('another secret');
  });
});
