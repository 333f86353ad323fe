/**
 * Saved sets on disk. Each SH_SAVE or KV_SAVE makes a folder of its own, named by its time:
 *
 *   saves/<name>/<nanoseconds since 1970>/00.save, 01.save, ...   a file for each shard
 *                                         set.json                what the set is; written twice
 *
 * set.json is sealed (sealed-json.ts). It says `pending` before the first byte of data is written and
 * `complete` after the last one is on the disk, so a set that was half written when the process died
 * is never taken for a whole one. Both times it is replaced in one step. Nothing here is async.
 */
import { isSetName, type SetKind } from '../core/set-name.js';
import { SAVES_FOLDER } from './file-names.js';
import { NEW_SUFFIX, readWhole, replaceWhole, type Files } from './files.js';
import { openSealedJson, sealJson } from './sealed-json.js';
import { codeOf, StorageError } from './storage-error.js';

export const SET_FILE = 'set.json';
export const SET_FORMAT = 1;

const TIMESTAMP = /^(0|[1-9]\d{0,24})$/;
const DATA_FILE = /^\d{2,15}\.save$/;
const SHARD_DIGITS = 2;
const SET_FILE_BYTES_MAX = 1_024 * 1_024;
const NANOSECONDS_PER_MICROSECOND = 1_000n;

export interface SavedFile {
  /** Its name in the set's folder. */
  readonly file: string;
  readonly sessions: number;
  readonly keys: number;
  readonly bytes: number;
}

/** What set.json says. Times in milliseconds since 1970. */
export interface SaveSet {
  readonly format: number;
  readonly name: string;
  readonly kind: SetKind;
  readonly status: 'pending' | 'complete';
  /** Of the data directory whose secret its digests were made with. */
  readonly secretCheck: string;
  readonly startedMs: number;
  readonly completedMs: number | null;
  readonly sessions: number;
  readonly keys: number;
  readonly files: readonly SavedFile[];
}

export interface FoundSet {
  /** Its folder, relative to the data directory. */
  readonly folder: string;
  readonly set: SaveSet;
}

export function saveFileOf(shard: number): string {
  return `${String(shard).padStart(SHARD_DIGITS, '0')}.save`;
}

export class SaveSets {
  readonly #files: Files;
  readonly #directory: string;

  /** @param directory the data directory. */
  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Absolute, of a path relative to the data directory. */
  pathOf(relative: string): string {
    return `${this.#directory}/${relative}`;
  }

