/**
 * An entry: one change of one session in absolute terms, as effect-buffer.ts and encode-session.ts
 * write it and apply.ts reads it. Little-endian; each begins at a multiple of 4, after zero bytes
 * where needed.
 *
 *    0  u32 bytes of the entry, header included, without the zero bytes up to the next
 *    4  u8 kind, u8 flags (bit 0: the default map, digest all zero), u16 slot
 *    8  digest, four i32
 *   24  version u32, deadline f64 at 28                  SESSION, CHANGE, EXPIRY, DEADLINE
 *
 *   1 SESSION    all of a session; replaces what is there
 *        36 idle duration f64, 44 maxAge f64 (Infinity none), 52 creation f64, all milliseconds
 *        60 u32 expiry: 1 deletes, 2 extends on write, 4 extends on read, 8 shared, 16 expires
 *        64 u32 keys, 68 u32 bytes of attributes
 *        72 attributes (u8 tag, u16 bytes, bytes; unknown tags are skipped), then pairs (pairs.ts)
 *           1 the owner's name | 2 last used f64, with it | 3 superseded tokens, the oldest first:
 *           digest, end of its grace f64 each
 *   2 CHANGE     the operations of one command; version and deadline are those after it
 *        36 in their order: u8 1, pair: stored | u8 2, stored key: removed | u8 3: all keys removed
 *   3 EXPIRY     36 idle duration, 44 maxAge, 52 u32 expiry as above: replaces the expiry
 *   4 DEADLINE   the deadline has moved
 *   5 END        the session has ended by a command or to make room; 24 bytes
 *   6 END_ALL    all sessions of the shard that wrote it have ended; 24 bytes, digest and slot 0
 *   7 OWNER      36 last used f64, 44 name of the owner; no name: nobody's
 *   8 ROTATE     36 the digest from now on, 52 f64 until when the old one reaches the session
 *
 * A session that ends by its deadline leaves no entry. Keep docs/STORAGE.md in step.
 */
import { EXPIRY_FLAGS, FLAG_SHARED } from './layout.js';

export const ENTRY_SESSION = 1;
export const ENTRY_CHANGE = 2;
export const ENTRY_EXPIRY = 3;
export const ENTRY_DEADLINE = 4;
export const ENTRY_END = 5;
export const ENTRY_END_ALL = 6;
export const ENTRY_OWNER = 7;
export const ENTRY_ROTATE = 8;

/** Entry flags. */
export const ENTRY_DEFAULT_MAP = 1;

export const OP_PUT = 1;
export const OP_REMOVE = 2;
export const OP_CLEAR = 3;

/** Attributes. */
export const ATTRIBUTE_OWNER = 1;
export const ATTRIBUTE_LAST_USED = 2;
export const ATTRIBUTE_SUPERSEDED = 3;
export const ATTRIBUTE_HEADER_BYTES = 3;
export const DIGEST_BYTES = 16;
export const SUPERSEDED_BYTES = DIGEST_BYTES + 8;

/** Bytes of the headers, and the offsets of what follows. */
export const END_BYTES = 24;
export const CHANGE_HEADER_BYTES = 36;
export const EXPIRY_BYTES = 56;
export const SESSION_HEADER_BYTES = 72;
export const OWNER_HEADER_BYTES = 44;
export const ROTATE_BYTES = 60;

export const KIND_AT = 4;
export const SLOT_AT = 6;
export const DIGEST_AT = 8;
export const VERSION_AT = 24;
export const DEADLINE_AT = 28;
export const IDLE_AT = 36;
export const MAX_AGE_AT = 44;
export const EXPIRY_FLAGS_AT = 52;
export const CREATED_AT = 52;
export const SESSION_FLAGS_AT = 60;
export const KEYS_AT = 64;
export const ATTRIBUTES_BYTES_AT = 68;
export const LAST_USED_AT = 36;
export const NEW_DIGEST_AT = 36;
export const GRACE_AT = 52;

/** The bits of a header's flags that entries keep lie side by side in both, in the same order. */
const META_FLAGS = EXPIRY_FLAGS | FLAG_SHARED;
const META_FLAGS_SHIFT = 16;
const ENTRY_FLAGS_MAX = META_FLAGS >>> META_FLAGS_SHIFT;

export function entryFlagsOf(meta: number): number {
  return (meta & META_FLAGS) >>> META_FLAGS_SHIFT;
}

/** @returns the bits of a header's meta word; -1 for unknown ones. */
export function metaFlagsOf(entryFlags: number): number {
  return entryFlags <= ENTRY_FLAGS_MAX ? entryFlags << META_FLAGS_SHIFT : -1;
}

/** Entries begin at multiples of 4. */
export function alignedUp(offset: number): number {
  // Not by 32-bit operators: buffers may be larger than 2 GiB.
  return offset + (-offset & 3);
}
