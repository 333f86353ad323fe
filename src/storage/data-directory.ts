/**
 * The data directory as main opens it: locked, with its secret and its manifest, and without what a
 * crash has left behind.
 *
 *   LOCK  secret  manifest  log/  snapshots/  saves/        see file-names.ts
 *
 * A new one is made step by step, each of them safe: folders, secret, manifest. There is no log
 * before there is a manifest, so files of ours without one mean that it got lost. Files of others
 * are left alone.
 */
import { dirname, resolve } from 'node:path';
import { DirectoryLock } from './directory-lock.js';
import {
  type FileListing,
  LOG_FOLDER,
  MANIFEST_FILE,
  SAVES_FOLDER,
  SECRET_FILE,
  SNAPSHOT_FOLDER,
} from './file-names.js';
import { type Files, readWhole, replaceWhole } from './files.js';
import type { HostFacts } from './host-facts.js';
import { decodeManifest, encodeManifest, firstManifest, type Manifest } from './manifest.js';
import { hasDataFiles, planRecovery, type RecoveryPlan, unneededFiles } from './recovery-plan.js';
import { createSecret, missingSecret, readSecret, secretCheckOf } from './secret.js';
import { codeOf, StorageError } from './storage-error.js';

export interface DataDirectoryOptions {
  readonly files: Files;
  readonly path: string;
  readonly host: HostFacts;
  /** How many there are going to be. */
  readonly shards: number;
  readonly nowMs: number;
}

/** Throws StorageError, with one line that says why it cannot be used. */
export function openDataDirectory(options: DataDirectoryOptions): DataDirectory {
  const { files, path, host } = options;
  try {
    makeDurably(files, path);
    const lock = new DirectoryLock(files, path, host);
    try {
      return new DataDirectory(options, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    if (error instanceof StorageError) throw inDirectory(path, error);
    const cause = { cause: error };
    throw new StorageError(`data directory ${path} cannot be used: ${codeOf(error)}`, cause);
  }
}

export class DataDirectory {
  readonly path: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly secretCheck: string;
  /** What opening it found worth telling. */
  readonly lines: readonly string[];
  readonly #files: Files;
  readonly #lock: DirectoryLock;
  readonly #shards: number;
  #manifest: Manifest;
  /** Set while it is not known which of two manifests a power cut would leave. */
  #other: Manifest | undefined;

  constructor(options: DataDirectoryOptions, lock: DirectoryLock) {
    this.path = options.path;
    this.#files = options.files;
    this.#lock = lock;
    this.#shards = options.shards;
    this.#makeFolders();
    const isNew = !this.#files.exists(`${this.path}/${MANIFEST_FILE}`);
    if (isNew) this.#assertEmpty();
    this.secret = this.#openSecret(isNew, options.nowMs);
    this.secretCheck = secretCheckOf(this.secret);
    this.#manifest = isNew ? this.#create() : readManifest(this.#files, this.path);
    const removed = this.removeUnneeded();
    this.lines = removed === 0 ? [] : [`removed ${removed} files that a stop had left unfinished`];
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Whether the shard count differs from the manifest's, so that a new epoch must begin. */
  get needsConversion(): boolean {
    return this.#manifest.perShard.length !== this.#shards;
  }

  /** One for each shard. */
  recoveryPlans(): RecoveryPlan[] {
    return planRecovery({
      manifest: this.#manifest,
      listing: this.#list(),
      shards: this.#shards,
      secretCheck: this.secretCheck,
    });
  }

  /**
   * Puts the next manifest in place; all files that it names are on the disk. If it throws, either
   * may be what a restart finds: remove nothing but by removeUnneeded(), which knows.
   */
  swapManifest(next: Manifest): void {
    const old = this.#other ?? this.#manifest;
    this.#other = old;
    this.#manifest = next;
    replaceWhole(this.#files, this.path, MANIFEST_FILE, encodeManifest(next));
    this.#other = undefined;
  }

  /** @returns how many files were removed that no manifest needs. */
  removeUnneeded(): number {
    const listing = this.#list();
    const unneeded = unneededFiles(this.#manifest, listing);
    const other = this.#other === undefined ? unneeded : unneededFiles(this.#other, listing);
    const removed = unneeded.filter((file) => other.includes(file));
    for (const file of removed) this.#files.remove(`${this.path}/${file}`);
    // Numbers and epochs are used again: what was removed must not come back after a power cut.
    for (const folder of [LOG_FOLDER, SNAPSHOT_FOLDER]) {
      if (removed.some((file) => file.startsWith(`${folder}/`))) {
        this.#files.syncDirectory(`${this.path}/${folder}`);
      }
    }
    return removed.length;
  }

  /** Every LOCK_TOUCH_MS. Throws StorageError if another process has taken the directory. */
  touchLock(): void {
    this.#lock.touch();
  }

  release(): void {
    this.#lock.release();
  }

  #makeFolders(): void {
    for (const folder of [LOG_FOLDER, SNAPSHOT_FOLDER, SAVES_FOLDER]) {
      const path = `${this.path}/${folder}`;
      if (!this.#files.exists(path)) {
        if (folder !== SAVES_FOLDER) this.#files.makeDirectory(path);
      } else if (!this.#files.isDirectory(path)) {
        throw new StorageError(`${folder} is no folder, or a link to one`, { file: folder });
      }
    }
  }

  #assertEmpty(): void {
    if (!hasDataFiles(this.#list())) return;
    const advice = 'bring it back from a copy, or run "sojourn repair"';
    throw new StorageError(`${MANIFEST_FILE} is missing, but there are sessions; ${advice}`, {
      file: MANIFEST_FILE,
    });
  }

  #openSecret(isNew: boolean, nowMs: number): Uint8Array {
    if (this.#files.exists(`${this.path}/${SECRET_FILE}`)) {
      return readSecret(this.#files, this.path);
    }
    const hasSaves = this.#files.list(`${this.path}/${SAVES_FOLDER}`).length > 0;
    if (!isNew || hasSaves) throw missingSecret();
    return createSecret(this.#files, this.path, nowMs);
  }

  #create(): Manifest {
    // Again: the start that made the folder may have been cut off before this.
    this.#files.syncDirectory(dirname(resolve(this.path)));
    const manifest = firstManifest(this.#shards);
    replaceWhole(this.#files, this.path, MANIFEST_FILE, encodeManifest(manifest));
    return manifest;
  }

  #list(): FileListing {
    return listDataFiles(this.#files, this.path);
  }
}

export function readManifest(files: Files, directory: string): Manifest {
  return decodeManifest(readWhole(files, `${directory}/${MANIFEST_FILE}`));
}

/** The names in the folders of log and snapshots. */
export function listDataFiles(files: Files, directory: string): FileListing {
  return {
    log: files.list(`${directory}/${LOG_FOLDER}`),
    snapshots: files.list(`${directory}/${SNAPSHOT_FOLDER}`),
  };
}

/** Makes the folder with those above it, so that their names outlive a power cut. */
function makeDurably(files: Files, path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !files.exists(at) && dirname(at) !== at; at = dirname(at)) {
    missing.push(at);
  }
  files.makeDirectory(path);
  for (const made of missing.reverse()) files.syncDirectory(dirname(made));
}

/** The same refusal, with the directory's name before that of the file. */
function inDirectory(path: string, error: StorageError): StorageError {
  if (error.message.includes(path)) return error;
  return new StorageError(`data directory ${path}: ${error.message}`, {
    ...(error.file === undefined ? {} : { file: error.file }),
    ...(error.offset === undefined ? {} : { offset: error.offset }),
    cause: error,
  });
}
