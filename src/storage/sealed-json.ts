/**
 * A small file of one JSON line that says whether it is whole: its last member `crc32` is the
 * checksum of the line without it.
 */
import { crc32 } from 'node:zlib';

const SEAL = /,"crc32":"([0-9a-f]{8})"\}\n$/;

/** @param value with one member at least. */
export function sealJson(value: object): Uint8Array {
  const open = JSON.stringify(value).slice(0, -1);
  return Buffer.from(`${open},"crc32":"${sumOf(open)}"}\n`);
}

/** @returns undefined if the bytes are not those of sealJson. */
export function openSealedJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const text = Buffer.from(bytes).toString();
  const match = SEAL.exec(text);
  if (match === null) return undefined;
  const open = text.slice(0, match.index);
  if (sumOf(open) !== match[1]) return undefined;
  try {
    const value: unknown = JSON.parse(`${open}}`);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function sumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
