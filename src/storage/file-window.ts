/**
 * A file seen through one buffer that moves along it in large blocks. Offsets keep their alignment:
 * what begins at a multiple of 8 in the file does so in the buffer.
 */
import { ByteSpace } from '../core/copy.js';
import type { Files } from './files.js';
import { codeOf, DamagedFileError } from './storage-error.js';

const BLOCK_BYTES_MAX = 4 * 1024 * 1024;
const BLOCK_BYTES_MIN = 16 * 1024;
const ALIGNMENT = 8;
const CLOSED = -1;

/**
 * What files are read into, one at a time: taking it over closes the file that had it until then, so
 * that thousands of segments need one descriptor.
 */
export class WindowBuffer {
  space = new ByteSpace(new ArrayBuffer(BLOCK_BYTES_MIN));
  #owner: FileWindow | undefined;

  isOf(window: FileWindow): boolean {
    return this.#owner === window;
  }

  take(window: FileWindow): void {
    if (this.#owner === window) return;
    this.#owner?.close();
    this.#owner = window;
  }

  reserve(bytes: number): void {
    let capacity = this.space.bytes.length;
    if (bytes <= capacity) return;
    while (capacity < bytes) capacity *= 2;
    this.space = new ByteSpace(new ArrayBuffer(capacity));
  }
}

export class FileWindow {
  /** Of the file when it was opened first. */
  readonly size: number;
  /** Name for messages. */
  readonly file: string;
  readonly #files: Files;
  readonly #path: string;
  readonly #buffer: WindowBuffer;
  #fd = CLOSED;
  /** The part of the file that the buffer holds, as long as it is ours. */
  #start = 0;
  #end = 0;

  constructor(files: Files, path: string, file: string, buffer = new WindowBuffer()) {
    this.#files = files;
    this.#path = path;
    this.#buffer = buffer;
    this.file = file;
    this.#take();
    this.size = files.size(this.#fd);
  }

  /** Valid until the next call of at(), of this or of another file with the same buffer. */
  get space(): ByteSpace {
    return this.#buffer.space;
  }

  /** Where the bytes [offset, offset + bytes) of the file begin in the space. They must exist. */
  at(offset: number, bytes: number): number {
    const isThere = offset >= this.#start && offset + bytes <= this.#end;
    if (!isThere || !this.#buffer.isOf(this)) this.#move(offset, bytes);
    return offset - this.#start;
  }

  /** It may be used again: then the file is opened again. */
  close(): void {
    if (this.#fd !== CLOSED) this.#files.close(this.#fd);
    this.#fd = CLOSED;
  }

  #move(offset: number, bytes: number): void {
    this.#take();
    const start = offset - (offset % ALIGNMENT);
    const needed = offset + bytes - start;
    this.#buffer.reserve(Math.max(needed, Math.min(BLOCK_BYTES_MAX, this.size - start)));
    const { space } = this.#buffer;
    const wanted = Math.min(space.bytes.length, this.size - start);
    this.#start = start;
    this.#end = start;
    this.#end = start + this.#read(space, wanted, start);
    if (offset + bytes > this.#end) this.#throwAt(this.#end, 'it ends before it should');
  }

  #take(): void {
    this.#buffer.take(this);
    if (this.#fd !== CLOSED) return;
    try {
      this.#fd = this.#files.open(this.#path, 'read');
    } catch (error) {
      const { file } = this;
      const text = `${file} cannot be opened: ${codeOf(error)}`;
      throw new DamagedFileError(text, { file, cause: error });
    }
  }

  #read(space: ByteSpace, bytes: number, position: number): number {
    try {
      return this.#files.read(this.#fd, space.bytes, 0, bytes, position);
    } catch (error) {
      return this.#throwAt(position, codeOf(error));
    }
  }

  #throwAt(offset: number, why: string): never {
    const { file } = this;
    throw new DamagedFileError(`${file} cannot be read at offset ${offset}: ${why}`, {
      file,
      offset,
    });
  }
}
