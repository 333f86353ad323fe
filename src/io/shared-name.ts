/** Finds in the body of SH_NEW or SH_OPEN the name that the session's token derives from. */
import type { ByteSpace } from '../core/copy.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';

const NAME_BYTES_MAX = 256;
const TRUE = 0xc3;

/**
 * @param isOpening for SH_OPEN, whose name is always that of a shared session.
 * @returns the name's bytes, or undefined if the token is a random one. If the body is not as it
 *   must be, that makes no difference: the shard refuses it and the token dies with the refusal.
 */
export function findSharedName(
  space: ByteSpace,
  at: number,
  end: number,
  isOpening: boolean,
): Uint8Array | undefined {
  const cursor = new NativeCursor();
  cursor.open(space.view, at, end);
  if (!isOpening) {
    if (cursor.findMember('shared') !== 1) return undefined;
    if (space.view.getUint8(cursor.at) !== TRUE) return undefined;
    cursor.open(space.view, at, end);
  }
  if (cursor.findMember('name') !== 1) return undefined;
  const length = cursor.strLength();
  if (length === REFUSED || length === 0 || length > NAME_BYTES_MAX) return undefined;
  return space.bytes.subarray(cursor.at, cursor.at + length);
}
