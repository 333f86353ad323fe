/**
 * Applies a chunk of sessions of a snapshot in groups: the index is read for all of a group before
 * any of it is applied, so that the cache misses of sixteen look-ups overlap.
 */
import type { ByteSpace } from '../core/copy.js';
import { applyEntries, type ApplyResult, type ApplyTarget } from '../state/apply.js';
import { entryStride } from '../state/check-entry.js';
import { DIGEST_AT, END_BYTES } from '../state/entry-format.js';
import { READ_AHEAD_MAX } from '../state/shard-state.js';

const DIGEST_WORDS = 4;

const digests = new Int32Array(READ_AHEAD_MAX * DIGEST_WORDS);
const places = Int32Array.from({ length: READ_AHEAD_MAX }, (_, index) => index * DIGEST_WORDS);

/** As applyEntries. */
export function applyChunk(
  target: ApplyTarget,
  space: ByteSpace,
  start: number,
  end: number,
): ApplyResult {
  let at = start;
  let entries = 0;
  while (at < end) {
    const groupEnd = readAhead(target, space, at, end);
    const result = applyEntries(target, space, at, groupEnd);
    entries += result.entries;
    if (result.problem !== undefined) return { ...result, entries };
    at = groupEnd;
  }
  return { entries, at };
}

/** @returns where the group ends; entries that cannot be are left to applyEntries to refuse. */
function readAhead(target: ApplyTarget, space: ByteSpace, start: number, end: number): number {
  let at = start;
  let count = 0;
  while (count < READ_AHEAD_MAX && end - at >= END_BYTES) {
    const stride = entryStride(space, at);
    if (stride < END_BYTES || stride > end - at) return end;
    for (let word = 0; word < DIGEST_WORDS; word += 1) {
      const index = count * DIGEST_WORDS + word;
      digests[index] = space.view.getInt32(at + DIGEST_AT + word * 4, true);
    }
    at += stride;
    count += 1;
  }
  target.sessions.readAhead(digests, places, count);
  return count === READ_AHEAD_MAX ? at : end;
}
