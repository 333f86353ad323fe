/**
 * The names of files in a data directory, relative to it.
 *
 *   LOCK  secret  manifest
 *   log/<epoch>-<shard>-<number>.log          000001-00-00000007.log
 *   snapshots/<epoch>-<shard>-<number>.snap   number: of the segment where its log begins
 *   saves/<name>/<timestamp>/...
 *
 * Numbers have leading zeros, so that names sort like numbers for longer than a directory lives.
 */
export const LOCK_FILE = 'LOCK';
export const SECRET_FILE = 'secret';
export const MANIFEST_FILE = 'manifest';
export const LOG_FOLDER = 'log';
export const SNAPSHOT_FOLDER = 'snapshots';
export const SAVES_FOLDER = 'saves';

const EPOCH_DIGITS = 6;
const SHARD_DIGITS = 2;
const NUMBER_DIGITS = 8;
const NAME = /^(\d{6,15})-(\d{2,15})-(\d{8,15})\.(log|snap)$/;

/** What the name of a segment or snapshot says. */
export interface FileId {
  readonly epoch: number;
  readonly shard: number;
  readonly number: number;
}

/** The names in the two folders of a data directory. */
export interface FileListing {
  readonly log: readonly string[];
  readonly snapshots: readonly string[];
}

/** Relative to the data directory, as all paths here. */
export function logPath(id: FileId): string {
  return `${LOG_FOLDER}/${stem(id)}.log`;
}

export function snapshotPath(id: FileId): string {
  return `${SNAPSHOT_FOLDER}/${stem(id)}.snap`;
}

/** @param name without folder. @returns undefined for a file of somebody else. */
export function logIdOf(name: string): FileId | undefined {
  return idOf(name, 'log');
}

export function snapshotIdOf(name: string): FileId | undefined {
  return idOf(name, 'snap');
}

function stem({ epoch, shard, number }: FileId): string {
  return [
    String(epoch).padStart(EPOCH_DIGITS, '0'),
    String(shard).padStart(SHARD_DIGITS, '0'),
    String(number).padStart(NUMBER_DIGITS, '0'),
  ].join('-');
}

function idOf(name: string, extension: 'log' | 'snap'): FileId | undefined {
  const match = NAME.exec(name);
  if (match === null || match[4] !== extension) return undefined;
  const id = { epoch: Number(match[1]), shard: Number(match[2]), number: Number(match[3]) };
  // One name a file: what has more zeros than we write is not ours.
  return `${stem(id)}.${extension}` === name ? id : undefined;
}
