/**
 * The manifest, made again from the files it named. That is possible because their names and headers
 * say nearly all of it, and because of the order in which an epoch begins: its snapshots are all on
 * the disk before the manifest names them, and nobody writes a log for it before that.
 *
 *   the newest epoch in which each shard has a whole snapshot, or a log from the first batch on
 *
 * is therefore the one in force, or equal to it. Anything else is ambiguous, and refused.
 */
import type { Files } from './files.js';
import {
  type FileId,
  type FileListing,
  LOG_FOLDER,
  logIdOf,
  logPath,
  MANIFEST_FILE,
  SNAPSHOT_FOLDER,
  snapshotIdOf,
  snapshotPath,
} from './file-names.js';
import { decodeFileHeader, FILE_HEADER_BYTES, type FileHeader } from './file-header.js';
import { firstManifest, type Manifest, type ManifestSnapshot } from './manifest.js';
import { SnapshotReader } from './snapshot-reader.js';
import { DamagedFileError, StorageError } from './storage-error.js';

const SNAPSHOTS_MAX = 2;
const FIRST_EPOCH = 1;

export interface RebuildQuestion {
  readonly files: Files;
  readonly directory: string;
  readonly secretCheck: string;
  readonly listing: FileListing;
}

/** Throws StorageError where the files leave a choice, or name a format that is not known. */
export function rebuildManifest(question: RebuildQuestion): Manifest {
  const ids = idsIn(question.listing);
  const epochs = [...new Set(ids.map(({ epoch }) => epoch))].sort((a, b) => b - a);
  for (const epoch of epochs) {
    const manifest = epochFrom(question, epoch);
    if (manifest !== undefined) return manifest;
    const hasLog = question.listing.log.some((name) => logIdOf(name)?.epoch === epoch);
    if (hasLog) throw ambiguous(`a shard of epoch ${epoch} has neither a snapshot nor a whole log`);
  }
  throw ambiguous('there is neither a snapshot nor a log that begins at the beginning');
}

function idsIn({ log, snapshots }: FileListing): FileId[] {
  return [...log.map(logIdOf), ...snapshots.map(snapshotIdOf)].filter((id) => id !== undefined);
}

/** @returns undefined if a shard of the epoch has nothing to begin with. */
function epochFrom(question: RebuildQuestion, epoch: number): Manifest | undefined {
  const shards = shardsOf(question, epoch);
  if (shards === undefined) return undefined;
  const perShard = [];
  for (let shard = 0; shard < shards; shard += 1) {
    const snapshots = basesOf(question, epoch, shard);
    if (snapshots.length === 0) return undefined;
    perShard.push({ snapshots });
  }
  return { epoch, perShard };
}

/** Newest first. */
function basesOf(question: RebuildQuestion, epoch: number, shard: number): ManifestSnapshot[] {
  const { listing } = question;
  const isOurs = (id: FileId | undefined): id is FileId =>
    id !== undefined && id.epoch === epoch && id.shard === shard;
  const bases = listing.snapshots
    .map(snapshotIdOf)
    .filter(isOurs)
    .sort((a, b) => b.number - a.number)
    .map((id) => baseFrom(question, id))
    .filter((base) => base !== undefined)
    .slice(0, SNAPSHOTS_MAX);
  if (bases.length === SNAPSHOTS_MAX) return bases;
  const segments = listing.log.map(logIdOf).filter(isOurs);
  return beginsAtFirstBatch(question, epoch, segments, bases.length > 0)
    ? [...bases, ...(firstManifest(1).perShard[0]?.snapshots ?? [])]
    : bases;
}

/** @param isOptional whether there is a snapshot already: then no log at all is no beginning. */
function beginsAtFirstBatch(
  question: RebuildQuestion,
  epoch: number,
  segments: readonly FileId[],
  isOptional: boolean,
): boolean {
  if (epoch !== FIRST_EPOCH) return false;
  const [first] = [...segments].sort((a, b) => a.number - b.number);
  if (first === undefined) return !isOptional;
  return headerOf(question, logPath(first))?.firstSequence === 1;
}

/** @returns undefined for a snapshot that cannot be read to its end. */
function baseFrom(question: RebuildQuestion, id: FileId): ManifestSnapshot | undefined {
  const { files, directory, secretCheck } = question;
  const file = snapshotPath(id);
  try {
    const expected = { kind: 'snapshot', secretCheck, ...id } as const;
    const reader = new SnapshotReader(files, { path: `${directory}/${file}`, file, expected });
    try {
      while (reader.next() !== undefined);
      const { sessions, keys, size: bytes } = reader;
      const { firstSequence } = reader.header;
      const lastSequence = Math.max(0, firstSequence - 1);
      return { file, logFrom: id.number, firstSequence, lastSequence, sessions, keys, bytes };
    } finally {
      reader.close();
    }
  } catch (error) {
    if (error instanceof DamagedFileError) return undefined;
    throw error;
  }
}

/** As any of the epoch's files says. */
function shardsOf(question: RebuildQuestion, epoch: number): number | undefined {
  const { listing } = question;
  const paths = [
    ...listing.snapshots
      .filter((name) => snapshotIdOf(name)?.epoch === epoch)
      .map((name) => `${SNAPSHOT_FOLDER}/${name}`),
    ...listing.log
      .filter((name) => logIdOf(name)?.epoch === epoch)
      .map((name) => `${LOG_FOLDER}/${name}`),
  ];
  for (const path of paths) {
    const header = headerOf(question, path);
    if (header !== undefined) return header.shards;
  }
  return undefined;
}

function headerOf(
  { files, directory, secretCheck }: RebuildQuestion,
  file: string,
): FileHeader | undefined {
  const header = readFileHeader(files, `${directory}/${file}`);
  return header?.secretCheck === secretCheck ? header : undefined;
}

/** The header of a file, if it has a good one. */
export function readFileHeader(files: Files, path: string): FileHeader | undefined {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const fd = files.open(path, 'read');
  try {
    const count = files.read(fd, bytes, 0, bytes.length, 0);
    const header = decodeFileHeader(bytes.subarray(0, count));
    return 'problem' in header ? undefined : header;
  } finally {
    files.close(fd);
  }
}

function ambiguous(why: string): StorageError {
  const text = `${MANIFEST_FILE} cannot be made again from the other files: ${why}`;
  return new StorageError(`${text}; bring it back from a copy`, { file: MANIFEST_FILE });
}
