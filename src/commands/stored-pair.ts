/** A copy of a pair as it is stored, in one piece: for commands that look into a value. */
import { ByteSpace } from '../core/copy.js';
import type { SessionKeys } from '../state/session-keys.js';
import type { FoundPairs } from './found-pairs.js';
import { headerBytesOfStored, storedKeyBytes } from '../state/stored-key.js';

const BYTES_MIN = 1_024;
/** A copy that took more gives its memory back with the next one. */
const BYTES_KEPT_MAX = 256 * 1_024;

export class StoredPair {
  space = new ByteSpace(new ArrayBuffer(BYTES_MIN));
  /** The key's characters. */
  keyAt = 0;
  keyBytes = 0;
  valueAt = 0;
  end = 0;

  get bytes(): number {
    return this.end;
  }

  get valueBytes(): number {
    return this.end - this.valueAt;
  }

  /** Takes the pair that the keys have just found. Valid until the next one is taken. */
  take(keys: SessionKeys): void {
    this.#copy(keys, keys.foundPointer, keys.foundAt, keys.foundBytes);
  }

  /** Takes one that was found before; the session has not changed since. */
  takePlace(keys: SessionKeys, found: FoundPairs, index: number): void {
    this.#copy(keys, found.pointer(index), found.at(index), found.pairBytes(index));
  }

  #copy(keys: SessionKeys, pointer: number, at: number, bytes: number): void {
    const held = this.space.bytes.length;
    if (held < bytes || (held > BYTES_KEPT_MAX && bytes <= BYTES_KEPT_MAX)) {
      this.space = new ByteSpace(new ArrayBuffer(Math.max(bytes, BYTES_MIN)));
    }
    keys.copyPair(this.space, 0, pointer, at, bytes);
    const storedBytes = storedKeyBytes(this.space, 0);
    this.keyAt = headerBytesOfStored(storedBytes);
    this.keyBytes = storedBytes - this.keyAt;
    this.valueAt = storedBytes;
    this.end = bytes;
  }
}