  /**
   * Makes the folder of a new set, later than any that the name has, and removes what was left half
   * written under the name.
   *
   * @returns its path, relative to the data directory.
   */
  create(name: string, nowMs: number): string {
    const files = this.#files;
    const parent = this.#folderOf(name);
    files.makeDirectory(this.pathOf(parent));
    if (!files.isDirectory(this.pathOf(parent))) throw new StorageError(`${parent} is no folder`);
    this.#removeHalves(parent);
    const [newest] = this.#timestamps(name);
    const now = BigInt(Math.round(nowMs * 1_000)) * NANOSECONDS_PER_MICROSECOND;
    // A clock that was set back must not make this set older than the one before.
    const timestamp = newest !== undefined && newest >= now ? newest + 1n : now;
    const folder = `${parent}/${timestamp}`;
    files.makeDirectory(this.pathOf(folder));
    files.syncDirectory(this.pathOf(parent));
    files.syncDirectory(this.pathOf(SAVES_FOLDER));
    files.syncDirectory(this.#directory);
    return folder;
  }

  write(folder: string, set: SaveSet): void {
    replaceWhole(this.#files, this.pathOf(folder), SET_FILE, sealJson(set));
  }

  /** Removes a set, whole or half; what is not a set's stays, and its folder with it. */
  remove(folder: string): void {
    const files = this.#files;
    const path = this.pathOf(folder);
    const names = files.list(path);
    // The word of what the files are goes last, so that no data lies there without it.
    for (const name of names.filter(isDataFile)) files.remove(`${path}/${name}`);
    for (const name of names.filter(isSetFile)) files.remove(`${path}/${name}`);
    if (files.list(path).length > 0) return;
    files.removeDirectory(path);
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (files.list(parent).length === 0) files.removeDirectory(parent);
  }

  /**
   * The newest complete set of a name. A newer one that was never completed is passed over; a newer
   * one that is damaged is not, for what it held would be missed without a word.
   *
   * Throws StorageError where there is none, or the newest is damaged.
   */
  findNewest(name: string): FoundSet {
    if (!isSetName(name)) throw new StorageError('no set can have this name');
    for (const timestamp of this.#timestamps(name)) {
      const folder = `${this.#folderOf(name)}/${timestamp}`;
      const set = this.#read(folder);
      if (set?.status !== 'complete') continue;
      if (set.name !== name) {
        throw new StorageError(`${folder}/${SET_FILE} is that of a set of another name`);
      }
      return { folder, set };
    }
    throw new StorageError('there is no complete set of this name');
  }

  /** The set in a folder; undefined if it was not even begun. Throws StorageError if it is damaged. */
  readSet(folder: string): SaveSet | undefined {
    return this.#read(folder);
  }

  /** @returns undefined for a set that was not even begun. */
  #read(folder: string): SaveSet | undefined {
    const files = this.#files;
    const names = files.list(this.pathOf(folder));
    const file = `${folder}/${SET_FILE}`;
    if (!names.includes(SET_FILE)) {
      if (!names.some(isDataFile)) return undefined;
      throw new StorageError(`${file} is missing, and what lies beside it cannot be trusted`);
    }
    let bytes: Uint8Array;
    try {
      bytes = readWhole(files, this.pathOf(file));
    } catch (error) {
      throw new StorageError(`${file} cannot be read: ${codeOf(error)}`, { cause: error });
    }
    const members = bytes.length > SET_FILE_BYTES_MAX ? undefined : openSealedJson(bytes);
    if (members === undefined) throw new StorageError(`${file} is damaged`);
    if (members['format'] !== SET_FORMAT) {
      const format = JSON.stringify(members['format']);
      throw new StorageError(
        `${file} has format ${format}, and this version of Sojourn reads ${SET_FORMAT}`,
      );
    }
    if (!isSet(members)) throw new StorageError(`${file} does not say what a set must say`);
    return members;
  }

  #removeHalves(parent: string): void {
    const name = parent.slice(parent.lastIndexOf('/') + 1);
    for (const timestamp of this.#timestamps(name)) {
      const folder = `${parent}/${timestamp}`;
      if (this.#isHalf(folder)) this.remove(folder);
    }
    // Removing the last half removes the folder above it, too.
    this.#files.makeDirectory(this.pathOf(parent));
  }

  #isHalf(folder: string): boolean {
    try {
      return this.#read(folder)?.status !== 'complete';
    } catch (error) {
      if (error instanceof StorageError) return false;
      throw error;
    }
  }

  /** Newest first. */
  #timestamps(name: string): bigint[] {
    const path = this.pathOf(this.#folderOf(name));
    return this.#files
      .list(path)
      .filter((entry) => TIMESTAMP.test(entry) && this.#files.isDirectory(`${path}/${entry}`))
      .map(BigInt)
      .sort((a, b) => (a < b ? 1 : -1));
  }

  #folderOf(name: string): string {
    return `${SAVES_FOLDER}/${name}`;
  }
}

function isDataFile(name: string): boolean {
  return DATA_FILE.test(name) || (name.endsWith(NEW_SUFFIX) && DATA_FILE.test(withoutSuffix(name)));
}

function isSetFile(name: string): boolean {
  return name === SET_FILE || name === `${SET_FILE}${NEW_SUFFIX}`;
}

function withoutSuffix(name: string): string {
  return name.slice(0, -NEW_SUFFIX.length);
}

function isSet(members: object): members is SaveSet {
  const set = members as SaveSet;
  return (
    typeof set.name === 'string' &&
    ['sessions', 'default-map'].includes(set.kind) &&
    ['pending', 'complete'].includes(set.status) &&
    typeof set.secretCheck === 'string' &&
    Array.isArray(set.files) &&
    set.files.every(({ file }) => typeof file === 'string' && DATA_FILE.test(file))
  );
}
