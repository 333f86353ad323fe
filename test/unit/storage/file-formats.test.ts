import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { shardOf, SLOTS } from '../../../src/core/slots.js';
import { BATCH_HEADER_BYTES } from '../../../src/storage/batch.js';
import { checksum, checksumSeed } from '../../../src/storage/checksum.js';
import {
  decodeFileHeader,
  encodeFileHeader,
  type FileHeader,
} from '../../../src/storage/file-header.js';
import { logIdOf, logPath, snapshotIdOf, snapshotPath } from '../../../src/storage/file-names.js';
import { readHeader } from '../../../src/storage/file-identity.js';
import { FileWindow, WindowBuffer } from '../../../src/storage/file-window.js';
import { firstManifest } from '../../../src/storage/manifest.js';
import { planRecovery } from '../../../src/storage/recovery-plan.js';
import { openSealedJson, sealJson } from '../../../src/storage/sealed-json.js';
import { ShardBoard } from '../../../src/storage/shard-board.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { patternBytes } from '../../support/stored-values.js';

const HEADER: FileHeader = {
  ...{ kind: 'log', epoch: 4_000_000_000, shard: 63, shards: 64, number: 2 ** 40 + 3 },
  ...{
    createdMs: 1_800_000_000_000.5,
    firstSequence: 2 ** 45 + 1,
    backlog: 7,
    hasSpareLength: true,
  },
  secretCheck: '0123456789abcdef',
};

describe('checksum', () => {
  test.each([0, 1, 3, 4, 5, 47, 191, 192, 193, 1_000])('is that of zlib for %i bytes', (bytes) => {
    const space = new ByteSpace(patternBytes(bytes + 9).buffer as ArrayBuffer);
    for (const seed of [0, 1, 0xffffffff]) {
      const expected = crc32(space.bytes.subarray(5, 5 + bytes), seed);
      expect(checksum(space, 5, 5 + bytes, seed)).toBe(expected);
    }
  });

  test('starts from another seed for each file', () => {
    const file = { kind: 1, epoch: 1, shard: 2, number: 3, secretCheck: 'ab' };
    const seeds = [
      ...[file, { ...file, kind: 2 }, { ...file, epoch: 2 }, { ...file, shard: 3 }],
      ...[
        { ...file, number: 4 },
        { ...file, secretCheck: 'ac' },
      ],
    ].map((other) => checksumSeed(other));
    expect(new Set(seeds).size).toBe(seeds.length);
  });
});

describe('a file header', () => {
  test('comes back as it was', () => {
    expect(decodeFileHeader(encodeFileHeader(HEADER))).toEqual(HEADER);
  });

  test.each([
    ['kind', 10, 'its kind is unknown'],
    ['flag', 11, 'a flag of its header is unknown'],
  ])('with an unknown %s and a right checksum is damaged, and says so', (_title, at, detail) => {
    const space = new ByteSpace(encodeFileHeader(HEADER).buffer as ArrayBuffer);
    space.bytes[at] = 128;
    space.view.setUint32(60, checksum(space, 0, 60, 0), true);
    expect(decodeFileHeader(space.bytes)).toEqual({ problem: 'damaged', detail });
  });

  test('tells what was never written from what is damaged, whichever bit it is', () => {
    expect(decodeFileHeader(new Uint8Array(64))).toMatchObject({ problem: 'empty' });
    for (let bytes = 0; bytes < 64; bytes += 1) {
      const cut = encodeFileHeader(HEADER).slice(0, bytes);
      expect(decodeFileHeader(cut)).toMatchObject({ problem: 'empty' });
      const padded = Uint8Array.from({ length: 64 }, (_, at) => cut[at] ?? 0);
      expect(decodeFileHeader(padded)).toMatchObject({ problem: 'empty' });
    }
    for (let bit = 0; bit < 512; bit += 1) {
      const bytes = encodeFileHeader(HEADER);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      expect(decodeFileHeader(bytes)).toMatchObject({ problem: 'damaged' });
    }
  });

  test('of a format to come is refused by file and number', () => {
    const space = new ByteSpace(encodeFileHeader(HEADER).buffer as ArrayBuffer);
    space.view.setUint16(8, 9, true);
    space.view.setUint32(60, checksum(space, 0, 60, 0), true);
    const files = new MemoryFiles();
    files.put('/f', space.bytes);
    const window = new FileWindow(files, '/f', 'log/f.log');
    expect(() => readHeader(window, { kind: 'log', secretCheck: HEADER.secretCheck })).toThrow(
      'log/f.log cannot be used: it has format version 9, and this version of Sojourn reads 1',
    );
  });

  test.each([
    ['kind', { kind: 'snapshot' }],
    ['epoch', { epoch: 1 }],
    ['shard', { shard: 1 }],
    ['number', { number: 1 }],
    ['secret', { secretCheck: 'ffffffffffffffff' }],
  ] as const)('of another %s than its name says is refused', (_what, other) => {
    const files = new MemoryFiles();
    files.put('/f', encodeFileHeader(HEADER));
    const window = new FileWindow(files, '/f', 'f');
    expect(readHeader(window, HEADER)).toEqual(HEADER);
    expect(() => readHeader(window, { ...HEADER, ...other })).toThrow('f cannot be used: it ');
  });
});

