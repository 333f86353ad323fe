/** Reads one segment of a log batch by batch, and finds batches again behind damage. */
import type { ByteSpace } from '../core/copy.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC_BYTES,
  batchBytesAt,
  type BatchHeader,
  emptyBatchHeader,
  readBatch,
} from './batch.js';
import { checksumSeed } from './checksum.js';
import { FILE_HEADER_BYTES, FILE_KINDS, type FileHeader } from './file-header.js';
import { readHeader } from './file-identity.js';
import { type FileId, logPath } from './file-names.js';
import { FileWindow, type WindowBuffer } from './file-window.js';
import type { Files } from './files.js';

/** How far a search for a batch looks at once. */
const SEARCH_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(SEARCH_BYTES);

export class SegmentReader {
  readonly id: FileId;
  /** Relative to the data directory. */
  readonly file: string;
  /** Undefined if it cannot be read; then damage says why. */
  readonly header: FileHeader | undefined;
  readonly damage: string;
  /** The header was never written: a segment that a stop has left unfinished. */
  readonly isUnfinished: boolean;
  /** Of the batch that next() or find() has read. Filled anew each time. */
  readonly batch: BatchHeader = emptyBatchHeader();
  readonly #window: FileWindow;
  readonly #seed: number;
  /** See size; undefined until it is asked for. */
  #size: number | undefined;
  #offset = FILE_HEADER_BYTES;
  #batchOffset = 0;
  #bodyAt = 0;

  /** Throws DamagedFileError if it cannot be opened, StorageError if it is another file. */
  constructor(
    files: Files,
    options: {
      readonly directory: string;
      readonly id: FileId;
      readonly secretCheck: string;
      readonly buffer?: WindowBuffer;
    },
  ) {
    const { directory, id, secretCheck, buffer } = options;
    this.id = id;
    this.file = logPath(id);
    this.#seed = checksumSeed({ kind: FILE_KINDS.log, ...id, secretCheck });
    this.#window = new FileWindow(files, `${directory}/${this.file}`, this.file, buffer);
    try {
      const header = readHeader(this.#window, { kind: 'log', ...id, secretCheck });
      const isDamaged = 'damage' in header;
      this.header = isDamaged ? undefined : header;
      this.damage = isDamaged ? header.damage : '';
      this.isUnfinished = isDamaged && header.isEmpty;
    } catch (error) {
      this.#window.close();
      throw error;
    }
  }

  /** Bytes of the file, without the zeros at the end of one that may have them. */
  get size(): number {
    this.#size ??= this.header?.hasSpareLength === true ? this.#endOfContent() : this.#window.size;
    return this.#size;
  }

  /** Where the next batch is looked for. */
  get offset(): number {
    return this.#offset;
  }

  /** Where the batch that was read begins. */
  get batchOffset(): number {
    return this.#batchOffset;
  }

  /** The entries of the batch lie in [bodyAt, bodyEnd) of the space, until the next call. */
  get space(): ByteSpace {
    return this.#window.space;
  }

  get bodyAt(): number {
    return this.#bodyAt;
  }

  get bodyEnd(): number {
    return this.#bodyAt + this.batch.bytes - BATCH_HEADER_BYTES;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#window.size || this.#offset >= this.size;
  }

  /** Reads the batch at the offset and steps behind it; false if there is none, or none that is whole. */
  next(): boolean {
    const offset = this.#offset;
    if (!this.#readAt(offset)) return false;
    this.#offset = offset + this.batch.bytes;
    return true;
  }

  /** Steps to the next whole batch at the offset or anywhere behind it. */
  find(): boolean {
    while (this.#offset < this.#window.size) {
      const offset = this.#magicFrom(this.#offset);
      if (offset < 0) break;
      this.#offset = offset;
      if (this.next()) return true;
      this.#offset = offset + BATCH_MAGIC_BYTES.length;
    }
    this.#offset = this.#window.size;
    return false;
  }

  /** Looks for batches from here on. */
  seek(offset: number): void {
    this.#offset = offset;
  }

  close(): void {
    this.#window.close();
  }

  #readAt(offset: number): boolean {
    const available = this.#window.size - offset;
    if (available < BATCH_HEADER_BYTES) return false;
    const headerAt = this.#window.at(offset, BATCH_HEADER_BYTES);
    const bytes = batchBytesAt(this.#window.space, headerAt, this.#seed);
    if (bytes === 0 || bytes > available) return false;
    const at = this.#window.at(offset, bytes);
    if (!readBatch(this.#window.space, at, bytes, this.#seed, this.batch)) return false;
    this.#batchOffset = offset;
    this.#bodyAt = at + BATCH_HEADER_BYTES;
    return true;
  }

  #endOfContent(): number {
    for (let end = this.#window.size; end > 0;) {
      const from = Math.max(0, end - SEARCH_BYTES);
      const bytes = end - from;
      const at = this.#window.at(from, bytes);
      const content = this.#window.space.bytes.subarray(at, at + bytes);
      if (ZEROS.compare(content, 0, bytes, 0, bytes) !== 0) {
        let last = bytes - 1;
        while (content[last] === 0) last -= 1;
        return from + last + 1;
      }
      end = from;
    }
    return 0;
  }

  /** Offset of the next magic that lies at a multiple of 4, or -1. */
  #magicFrom(from: number): number {
    const magicBytes = BATCH_MAGIC_BYTES.length;
    let offset = from - (from % magicBytes);
    while (this.#window.size - offset >= BATCH_HEADER_BYTES) {
      const bytes = Math.min(SEARCH_BYTES, this.#window.size - offset);
      const at = this.#window.at(offset, bytes);
      const { buffer, byteOffset } = this.#window.space.bytes;
      const found = Buffer.from(buffer, byteOffset + at, bytes).indexOf(BATCH_MAGIC_BYTES);
      if (found < 0) {
        // A magic may lie across the border, but not at a multiple of 4.
        offset += bytes - (bytes % magicBytes);
      } else if (found % magicBytes === 0) {
        return offset + found;
      } else {
        offset += found - (found % magicBytes) + magicBytes;
      }
    }
    return -1;
  }
}
