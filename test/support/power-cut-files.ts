/**
 * A file system in memory that forgets like a machine whose power is cut.
 *
 * It promises what POSIX promises and not more. Only a sync makes a write last: of the blocks, sizes
 * and names changed since, any part may be there after a cut, each as one of the contents that it
 * has had. A sync of a file does not make its name last; a sync of the folder does. A sync that
 * fails leaves its blocks to chance for good: the next one, although it succeeds, does not write
 * them again.
 */
import type { Files, OpenMode } from '../../src/storage/files.js';
import type { Random } from './random.js';

type FileOperation =
  | ('write' | 'sync' | 'syncDirectory' | 'create' | 'rename' | 'remove' | 'link' | 'truncate')
  | 'makeDirectory';

/** Of every call once the power is cut. */
export class PowerCut extends Error {
  readonly code = 'POWERCUT';
}

export interface PowerCutOptions {
  readonly random: Random;
  /** 512 or 4096, as disks have them. */
  readonly blockBytes: number;
}

/** From a cut to the next start, by the file system's clock. */
const DOWN_MS = 60_000;
/** Contents of one block since the last sync: more than a few add nothing. */
const VERSIONS_KEPT = 4;

class Inode {
  bytes = new Uint8Array(0);
  size = 0;
  /** What is on the disk for sure. */
  synced: Uint8Array = new Uint8Array(0);
  syncedSize = 0;
  /** Block -> its contents since the last sync, oldest first. */
  dirty = new Map<number, Uint8Array[]>();
  /** Blocks whose sync failed: clean to the system, and perhaps on the disk. */
  doubtful = new Map<number, Uint8Array[]>();
  sizes: number[] = [];
  modifiedMs = 0;
}

class Folder {
  entries = new Map<string, Inode | Folder>();
  synced = new Map<string, Inode | Folder>();
  /** Name -> what it stood for since the last sync; undefined: nothing. */
  changed = new Map<string, (Inode | Folder | undefined)[]>();

  set(name: string, node: Inode | Folder | undefined): void {
    if (node === undefined) this.entries.delete(name);
    else this.entries.set(name, node);
    this.changed.set(name, [...(this.changed.get(name) ?? []), node]);
  }
}

export class PowerCutFiles implements Files {
  /** Called before each change; may throw what the system would. */
  onOperation: (operation: FileOperation, path: string) => void = () => undefined;
  /** Changes until the power is cut; the last one is made, and lasts by chance. */
  operationsLeft = Infinity;
  isCut = false;
  readonly #options: PowerCutOptions;
  readonly #root: Folder;
  readonly #open = new Map<number, { readonly inode: Inode; readonly path: string }>();
  #fd = 100;
  #clockMs: number;

  constructor(options: PowerCutOptions, root = new Folder(), clockMs = 0) {
    this.#options = options;
    this.#root = root;
    this.#clockMs = clockMs;
  }

