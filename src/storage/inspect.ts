/**
 * sojourn inspect: a binary file of a data directory as lines of JSON, its header first. Reads one
 * batch or one chunk at a time, so memory stays bounded by the largest of them. What cannot be read
 * is the last line, {"damage":{"at","why"}}.
 *
 * One file alone does not tell whether a bad end of a log is a torn tail or damage: that takes the
 * files after it, and is what `sojourn check` does.
 */
import { ByteSpace } from '../core/copy.js';
import {
  BATCH_HEADER_BYTES,
  batchBytesAt,
  type BatchHeader,
  emptyBatchHeader,
  readBatch,
} from './batch.js';
import { checksumSeed } from './checksum.js';
import { entryTextAt, instantText } from './entry-text.js';
import { decodeFileHeader, FILE_HEADER_BYTES, FILE_KINDS, type FileHeader } from './file-header.js';
import type { Files } from './files.js';
import { type SnapshotChunk, SnapshotReader } from './snapshot-reader.js';
import { StorageError } from './storage-error.js';

export class FileInspection {
  /** Whether all lines so far are of good bytes. */
  isSound = true;
  readonly #files: Files;
  readonly #path: string;
  readonly #fd: number;
  readonly #bytes: number;

  /** Opens the file; throws what the system says. */
  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
    this.#fd = files.open(path, 'read');
    this.#bytes = files.size(this.#fd);
  }

  close(): void {
    this.#files.close(this.#fd);
  }

  *lines(): Generator<string, void> {
    const head = this.#read(0, FILE_HEADER_BYTES);
    const header = decodeFileHeader(head.bytes);
    if ('problem' in header) {
      yield this.#damage(0, header.detail);
      return;
    }
    yield headerText(header, this.#bytes);
    if (header.kind === 'log') yield* this.#batches(header);
    else if (header.kind !== 'secret') yield* this.#chunks(header);
  }

  *#batches(header: FileHeader): Generator<string, void> {
    const seed = checksumSeed({ ...header, kind: FILE_KINDS[header.kind] });
    const batch = emptyBatchHeader();
    let at = FILE_HEADER_BYTES;
    while (at < this.#bytes) {
      const left = this.#bytes - at;
      const isHeaderWhole = left >= BATCH_HEADER_BYTES;
      const bytes = isHeaderWhole ? batchBytesAt(this.#read(at, BATCH_HEADER_BYTES), 0, seed) : 0;
      if (bytes === 0 || bytes > left) {
        const isCut = !isHeaderWhole || bytes > 0;
        yield this.#damage(at, isCut ? 'a batch is cut short' : 'no batch begins here');
        return;
      }
      const space = this.#read(at, bytes);
      if (!readBatch(space, 0, bytes, seed, batch)) {
        yield this.#damage(at, 'the checksum of a batch is wrong');
        return;
      }
      yield batchText(batch, at);
      const start = at;
      yield* this.#entries(space, BATCH_HEADER_BYTES, bytes, (offset) => start + offset);
      if (!this.isSound) return;
      at += bytes;
    }
  }

  *#chunks(header: FileHeader): Generator<string, void> {
    const { kind, secretCheck } = header;
    let reader: SnapshotReader | undefined;
    try {
      const options = { path: this.#path, file: this.#path, expected: { kind, secretCheck } };
      reader = new SnapshotReader(this.#files, options);
      let count = 0;
      for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
        count += 1;
        yield chunkText(chunk, count, reader.offset - chunk.offset);
        // Inflated bytes have no place in the file: their chunk's must do.
        yield* this.#entries(chunk.space, chunk.at, chunk.end, () => chunk.offset);
        if (!this.isSound) return;
      }
      const { sessions, keys } = reader;
      yield JSON.stringify({ footer: { chunks: count, sessions, keys } });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      yield this.#damage(error.offset ?? 0, error.message);
    } finally {
      reader?.close();
    }
  }

  /** @param placeOf where in the file an offset in the space is. */
  *#entries(
    space: ByteSpace,
    from: number,
    end: number,
    placeOf: (at: number) => number,
  ): Generator<string, void> {
    let at = from;
    while (at < end) {
      const read = entryTextAt(space, at, end);
      if ('problem' in read) {
        yield this.#damage(placeOf(at), read.problem);
        return;
      }
      yield read.text;
      at = read.next;
    }
  }

  #damage(at: number, why: string): string {
    this.isSound = false;
    return JSON.stringify({ damage: { at, why } });
  }

  /** A space of its own for each, as entries are read by offset from its start. */
  #read(position: number, bytes: number): ByteSpace {
    const buffer = new ArrayBuffer(bytes);
    const count = this.#files.read(this.#fd, new Uint8Array(buffer), 0, bytes, position);
    return new ByteSpace(buffer, 0, count);
  }
}

function headerText(header: FileHeader, bytes: number): string {
  const { kind, epoch, shard, shards, number, createdMs, firstSequence } = header;
  const created = `"created":${instantText(createdMs)}`;
  if (kind === 'secret') return `{"file":"secret","bytes":${bytes},${created}}`;
  const place = `"epoch":${epoch},"shard":${shard},"shards":${shards},"number":${number}`;
  return `{"file":"${kind}","bytes":${bytes},${place},${created},"firstSequence":${firstSequence}}`;
}

function batchText(batch: BatchHeader, at: number): string {
  const { sequence, timeMs, synced, entries, bytes } = batch;
  const time = `"time":${instantText(timeMs)}`;
  return `{"batch":${sequence},"at":${at},"bytes":${bytes},${time},"synced":${synced},"entries":${entries}}`;
}

function chunkText(chunk: SnapshotChunk, count: number, bytes: number): string {
  const { offset, sessions, keys, at, end } = chunk;
  return JSON.stringify({ chunk: count, at: offset, bytes, rawBytes: end - at, sessions, keys });
}
