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
 *   32  body        msgpack: a map, nil, or nothing at all; see FLAG_MINTED
 *
 * Reply, shard to I/O thread:
 *
 *   0   connection
 *   4   ticket
 *   8   tokenAt     where in the reply 24 (or 8) bytes wait for the token of the ticket; 0 nowhere;
 *                   SIDE_ROAD: the reply itself waits at the link's port. NOT_DURABLE and
 *                   NOT_DURABLE_SIDE_ROAD: the same as 0 and SIDE_ROAD, but what the reply speaks of
 *                   could not be logged: 210 is to be sent in its place
 *   12  reply       a msgpack bin holding [id, st, body], ready for the socket
 *
 * Push, shard to I/O thread, among the replies: what has happened to a session that connections of
 * this thread watch.
 *
 *   0   meaning     one of PUSH_CHANGED, PUSH_ENDED, PUSH_ROTATED
 *   4   PUSH        where a reply has its ticket
 *   8   tokenAt     as for a reply; what is NOT_DURABLE is lost to the watchers
 *   12  watch       i32, the session's watch number on its shard
 *   16  row         i32, where the session is for now; see OP_UNWATCHED
 *   20  push        a msgpack bin holding [0, event, body], ready for the socket
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
/**
 * The body is preceded by MINTED_BYTES: four words of a digest that the I/O thread has computed. For
 * SH_ROTATE that of the new token, for SH_END_ALL that of the token to be spared, its slot in the
 * record's place for it.
 */
export const FLAG_MINTED = 16;
/** The token of the ticket has 8 bytes: so many wait for it in the reply. */
export const FLAG_SHORT_TOKEN = 32;
/**
 * The I/O thread holds the lock of the owner: SH_LIST only counts and names the oldest, and commands
 * that give the owner a session find its place granted. See io/owner-limit.ts.
 */
export const FLAG_OWNER_LOCKED = 64;

export const MINTED_BYTES = 16;

export const SIDE_ROAD = -1;
export const NOT_DURABLE = -2;
export const NOT_DURABLE_SIDE_ROAD = -3;

/**
 * Body of SH_EXISTS from I/O thread to shard: per token 20 bytes, digest (four i32) and slot (i32),
 * unaligned. Its reply's body is {exist: bin}, one byte per token, 1 for a live session.
 */
export const EXISTS_ITEM_BYTES = 20;

/** In a record's ticket: it is no reply. Tickets are not negative. */
export const PUSH = -1;
/** Bytes of a push before its bin, behind REPLY_HEADER_BYTES. */
export const PUSH_HEADER_BYTES = 8;
export const PUSH_CHANGED = 0;
/** The session has ended, and with it the watch. */
export const PUSH_ENDED = 1;
/** The session's public id is another one from here on. */
export const PUSH_ROTATED = 2;

/**
 * From I/O thread to shard: this thread has no watcher of a session any more. No client can send it,
 * and it is not answered. The digest's first two words are the row and the watch number of a push
 * or a reply; if the row has another number by now, it is another session or one that has moved, and
 * nothing happens: its next push will be answered so, too.
 */
export const OP_UNWATCHED = 255;
