/**
 * Commands that found their shard's ring full, as copies, first in, first out. They lie one after
 * another in chunks, so that a flood costs no object each:
 *
 *   | bytes i32 | request header and body | zero to three bytes of padding |
 */
import { ByteSpace } from '../core/copy.js';

const CHUNK_BYTES = 64 * 1_024;
const LENGTH_BYTES = 4;

interface Chunk {
  readonly space: ByteSpace;
  /** Written up to here. */
  end: number;
}

export class ParkedCommands {
  /** Bytes held, all commands together. */
  bytes = 0;
  readonly #chunks: Chunk[] = [];
  /** Where in the first chunk the first command starts. */
  #at = 0;

  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  /** Claims room for one more, at the end; its bytes must be written at once. */
  add(bytes: number): { readonly space: ByteSpace; readonly at: number } {
    const needed = LENGTH_BYTES + padded(bytes);
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.end + needed > chunk.space.bytes.length) {
      // One that is kept empty would still be taken for the first.
      if (chunk?.end === 0) this.#chunks.pop();
      chunk = { space: new ByteSpace(new ArrayBuffer(Math.max(CHUNK_BYTES, needed))), end: 0 };
      this.#chunks.push(chunk);
    }
    const at = chunk.end;
    chunk.space.view.setInt32(at, bytes);
    chunk.end += needed;
    this.bytes += bytes;
    return { space: chunk.space, at: at + LENGTH_BYTES };
  }

  /** Memory of the first command; only if not empty. */
  get firstSpace(): ByteSpace {
    return this.#chunks[0]!.space;
  }

  get firstAt(): number {
    return this.#at + LENGTH_BYTES;
  }

  get firstBytes(): number {
    return this.firstSpace.view.getInt32(this.#at);
  }

  dropFirst(): void {
    const bytes = this.firstBytes;
    this.bytes -= bytes;
    this.#at += LENGTH_BYTES + padded(bytes);
    const chunk = this.#chunks[0]!;
    if (this.#at < chunk.end) return;
    this.#at = 0;
    if (this.#chunks.length === 1 && chunk.space.bytes.length === CHUNK_BYTES) chunk.end = 0;
    else this.#chunks.shift();
  }
}

function padded(bytes: number): number {
  return (bytes + 3) & -4;
}
