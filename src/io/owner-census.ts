/** What the shards say of an owner's sessions while its limit is decided, and the bodies that ask. */
import { ByteSpace } from '../core/copy.js';
import { OLDEST_BYTES, OLDEST_MAX } from '../core/oldest.js';
import type { NativeCursor } from '../protocol/native-cursor.js';
import { sessionIdText } from '../protocol/token.js';

export interface OldSession {
  readonly shard: number;
  readonly createdMs: number;
  /** The public id. */
  readonly id: string;
}

export class OwnerCensus {
  /** Sessions of the owner, on all shards that were added. */
  count = 0;
  readonly #oldest: OldSession[] = [];

  /** @param cursor at the body of a shard's answer: {cnt, oldest}, in this order. */
  add(shard: number, space: ByteSpace, cursor: NativeCursor): void {
    cursor.mapCount();
    cursor.skip();
    this.count += cursor.uint();
    cursor.skip();
    const bytes = cursor.binLength();
    for (let at = cursor.at; at < cursor.at + bytes; at += OLDEST_BYTES) {
      const createdMs = space.view.getFloat64(at, true);
      this.#oldest.push({ shard, createdMs, id: sessionIdText(space.bytes, at + 8) });
    }
  }

  /**
   * Those started first, `count` of them or fewer. Each shard names its own OLDEST_MAX first ones, so
   * of all the first OLDEST_MAX are certain.
   */
  oldest(count: number): readonly OldSession[] {
    this.#oldest.sort((a, b) => a.createdMs - b.createdMs);
    return this.#oldest.slice(0, Math.min(count, OLDEST_MAX));
  }
}

/** {owner} @param ownerItem the name as msgpack. */
export function ownerBody(ownerItem: Uint8Array): ByteSpace {
  return joined([0x81], OWNER_NAME, ownerItem);
}

/** {id, owner} */
export function ownerIdBody(id: string, ownerItem: Uint8Array): ByteSpace {
  return joined([0x82], ID_NAME, strItem(id), OWNER_NAME, ownerItem);
}

const ID_NAME = strItem('id');
const OWNER_NAME = strItem('owner');

/** Fewer than 32 ASCII characters as msgpack. */
function strItem(text: string): Uint8Array {
  return Uint8Array.of(0xa0 | text.length, ...new TextEncoder().encode(text));
}

function joined(...parts: readonly ArrayLike<number>[]): ByteSpace {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const space = new ByteSpace(new ArrayBuffer(bytes));
  let at = 0;
  for (const part of parts) {
    space.bytes.set(part, at);
    at += part.length;
  }
  return space;
}
