/**
 * CRC-32 (the one of zlib) of a range of bytes. The native function needs a view of its own and
 * costs 160 ns flat; below about 200 bytes four tables in JavaScript are quicker and allocate
 * nothing, and most batches of one command are that small.
 *
 * Every checksum of a batch or chunk starts from a seed instead of zero: the directory's secret
 * check and the file's identity. So bytes of another file, and values in which a client has written
 * something that looks like a batch, are never taken for one.
 */
import { crc32 } from 'node:zlib';
import type { ByteSpace } from '../core/copy.js';

const TABLE_BYTES_MAX = 192;
const POLYNOMIAL = 0xedb88320;
const TABLES = makeTables();

/** @returns u32. */
export function checksum(space: ByteSpace, at: number, end: number, seed: number): number {
  if (end - at > TABLE_BYTES_MAX) return crc32(space.bytes.subarray(at, end), seed);
  const { view } = space;
  let sum = ~seed;
  let offset = at;
  for (; offset + 4 <= end; offset += 4) {
    sum ^= view.getInt32(offset, true);
    sum =
      tableAt(768 + (sum & 255)) ^
      tableAt(512 + ((sum >>> 8) & 255)) ^
      tableAt(256 + ((sum >>> 16) & 255)) ^
      tableAt(sum >>> 24);
  }
  for (; offset < end; offset += 1) {
    sum = (sum >>> 8) ^ tableAt((sum ^ view.getUint8(offset)) & 255);
  }
  return ~sum >>> 0;
}

/** @param secretCheck 16 hexadecimal digits. */
export function checksumSeed(file: {
  readonly kind: number;
  readonly epoch: number;
  readonly shard: number;
  readonly number: number;
  readonly secretCheck: string;
}): number {
  const { kind, epoch, shard, number, secretCheck } = file;
  return crc32(`${secretCheck} ${kind} ${epoch} ${shard} ${number}`);
}

function tableAt(index: number): number {
  return TABLES[index] as number;
}

/** Table k gives what a byte does to the sum k bytes later. */
function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1)
      sum = (sum & 1) !== 0 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    tables[byte] = sum;
  }
  for (let index = 256; index < tables.length; index += 1) {
    const previous = tables[index - 256] as number;
    tables[index] = (previous >>> 8) ^ (tables[previous & 255] as number);
  }
  return tables;
}
