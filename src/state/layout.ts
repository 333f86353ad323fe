/**
 * A session's header: one cell of 64 bytes, sixteen i32 words.
 *
 *   0-3    digest of the token
 *   4-5    deadline, double: milliseconds; Infinity never
 *   6-7    idle duration, double: milliseconds; 0 none
 *   8      slot | small key count << 10 | flags; never -1, which marks a free cell
 *   9      version: writes so far, u32
 *   10     pointer: the record in the arena, the big map's number, or the extras cell's; NIL none
 *   11-12  links of the timing wheel
 *   13     link of the index
 *   14-15  creation, double: milliseconds
 *
 * A session with a maxAge, an owner, superseded tokens or watchers has an extras cell, 48 bytes,
 * that takes over its pointer:
 *
 *   0      row, FREE while free
 *   1      pointer
 *   2-3    maxAge, double: milliseconds; Infinity none
 *   4-5    last used, double: milliseconds; of a session with an owner (links while free)
 *   6      cell of the owner, owners.ts; NIL none
 *   7-8    next and previous session of the owner: rows; NIL none
 *   9      newest superseded token, superseded.ts; NIL none
 *   10     watch number, notices.ts; 0 none
 *   11     I/O threads that watch: bit (number & 31) each
 *
 * The control block's state words: 0-1 bytes of the arena (double), 2 keys in live sessions, 4-5
 * seed of the key hash, 6 first map to be reclaimed (number + 1), 7 last watch number given out,
 * 8 sessions watched.
 */
export const ROW_BYTES = 64;
export const ROWS_SHIFT = 12; // 4,096 rows a page
export const ROWS_MASK = (1 << ROWS_SHIFT) - 1;
export const ROW_WORDS_SHIFT = 4;
export const ROW_DOUBLES_SHIFT = 3;

export const DEADLINE_DOUBLE = 2;
export const DEADLINE_WORD = DEADLINE_DOUBLE * 2;
export const IDLE_DOUBLE = 3;
export const META_WORD = 8;
export const VERSION_WORD = 9;
export const POINTER_WORD = 10;
export const NEXT_WORD = 11;
export const PREVIOUS_WORD = 12;
export const CHAIN_WORD = 13;
export const CREATED_DOUBLE = 7;

export const SLOT_MASK = 1_023;
export const COUNT_SHIFT = 10;
export const COUNT_MASK = 63 << COUNT_SHIFT;
/** The deadline ends the session; otherwise it removes the data. */
export const FLAG_DELETE = 1 << 16;
export const FLAG_EXTEND_ON_WRITE = 1 << 17;
export const FLAG_EXTEND_ON_READ = 1 << 18;
export const FLAG_SHARED = 1 << 19;
export const FLAG_EXPIRES = 1 << 20;
export const FLAG_BIG = 1 << 21;
export const FLAG_EXTRAS = 1 << 22;
/** What a session has that needs an extras cell, beside a maxAge. */
export const FLAG_OWNED = 1 << 23;
export const FLAG_SUPERSEDED = 1 << 24;
export const FLAG_WATCHED = 1 << 25;
export const TIE_FLAGS = FLAG_OWNED | FLAG_SUPERSEDED | FLAG_WATCHED;
export const EXPIRY_FLAGS = FLAG_DELETE | FLAG_EXTEND_ON_WRITE | FLAG_EXTEND_ON_READ | FLAG_EXPIRES;

export const EXTRAS_BYTES = 48;
export const EXTRAS_POINTER_WORD = 1;
export const EXTRAS_MAX_AGE_DOUBLE = 1;
export const EXTRAS_LAST_USED_DOUBLE = 2;
export const EXTRAS_OWNER_WORD = 6;
export const EXTRAS_NEXT_WORD = 7;
export const EXTRAS_PREVIOUS_WORD = 8;
export const EXTRAS_SUPERSEDED_WORD = 9;
export const EXTRAS_WATCH_WORD = 10;
export const EXTRAS_WATCHERS_WORD = 11;

export const OWNER_CELL_BYTES = 32;
export const SUPERSEDED_CELL_BYTES = 40;
/** An owner's name: bytes of UTF-8. */
export const OWNER_NAME_BYTES_MAX = 256;
/** What an owner and a superseded token can cost at most: cells, buckets, the name's block. */
export const OWNED_BOUND_BYTES = EXTRAS_BYTES + OWNER_CELL_BYTES + 8 + OWNER_NAME_BYTES_MAX + 32;
export const SUPERSEDED_BOUND_BYTES = EXTRAS_BYTES + SUPERSEDED_CELL_BYTES + 8;

/** Kinds of block owners: row << 2 | kind. */
export const OWNER_SESSION = 0;
export const OWNER_ENTRY = 1;
export const OWNER_CHUNK = 2;
export const OWNER_NAME = 3;

/** Structures of the shared memory. Size classes follow from ARENA_STRUCTURE on. */
export const STRUCTURE_ROWS = 1;
export const STRUCTURE_ROW_INDEX = 2;
export const STRUCTURE_EXTRAS = 3;
export const STRUCTURE_MAPS = 4;
export const STRUCTURE_ENTRIES = 5;
export const STRUCTURE_ENTRY_INDEX = 6;
export const STRUCTURE_OWNERS = 7;
export const STRUCTURE_OWNER_INDEX = 8;
export const STRUCTURE_SUPERSEDED = 9;
export const STRUCTURE_SUPERSEDED_INDEX = 10;

export const KEYS_STATE_WORD = 2;
export const SEED_STATE_WORD = 4;
export const GARBAGE_STATE_WORD = 6;
export const WATCH_STATE_WORD = 7;
export const WATCHED_STATE_WORD = 8;