  /** The file system as the next start finds it. @param luck 0: nothing un-synced lasts, 1: all. */
  afterCut(luck: number): PowerCutFiles {
    const seen = new Map<Inode | Folder, Inode | Folder>();
    const root = this.#survivor(this.#root, luck, seen) as Folder;
    return new PowerCutFiles(this.#options, root, this.#clockMs + DOWN_MS);
  }

  open(path: string, mode: OpenMode): number {
    const { folder, name } = this.#placeOf(path);
    let inode = folder.entries.get(name);
    if (mode === 'create') {
      if (inode !== undefined) throw failure('EEXIST', path);
      this.#before('create', path);
      inode = new Inode();
      inode.modifiedMs = this.#clockMs;
      folder.set(name, inode);
      this.#after();
    }
    if (inode === undefined) throw failure('ENOENT', path);
    if (inode instanceof Folder) throw failure('EISDIR', path);
    this.#alive();
    this.#fd += 1;
    this.#open.set(this.#fd, { inode, path });
    return this.#fd;
  }

  size(fd: number): number {
    return this.#of(fd).inode.size;
  }

  read(fd: number, to: Uint8Array, at: number, bytes: number, position: number): number {
    const { inode } = this.#of(fd);
    const count = Math.max(0, Math.min(bytes, inode.size - position));
    to.set(inode.bytes.subarray(position, position + count), at);
    return count;
  }

  write(fd: number, from: Uint8Array, at: number, bytes: number, position: number): void {
    const { inode, path } = this.#of(fd);
    try {
      this.#before('write', path);
    } catch (error) {
      const part = this.#options.random.below(bytes);
      if (!this.isCut) this.#put(inode, from.subarray(at, at + part), position);
      throw error;
    }
    this.#put(inode, from.subarray(at, at + bytes), position);
    this.#after();
  }

  sync(fd: number): void {
    const { inode, path } = this.#of(fd);
    try {
      this.#before('sync', path);
    } catch (error) {
      for (const [block, contents] of inode.dirty) {
        const earlier = inode.doubtful.get(block) ?? [];
        inode.doubtful.set(block, [...earlier, ...contents].slice(-VERSIONS_KEPT));
      }
      inode.dirty.clear();
      throw error;
    }
    // The cut may come before the sync is through.
    if (this.operationsLeft > 1) this.#settle(inode);
    this.#after();
  }

  async syncLater(fd: number): Promise<void> {
    this.sync(fd);
  }

  syncDirectory(path: string): void {
    const folder = this.#folderOf(path);
    this.#before('syncDirectory', path);
    if (this.operationsLeft > 1) {
      folder.synced = new Map(folder.entries);
      folder.changed.clear();
    }
    this.#after();
  }

  async syncDirectoryLater(path: string): Promise<void> {
    this.syncDirectory(path);
  }

  truncate(fd: number, bytes: number): void {
    const { inode, path } = this.#of(fd);
    this.#before('truncate', path);
    this.#resize(inode, bytes);
    this.#after();
  }

  close(fd: number): void {
    this.#of(fd);
    this.#open.delete(fd);
  }

  rename(from: string, to: string): void {
    const source = this.#placeOf(from);
    const target = this.#placeOf(to);
    const node = source.folder.entries.get(source.name);
    if (node === undefined) throw failure('ENOENT', from);
    this.#before('rename', to);
    target.folder.set(target.name, node);
    source.folder.set(source.name, undefined);
    this.#after();
  }

  link(from: string, to: string): void {
    const source = this.#placeOf(from);
    const target = this.#placeOf(to);
    const node = source.folder.entries.get(source.name);
    if (node === undefined) throw failure('ENOENT', from);
    if (target.folder.entries.has(target.name)) throw failure('EEXIST', to);
    this.#before('link', to);
    target.folder.set(target.name, node);
    this.#after();
  }

  remove(path: string): void {
    if (!this.exists(path)) return;
    const { folder, name } = this.#placeOf(path);
    this.#before('remove', path);
    folder.set(name, undefined);
    this.#after();
  }

  removeDirectory(path: string): void {
    if (this.#folderOf(path).entries.size > 0) throw failure('ENOTEMPTY', path);
    this.remove(path);
  }

  list(path: string): string[] {
    this.#alive();
    return this.exists(path) ? [...this.#folderOf(path).entries.keys()].sort() : [];
  }

  makeDirectory(path: string): void {
    let folder = this.#root;
    for (const name of partsOf(path)) {
      let next = folder.entries.get(name);
      if (next === undefined) {
        this.#before('makeDirectory', path);
        next = new Folder();
        folder.set(name, next);
        this.#after();
      }
      if (!(next instanceof Folder)) throw failure('EEXIST', path);
      folder = next;
    }
  }

  exists(path: string): boolean {
    this.#alive();
    return this.#find(path) !== undefined;
  }

  isDirectory(path: string): boolean {
    return this.#find(path) instanceof Folder;
  }

  modifiedMs(path: string): number {
    const node = this.#find(path);
    if (!(node instanceof Inode)) throw failure('ENOENT', path);
    return node.modifiedMs;
  }

  #before(operation: FileOperation, path: string): void {
    this.#alive();
    this.#clockMs += 1;
    this.onOperation(operation, path);
  }

  #after(): void {
    this.operationsLeft -= 1;
    if (this.operationsLeft > 0) return;
    this.isCut = true;
    throw new PowerCut('the power is cut');
  }

  #alive(): void {
    if (this.isCut) throw new PowerCut('the power is cut');
  }