describe('file names', () => {
  test('come back as numbers, and sort like them', () => {
    const id = { epoch: 12, shard: 3, number: 456 };
    expect(logPath(id)).toBe('log/000012-03-00000456.log');
    expect(snapshotPath(id)).toBe('snapshots/000012-03-00000456.snap');
    expect(logIdOf('000012-03-00000456.log')).toEqual(id);
    expect(snapshotIdOf('000012-03-00000456.snap')).toEqual(id);
    const large = { epoch: 1_234_567, shard: 100, number: 123_456_789 };
    expect(logIdOf(logPath(large).slice(4))).toEqual(large);
  });

  test.each([
    ...['000012-03-00000456.snap', '0000012-03-00000456.log', '000012-03-456.log', 'x.log', ''],
    ...['000012-03-00000456.log.new', ' 000012-03-00000456.log', '../000012-03-00000456.log'],
  ])('of others are not ours: "%s"', (name) => {
    expect(logIdOf(name)).toBeUndefined();
  });
});

describe('sealed JSON', () => {
  test('comes back, and no bit of it can change unnoticed', () => {
    const value = { a: 1, b: { c: ['x', null] } };
    const bytes = sealJson(value);
    expect(openSealedJson(bytes)).toEqual(value);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >>> 3]! ^= 1 << (bit & 7);
      expect(openSealedJson(flipped)).toBeUndefined();
    }
  });
});

describe('FileWindow', () => {
  test('gives every range of a file, from one buffer for several files', () => {
    const files = new MemoryFiles();
    const contents = [patternBytes(50_000, 1), patternBytes(120_000, 5)];
    contents.forEach((content, index) => files.put(`/${index}`, content));
    const buffer = new WindowBuffer();
    const windows = contents.map((_, index) => new FileWindow(files, `/${index}`, 'f', buffer));
    for (let step = 0; step < 200; step += 1) {
      const index = step % 2;
      const content = contents[index]!;
      const offset = (step * 7_919) % (content.length - 40_000);
      const bytes = (step * 613) % 40_000;
      const window = windows[index]!;
      const at = window.at(offset, bytes);
      expect((at - offset) & 7).toBe(0);
      const found = window.space.bytes.subarray(at, at + bytes);
      expect(Buffer.compare(found, content.subarray(offset, offset + bytes))).toBe(0);
      expect(files.openCount).toBe(1);
    }
  });

  test('says where a file cannot be read', () => {
    const files = new MemoryFiles();
    files.put('/f', patternBytes(1_000));
    const window = new FileWindow(files, '/f', 'log/f');
    files.fault = (operation) => (operation === 'read' ? { code: 'EIO' } : undefined);
    expect(() => window.at(500, 10)).toThrow('log/f cannot be read at offset 496: EIO');
  });
});

describe('ShardBoard', () => {
  test('tells what is synced beyond the halves of sequences', () => {
    const main = new ShardBoard();
    const shard = new ShardBoard(main.shared);
    for (const sequence of [0, 5, 2 ** 31 + 7, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3]) {
      shard.sequence = sequence;
      main.syncedLow = main.writtenLow;
      expect(main.sequence).toBe(sequence);
      expect(shard.syncedSequence(sequence)).toBe(sequence);
      expect(shard.syncedSequence(sequence + 9)).toBe(sequence + 9 - 9);
    }
  });

  test('has a word for each thing', () => {
    const board = new ShardBoard();
    const names = [
      ...(['snapshotDone', 'segment', 'descriptor', 'position', 'logBytes', 'neededFrom'] as const),
    ];
    names.forEach((name, index) => (board[name] = index + 100));
    board.isFailing = true;
    board.countOrder();
    board.countChunkDone();
    board.countChunkDone();
    for (let count = 0; count < 3; count += 1) board.countSyncFailure();
    for (let count = 0; count < 4; count += 1) board.countSegmentReport();
    board.sequence = 77;
    expect(names.map((name) => board[name])).toEqual([100, 101, 102, 103, 104, 105]);
    const { ordersPosted, chunksDone, syncFailures, segmentReports, isFailing, sequence } = board;
    expect([ordersPosted, chunksDone, syncFailures, segmentReports]).toEqual([1, 2, 3, 4]);
    expect([isFailing, sequence, board.writtenLow]).toEqual([true, 77, 77]);
  });
});

describe('planRecovery', () => {
  const listing = { log: [], snapshots: [] };

  test.each([
    ...[
      [1, 2],
      [2, 1],
      [2, 3],
      [3, 2],
      [4, 64],
      [64, 5],
      [7, 7],
    ],
  ])('from %i to %i shards has each slot read once by its owner', (from, shards) => {
    const manifest = firstManifest(from);
    const plans = planRecovery({ manifest, listing, shards, secretCheck: '' });
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const { sources } = plans[shardOf(slot, shards)]!;
      expect(sources.map(({ shard }) => shard)).toContain(shardOf(slot, from));
    }
    const reporting = plans.flatMap(({ sources }) =>
      sources.filter((source) => source.isReporting),
    );
    expect(reporting.map(({ shard }) => shard).sort((a, b) => a - b)).toEqual([
      ...Array(from).keys(),
    ]);
    // The default map is on the first shard, before and after.
    expect(plans[0]!.sources[0]!.shard).toBe(0);
    expect(structuredClone(plans)).toEqual(plans);
  });

  test('lists the segments of the epoch and shard by number', () => {
    const ids = [
      ...[
        [1, 0, 12],
        [1, 0, 3],
        [2, 0, 4],
        [1, 1, 5],
      ],
    ].map(([epoch, shard, number]) => ({ epoch: epoch!, shard: shard!, number: number! }));
    const log = [...ids.map((id) => logPath(id).slice(4)), 'other.log'];
    const plans = planRecovery({
      ...{ manifest: firstManifest(2), listing: { log, snapshots: [] } },
      ...{ shards: 2, secretCheck: '' },
    });
    expect(plans.map(({ sources }) => sources[0]!.segments)).toEqual([[3, 12], [5]]);
  });
});

test('a batch header is as long as the room in front of the entries', () => {
  expect(BATCH_HEADER_BYTES).toBe(48);
});
