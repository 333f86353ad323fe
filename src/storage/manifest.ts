/**
 * The manifest: what a data directory consists of. One line of JSON, replaced in one step.
 *
 *   {"format":1,"epoch":1,"perShard":[{"snapshots":[newest, previous]}, ...],"crc32":"........"}
 *   newest, previous: {"file","logFrom","firstSequence","lastSequence","sessions","keys","bytes"}
 *
 * Each of the two is a base to recover from: a snapshot and the log that goes with it. Its file is
 * null for the empty beginning of an epoch, whose log alone says everything. The epoch counts up
 * whenever the number of shards changes; files of any other epoch are leftovers.
 */
import { FORMAT_VERSION, versionText } from './file-header.js';
import { MANIFEST_FILE } from './file-names.js';
import { openSealedJson, sealJson } from './sealed-json.js';
import { StorageError } from './storage-error.js';

/** A base to recover a shard from. */
export interface ManifestSnapshot {
  /** Relative to the data directory, or null for nothing at all. */
  readonly file: string | null;
  /** Number of the segment where its log begins; the segment exists once something was written. */
  readonly logFrom: number;
  /** Sequence of the first batch of that log. */
  readonly firstSequence: number;
  /** Highest sequence written when its walk ended. All up to it was on disk before it got here. */
  readonly lastSequence: number;
  readonly sessions: number;
  readonly keys: number;
  readonly bytes: number;
}

export interface ManifestShard {
  /** Newest first; one or two. */
  readonly snapshots: readonly ManifestSnapshot[];
}

export interface Manifest {
  readonly epoch: number;
  readonly perShard: readonly ManifestShard[];
}

const SNAPSHOTS_MAX = 2;
const EMPTY_BASE: ManifestSnapshot = {
  file: null,
  logFrom: 1,
  firstSequence: 1,
  lastSequence: 0,
  sessions: 0,
  keys: 0,
  bytes: 0,
};

/** Of a new directory. */
export function firstManifest(shards: number): Manifest {
  const perShard = Array.from({ length: shards }, () => ({ snapshots: [EMPTY_BASE] }));
  return { epoch: 1, perShard };
}

/** With a new snapshot of one shard; the one that was newest is kept as the previous one. */
export function withSnapshot(
  manifest: Manifest,
  shard: number,
  snapshot: ManifestSnapshot,
): Manifest {
  const perShard = manifest.perShard.map((old, index) => {
    if (index !== shard) return old;
    return { snapshots: [snapshot, ...old.snapshots].slice(0, SNAPSHOTS_MAX) };
  });
  return { epoch: manifest.epoch, perShard };
}

/** Without the newest snapshot of a shard, which turned out damaged; there is one before it. */
export function withoutNewest(manifest: Manifest, shard: number): Manifest {
  const perShard = manifest.perShard.map((old, index) =>
    index === shard && old.snapshots.length > 1 ? { snapshots: old.snapshots.slice(1) } : old,
  );
  return { epoch: manifest.epoch, perShard };
}

/** Of the epoch that follows, with another number of shards and one snapshot of each. */
export function nextEpoch(manifest: Manifest, snapshots: readonly ManifestSnapshot[]): Manifest {
  const perShard = snapshots.map((snapshot) => ({ snapshots: [snapshot] }));
  return { epoch: manifest.epoch + 1, perShard };
}

export function encodeManifest({ epoch, perShard }: Manifest): Uint8Array {
  return sealJson({ format: FORMAT_VERSION, epoch, perShard });
}

/** Throws StorageError if the bytes are no whole manifest of this format. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const value = openSealedJson(bytes);
  if (value === undefined) {
    throw damaged('is damaged: its checksum is wrong');
  }
  if (value['format'] !== FORMAT_VERSION) {
    throw new StorageError(`${MANIFEST_FILE}: ${versionText(Number(value['format']))}`, {
      file: MANIFEST_FILE,
    });
  }
  const { epoch, perShard } = value;
  if (!isCount(epoch) || !Array.isArray(perShard) || perShard.length === 0) {
    throw damaged('has members of the wrong kind');
  }
  return { epoch, perShard: perShard.map((shard: unknown) => shardFrom(shard)) };
}

function shardFrom(value: unknown): ManifestShard {
  const snapshots = isRecord(value) ? value['snapshots'] : undefined;
  if (!Array.isArray(snapshots) || snapshots.length === 0 || snapshots.length > SNAPSHOTS_MAX) {
    throw damaged('has a shard of the wrong kind');
  }
  return { snapshots: snapshots.map((snapshot: unknown) => snapshotFrom(snapshot)) };
}

function snapshotFrom(value: unknown): ManifestSnapshot {
  if (!isRecord(value)) throw damaged('has a snapshot of the wrong kind');
  const count = (name: keyof ManifestSnapshot): number => {
    const member = value[name];
    if (!isCount(member)) throw damaged(`has a snapshot with a wrong ${name}`);
    return member;
  };
  const { file } = value;
  if (file !== null && typeof file !== 'string') throw damaged('has a snapshot with a wrong file');
  return {
    file,
    logFrom: count('logFrom'),
    firstSequence: count('firstSequence'),
    lastSequence: count('lastSequence'),
    sessions: count('sessions'),
    keys: count('keys'),
    bytes: count('bytes'),
  };
}

function damaged(what: string): StorageError {
  const advice = 'bring it back from a copy, or run "sojourn repair"';
  return new StorageError(`${MANIFEST_FILE} ${what}; ${advice}`, {
    file: MANIFEST_FILE,
    offset: 0,
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
