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
 * A session with a maxAge has an extras cell, 24 bytes, that takes over its pointer:
 *
 *   0  row, FREE while free    1  pointer    2-3  maxAge, double: milliseconds    4-5 links while free
 *
 * The control block's state words: 0-1 bytes of the arena (double), 2 keys in live sessions, 4-5
 * seed of the key hash, 6 first map to be reclaimed (number + 1).
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
export const EXPIRY_FLAGS = FLAG_DELETE | FLAG_EXTEND_ON_WRITE | FLAG_EXTEND_ON_READ | FLAG_EXPIRES;

export const EXTRAS_BYTES = 24;
export const EXTRAS_POINTER_WORD = 1;
export const EXTRAS_MAX_AGE_DOUBLE = 1;

/** Kinds of block owners: row << 2 | kind. */
export const OWNER_SESSION = 0;
export const OWNER_ENTRY = 1;
export const OWNER_CHUNK = 2;

/** Structures of the shared memory. Size classes follow from ARENA_STRUCTURE on. */
export const STRUCTURE_ROWS = 1;
export const STRUCTURE_ROW_INDEX = 2;
export const STRUCTURE_EXTRAS = 3;
export const STRUCTURE_MAPS = 4;
export const STRUCTURE_ENTRIES = 5;
export const STRUCTURE_ENTRY_INDEX = 6;

export const KEYS_STATE_WORD = 2;
export const SEED_STATE_WORD = 4;
export const GARBAGE_STATE_WORD = 6;
