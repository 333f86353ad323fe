/** The layouts that docs/STORAGE.md draws are those of the files. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { encodeBatchHeader } from '../../../src/storage/batch.js';
import { encodeFileHeader, FILE_KINDS, type FileHeader } from '../../../src/storage/file-header.js';
import { readWhole } from '../../../src/storage/files.js';
import { appendChunk, createSnapshot, finishSnapshot } from '../../../src/storage/snapshot-file.js';
import { MemoryFiles } from '../../support/memory-files.js';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../../docs/STORAGE.md'), 'utf8');
/** ` 24  8  u64  what it is` or ` 48  8       what it is`. */
const FIELD = /^ *(\d+) {2} ?(\d+) {2}([uf]\d+| {3}) {2,3}(.+)$/gm;

interface Field {
  readonly at: number;
  readonly bytes: number;
  readonly type: string;
  readonly text: string;
}

/** The fields of the block whose first line says so. */
function fieldsOf(firstText: string): Field[] {
  const block = PAGE.split('```').find((each) => each.split('\n')[1]?.endsWith(firstText) === true);
  return [...(block ?? '').matchAll(FIELD)].map(([, at, bytes, type = '', text = '']) => ({
    at: Number(at),
    bytes: Number(bytes),
    type: type.trim(),
    text,
  }));
}

/** Each field as the page says it is to be read, by the first word of what the page calls it. */
function read(fields: readonly Field[], bytes: Uint8Array): Record<string, unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const valueOf = ({ at, bytes: length, type }: Field): unknown => {
    if (type === 'u8') return view.getUint8(at);
    if (type === 'u16') return view.getUint16(at, true);
    if (type === 'u32') return view.getUint32(at, true);
    if (type === 'u64') return Number(view.getBigUint64(at, true));
    if (type === 'f64') return view.getFloat64(at, true);
    return Buffer.from(bytes.subarray(at, at + length)).toString('latin1');
  };
  return Object.fromEntries(
    fields.map((field) => [field.text.replace(/[:,;].*/, ''), valueOf(field)]),
  );
}

function expectGapless(fields: readonly Field[], bytes: number): void {
  let at = 0;
  for (const field of fields) {
    expect(field.at).toBe(at);
    at += field.bytes;
  }
  expect(at).toBe(bytes);
}

const HEADER: FileHeader = {
  ...{ kind: 'snapshot', epoch: 3, shard: 5, shards: 8, number: 9, createdMs: 1_800_000_000_000.5 },
  ...{ firstSequence: 77, backlog: 4, secretCheck: '0102030405060708' },
};

describe('docs/STORAGE.md draws', () => {
  test('the header of a file', () => {
    const fields = fieldsOf('"SOJOURN\\n"');
    const bytes = encodeFileHeader(HEADER);
    expectGapless(fields, bytes.length);
    expect(read(fields, bytes)).toMatchObject({
      'format version': 1,
      kind: FILE_KINDS.snapshot,
      ...{
        epoch: 3,
        shard: 5,
        shards: 8,
        'number of the segment': 9,
        created: 1_800_000_000_000.5,
      },
      'sequence of the first batch': 77,
      'secret check': '\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b',
      backlog: 4,
    });
  });

  test('the header of a batch', () => {
    const fields = fieldsOf('"SJB1"');
    const space = new ByteSpace(new ArrayBuffer(48 + 24));
    const header = { bytes: 0, entries: 3, sequence: 12, timeMs: 5.5, synced: 11 };
    encodeBatchHeader(space, space.bytes.length, header, 1);
    expectGapless(fields, 48);
    expect(read(fields, space.bytes)).toMatchObject({
      '"SJB1"': 'SJB1',
      'bytes of the entries': 24,
      'how many entries': 3,
      sequence: 12,
      'time of the turn': 5.5,
      synced: 11,
      reserved: 0,
    });
  });

  test('the chunks and the footer of a snapshot', () => {
    const files = new MemoryFiles();
    const file = 'a.snap';
    const created = createSnapshot(files, { directory: '', file, header: HEADER });
    const appended = appendChunk(files, created, new Uint8Array(1_000), 6, 7);
    finishSnapshot(files, appended);
    const bytes = readWhole(files, `/${file}`);
    const chunkFields = fieldsOf('"SJC1"');
    expectGapless(chunkFields, 28);
    const chunk = read(chunkFields, bytes.subarray(64));
    expect(chunk).toMatchObject({
      ...{ '"SJC1"': 'SJC1', 'raw bytes': 1_000, how: 1, sessions: 6, keys: 7 },
    });
    const footerFields = fieldsOf('"SJE1"');
    expectGapless(footerFields, 32);
    const footer = read(footerFields, bytes.subarray(bytes.length - 32));
    expect(footer).toMatchObject({ '"SJE1"': 'SJE1', chunks: 1, sessions: 6, keys: 7 });
  });
});
