/**
 * LOCK: one process at a time uses a data directory. The file names its holder, one line of sealed
 * JSON, and is held
 *   - by a process of this boot and namespace as long as that process lives;
 *   - by any other (another container, another machine) while the file is touched: the holder
 *     writes it anew every few seconds. Age is told by the file system's own clock: the challenger
 *     writes a file, too, and compares the two.
 *
 * Taking it is one link(), which fails if the name is taken. A stale lock is replaced by rename(),
 * and that is allowed only to the one who holds the lock on it: a lock file of its own, named after
 * the stale lock's content. Every lock has a nonce, so who was late sees that the content has
 * changed. If the one who took that second lock dies in between, the same rules apply to it.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { FORMAT_VERSION } from './file-header.js';
import { LOCK_FILE } from './file-names.js';
import { type Files, readWhole } from './files.js';
import type { HostFacts, ProcessId } from './host-facts.js';
import { openSealedJson, sealJson } from './sealed-json.js';
import { codeOf, StorageError } from './storage-error.js';

/** A holder out of sight touches its lock more often than this. */
export const LOCK_FRESH_MS = 15_000;
export const LOCK_TOUCH_MS = 5_000;

/** Locks on stale locks on stale locks: each needs a crash in the moment of taking the one before. */
const DEPTH_MAX = 8;
const CANDIDATE = '.candidate-';
const NONCE_BYTES = 8;

export class DirectoryLock {
  readonly #files: Files;
  readonly #path: string;
  readonly #content: Uint8Array;

