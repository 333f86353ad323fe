/**
 * What each shard reads at a start, decided by main from the manifest and the names in the folders.
 * Plain data: it crosses to the shard's thread.
 *
 * With the shard count of the manifest, a shard reads its own files and goes on with them. With
 * another one, each new shard reads the files of all old shards that own a slot of its own, changes
 * none of them, and begins a new epoch.
 */
import { shardOf, SLOTS } from '../core/slots.js';
import {
  type FileId,
  type FileListing,
  LOG_FOLDER,
  logIdOf,
  SNAPSHOT_FOLDER,
  snapshotIdOf,
  snapshotPath,
} from './file-names.js';
import { NEW_SUFFIX } from './files.js';
import type { Manifest, ManifestSnapshot } from './manifest.js';
import { StorageError } from './storage-error.js';

/** The files of one shard of the manifest. */
export interface RecoverySource {
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  /** To try in this order. */
  readonly bases: readonly ManifestSnapshot[];
  /** Numbers of the segments that exist, ascending. */
  readonly segments: readonly number[];
  /** Whether this shard tells what was found; others that read the same files keep silent. */
  readonly isReporting: boolean;
}

export interface RecoveryPlan {
  /** Of what the shard is going to write. */
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  readonly secretCheck: string;
  /** The epoch is new: the files read stay as they are, and a snapshot must follow. */
  readonly isConversion: boolean;
  readonly sources: readonly RecoverySource[];
}

/** @returns one plan for each shard. */
export function planRecovery(options: {
  readonly manifest: Manifest;
  readonly listing: FileListing;
  readonly shards: number;
  readonly secretCheck: string;
}): RecoveryPlan[] {
  const { manifest, listing, shards, secretCheck } = options;
  const isConversion = manifest.perShard.length !== shards;
  return Array.from({ length: shards }, (_, shard) => ({
    epoch: isConversion ? manifest.epoch + 1 : manifest.epoch,
    shard,
    shards,
    secretCheck,
    isConversion,
    sources: oldShardsOf(shard, shards, manifest.perShard.length).map((old) =>
      sourceOf(manifest, listing, old, shard, shards),
    ),
  }));
}

/** The shards, of so many, that own a slot of this one of `shards`. */
function oldShardsOf(shard: number, shards: number, oldShards: number): number[] {
  const found = new Set<number>();
  for (let slot = 0; slot < SLOTS; slot += 1) {
    if (shardOf(slot, shards) === shard) found.add(shardOf(slot, oldShards));
  }
  return [...found];
}

function sourceOf(
  manifest: Manifest,
  listing: FileListing,
  old: number,
  shard: number,
  shards: number,
): RecoverySource {
  const oldShards = manifest.perShard.length;
  const bases = manifest.perShard[old]?.snapshots ?? [];
  return {
    epoch: manifest.epoch,
    shard: old,
    shards: oldShards,
    bases,
    segments: listing.log
      .map((name) => logIdOf(name))
      .filter((id) => id !== undefined && id.epoch === manifest.epoch && id.shard === old)
      .map((id) => (id as FileId).number)
      .sort((a, b) => a - b),
    isReporting: shardOf(firstSlotOf(old, oldShards), shards) === shard,
  };
}

function firstSlotOf(shard: number, shards: number): number {
  let slot = 0;
  while (shardOf(slot, shards) !== shard) slot += 1;
  return slot;
}

/** Whether the folders hold anything of ours. */
export function hasDataFiles(listing: FileListing): boolean {
  return (
    listing.log.some((name) => logIdOf(name) !== undefined) ||
    listing.snapshots.some((name) => snapshotIdOf(name) !== undefined)
  );
}

/**
 * Files of ours that no base of the manifest needs: of the epoch before or of an unfinished
 * conversion, segments older than the previous snapshot, snapshots that never got into a manifest.
 * Throws StorageError if there are files of an epoch that this manifest cannot know: then it is
 * an old one, and those files are worth more.
 */
export function unneededFiles(manifest: Manifest, listing: FileListing): string[] {
  const { epoch, perShard } = manifest;
  const keepsLog = (id: FileId): boolean => {
    const bases = perShard[id.shard]?.snapshots ?? [];
    return id.epoch === epoch && bases.some((base) => id.number >= base.logFrom);
  };
  const keepsSnapshot = (id: FileId): boolean => {
    const bases = perShard[id.shard]?.snapshots ?? [];
    return bases.some((base) => base.file === snapshotPath(id));
  };
  const log = listing.log.filter((name) => {
    const id = logIdOf(name);
    return id !== undefined && !keepsLog(checked(id, epoch, `${LOG_FOLDER}/${name}`));
  });
  const snapshots = listing.snapshots.filter((name) => {
    const id = snapshotIdOf(name.endsWith(NEW_SUFFIX) ? name.slice(0, -NEW_SUFFIX.length) : name);
    if (id === undefined) return false;
    checked(id, epoch, `${SNAPSHOT_FOLDER}/${name}`);
    return name.endsWith(NEW_SUFFIX) || !keepsSnapshot(id);
  });
  return [
    ...log.map((name) => `${LOG_FOLDER}/${name}`),
    ...snapshots.map((name) => `${SNAPSHOT_FOLDER}/${name}`),
  ];
}

function checked(id: FileId, epoch: number, file: string): FileId {
  if (id.epoch <= epoch + 1) return id;
  const text = `${file} is of epoch ${id.epoch}, but the manifest is of ${epoch}; it is an old copy`;
  throw new StorageError(`${text}: bring back the newest one`, { file });
}
