/**
 * Files in memory that fail on demand. What a process writes is there for the next one: copy() is the
 * disk after a SIGKILL at this moment. For power cuts see power-cut-files.ts.
 */
import { dirname, resolve } from 'node:path';
import type { Files, OpenMode } from '../../src/storage/files.js';

interface Inode {
  bytes: Uint8Array;
  size: number;
  modifiedMs: number;
}

export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'syncDirectory'
  | 'truncate'
  | 'rename'
  | 'link'
  | 'remove'
  | 'makeDirectory';

/** code: the operation fails with it. afterBytes: a write takes so many bytes before that. */
export interface Fault {
  readonly code: string;
  readonly afterBytes?: number;
}

export class MemoryFiles implements Files {
  /** The file system's clock. */
  nowMs = 1_000_000;
  /** Asked before each operation; the path is that of the file, whatever its name is by now. */
  fault: (operation: FileOperation, path: string) => Fault | undefined = () => undefined;
  /** What has been done, "write /data/log/...", without reads. */
  readonly done: string[] = [];
  readonly #names = new Map<string, Inode>();
  readonly #folders = new Set<string>(['/']);
  readonly #open = new Map<number, { readonly inode: Inode; readonly path: string }>();
  #nextFd = 100;

  /** The same files, nothing open. */
  copy(): MemoryFiles {
    const copy = new MemoryFiles();
    copy.nowMs = this.nowMs;
    const copies = new Map<Inode, Inode>();
    for (const [path, inode] of this.#names) {
      const same = copies.get(inode) ?? { ...inode, bytes: inode.bytes.slice() };
      copies.set(inode, same);
      copy.#names.set(path, same);
    }
    for (const path of this.#folders) copy.#folders.add(path);
    return copy;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** All files, by path. */
  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  content(path: string): Uint8Array {
    const inode = this.#inode(path);
    return inode.bytes.slice(0, inode.size);
  }

  put(path: string, content: Uint8Array): void {
    const inode = { bytes: content.slice(), size: content.length, modifiedMs: this.nowMs };
    this.#names.set(path, inode);
  }

  flip(path: string, bit: number): void {
    const { bytes } = this.#inode(path);
    bytes[bit >>> 3]! ^= 1 << (bit & 7);
  }

  cut(path: string, bytes: number): void {
    const inode = this.#inode(path);
    resize(inode, bytes);
  }

  open(path: string, mode: OpenMode): number {
    this.#enter('open', path);
    let inode = this.#names.get(path);
    if (mode === 'create') {
      if (inode !== undefined) throw failure('EEXIST', path);
      if (!this.#folders.has(dirname(path))) throw failure('ENOENT', path);
      inode = { bytes: new Uint8Array(256), size: 0, modifiedMs: this.nowMs };
      this.#names.set(path, inode);
      this.done.push(`create ${path}`);
    }
    if (inode === undefined) throw failure('ENOENT', path);
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, { inode, path });
    return fd;
  }

  size(fd: number): number {
    return this.#file(fd).inode.size;
  }

  read(fd: number, to: Uint8Array, at: number, bytes: number, position: number): number {
    const { inode, path } = this.#file(fd);
    this.#enter('read', path);
    const count = Math.max(0, Math.min(bytes, inode.size - position));
    to.set(inode.bytes.subarray(position, position + count), at);
    return count;
  }

  write(fd: number, from: Uint8Array, at: number, bytes: number, position: number): void {
    const { inode, path } = this.#file(fd);
    const fault = this.fault('write', path);
    const count = fault === undefined ? bytes : Math.min(bytes, fault.afterBytes ?? 0);
    put(inode, from.subarray(at, at + count), position);
    inode.modifiedMs = this.nowMs;
    if (fault !== undefined) throw failure(fault.code, path);
    this.done.push(`write ${path}`);
  }

  sync(fd: number): void {
    const { path } = this.#file(fd);
    this.#enter('sync', path);
    this.done.push(`sync ${path}`);
  }

  syncLater(fd: number): Promise<void> {
    return attempt(() => this.sync(fd));
  }

  syncDirectory(path: string): void {
    this.#enter('syncDirectory', path);
    this.done.push(`sync ${path}`);
  }

  syncDirectoryLater(path: string): Promise<void> {
    return attempt(() => this.syncDirectory(path));
  }

  truncate(fd: number, bytes: number): void {
    const { inode, path } = this.#file(fd);
    this.#enter('truncate', path);
    resize(inode, bytes);
    this.done.push(`truncate ${path}`);
  }

  close(fd: number): void {
    if (!this.#open.delete(fd)) throw failure('EBADF', String(fd));
  }

  rename(from: string, to: string): void {
    this.#enter('rename', to);
    const inode = this.#inode(from);
    this.#names.set(to, inode);
    // Two names of one file stay two names.
    if (from !== to) this.#names.delete(from);
    this.done.push(`rename ${to}`);
  }

  link(from: string, to: string): void {
    this.#enter('link', to);
    const inode = this.#inode(from);
    if (this.#names.has(to)) throw failure('EEXIST', to);
    this.#names.set(to, inode);
    this.done.push(`link ${to}`);
  }

  remove(path: string): void {
    this.#enter('remove', path);
    if (this.#names.delete(path)) this.done.push(`remove ${path}`);
  }

  removeDirectory(path: string): void {
    this.#folders.delete(path);
  }

  list(path: string): string[] {
    const below = [...this.#names.keys(), ...this.#folders].filter(
      (name) => name !== '/' && dirname(name) === path,
    );
    return below.map((name) => name.slice(name.lastIndexOf('/') + 1)).sort();
  }

  makeDirectory(path: string): void {
    this.#enter('makeDirectory', path);
    for (let at = resolve(path); !this.#folders.has(at); at = dirname(at)) this.#folders.add(at);
    this.done.push(`makeDirectory ${path}`);
  }

  exists(path: string): boolean {
    return this.#names.has(path) || this.#folders.has(path);
  }

  isDirectory(path: string): boolean {
    return this.#folders.has(path);
  }

  modifiedMs(path: string): number {
    return this.#inode(path).modifiedMs;
  }

  #enter(operation: FileOperation, path: string): void {
    const fault = this.fault(operation, path);
    if (fault !== undefined) throw failure(fault.code, path);
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure('ENOENT', path);
    return inode;
  }

  #file(fd: number): { readonly inode: Inode; readonly path: string } {
    const file = this.#open.get(fd);
    if (file === undefined) throw failure('EBADF', String(fd));
    return file;
  }
}

/** The n-th (from 0) and all later operations of a kind fail, until the count is used up. */
export function failing(
  operation: FileOperation,
  options: {
    readonly code: string;
    readonly from?: number;
    readonly count?: number;
  } & Partial<Fault>,
): MemoryFiles['fault'] {
  const { code, from = 0, count = Infinity, afterBytes } = options;
  let seen = 0;
  return (asked) => {
    if (asked !== operation) return undefined;
    seen += 1;
    const isHit = seen > from && seen <= from + count;
    return isHit ? { code, ...(afterBytes === undefined ? {} : { afterBytes }) } : undefined;
  };
}

function resize(inode: Inode, size: number): void {
  if (size > inode.bytes.length) {
    const grown = new Uint8Array(size);
    grown.set(inode.bytes.subarray(0, inode.size));
    inode.bytes = grown;
  }
  inode.bytes.fill(0, size);
  inode.size = size;
}

function put(inode: Inode, bytes: Uint8Array, position: number): void {
  const end = position + bytes.length;
  if (end > inode.bytes.length) {
    const grown = new Uint8Array(Math.max(end, inode.bytes.length * 2));
    grown.set(inode.bytes.subarray(0, inode.size));
    inode.bytes = grown;
  }
  inode.bytes.set(bytes, position);
  inode.size = Math.max(inode.size, end);
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function attempt(work: () => void): Promise<void> {
  return new Promise((resolve) => {
    work();
    resolve();
  });
}
