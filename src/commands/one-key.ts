/**
 * The body that most commands have, recognised by its first bytes: one key of fewer than 32 bytes,
 * and for those that store, its value.
 *
 *   81 a4 'keys' | 91 | a0..bf key          SH_GET and others that name keys
 *   81 a4 'keys' | 81 | a0..bf key | value  SH_SET and others that store
 *
 * Says no to all else, to what is wrong with such a body, too: body.ts reads that at its leisure.
 * Half the time of a GET without a socket went into reading its body (engine bench).
 */
import type { ByteSpace } from '../core/copy.js';
import { skipItem } from '../protocol/msgpack-walk.js';
import type { KeyList } from './key-list.js';
import type { Limits } from './limits.js';

/** The bytes 81 a4 6b 65, and 79 73, as little-endian words. */
const MAP_OF_KE = 0x656ba481;
const YS = 0x7379;
/** Of the map's header, the name and the list's or map's header. */
const LEAD_BYTES = 7;
export const ONE_KEY_VALUE_AT = LEAD_BYTES - 1;
const LIST_OF_ONE = 0x91;

/** @returns whether the body is such a one; its key is in the list then. */
export function readOneKey(
  headerOfOne: number,
  space: ByteSpace,
  start: number,
  end: number,
  limits: Limits,
  list: KeyList,
): boolean {
  const { bytes, view } = space;
  if (end - start <= LEAD_BYTES || bytes[start + ONE_KEY_VALUE_AT] !== headerOfOne) return false;
  if (view.getInt32(start, true) !== MAP_OF_KE || view.getUint16(start + 4, true) !== YS) {
    return false;
  }
  const keyAt = start + LEAD_BYTES + 1;
  const keyBytes = bytes[keyAt - 1]! - 0xa0;
  if (keyBytes < 0 || keyBytes > 31 || keyBytes > limits.keyBytesMax) return false;
  const keyEnd = keyAt + keyBytes;
  if (headerOfOne === LIST_OF_ONE) {
    if (keyEnd !== end) return false;
    list.add(keyAt, keyBytes, 0, 0);
    return true;
  }
  if (keyEnd >= end || !isAscii(bytes, keyAt, keyEnd)) return false;
  if (skipItem(space, keyEnd, end, limits.valueDepthMax) !== end) return false;
  list.add(keyAt, keyBytes, keyEnd, end - keyEnd);
  return true;
}

function isAscii(bytes: Uint8Array, at: number, end: number): boolean {
  for (let offset = at; offset < end; offset += 1) if (bytes[offset]! > 0x7f) return false;
  return true;
}
