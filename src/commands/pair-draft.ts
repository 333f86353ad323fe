/**
 * A pair that a command puts together: the key and a value of its own making, in one space, as the
 * state takes them.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';
import { keyHeaderBytesOf } from '../state/stored-key.js';
import type { CommandContext } from './command.js';
import { refuseTooLarge } from './storing.js';

const BYTES_MIN = 1_024;
/** A draft that has grown beyond this is given up by the next one. */
const BYTES_KEPT_MAX = 256 * 1_024;

export class PairDraft {
  space = new ByteSpace(new ArrayBuffer(BYTES_MIN));
  keyBytes = 0;
  /** Where the next byte of the value goes. */
  at = 0;

  /** Begins a pair with this key and room for a value of so many bytes. */
  begin(from: ByteSpace, keyAt: number, keyBytes: number, valueBytesMax: number): void {
    const needed = keyBytes + valueBytesMax;
    const held = this.space.bytes.length;
    if (held < needed || (held > BYTES_KEPT_MAX && needed <= BYTES_KEPT_MAX)) {
      this.space = new ByteSpace(new ArrayBuffer(Math.max(needed, BYTES_MIN)));
    }
    copyBytes(this.space, 0, from, keyAt, keyBytes);
    this.keyBytes = keyBytes;
    this.at = keyBytes;
  }

  get valueBytes(): number {
    return this.at - this.keyBytes;
  }

  /** Appends bytes to the value. */
  put(from: ByteSpace, at: number, bytes: number): void {
    copyBytes(this.space, this.at, from, at, bytes);
    this.at += bytes;
  }

  /**
   * Stores the pair, unless the session may not take it: then it refuses the command with 204.
   *
   * @param replacedBytes of the pair that goes for it, 0 if there is none.
   * @returns whether it is stored.
   */
  store(context: CommandContext, row: number, replacedBytes: number): boolean {
    const { state, limits } = context;
    const pairBytes = keyHeaderBytesOf(this.keyBytes) + this.keyBytes + this.valueBytes;
    const max = limits.sessionBytesMax;
    // The bound is cheap; exact only where it is passed.
    if (
      pairBytes > replacedBytes &&
      state.keys.bytesBoundOf(row) + pairBytes > max &&
      state.keys.bytesOf(row) - replacedBytes + pairBytes > max
    ) {
      refuseTooLarge(context);
      return false;
    }
    state.set(row, this.space, 0, this.keyBytes, this.keyBytes, this.valueBytes);
    state.wrote(row);
    return true;
  }
}
