/**
 * What can still be read of a snapshot that is damaged: every chunk whose checksum is right, wherever
 * it lies. Needs nothing of the file's header, only to know which file it was.
 */
import { inflateRawSync } from 'node:zlib';
import { ByteSpace } from '../core/copy.js';
import { entryProblem, entryStride } from '../state/check-entry.js';
import { checksum, checksumSeed } from './checksum.js';
import { FILE_HEADER_BYTES, FILE_KINDS, type FileHeader } from './file-header.js';
import { FileWindow } from './file-window.js';
import type { Files } from './files.js';
import {
  appendChunk,
  CHUNK_HEADER_BYTES,
  CHUNK_MAGIC,
  createSnapshot,
  finishSnapshot,
  HOW_DEFLATED,
  type SnapshotFigures,
  SUMMED_FROM,
} from './snapshot-file.js';
import { DamagedFileError } from './storage-error.js';

const STEP_BYTES = 4;

export interface SalvagedChunk {
  readonly entries: Uint8Array;
  readonly sessions: number;
  readonly keys: number;
}

export interface SalvageSource {
  /** The data directory. */
  readonly directory: string;
  /** Relative to it. */
  readonly file: string;
  /** As it was, or must have been. */
  readonly header: FileHeader;
}

/** None where the file is not there. */
export function* salvageChunks(
  files: Files,
  source: SalvageSource,
): Generator<SalvagedChunk, void> {
  const { directory, file, header } = source;
  const seed = checksumSeed({ ...header, kind: FILE_KINDS[header.kind] });
  let window: FileWindow;
  try {
    window = new FileWindow(files, `${directory}/${file}`, file);
  } catch (error) {
    if (error instanceof DamagedFileError) return;
    throw error;
  }
  try {
    let offset = FILE_HEADER_BYTES;
    while (window.size - offset >= CHUNK_HEADER_BYTES) {
      const found = chunkAt(window, offset, seed);
      if (found !== undefined) yield found.chunk;
      offset += found?.bytes ?? STEP_BYTES;
    }
  } finally {
    window.close();
  }
}

/** Replaces a damaged snapshot by what can be read of it; the data directory is not in use. */
export function rewriteSnapshot(files: Files, source: SalvageSource): SnapshotFigures {
  let progress = createSnapshot(files, source);
  for (const { entries, sessions, keys } of salvageChunks(files, source)) {
    progress = appendChunk(files, progress, entries, sessions, keys);
  }
  return finishSnapshot(files, progress);
}

function chunkAt(
  window: FileWindow,
  offset: number,
  seed: number,
): { readonly chunk: SalvagedChunk; readonly bytes: number } | undefined {
  const header = window.at(offset, CHUNK_HEADER_BYTES);
  if (window.space.view.getUint32(header, true) !== CHUNK_MAGIC) return undefined;
  const storedBytes = window.space.view.getUint32(header + 8, true);
  const bytes = CHUNK_HEADER_BYTES + storedBytes;
  if (bytes > window.size - offset) return undefined;
  const at = window.at(offset, bytes);
  const { space } = window;
  const sum = checksum(space, at + SUMMED_FROM, at + bytes, seed);
  if (sum !== space.view.getUint32(at + 4, true)) return undefined;
  const rawBytes = space.view.getUint32(at + 12, true);
  const stored = space.bytes.slice(at + CHUNK_HEADER_BYTES, at + bytes);
  const isDeflated = space.bytes[at + 16] === HOW_DEFLATED;
  const entries = isDeflated ? inflated(stored, rawBytes) : stored;
  if (entries?.length !== rawBytes || !areEntries(entries)) return undefined;
  const sessions = space.view.getUint32(at + 20, true);
  const keys = space.view.getUint32(at + 24, true);
  return { chunk: { entries, sessions, keys }, bytes: bytes + (-bytes & 3) };
}

function inflated(stored: Uint8Array, rawBytes: number): Uint8Array | undefined {
  try {
    return inflateRawSync(stored, { maxOutputLength: Math.max(1, rawBytes) });
  } catch {
    return undefined;
  }
}

function areEntries(bytes: Uint8Array): boolean {
  const space = new ByteSpace(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += entryStride(space, at)) {
    if (entryProblem(space, at, bytes.length) !== undefined) return false;
  }
  return true;
}