  #of(fd: number): { readonly inode: Inode; readonly path: string } {
    this.#alive();
    const open = this.#open.get(fd);
    if (open === undefined) throw failure('EBADF', String(fd));
    return open;
  }

  #put(inode: Inode, bytes: Uint8Array, position: number): void {
    const { blockBytes } = this.#options;
    const end = position + bytes.length;
    if (end > inode.size) this.#resize(inode, end);
    inode.bytes.set(bytes, position);
    inode.modifiedMs = this.#clockMs;
    this.#soil(inode, position, end, blockBytes);
  }

  #soil(inode: Inode, from: number, end: number, blockBytes: number): void {
    for (let block = Math.floor(from / blockBytes); block * blockBytes < end; block += 1) {
      const content = inode.bytes.slice(block * blockBytes, (block + 1) * blockBytes);
      const contents = inode.dirty.get(block) ?? [];
      if (contents.length === VERSIONS_KEPT) contents.splice(1, 1);
      contents.push(content);
      inode.dirty.set(block, contents);
    }
  }

  #resize(inode: Inode, size: number): void {
    const { blockBytes } = this.#options;
    const capacity = Math.ceil(size / blockBytes) * blockBytes;
    if (capacity > inode.bytes.length) {
      const grown = new Uint8Array(capacity * 2);
      grown.set(inode.bytes.subarray(0, inode.size));
      inode.bytes = grown;
    }
    const isCutOff = size < inode.size;
    const old = inode.size;
    inode.size = size;
    if (isCutOff) {
      inode.bytes.fill(0, size, old);
      this.#soil(inode, size, old, blockBytes);
    }
    inode.sizes.push(size);
    if (inode.sizes.length > VERSIONS_KEPT) inode.sizes.splice(1, 1);
  }

  #settle(inode: Inode): void {
    const { blockBytes } = this.#options;
    if (inode.synced.length < inode.bytes.length) {
      const grown = new Uint8Array(inode.bytes.length);
      grown.set(inode.synced);
      inode.synced = grown;
    }
    for (const block of inode.dirty.keys()) {
      const at = block * blockBytes;
      inode.synced.set(inode.bytes.subarray(at, at + blockBytes), at);
      inode.doubtful.delete(block);
    }
    inode.dirty.clear();
    inode.syncedSize = inode.size;
    inode.sizes = [];
  }

  #survivor(
    node: Inode | Folder,
    luck: number,
    seen: Map<Inode | Folder, Inode | Folder>,
  ): Inode | Folder {
    if (seen.has(node)) return seen.get(node)!;
    const survivor = node instanceof Folder ? new Folder() : this.#survivingFile(node, luck);
    seen.set(node, survivor);
    if (node instanceof Folder && survivor instanceof Folder) {
      for (const name of new Set([...node.synced.keys(), ...node.changed.keys()])) {
        const meanings = [node.synced.get(name), ...(node.changed.get(name) ?? [])];
        const meaning = this.#oneOf(meanings, luck);
        if (meaning === undefined) continue;
        const child = this.#survivor(meaning, luck, seen);
        survivor.entries.set(name, child);
        survivor.synced.set(name, child);
      }
    }
    return survivor;
  }

  #survivingFile(node: Inode, luck: number): Inode {
    const { blockBytes } = this.#options;
    const survivor = new Inode();
    survivor.modifiedMs = node.modifiedMs;
    survivor.size = this.#oneOf([node.syncedSize, ...node.sizes], luck);
    const bytes = new Uint8Array(Math.max(node.bytes.length, node.synced.length));
    bytes.set(node.synced);
    for (const block of new Set([...node.doubtful.keys(), ...node.dirty.keys()])) {
      const at = block * blockBytes;
      const old = bytes.slice(at, at + blockBytes);
      const newer = [...(node.doubtful.get(block) ?? []), ...(node.dirty.get(block) ?? [])];
      bytes.set(this.#oneOf([old, ...newer], luck), at);
    }
    bytes.fill(0, survivor.size);
    survivor.bytes = bytes;
    survivor.synced = bytes.slice();
    survivor.syncedSize = survivor.size;
    return survivor;
  }

  /** The first is what lasts for sure, the last what was meant. */
  #oneOf<T>(versions: readonly T[], luck: number): T {
    if (luck <= 0) return versions[0]!;
    if (luck >= 1) return versions.at(-1)!;
    return versions[this.#options.random.below(versions.length)]!;
  }

  #placeOf(path: string): { readonly folder: Folder; readonly name: string } {
    this.#alive();
    const parts = partsOf(path);
    const name = parts.pop()!;
    return { folder: this.#folderOf(parts.join('/')), name };
  }

  #folderOf(path: string): Folder {
    const node = this.#find(path);
    if (node instanceof Folder) return node;
    throw failure(node === undefined ? 'ENOENT' : 'ENOTDIR', path);
  }

  #find(path: string): Inode | Folder | undefined {
    let node: Inode | Folder | undefined = this.#root;
    for (const name of partsOf(path)) {
      node = node instanceof Folder ? node.entries.get(name) : undefined;
    }
    return node;
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
