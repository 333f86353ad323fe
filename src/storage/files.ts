/**
 * The file system, as far as storage needs it, synchronous but for what main does beside commands.
 * Tests put another in its place, which fails or forgets on demand.
 *
 * Files are made for their owner alone (0600, folders 0700), and the last part of a path is never a
 * symbolic link: what lies in a data directory lies in it. A failure is an Error with the system's
 * code. Descriptors belong to the process, so one thread may sync what another writes.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './storage-error.js';

/** create: a new file, to read and write; EEXIST if the name is taken. write: an existing one. */
export type OpenMode = 'create' | 'read' | 'write';

export interface Files {
  open(path: string, mode: OpenMode): number;
  size(fd: number): number;
  /** @returns bytes read into to[at...]; fewer than asked only at the end of the file. */
  read(fd: number, to: Uint8Array, at: number, bytes: number, position: number): number;
  /** Writes from[at...], all of it or throws; then any part of it may have been written. */
  write(fd: number, from: Uint8Array, at: number, bytes: number, position: number): void;
  /** Content and size are on the disk (fdatasync). After a failure nothing is known of either. */
  sync(fd: number): void;
  syncLater(fd: number): Promise<void>;
  /** The names in a folder are on the disk. */
  syncDirectory(path: string): void;
  syncDirectoryLater(path: string): Promise<void>;
  truncate(fd: number, bytes: number): void;
  close(fd: number): void;
  /** Replaces what has the new name, in one step. */
  rename(from: string, to: string): void;
  /** A second name; EEXIST if it is taken. */
  link(from: string, to: string): void;
  /** Nothing happens if there is no such file. */
  remove(path: string): void;
  /** An empty folder. */
  removeDirectory(path: string): void;
  /** The names in a folder, sorted; none if there is no such folder. */
  list(path: string): string[];
  /** With the folders above it; those that exist are left as they are. */
  makeDirectory(path: string): void;
  exists(path: string): boolean;
  /** Whether it is a folder itself, not a link to one. */
  isDirectory(path: string): boolean;
  /** When the content last changed, in milliseconds by the file system's own clock. */
  modifiedMs(path: string): number;
}

const FLAGS: Readonly<Record<OpenMode, number>> = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | noFollow(),
  read: constants.O_RDONLY | noFollow(),
  write: constants.O_RDWR | noFollow(),
};
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export class NodeFiles implements Files {
  open(path: string, mode: OpenMode): number {
    return openSync(path, FLAGS[mode], FILE_MODE);
  }

  size(fd: number): number {
    return fstatSync(fd).size;
  }

  read(fd: number, to: Uint8Array, at: number, bytes: number, position: number): number {
    let done = 0;
    while (done < bytes) {
      const count = readSync(fd, to, at + done, bytes - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(fd: number, from: Uint8Array, at: number, bytes: number, position: number): void {
    let done = writeSync(fd, from, at, bytes, position);
    // A disk that fills up takes a part, and says why only when asked to take the rest.
    while (done < bytes) {
      const count = writeSync(fd, from, at + done, bytes - done, position + done);
      if (count === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
      done += count;
    }
  }

  sync(fd: number): void {
    fdatasyncSync(fd);
  }

  syncLater(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(fd, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  syncDirectory(path: string): void {
    const fd = openSync(path, constants.O_RDONLY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  syncDirectoryLater(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fd = openSync(path, constants.O_RDONLY);
      fsync(fd, (error) => {
        closeSync(fd);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  truncate(fd: number, bytes: number): void {
    ftruncateSync(fd, bytes);
  }

  close(fd: number): void {
    closeSync(fd);
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  link(from: string, to: string): void {
    linkSync(from, to);
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }

  removeDirectory(path: string): void {
    rmdirSync(path);
  }

  list(path: string): string[] {
    try {
      return readdirSync(path).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  makeDirectory(path: string): void {
    try {
      mkdirSync(path, { mode: FOLDER_MODE });
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return;
      // Not the system's own recursion: where it cannot make a folder, below /proc, it never ends.
      const parent = dirname(path);
      if (codeOf(error) !== 'ENOENT' || this.exists(parent)) throw error;
      this.makeDirectory(parent);
      mkdirSync(path, { mode: FOLDER_MODE });
    }
  }

  exists(path: string): boolean {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  }

  isDirectory(path: string): boolean {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  }

  modifiedMs(path: string): number {
    return lstatSync(path).mtimeMs;
  }
}

/** Reads a whole small file. */
export function readWhole(files: Files, path: string): Uint8Array {
  const fd = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(files.size(fd));
    const count = files.read(fd, bytes, 0, bytes.length, 0);
    return bytes.subarray(0, count);
  } finally {
    files.close(fd);
  }
}

/**
 * Puts a small file in place in one step: whoever reads the name, even after a power cut, finds the
 * whole of the old content or the whole of the new.
 */
export function replaceWhole(files: Files, folder: string, name: string, bytes: Uint8Array): void {
  const path = `${folder}/${name}`;
  const beside = `${path}${NEW_SUFFIX}`;
  files.remove(beside);
  const fd = files.open(beside, 'create');
  try {
    files.write(fd, bytes, 0, bytes.length, 0);
    files.sync(fd);
  } finally {
    files.close(fd);
  }
  files.rename(beside, path);
  files.syncDirectory(folder);
}

/** Of a file that is being written and has not got its name yet. */
export const NEW_SUFFIX = '.new';

/** Not on every system; where it is missing, links are followed. */
function noFollow(): number {
  return (constants as { readonly O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;
}
