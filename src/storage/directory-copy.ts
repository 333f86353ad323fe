/** A copy of a whole data directory, before anything in it is changed. Hard links would be no copy. */
import { LOCK_FILE } from './file-names.js';
import type { Files } from './files.js';
import { codeOf, StorageError } from './storage-error.js';

const BLOCK_BYTES = 1024 * 1024;

/**
 * Copies all but the lock, and syncs it. A copy that fails is removed.
 *
 * @param onFile called between files.
 * @returns bytes copied.
 */
export function copyDirectory(
  files: Files,
  from: string,
  to: string,
  onFile: () => void = () => undefined,
): number {
  const copy = new DirectoryCopy(files, onFile);
  try {
    return copy.folder(from, to);
  } catch (error) {
    copy.remove();
    throw new StorageError(`${from} cannot be copied to ${to}: ${codeOf(error)}`, { cause: error });
  }
}

class DirectoryCopy {
  readonly #files: Files;
  readonly #onFile: () => void;
  readonly #buffer = new Uint8Array(BLOCK_BYTES);
  readonly #madeFiles: string[] = [];
  readonly #madeFolders: string[] = [];

  constructor(files: Files, onFile: () => void) {
    this.#files = files;
    this.#onFile = onFile;
  }

  folder(from: string, to: string): number {
    this.#files.makeDirectory(to);
    this.#madeFolders.push(to);
    let bytes = 0;
    for (const name of this.#files.list(from)) {
      if (name === LOCK_FILE || name.startsWith(`${LOCK_FILE}.`)) continue;
      const source = `${from}/${name}`;
      const target = `${to}/${name}`;
      const isFolder = this.#files.isDirectory(source);
      bytes += isFolder ? this.folder(source, target) : this.#file(source, target);
    }
    this.#files.syncDirectory(to);
    return bytes;
  }

  /** What has been copied so far; failures are passed over, for one has been told already. */
  remove(): void {
    try {
      for (const path of this.#madeFiles) this.#files.remove(path);
      for (const path of this.#madeFolders.reverse()) this.#files.removeDirectory(path);
    } catch {
      // The rest stays, under a name that says what it is.
    }
  }

  #file(from: string, to: string): number {
    const files = this.#files;
    const source = files.open(from, 'read');
    try {
      const target = files.open(to, 'create');
      this.#madeFiles.push(to);
      try {
        let position = 0;
        for (;;) {
          const bytes = files.read(source, this.#buffer, 0, BLOCK_BYTES, position);
          if (bytes === 0) break;
          files.write(target, this.#buffer, 0, bytes, position);
          position += bytes;
        }
        files.sync(target);
        this.#onFile();
        return position;
      } finally {
        files.close(target);
      }
    } finally {
      files.close(source);
    }
  }
}
