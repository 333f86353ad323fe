/**
 * The commands of a batch as its body lists them, [[op, body]...]: their numbers, and where their
 * bodies lie. Only their shape is checked here; each body is decoded when its command runs.
 */
import type { ByteSpace } from '../core/copy.js';
import {
  containerCount,
  containerHeaderBytes,
  isArrayByte,
  isMapByte,
  MALFORMED,
  readNumber,
  skipItem,
  WALK_DEPTH_MAX,
} from '../protocol/msgpack-walk.js';
import { scalarTypeFault } from './scalars.js';

export const BATCH_COMMANDS_MAX = 128;
const ITEM_WORDS = 3;
const PARTS = 2;
const NIL_BYTE = 0xc0;
const NOT_PAIRS = 'cmds must hold arrays of an op and a body';

export class CommandList {
  count = 0;
  /** Why the list has the wrong type, or the wrong size; '' if it has not. */
  typeFault = '';
  sizeFault = '';
  readonly #items = new Int32Array(BATCH_COMMANDS_MAX * ITEM_WORDS);

  /** Reads the array at an offset. @returns the offset behind it, MALFORMED or TOO_DEEP. */
  read(space: ByteSpace, at: number, end: number): number {
    this.count = 0;
    this.typeFault = '';
    this.sizeFault = '';
    const headerBytes = containerHeaderBytes(space.bytes[at]!);
    if (at + headerBytes > end) return MALFORMED;
    const count = containerCount(space, at);
    if (count === 0 || count > BATCH_COMMANDS_MAX) {
      this.sizeFault = `cmds must hold 1 to ${BATCH_COMMANDS_MAX} commands`;
      return skipItem(space, at, end, WALK_DEPTH_MAX);
    }
    let offset = at + headerBytes;
    for (let item = 0; item < count && offset >= 0; item += 1) {
      offset = this.#readItem(space, offset, end);
    }
    return offset;
  }

  /** 0 for what is no op: a name, for one, that a text client has sent and nobody knows. */
  opOf(index: number): number {
    return this.#items[index * ITEM_WORDS]!;
  }

  bodyAt(index: number): number {
    return this.#items[index * ITEM_WORDS + 1]!;
  }

  bodyEnd(index: number): number {
    return this.#items[index * ITEM_WORDS + 2]!;
  }

  #readItem(space: ByteSpace, at: number, limit: number): number {
    const end = skipItem(space, at, limit, WALK_DEPTH_MAX);
    if (end < 0) return end;
    const first = space.bytes[at]!;
    if (!isArrayByte(first) || containerCount(space, at) !== PARTS) {
      this.typeFault = NOT_PAIRS;
      return end;
    }
    const opAt = at + containerHeaderBytes(first);
    const bodyAt = skipItem(space, opAt, end, WALK_DEPTH_MAX);
    const isBody = space.bytes[bodyAt] === NIL_BYTE || isMapByte(space.bytes[bodyAt]!);
    if (!isBody || scalarTypeFault('uint', space, opAt) !== '') {
      this.typeFault = NOT_PAIRS;
      return end;
    }
    const base = this.count * ITEM_WORDS;
    this.#items[base] = Math.min(readNumber(space, opAt), 0x7fff_ffff);
    this.#items[base + 1] = bodyAt;
    this.#items[base + 2] = end;
    this.count += 1;
    return end;
  }
}
