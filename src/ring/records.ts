/**
 * What travels in the rings, in bytes. Words are little-endian i32 at 4-byte aligned places.
 *
 * Request, I/O thread to shard:
 *
 *   0   connection  echoed; the I/O thread's own name of the connection
 *   4   ticket      echoed; 0 none, else the I/O thread's own note of what to do with the reply
 *   8   id          the caller's, u32
 *   12  op | flags << 8 | slot << 16
 *   16  digest      four words, see core/siphash.ts
 *   32  body        msgpack: a map, nil, or nothing at all
 *
 * Reply, shard to I/O thread:
 *
 *   0   connection
 *   4   ticket
 *   8   tokenAt     where in the reply 24 bytes wait for the token of the ticket; 0 nowhere;
 *                   SIDE_ROAD: the reply itself waits at the link's port. NOT_DURABLE and
 *                   NOT_DURABLE_SIDE_ROAD: the same as 0 and SIDE_ROAD, but what the reply speaks of
 *                   could not be logged: 210 is to be sent in its place
 *   12  reply       a msgpack bin holding [id, st, body], ready for the socket
 *
 * Side road: a record of more than a quarter of the ring leaves a stub of the fixed words in the
 * ring, so that its place in the order is kept, and its body (or reply) travels as one ArrayBuffer,
 * posted to the link's port before the stub is published and taken with receiveMessageOnPort.
 */
export const REQUEST_HEADER_BYTES = 32;
export const REQUEST_DIGEST_BYTE = 16;
export const REPLY_HEADER_BYTES = 12;

/** The request came as text: items of the wrong type in key lists are skipped, not refused. */
export const FLAG_LENIENT = 1;
/** No usable token came with the command: no session can be found, parameters are checked first. */
export const FLAG_NO_TOKEN = 2;
/** The default map is meant; the digest is ignored. */
export const FLAG_DEFAULT_MAP = 4;
/** The body waits at the link's port. */
export const FLAG_SIDE_ROAD = 8;

export const SIDE_ROAD = -1;
export const NOT_DURABLE = -2;
export const NOT_DURABLE_SIDE_ROAD = -3;

/**
 * Body of SH_EXISTS from I/O thread to shard: per token 20 bytes, digest (four i32) and slot (i32),
 * unaligned. Its reply's body is {exist: bin}, one byte per token, 1 for a live session.
 */
export const EXISTS_ITEM_BYTES = 20;
