/**
 * How a shard names an owner's sessions to the I/O thread that decides the owner's limit: the reply
 * of SH_LIST under FLAG_OWNER_LOCKED is {cnt, oldest: bin}, of those started first at most
 * OLDEST_MAX, OLDEST_BYTES each, little-endian and unaligned:
 *
 *   0  creation, double: milliseconds    8  public id: the first three words of the digest
 */
export const OLDEST_BYTES = 20;
export const OLDEST_MAX = 128;
