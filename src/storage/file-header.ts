/**
 * The first 64 bytes of every binary file, little-endian:
 *
 *    0  "SOJOURN\n"
 *    8  u16 format version          10  u8 kind: 1 log segment, 2 snapshot, 3 save, 4 secret
 *   11  u8 flags, bit 0: the file may be longer than what was written, with zeros behind it
 *   12  u32 epoch                   16  u32 shard
 *   20  u32 shards                  24  u64 number of the segment; of a snapshot: where its log begins
 *   32  f64 created, ms             40  u64 sequence of the first batch (of a snapshot: of its log)
 *   48  8 bytes secret check        56  u32 backlog: batches before this file not known to be on disk
 *   60  u32 CRC-32 of bytes 0 to 59
 *
 * The secret check is the beginning of an HMAC under the directory's secret. It tells a file of
 * another directory, whose digests would mean nothing here, and gives nothing of the secret away.
 */
import { ByteSpace } from '../core/copy.js';
import { checksum } from './checksum.js';

export const FILE_HEADER_BYTES = 64;
export const FORMAT_VERSION = 1;
export const FILE_KINDS = { log: 1, snapshot: 2, save: 3, secret: 4 } as const;
export type FileKind = keyof typeof FILE_KINDS;

const MAGIC = 'SOJOURN\n';
const KIND_AT = 10;
const FLAGS_AT = 11;
const FLAG_SPARE_LENGTH = 1;
const FLAGS_MAX = FLAG_SPARE_LENGTH;
const CHECK_AT = 48;
const CHECKSUM_AT = 60;
const TWO_TO_32 = 4_294_967_296;
const BACKLOG_MAX = TWO_TO_32 - 1;

export interface FileHeader {
  readonly kind: FileKind;
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  readonly number: number;
  readonly createdMs: number;
  readonly firstSequence: number;
  readonly backlog: number;
  /** What was never written may be zeros at the end of the file. */
  readonly hasSpareLength?: boolean;
  /** 16 hexadecimal digits. */
  readonly secretCheck: string;
}

/** empty: nothing was written there yet, or not all of it. damaged: something else is there. version: a newer one. */
export interface HeaderProblem {
  readonly problem: 'empty' | 'damaged' | 'version';
  readonly detail: string;
}

export function encodeFileHeader(header: FileHeader): Uint8Array {
  const space = new ByteSpace(new ArrayBuffer(FILE_HEADER_BYTES));
  const { bytes, view } = space;
  bytes.set(Buffer.from(MAGIC, 'latin1'));
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint8(KIND_AT, FILE_KINDS[header.kind]);
  view.setUint8(FLAGS_AT, header.hasSpareLength === true ? FLAG_SPARE_LENGTH : 0);
  view.setUint32(12, header.epoch, true);
  view.setUint32(16, header.shard, true);
  view.setUint32(20, header.shards, true);
  setUint64(view, 24, header.number);
  view.setFloat64(32, header.createdMs, true);
  setUint64(view, 40, header.firstSequence);
  bytes.set(Buffer.from(header.secretCheck, 'hex'), CHECK_AT);
  view.setUint32(56, Math.min(header.backlog, BACKLOG_MAX), true);
  view.setUint32(CHECKSUM_AT, checksum(space, 0, CHECKSUM_AT, 0), true);
  return bytes;
}

/** @param bytes the beginning of a file; may be short. */
export function decodeFileHeader(bytes: Uint8Array): FileHeader | HeaderProblem {
  const { length } = bytes;
  if (length < FILE_HEADER_BYTES) return { problem: 'empty', detail: 'its header is incomplete' };
  const space = new ByteSpace(bytes.buffer, bytes.byteOffset, FILE_HEADER_BYTES);
  if (space.bytes.every((byte) => byte === 0)) {
    return { problem: 'empty', detail: 'its header was never written' };
  }
  const { view } = space;
  const isSound = checksum(space, 0, CHECKSUM_AT, 0) === view.getUint32(CHECKSUM_AT, true);
  if (!isSound && isCutShort(space.bytes)) {
    return { problem: 'empty', detail: 'its header was never written to the end' };
  }
  if (textOf(space.bytes, MAGIC.length) !== MAGIC) {
    return { problem: 'damaged', detail: 'it does not begin like a file of Sojourn' };
  }
  const version = view.getUint16(8, true);
  // A later format may well have another header, but the beginning of it will stay.
  if (version !== FORMAT_VERSION && isSound)
    return { problem: 'version', detail: versionText(version) };
  if (!isSound) return { problem: 'damaged', detail: 'the checksum of its header is wrong' };
  const kind = kindOf(view.getUint8(KIND_AT));
  const flags = view.getUint8(FLAGS_AT);
  if (kind === undefined) return { problem: 'damaged', detail: 'its kind is unknown' };
  if (flags > FLAGS_MAX) return { problem: 'damaged', detail: 'a flag of its header is unknown' };
  return {
    kind,
    epoch: view.getUint32(12, true),
    shard: view.getUint32(16, true),
    shards: view.getUint32(20, true),
    number: getUint64(view, 24),
    createdMs: view.getFloat64(32, true),
    firstSequence: getUint64(view, 40),
    backlog: view.getUint32(56, true),
    hasSpareLength: (flags & FLAG_SPARE_LENGTH) !== 0,
    secretCheck: Buffer.from(space.bytes.subarray(CHECK_AT, CHECK_AT + 8)).toString('hex'),
  };
}

/** The beginning of a header and then zeros: a write that failed on its way, as on a full disk. */
function isCutShort(bytes: Uint8Array): boolean {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end < FILE_HEADER_BYTES && MAGIC.startsWith(textOf(bytes, Math.min(end, MAGIC.length)));
}

function textOf(bytes: Uint8Array, end: number): string {
  return Buffer.from(bytes.subarray(0, end)).toString('latin1');
}

/** Why a file is refused whose format version this program does not know. */
export function versionText(version: number): string {
  return `it has format version ${version}, and this version of Sojourn reads ${FORMAT_VERSION}`;
}

/** Exact up to 2^53, which no count here reaches. */
export function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, (value / TWO_TO_32) >>> 0, true);
}

export function getUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_TO_32;
}

function kindOf(number: number): FileKind | undefined {
  const names = Object.keys(FILE_KINDS) as FileKind[];
  return names.find((name) => FILE_KINDS[name] === number);
}
