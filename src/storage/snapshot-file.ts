/**
 * A file of whole sessions: a snapshot or a part of a save. Little-endian; each part begins at a
 * multiple of 4.
 *
 *   file header (64 bytes), chunk, chunk, ..., footer
 *
 *   chunk    0 u32 magic "SJC1"      4 u32 CRC-32 of bytes 8 to the end of the stored ones
 *            8 u32 stored bytes     12 u32 raw bytes     16 u8 how: 0 raw, 1 deflated; 3 reserved
 *           20 u32 sessions         24 u32 keys          28 stored bytes: SESSION entries; zeros to 4
 *   footer   0 u32 magic "SJE1"      4 u32 CRC-32 of bytes 8 to 31
 *            8 u32 chunks           12 u32 reserved 0    16 f64 sessions    24 f64 keys
 *
 * The file has another name until it is finished. How far it is is plain data, so that each chunk
 * may be written by another thread of the job pool, one after the other.
 */
import { crc32, deflateRawSync } from 'node:zlib';
import { checksumSeed } from './checksum.js';
import { encodeFileHeader, FILE_HEADER_BYTES, FILE_KINDS, type FileHeader } from './file-header.js';
import { type Files, NEW_SUFFIX } from './files.js';

export const CHUNK_MAGIC = magicOf('SJC1');
export const FOOTER_MAGIC = magicOf('SJE1');
export const CHUNK_HEADER_BYTES = 28;
export const FOOTER_BYTES = 32;
export const SUMMED_FROM = 8;
export const HOW_RAW = 0;
export const HOW_DEFLATED = 1;

/**
 * Anything more than this of the raw size is kept raw: the sessions of the benchmark, whose values are
 * random, would come to 0.61, and inflating them was a fifth of a recovery.
 */
const WORTH_SHARE = 0.6;
const DEFLATE_LEVEL = 1;
/** What is tried before all of a chunk is: most of the values may be random bytes. */
const SAMPLE_BYTES = 16 * 1024;
const PADDING = new Uint8Array(3);

/** How far a file is. Plain data; the descriptor belongs to the process. */
export interface SnapshotProgress {
  /** The data directory. */
  readonly directory: string;
  /** The final name, relative to it. */
  readonly file: string;
  readonly fd: number;
  readonly seed: number;
  readonly position: number;
  readonly chunks: number;
  readonly sessions: number;
  readonly keys: number;
}

export interface SnapshotFigures {
  readonly sessions: number;
  readonly keys: number;
  readonly bytes: number;
}

export interface SnapshotTarget {
  /** The data directory. */
  readonly directory: string;
  /** Relative to it. */
  readonly file: string;
  readonly header: FileHeader;
}

/** Its folder must exist. What is left of an earlier attempt is replaced. */
export function createSnapshot(files: Files, target: SnapshotTarget): SnapshotProgress {
  const { directory, file, header } = target;
  const path = `${directory}/${file}${NEW_SUFFIX}`;
  files.remove(path);
  const fd = files.open(path, 'create');
  const progress = {
    directory,
    file,
    fd,
    seed: checksumSeed({ ...header, kind: FILE_KINDS[header.kind] }),
    position: FILE_HEADER_BYTES,
    chunks: 0,
    sessions: 0,
    keys: 0,
  };
  try {
    files.write(fd, encodeFileHeader(header), 0, FILE_HEADER_BYTES, 0);
  } catch (error) {
    discardSnapshot(files, progress);
    throw error;
  }
  return progress;
}

/** @param entries whole SESSION entries, a multiple of 4 bytes. */
export function appendChunk(
  files: Files,
  progress: SnapshotProgress,
  entries: Uint8Array,
  sessions: number,
  keys: number,
): SnapshotProgress {
  const deflated = deflate(entries);
  const stored = deflated ?? entries;
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header.writeUInt32LE(CHUNK_MAGIC, 0);
  header.writeUInt32LE(stored.length, 8);
  header.writeUInt32LE(entries.length, 12);
  header.writeUInt8(deflated === undefined ? HOW_RAW : HOW_DEFLATED, 16);
  header.writeUInt32LE(sessions, 20);
  header.writeUInt32LE(keys, 24);
  const headerSum = crc32(header.subarray(SUMMED_FROM), progress.seed);
  // Of no bytes zlib gives 0, whatever it begins with.
  header.writeUInt32LE(stored.length === 0 ? headerSum : crc32(stored, headerSum), 4);
  const { fd, position } = progress;
  const padding = -stored.length & 3;
  files.write(fd, header, 0, header.length, position);
  files.write(fd, stored, 0, stored.length, position + header.length);
  if (padding > 0) files.write(fd, PADDING, 0, padding, position + header.length + stored.length);
  return {
    ...progress,
    position: position + header.length + stored.length + padding,
    chunks: progress.chunks + 1,
    sessions: progress.sessions + sessions,
    keys: progress.keys + keys,
  };
}

/**
 * Writes the footer and gives the file its name; when it returns, both are on the disk. One that
 * cannot be finished is removed: there is nothing left to discard.
 */
export function finishSnapshot(files: Files, progress: SnapshotProgress): SnapshotFigures {
  const { directory, file, fd, seed, position, chunks, sessions, keys } = progress;
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.writeUInt32LE(FOOTER_MAGIC, 0);
  footer.writeUInt32LE(chunks, 8);
  footer.writeDoubleLE(sessions, 16);
  footer.writeDoubleLE(keys, 24);
  footer.writeUInt32LE(crc32(footer.subarray(SUMMED_FROM), seed), 4);
  try {
    files.write(fd, footer, 0, footer.length, position);
    files.sync(fd);
  } catch (error) {
    discardSnapshot(files, progress);
    throw error;
  }
  const path = `${directory}/${file}`;
  try {
    files.close(fd);
    files.rename(`${path}${NEW_SUFFIX}`, path);
    files.syncDirectory(path.slice(0, path.lastIndexOf('/')));
  } catch (error) {
    removeQuietly(files, `${path}${NEW_SUFFIX}`);
    throw error;
  }
  return { sessions, keys, bytes: position + footer.length };
}

/**
 * Gives up a file that is not finished; once, for its descriptor may be another file's by then.
 * Failures are passed over: the next start removes it.
 */
export function discardSnapshot(files: Files, { fd, directory, file }: SnapshotProgress): void {
  try {
    files.close(fd);
  } catch {
    // What it could not write is not wanted.
  }
  removeQuietly(files, `${directory}/${file}${NEW_SUFFIX}`);
}

function removeQuietly(files: Files, path: string): void {
  try {
    files.remove(path);
  } catch {
    // As above.
  }
}

/** @returns undefined if it is not worth it. */
function deflate(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length > 4 * SAMPLE_BYTES) {
    const middle = (bytes.length - SAMPLE_BYTES) >>> 1;
    const sample = deflateWhole(bytes.subarray(middle, middle + SAMPLE_BYTES));
    if (sample === undefined) return undefined;
  }
  return deflateWhole(bytes);
}

function deflateWhole(bytes: Uint8Array): Uint8Array | undefined {
  const deflated = deflateRawSync(bytes, { level: DEFLATE_LEVEL });
  return deflated.length <= bytes.length * WORTH_SHARE ? deflated : undefined;
}

function magicOf(text: string): number {
  return Buffer.from(text, 'latin1').readUInt32LE(0);
}
