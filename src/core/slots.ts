/**
 * Slots: the 1,024 parts of the token space, dealt evenly over the shards.
 *
 * A token's slot follows from the two bytes of its mask and the first 16 bits of its digest, so
 * that whoever mints a token may choose its slot: the mask is the XOR of the two.
 */
export const SLOTS = 1024;

const SLOT_MASK = SLOTS - 1;

/** @param digestWord the first of the four words of a digest; its low 16 bits count. */
export function slotOf(mask: number, digestWord: number): number {
  return (mask ^ digestWord) & SLOT_MASK;
}

/** The mask that gives a token of this digest the slot. Bits beyond the slot's are the digest's. */
export function maskFor(slot: number, digestWord: number): number {
  return (slot ^ digestWord) & 0xffff;
}

/**
 * The shard that owns a slot. Each shard owns consecutive slots, and numbers of them that differ by
 * one at most, so that a data directory of another shard count is read by the few who need it.
 */
export function shardOf(slot: number, shards: number): number {
  return (slot * shards) >>> 10;
}
