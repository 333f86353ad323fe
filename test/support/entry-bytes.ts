/**
 * Entries put together by hand, as docs/STORAGE.md draws them: what the encoder is compared with.
 */
import { bytes, str } from './msgpack-bytes.js';

export interface EntryHeader {
  readonly kind: number;
  readonly flags?: number;
  readonly slot?: number;
  readonly digest?: readonly number[];
  readonly version?: number;
  readonly deadlineMs?: number;
}

export interface EntryExpiry {
  readonly idleMs: number;
  readonly maxAgeMs: number;
  readonly flags: number;
}

/** With a header of 24 bytes: END and END_ALL. */
export function shortEntry(header: EntryHeader): Uint8Array {
  return finished(headerOf(header));
}

/** DEADLINE alone; CHANGE with its operations. */
export function entry(header: EntryHeader, ...operations: readonly Uint8Array[]): Uint8Array {
  return finished(bytes(longHeaderOf(header), ...operations));
}

export function expiryEntry(header: EntryHeader, expiry: EntryExpiry): Uint8Array {
  const { idleMs, maxAgeMs, flags } = expiry;
  return finished(bytes(longHeaderOf(header), doubles(idleMs, maxAgeMs), words(flags)));
}

export interface SessionEntry extends EntryHeader {
  readonly expiry?: EntryExpiry;
  readonly createdMs: number;
  readonly attributes?: Uint8Array;
  readonly keys?: number;
}

export function sessionEntry(session: SessionEntry, ...pairs: readonly Uint8Array[]): Uint8Array {
  const { idleMs, maxAgeMs, flags } = session.expiry ?? { idleMs: 0, maxAgeMs: Infinity, flags: 0 };
  const attributes = session.attributes ?? new Uint8Array();
  const instants = doubles(idleMs, maxAgeMs, session.createdMs);
  const counts = words(flags, session.keys ?? pairs.length, attributes.length);
  return finished(bytes(longHeaderOf(session), instants, counts, attributes, ...pairs));
}

/** An empty name: nobody's from now on. */
export function ownerEntry(header: EntryHeader, lastUsedMs: number, name: string): Uint8Array {
  return finished(bytes(longHeaderOf(header), doubles(lastUsedMs), name));
}

export function rotateEntry(
  header: EntryHeader,
  digest: readonly number[],
  graceUntilMs: number,
): Uint8Array {
  return finished(bytes(longHeaderOf(header), words(...digest), doubles(graceUntilMs)));
}

/** One attribute of a SESSION entry. */
export function attribute(tag: number, ...value: readonly Uint8Array[]): Uint8Array {
  const whole = bytes(...value);
  return bytes(tag, whole.length & 255, whole.length >>> 8, whole);
}

export const ownerAttribute = (name: string): Uint8Array => attribute(1, bytes(name));
export const lastUsedAttribute = (ms: number): Uint8Array => attribute(2, doubles(ms));
/** The oldest first: digest, end of its grace. */
export const supersededAttribute = (
  ...tokens: readonly (readonly [readonly number[], number])[]
): Uint8Array =>
  attribute(3, ...tokens.map(([digest, ms]) => bytes(words(...digest), doubles(ms))));

/** A pair with its prefix. */
export function pair(key: string, value: Uint8Array): Uint8Array {
  const stored = bytes(str(key), value);
  const { length } = stored;
  if (length < 128) return bytes(length, stored);
  if (length < 16_384) return bytes(0x80 | (length >>> 8), length & 255, stored);
  return bytes(0xc0, words(length), stored);
}

export const put = (key: string, value: Uint8Array): Uint8Array => bytes(1, pair(key, value));
export const remove = (key: string): Uint8Array => bytes(2, str(key));
export const CLEAR = Uint8Array.of(3);

function headerOf({ kind, flags = 0, slot = 0, digest = [0, 0, 0, 0] }: EntryHeader): Uint8Array {
  return bytes(words(0), kind, flags, slot & 255, slot >>> 8, words(...digest));
}

function longHeaderOf(header: EntryHeader): Uint8Array {
  const { version = 0, deadlineMs = Infinity } = header;
  return bytes(headerOf(header), words(version), doubles(deadlineMs));
}

/** With its length in front and zero bytes up to a multiple of 4. */
function finished(content: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(content.length / 4) * 4);
  padded.set(content);
  padded.set(words(content.length));
  return padded;
}

function words(...values: readonly number[]): Uint8Array {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => buffer.writeUInt32LE(value >>> 0, index * 4));
  return buffer;
}

function doubles(...values: readonly number[]): Uint8Array {
  const buffer = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => buffer.writeDoubleLE(value, index * 8));
  return buffer;
}
