/**
 * The quick way for the sessions of a snapshot: one that is plain, and new to the state, is written
 * into its header and its record in one go, word by word. All others go by way of placeSession().
 */
import type { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { NIL } from '../memory/shared-memory.js';
import {
  ATTRIBUTES_BYTES_AT,
  CREATED_AT,
  DEADLINE_AT,
  DIGEST_AT,
  ENTRY_SESSION,
  IDLE_AT,
  KEYS_AT,
  KIND_AT,
  MAX_AGE_AT,
  metaFlagsOf,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
  SLOT_AT,
  VERSION_AT,
} from './entry-format.js';
import {
  COUNT_SHIFT,
  CREATED_DOUBLE,
  DEADLINE_DOUBLE,
  IDLE_DOUBLE,
  META_WORD,
  NEXT_WORD,
  POINTER_WORD,
  PREVIOUS_WORD,
  VERSION_WORD,
} from './layout.js';
import { doubleAtOf, wordAtOf } from './session-rows.js';
import type { ShardState } from './shard-state.js';
import { SMALL_BYTES_MAX, SMALL_KEYS_MAX } from './small-records.js';

/** Entries, and the same bytes as words. */
export interface EntryWords {
  readonly space: ByteSpace;
  readonly words: Int32Array;
}

/** Undefined where the bytes do not begin at a whole word of their buffer. */
export function entryWordsOf(space: ByteSpace): EntryWords | undefined {
  const { buffer, byteOffset, length } = space.bytes;
  if ((byteOffset & 3) !== 0) return undefined;
  return { space, words: new Int32Array(buffer, byteOffset, length >>> 2) };
}

/**
 * Whether the entry at an offset, checked already, is of a session that is no default map, has a
 * small record and no maxAge.
 */
export function isPlain({ view }: ByteSpace, at: number): boolean {
  // Kind and flags in one.
  if (view.getUint16(at + KIND_AT, true) !== ENTRY_SESSION) return false;
  const keys = view.getUint32(at + KEYS_AT, true);
  return (
    keys > 0 &&
    keys <= SMALL_KEYS_MAX &&
    view.getUint32(at, true) <= SESSION_HEADER_BYTES + SMALL_BYTES_MAX &&
    view.getUint32(at + ATTRIBUTES_BYTES_AT, true) === 0 &&
    view.getFloat64(at + MAX_AGE_AT, true) === Infinity
  );
}

/** Makes the session of a plain entry that the state does not have. @returns its row. */
export function placePlain(state: ShardState, from: EntryWords, at: number): number {
  const { rows, keys, wheel } = state;
  const { view } = from.space;
  const row = rows.pool.allocate();
  assert(row !== NIL, 'out of pages');
  const words = rows.wordsOf(row);
  const doubles = rows.doublesOf(row);
  const wordAt = wordAtOf(row);
  const doubleAt = doubleAtOf(row);
  for (let word = 0; word < 4; word += 1) {
    words[wordAt + word] = from.words[((at + DIGEST_AT) >>> 2) + word]!;
  }
  const count = view.getUint32(at + KEYS_AT, true);
  const flags = metaFlagsOf(view.getUint32(at + SESSION_FLAGS_AT, true));
  const deadlineMs = view.getFloat64(at + DEADLINE_AT, true);
  doubles[doubleAt + DEADLINE_DOUBLE] = deadlineMs;
  doubles[doubleAt + IDLE_DOUBLE] = view.getFloat64(at + IDLE_AT, true);
  words[wordAt + META_WORD] = view.getUint16(at + SLOT_AT, true) | flags | (count << COUNT_SHIFT);
  words[wordAt + VERSION_WORD] = view.getInt32(at + VERSION_AT, true);
  words[wordAt + POINTER_WORD] = keys.newRecord(
    row,
    count,
    from.words,
    (at + SESSION_HEADER_BYTES) >>> 2,
    view.getUint32(at, true) - SESSION_HEADER_BYTES,
  );
  words[wordAt + NEXT_WORD] = NIL;
  words[wordAt + PREVIOUS_WORD] = NIL;
  doubles[doubleAt + CREATED_DOUBLE] = view.getFloat64(at + CREATED_AT, true);
  const isIndexed = rows.index.insert(row, words[wordAt]!);
  assert(isIndexed, 'out of pages');
  wheel.clear(row);
  if (deadlineMs !== Infinity) wheel.schedule(row);
  return row;
}
