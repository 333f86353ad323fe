/**
 * Reads a file of whole sessions (snapshot-file.ts) chunk by chunk. Whatever is wrong with it is a
 * DamagedFileError with file and offset; what has been read before it was right.
 */
import { inflateRawSync } from 'node:zlib';
import { ByteSpace } from '../core/copy.js';
import { checksum, checksumSeed } from './checksum.js';
import { FILE_HEADER_BYTES, FILE_KINDS, type FileHeader } from './file-header.js';
import { type ExpectedFile, readHeader } from './file-identity.js';
import { FileWindow, type WindowBuffer } from './file-window.js';
import type { Files } from './files.js';
import {
  CHUNK_HEADER_BYTES,
  CHUNK_MAGIC,
  FOOTER_BYTES,
  FOOTER_MAGIC,
  HOW_DEFLATED,
  HOW_RAW,
  SUMMED_FROM,
} from './snapshot-file.js';
import { DamagedFileError } from './storage-error.js';

/** A chunk may be as large as its largest session; more than this is none. */
const RAW_BYTES_MAX = 1024 * 1024 * 1024;

/** What zlib takes for its output at least. */
const CHUNK_SIZE_MIN = 64;

/** Entries in [at, end) of the space. Valid until the next call of next(). */
export interface SnapshotChunk {
  readonly space: ByteSpace;
  readonly at: number;
  readonly end: number;
  readonly sessions: number;
  readonly keys: number;
  /** Of the chunk in the file. */
  readonly offset: number;
}

export interface SnapshotReaderOptions {
  readonly path: string;
  /** Name for messages. */
  readonly file: string;
  readonly expected: ExpectedFile;
  /** Offset of the chunk to begin with; then the footer's sums are not compared. */
  readonly offset?: number;
  readonly buffer?: WindowBuffer;
}

export class SnapshotReader {
  readonly header: FileHeader;
  readonly #window: FileWindow;
  readonly #seed: number;
  readonly #isWhole: boolean;
  #offset: number;
  #chunks = 0;
  #sessions = 0;
  #keys = 0;

  /** Throws DamagedFileError, or StorageError if the file is whole but of no use here. */
  constructor(files: Files, options: SnapshotReaderOptions) {
    this.#isWhole = options.offset === undefined;
    this.#offset = options.offset ?? FILE_HEADER_BYTES;
    this.#window = new FileWindow(files, options.path, options.file, options.buffer);
    try {
      const header = readHeader(this.#window, options.expected);
      if ('damage' in header) throw this.#damaged(0, header.damage);
      this.header = header;
      this.#seed = checksumSeed({ ...header, kind: FILE_KINDS[header.kind] });
    } catch (error) {
      this.#window.close();
      throw error;
    }
  }

  get size(): number {
    return this.#window.size;
  }

  /** Where the next chunk begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Of all chunks read; after the last one, what the footer says, too. */
  get sessions(): number {
    return this.#sessions;
  }

  get keys(): number {
    return this.#keys;
  }

  /**
   * Goes on where another reader has stopped. Not to the footer: that counts all chunks, and this
   * reader has not seen them.
   */
  skipTo(offset: number): void {
    this.#offset = offset;
  }

  /** @returns undefined once the footer has been read and agrees. */
  next(): SnapshotChunk | undefined {
    const offset = this.#offset;
    const available = this.#window.size - offset;
    if (available < CHUNK_HEADER_BYTES) throw this.#damaged(offset, 'it ends here');
    const at = this.#window.at(offset, CHUNK_HEADER_BYTES);
    const magic = this.#window.space.view.getUint32(at, true);
    if (magic === FOOTER_MAGIC) {
      this.#readFooter(offset, available);
      return undefined;
    }
    if (magic !== CHUNK_MAGIC) throw this.#damaged(offset, 'there is no chunk here');
    return this.#readChunk(offset, available);
  }

  close(): void {
    this.#window.close();
  }

  #readChunk(offset: number, available: number): SnapshotChunk {
    const header = this.#window.at(offset, CHUNK_HEADER_BYTES);
    const storedBytes = this.#window.space.view.getUint32(header + 8, true);
    const bytes = CHUNK_HEADER_BYTES + storedBytes;
    if (bytes > available) throw this.#damaged(offset, 'a chunk reaches beyond the end');
    const at = this.#window.at(offset, bytes);
    const { space } = this.#window;
    const { view } = space;
    const sum = checksum(space, at + SUMMED_FROM, at + bytes, this.#seed);
    if (sum !== view.getUint32(at + 4, true)) {
      throw this.#damaged(offset, 'the checksum of a chunk is wrong');
    }
    const rawBytes = view.getUint32(at + 12, true);
    const how = view.getUint8(at + 16);
    const sessions = view.getUint32(at + 20, true);
    const keys = view.getUint32(at + 24, true);
    const isSound = rawBytes <= RAW_BYTES_MAX && (how === HOW_DEFLATED || rawBytes === storedBytes);
    if (!isSound || how > HOW_DEFLATED) throw this.#damaged(offset, 'a chunk cannot be so');
    this.#offset = offset + bytes + (-bytes & 3);
    this.#chunks += 1;
    this.#sessions += sessions;
    this.#keys += keys;
    const storedAt = at + CHUNK_HEADER_BYTES;
    if (how === HOW_RAW) {
      return { space, at: storedAt, end: storedAt + storedBytes, sessions, keys, offset };
    }
    const stored = space.bytes.subarray(storedAt, storedAt + storedBytes);
    const raw = this.#inflate(offset, stored, rawBytes);
    return { space: raw, at: 0, end: rawBytes, sessions, keys, offset };
  }

  #inflate(offset: number, stored: Uint8Array, rawBytes: number): ByteSpace {
    let raw: Uint8Array | undefined;
    try {
      // One piece of the right size: zlib's own pieces of 16 KiB would be put together afterwards.
      const bytes = Math.max(CHUNK_SIZE_MIN, rawBytes);
      raw = inflateRawSync(stored, { maxOutputLength: bytes, chunkSize: bytes });
    } catch {
      // Told below: what zlib says of it helps nobody.
    }
    if (raw?.length !== rawBytes) throw this.#damaged(offset, 'a chunk cannot be inflated');
    return new ByteSpace(raw.buffer, raw.byteOffset, raw.length);
  }

  #readFooter(offset: number, available: number): void {
    if (available !== FOOTER_BYTES) throw this.#damaged(offset, 'its last part has a wrong size');
    const at = this.#window.at(offset, FOOTER_BYTES);
    const { space } = this.#window;
    const sum = checksum(space, at + SUMMED_FROM, at + FOOTER_BYTES, this.#seed);
    if (sum !== space.view.getUint32(at + 4, true)) {
      throw this.#damaged(offset, 'the checksum of its last part is wrong');
    }
    const agrees =
      !this.#isWhole ||
      (space.view.getUint32(at + 8, true) === this.#chunks &&
        space.view.getFloat64(at + 16, true) === this.#sessions &&
        space.view.getFloat64(at + 24, true) === this.#keys);
    if (!agrees) throw this.#damaged(offset, 'chunks of it are missing');
  }

  #damaged(offset: number, detail: string): DamagedFileError {
    const { file } = this.#window;
    return new DamagedFileError(`${file} is damaged at offset ${offset}: ${detail}`, {
      file,
      offset,
    });
  }
}