  /** Takes the lock of a directory, or throws StorageError naming who holds it. */
  constructor(files: Files, directory: string, host: HostFacts) {
    this.#files = files;
    this.#path = `${directory}/${LOCK_FILE}`;
    this.#content = lockContent(host.self);
    const candidate = `${this.#path}${CANDIDATE}${randomBytes(NONCE_BYTES).toString('hex')}`;
    try {
      new Taking({ files, directory, host, candidate, content: this.#content }).take(this.#path, 0);
    } finally {
      files.remove(candidate);
    }
    this.#removeLeftovers(directory);
  }

  /** Shows others that the holder lives. Throws StorageError if the lock is somebody else's now. */
  touch(): void {
    this.#assertHeld();
    const fd = this.#files.open(this.#path, 'write');
    try {
      this.#files.write(fd, this.#content, 0, this.#content.length, 0);
    } finally {
      this.#files.close(fd);
    }
  }

  /** Gives it up; nothing happens if it is somebody else's by now. */
  release(): void {
    if (this.#isHeld()) this.#files.remove(this.#path);
  }

  #assertHeld(): void {
    if (this.#isHeld()) return;
    throw new StorageError(`${LOCK_FILE} was taken over by another process`, { file: LOCK_FILE });
  }

  #isHeld(): boolean {
    return sameBytes(readLock(this.#files, this.#path), this.#content);
  }

  /**
   * Locks on stale locks are void once this one is held. Candidates may be those of a challenger of
   * this very moment, so only old ones go.
   */
  #removeLeftovers(directory: string): void {
    const nowMs = this.#files.modifiedMs(this.#path);
    for (const name of this.#files.list(directory)) {
      if (!name.startsWith(`${LOCK_FILE}.`)) continue;
      const path = `${directory}/${name}`;
      const isRecent = name.includes(CANDIDATE) && !this.#isOlder(path, nowMs);
      if (!isRecent) this.#files.remove(path);
    }
  }

  #isOlder(path: string, nowMs: number): boolean {
    try {
      return nowMs - this.#files.modifiedMs(path) > LOCK_FRESH_MS;
    } catch {
      return false;
    }
  }
}

/** One attempt to take the lock. */
class Taking {
  readonly #files: Files;
  readonly #directory: string;
  readonly #host: HostFacts;
  readonly #candidate: string;
  readonly #content: Uint8Array;

  constructor(options: {
    readonly files: Files;
    readonly directory: string;
    readonly host: HostFacts;
    readonly candidate: string;
    readonly content: Uint8Array;
  }) {
    this.#files = options.files;
    this.#directory = options.directory;
    this.#host = options.host;
    this.#candidate = options.candidate;
    this.#content = options.content;
  }

  take(path: string, depth: number): void {
    this.#writeCandidate();
    if (this.#link(path)) return;
    const found = readLock(this.#files, path);
    // Given up this moment: then it is a race among those who ask, and one try more is enough.
    if (found === undefined) {
      if (!this.#link(path)) throw this.#busy(undefined);
      return;
    }
    const reason = this.#whyHeld(path, found);
    if (reason !== undefined) throw reason;
    if (depth === DEPTH_MAX) throw this.#busy(undefined);
    const claim = `${path}.${(crc32(found) >>> 0).toString(16).padStart(8, '0')}`;
    this.take(claim, depth + 1);
    try {
      // Whoever replaces this content needs the claim, which is ours: what is there now stays there.
      if (!sameBytes(readLock(this.#files, path), found)) throw this.#busy(undefined);
      this.#writeCandidate();
      this.#files.rename(this.#candidate, path);
    } finally {
      this.#files.remove(claim);
    }
  }

  /** @returns false if the name is taken. */
  #link(path: string): boolean {
    try {
      this.#files.link(this.#candidate, path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** Written anew each time, so that its age is zero when ages are compared. */
  #writeCandidate(): void {
    this.#files.remove(this.#candidate);
    const fd = this.#files.open(this.#candidate, 'create');
    try {
      this.#files.write(fd, this.#content, 0, this.#content.length, 0);
    } finally {
      this.#files.close(fd);
    }
  }

  #whyHeld(path: string, content: Uint8Array): StorageError | undefined {
    const holder = holderFrom(content);
    const { self } = this.#host;
    if (holder !== undefined && isInSight(holder, self)) {
      const startTime = this.#host.startTimeOf(holder.pid);
      if (startTime === undefined) return undefined;
      const isSame = startTime === '' || holder.startTime === '' || startTime === holder.startTime;
      return isSame ? this.#busy(holder) : undefined;
    }
    const ageMs = this.#ageMs(path);
    if (ageMs === undefined || Math.abs(ageMs) > LOCK_FRESH_MS) return undefined;
    return this.#busy(holder, Math.max(0, Math.round(ageMs / 1_000)));
  }

  #ageMs(path: string): number | undefined {
    try {
      return this.#files.modifiedMs(this.#candidate) - this.#files.modifiedMs(path);
    } catch {
      return undefined;
    }
  }

  #busy(holder: ProcessId | undefined, ageSeconds?: number): StorageError {
    const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
    const where = ageSeconds === undefined || holder === undefined ? '' : ` on host ${holder.host}`;
    const when =
      ageSeconds === undefined
        ? ''
        : `, which showed itself ${ageSeconds} s ago; if it has ended, try again in ` +
          `${LOCK_FRESH_MS / 1_000} s`;
    const text = `data directory ${this.#directory} is in use by ${who}${where}${when}`;
    return new StorageError(text, { file: LOCK_FILE });
  }
}

function lockContent(self: ProcessId): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES).toString('hex');
  return sealJson({ format: FORMAT_VERSION, ...self, nonce });
}

/** @returns undefined if it cannot be read as a lock: then only its age tells. */
export function holderFrom(content: Uint8Array): ProcessId | undefined {
  const value = openSealedJson(content);
  if (value === undefined) return undefined;
  const { pid, startTime, bootId, pidNamespace, host } = value;
  const isHolder =
    typeof pid === 'number' &&
    Number.isSafeInteger(pid) &&
    typeof startTime === 'string' &&
    typeof bootId === 'string' &&
    typeof pidNamespace === 'string' &&
    typeof host === 'string';
  return isHolder ? { pid, startTime, bootId, pidNamespace, host } : undefined;
}

/** Whether its process can be asked for here. */
export function isInSight(holder: ProcessId, self: ProcessId): boolean {
  if (holder.bootId !== self.bootId || holder.pidNamespace !== self.pidNamespace) return false;
  return holder.bootId !== '' || holder.host === self.host;
}

function readLock(files: Files, path: string): Uint8Array | undefined {
  try {
    return readWhole(files, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
