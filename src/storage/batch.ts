/**
 * A batch: what one turn of a shard changed, the unit of writing and of surviving. Little-endian; it
 * begins at a multiple of 4, as does the next.
 *
 *    0  u32 magic "SJB1"             4  u32 CRC-32 of bytes 8 to the end, from the segment's seed
 *    8  u32 bytes of the body       12  u32 entries in it
 *   16  u64 sequence, from 1, without gaps within a shard and epoch
 *   24  f64 time of the turn, ms    32  u64 synced: highest sequence known to be on disk by then
 *   40  u32 CRC-32 of bytes 8 to 39, from the same seed           44  u32 reserved, 0
 *   48  the entries (state/entry-format.ts), a multiple of 4 bytes
 *
 * The header has a checksum of its own so that its size can be trusted: a search for batches behind
 * damage must not read megabytes for each thing that looks like one.
 */
import type { ByteSpace } from '../core/copy.js';
import { BATCH_HEADER_BYTES } from '../state/effect-buffer.js';
import { checksum } from './checksum.js';
import { getUint64, setUint64 } from './file-header.js';

export { BATCH_HEADER_BYTES };

/** "SJB1" as its bytes are in the file. */
export const BATCH_MAGIC_BYTES = Buffer.from('SJB1', 'latin1');
const MAGIC = BATCH_MAGIC_BYTES.readUInt32LE(0);
const CHECKSUM_AT = 4;
const SUMMED_FROM = 8;
const BODY_BYTES_AT = 8;
const ENTRIES_AT = 12;
const SEQUENCE_AT = 16;
const TIME_AT = 24;
const SYNCED_AT = 32;
const HEADER_CHECKSUM_AT = 40;
const RESERVED_AT = 44;

/** What the header of a batch says; one object is filled again and again. */
export interface BatchHeader {
  /** Of header and body. */
  bytes: number;
  entries: number;
  sequence: number;
  timeMs: number;
  synced: number;
}

export function emptyBatchHeader(): BatchHeader {
  return { bytes: 0, entries: 0, sequence: 0, timeMs: 0, synced: 0 };
}

/** Puts the header in front of the entries, which lie in [BATCH_HEADER_BYTES, end) of the space. */
export function encodeBatchHeader(
  space: ByteSpace,
  end: number,
  header: Readonly<BatchHeader>,
  seed: number,
): void {
  const { view } = space;
  view.setUint32(0, MAGIC, true);
  view.setUint32(BODY_BYTES_AT, end - BATCH_HEADER_BYTES, true);
  view.setUint32(ENTRIES_AT, header.entries, true);
  setUint64(view, SEQUENCE_AT, header.sequence);
  view.setFloat64(TIME_AT, header.timeMs, true);
  setUint64(view, SYNCED_AT, header.synced);
  view.setUint32(HEADER_CHECKSUM_AT, checksum(space, SUMMED_FROM, HEADER_CHECKSUM_AT, seed), true);
  view.setInt32(RESERVED_AT, 0, true);
  view.setUint32(CHECKSUM_AT, checksum(space, SUMMED_FROM, end, seed), true);
}

/**
 * Size of the batch that begins at an offset, going by its header alone, which is all there.
 *
 * @returns bytes with the header, or 0 if no batch begins here.
 */
export function batchBytesAt(space: ByteSpace, at: number, seed: number): number {
  const { view } = space;
  if (view.getUint32(at, true) !== MAGIC) return 0;
  const sum = checksum(space, at + SUMMED_FROM, at + HEADER_CHECKSUM_AT, seed);
  if (sum !== view.getUint32(at + HEADER_CHECKSUM_AT, true)) return 0;
  const body = view.getUint32(at + BODY_BYTES_AT, true);
  return (body & 3) === 0 ? BATCH_HEADER_BYTES + body : 0;
}

/**
 * Checks the batch of so many bytes (batchBytesAt) and reads its header.
 *
 * @returns false if the checksum is wrong or the header says what cannot be.
 */
export function readBatch(
  space: ByteSpace,
  at: number,
  bytes: number,
  seed: number,
  out: BatchHeader,
): boolean {
  const { view } = space;
  const sum = checksum(space, at + SUMMED_FROM, at + bytes, seed);
  if (sum !== view.getUint32(at + CHECKSUM_AT, true)) return false;
  out.bytes = bytes;
  out.entries = view.getUint32(at + ENTRIES_AT, true);
  out.sequence = getUint64(view, at + SEQUENCE_AT);
  out.timeMs = view.getFloat64(at + TIME_AT, true);
  out.synced = getUint64(view, at + SYNCED_AT);
  return out.synced < out.sequence;
}
