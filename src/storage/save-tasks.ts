/**
 * What the job pool does for loads: checks saved files as a whole before anything of them is loaded,
 * then reads them again and sorts the entries by the shards that there are now, which need not be
 * those that there were at the save.
 *
 * Tasks keep nothing between calls: each reads some chunks, and says where the next ones are.
 */
import { ByteSpace } from '../core/copy.js';
import type { SetKind } from '../core/set-name.js';
import { shardOf } from '../core/slots.js';
import { entryProblem, entryStride } from '../state/check-entry.js';
import {
  alignedUp,
  ATTRIBUTES_BYTES_AT,
  ENTRY_DEFAULT_MAP,
  ENTRY_SESSION,
  KEYS_AT,
  KIND_AT,
  SESSION_HEADER_BYTES,
  SLOT_AT,
} from '../state/entry-format.js';
import { pairBytesAt, prefixBytesOf } from '../state/pairs.js';
import type { Files } from './files.js';
import { SnapshotReader, type SnapshotChunk } from './snapshot-reader.js';
import { DamagedFileError } from './storage-error.js';

/** A task reads chunks until they have as many bytes; one may have more. */
const TASK_BYTES = 2 * 1_024 * 1_024;
/** The default map is one entry, and a shard works on whole entries: it is cut into such parts. */
const PART_BYTES = 64 * 1_024;

/** A saved file and what it must be. */
export interface SaveSource {
  /** The data directory. */
  readonly directory: string;
  /** Relative to it. */
  readonly file: string;
  readonly secretCheck: string;
  readonly kind: SetKind;
}

export interface SavePlace extends SaveSource {
  readonly offset: number;
  /** Of the last chunk, as verifySave() found it. */
  readonly end: number;
  /** How many there are now. */
  readonly shards: number;
}

export interface SaveFigures {
  readonly sessions: number;
  readonly keys: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** Where the first chunk begins and the last one ends. */
  readonly start: number;
  readonly end: number;
}

export interface SaveChunks {
  /** Entries by shard; undefined where it has none. */
  readonly parts: readonly (ArrayBuffer | undefined)[];
  /** Where to go on: the end, if that was all. */
  readonly offset: number;
}

/** Reads the whole file. Throws StorageError if anything in it is not as it must be. */
export function verifySave(files: Files, source: SaveSource): SaveFigures {
  const reader = openReader(files, source);
  try {
    const start = reader.offset;
    for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
      for (let at = chunk.at; at < chunk.end; at += entryStride(chunk.space, at)) {
        const problem = problemOf(chunk, at, source.kind);
        if (problem !== undefined) {
          const { file } = source;
          const message = `${file} is damaged in the chunk at offset ${chunk.offset}: ${problem}`;
          throw new DamagedFileError(message, { file, offset: chunk.offset });
        }
      }
    }
    const { sessions, keys, size: bytes, offset: end } = reader;
    return { sessions, keys, bytes, start, end };
  } finally {
    reader.close();
  }
}

/** The next chunks of a file that was verified, up to its end. */
export function readSave(files: Files, place: SavePlace): SaveChunks {
  const reader = openReader(files, place);
  try {
    reader.skipTo(place.offset);
    const sorter = new EntrySorter(place.shards);
    let bytes = 0;
    while (reader.offset < place.end && bytes < TASK_BYTES) {
      const chunk = reader.next();
      if (chunk === undefined) break;
      bytes += chunk.end - chunk.at;
      sorter.add(chunk);
    }
    return { parts: sorter.take(), offset: reader.offset };
  } finally {
    reader.close();
  }
}

function openReader(files: Files, { directory, file, secretCheck }: SaveSource): SnapshotReader {
  const path = `${directory}/${file}`;
  return new SnapshotReader(files, { path, file, expected: { kind: 'save', secretCheck } });
}

function problemOf({ space, end }: SnapshotChunk, at: number, kind: SetKind): string | undefined {
  const problem = entryProblem(space, at, end);
  if (problem !== undefined) return problem;
  if (space.bytes[at + KIND_AT] !== ENTRY_SESSION) return 'an entry is no session';
  const isFitting = isOfDefaultMap(space, at) === (kind === 'default-map');
  return isFitting ? undefined : 'an entry is of the other kind of set';
}

function isOfDefaultMap(space: ByteSpace, at: number): boolean {
  return ((space.bytes[at + KIND_AT + 1] ?? 0) & ENTRY_DEFAULT_MAP) !== 0;
}

/** Gathers entries in one buffer for each shard. */
class EntrySorter {
  readonly #shards: number;
  readonly #spaces: (ByteSpace | undefined)[];
  readonly #lengths: number[];

  constructor(shards: number) {
    this.#shards = shards;
    this.#spaces = new Array<ByteSpace | undefined>(shards).fill(undefined);
    this.#lengths = new Array<number>(shards).fill(0);
  }

  /** @param chunk whose entries are sound. */
  add({ space, at, end }: SnapshotChunk): void {
    for (let entry = at; entry < end;) {
      const bytes = entryStride(space, entry);
      if (isOfDefaultMap(space, entry)) {
        this.#addInParts(space, entry);
      } else {
        const shard = shardOf(space.view.getUint16(entry + SLOT_AT, true), this.#shards);
        const to = this.#reserve(shard, bytes);
        const target = this.#spaces[shard] as ByteSpace;
        target.bytes.set(space.bytes.subarray(entry, entry + bytes), to);
      }
      entry += bytes;
    }
  }

  take(): (ArrayBuffer | undefined)[] {
    return this.#spaces.map((space, shard) => {
      const length = this.#lengths[shard] ?? 0;
      return space?.bytes.slice(0, length).buffer as ArrayBuffer | undefined;
    });
  }

  /** The default map is the first shard's. */
  #addInParts(space: ByteSpace, entry: number): void {
    const end = entry + space.view.getUint32(entry, true);
    const attributesBytes = space.view.getUint32(entry + ATTRIBUTES_BYTES_AT, true);
    let at = entry + SESSION_HEADER_BYTES + attributesBytes;
    while (at < end) {
      const start = at;
      let keys = 0;
      while (at < end && at - start < PART_BYTES) {
        const pairBytes = pairBytesAt(space, at);
        at += prefixBytesOf(pairBytes) + pairBytes;
        keys += 1;
      }
      const bytes = SESSION_HEADER_BYTES + (at - start);
      const to = this.#reserve(0, alignedUp(bytes));
      const target = this.#spaces[0] as ByteSpace;
      target.bytes.set(space.bytes.subarray(entry, entry + SESSION_HEADER_BYTES), to);
      target.bytes.set(space.bytes.subarray(start, at), to + SESSION_HEADER_BYTES);
      target.view.setUint32(to, bytes, true);
      target.view.setUint32(to + KEYS_AT, keys, true);
      target.view.setUint32(to + ATTRIBUTES_BYTES_AT, 0, true);
    }
  }

  /** Room for so many bytes more, zeros. @returns where it begins. */
  #reserve(shard: number, bytes: number): number {
    const at = this.#lengths[shard] ?? 0;
    const space = this.#spaces[shard];
    const capacity = space?.bytes.length ?? 0;
    if (at + bytes > capacity) {
      const grown = new ByteSpace(new ArrayBuffer(Math.max(PART_BYTES, 2 * capacity, at + bytes)));
      if (space !== undefined) grown.bytes.set(space.bytes.subarray(0, at));
      this.#spaces[shard] = grown;
    }
    this.#lengths[shard] = at + bytes;
    return at;
  }
}
