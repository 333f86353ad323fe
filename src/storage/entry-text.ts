/**
 * One entry of a log, a snapshot or a saved set as one line of JSON, for `sojourn inspect`. The
 * bytes are checked before anything is read of them: a file may be damaged in ways that its
 * checksums do not see.
 *
 * An expiry is written as SH_INFO gives it, in seconds; deadlines and times of creation are ISO
 * dates. Values are JSON as in the text dialect: integers keep all their digits, binaries are
 * base64. There are no tokens to show: the file holds none.
 */
import type { ByteSpace } from '../core/copy.js';
import { JsonCursor } from '../protocol/json-cursor.js';
import { jsonTextAt } from '../protocol/json-writer.js';
import { skipItem, WALK_DEPTH_MAX } from '../protocol/msgpack-walk.js';
import { sessionIdText } from '../protocol/token.js';
import { entryProblem, entryStride } from '../state/check-entry.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_LAST_USED,
  ATTRIBUTE_OWNER,
  ATTRIBUTE_SUPERSEDED,
  ATTRIBUTES_BYTES_AT,
  CHANGE_HEADER_BYTES,
  CREATED_AT,
  DEADLINE_AT,
  DIGEST_AT,
  DIGEST_BYTES,
  ENTRY_DEFAULT_MAP,
  entryFlagsOf,
  EXPIRY_FLAGS_AT,
  GRACE_AT,
  IDLE_AT,
  KIND_AT,
  LAST_USED_AT,
  MAX_AGE_AT,
  NEW_DIGEST_AT,
  OP_CLEAR,
  OP_PUT,
  OWNER_HEADER_BYTES,
  SESSION_FLAGS_AT,
  SESSION_HEADER_BYTES,
  SLOT_AT,
  SUPERSEDED_BYTES,
  VERSION_AT,
} from '../state/entry-format.js';
import {
  FLAG_DELETE,
  FLAG_EXPIRES,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  FLAG_SHARED,
} from '../state/layout.js';
import { checkedPairEnd, pairBytesAt, prefixBytesOf } from '../state/pairs.js';
import { storedKeyEnd } from '../state/stored-key.js';

/** By number. */
const KINDS = ['', 'SESSION', 'CHANGE', 'EXPIRY', 'DEADLINE', 'END', 'END_ALL', 'OWNER', 'ROTATE'];
const NAMES = new TextDecoder();
const DELETES = entryFlagsOf(FLAG_DELETE);
const EXTENDS_ON_WRITE = entryFlagsOf(FLAG_EXTEND_ON_WRITE);
const EXTENDS_ON_READ = entryFlagsOf(FLAG_EXTEND_ON_READ);
const SHARED = entryFlagsOf(FLAG_SHARED);
const EXPIRES = entryFlagsOf(FLAG_EXPIRES);
const STYLE = { keepsWholeFloats: true };
const DATE_MS_MAX = 8.64e15;

/** A value that is not whole msgpack: what the entry's own frame does not tell. */
class ValueProblem extends Error {}

export type EntryText =
  { readonly text: string; readonly next: number } | { readonly problem: string };

/**
 * The entry at an offset and where the next one begins; entries lie in [at, end).
 *
 * @param space not of shared memory.
 */
export function entryTextAt(space: ByteSpace, at: number, end: number): EntryText {
  const problem = entryProblem(space, at, end);
  if (problem !== undefined) return { problem };
  try {
    const text = textOf(space, at, at + space.view.getUint32(at, true));
    return { text, next: at + entryStride(space, at) };
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    return { problem: error.message };
  }
}

/** An instant as an ISO date; null for never, a number where there is no such date. */
export function instantText(ms: number): string {
  if (Number.isFinite(ms) && Math.abs(ms) <= DATE_MS_MAX) return `"${new Date(ms).toISOString()}"`;
  return Number.isFinite(ms) ? String(ms) : 'null';
}

function textOf(space: ByteSpace, at: number, end: number): string {
  const kind = KINDS[space.bytes[at + KIND_AT] ?? 0] ?? '';
  const members = [`"entry":"${kind}"`, ...whoseAt(space, at, kind)];
  if (kind !== 'END' && kind !== 'END_ALL') {
    members.push(`"version":${space.view.getUint32(at + VERSION_AT, true)}`);
    members.push(`"deadline":${instantText(space.view.getFloat64(at + DEADLINE_AT, true))}`);
  }
  if (kind === 'SESSION') members.push(...sessionMembers(space, at, end));
  if (kind === 'EXPIRY') members.push(expiryMember(space, at, at + EXPIRY_FLAGS_AT));
  if (kind === 'CHANGE') {
    members.push(`"ops":[${operationTexts(space, at + CHANGE_HEADER_BYTES, end).join(',')}]`);
  }
  if (kind === 'OWNER') members.push(...ownerMembers(space, at, end));
  if (kind === 'ROTATE') {
    members.push(`"newId":"${sessionIdText(space.bytes, at + NEW_DIGEST_AT)}"`);
    members.push(`"graceUntil":${instantText(space.view.getFloat64(at + GRACE_AT, true))}`);
  }
  return `{${members.join(',')}}`;
}

/** Which session it is about. */
function whoseAt(space: ByteSpace, at: number, kind: string): string[] {
  if (kind === 'END_ALL') return [];
  const flags = space.bytes[at + KIND_AT + 1] ?? 0;
  if ((flags & ENTRY_DEFAULT_MAP) !== 0) return ['"defaultMap":true'];
  const slot = space.view.getUint16(at + SLOT_AT, true);
  return [`"id":"${sessionIdText(space.bytes, at + DIGEST_AT)}"`, `"slot":${slot}`];
}

function sessionMembers(space: ByteSpace, at: number, end: number): string[] {
  const flags = space.view.getUint32(at + SESSION_FLAGS_AT, true);
  const pairs: string[] = [];
  let pairAt = at + SESSION_HEADER_BYTES + space.view.getUint32(at + ATTRIBUTES_BYTES_AT, true);
  while (pairAt < end) {
    const { key, value, pairEnd } = pairTexts(space, pairAt, end);
    pairs.push(`${key}:${value}`);
    pairAt = pairEnd;
  }
  return [
    `"created":${instantText(space.view.getFloat64(at + CREATED_AT, true))}`,
    `"shared":${(flags & SHARED) !== 0}`,
    expiryMember(space, at, at + SESSION_FLAGS_AT),
    ...attributeMembers(space, at),
    `"keys":{${pairs.join(',')}}`,
  ];
}

/** Owner null: from now on nobody's. */
function ownerMembers(space: ByteSpace, at: number, end: number): string[] {
  if (at + OWNER_HEADER_BYTES === end) return ['"owner":null'];
  return [
    `"owner":${nameText(space, at + OWNER_HEADER_BYTES, end)}`,
    `"lastUsed":${instantText(space.view.getFloat64(at + LAST_USED_AT, true))}`,
  ];
}

/** Of a SESSION entry; those of unknown tags are left out. */
function attributeMembers(space: ByteSpace, entryAt: number): string[] {
  const members: string[] = [];
  let at = entryAt + SESSION_HEADER_BYTES;
  const end = at + space.view.getUint32(entryAt + ATTRIBUTES_BYTES_AT, true);
  while (at < end) {
    const tag = space.bytes[at];
    const valueAt = at + ATTRIBUTE_HEADER_BYTES;
    at = valueAt + space.view.getUint16(at + 1, true);
    if (tag === ATTRIBUTE_OWNER) members.push(`"owner":${nameText(space, valueAt, at)}`);
    if (tag === ATTRIBUTE_LAST_USED) {
      members.push(`"lastUsed":${instantText(space.view.getFloat64(valueAt, true))}`);
    }
    if (tag === ATTRIBUTE_SUPERSEDED) members.push(supersededMember(space, valueAt, at));
  }
  return members;
}

/** Tokens that the session had before, by their ids, the oldest first. */
function supersededMember(space: ByteSpace, start: number, end: number): string {
  const tokens: string[] = [];
  for (let at = start; at < end; at += SUPERSEDED_BYTES) {
    const graceUntil = instantText(space.view.getFloat64(at + DIGEST_BYTES, true));
    tokens.push(`{"id":"${sessionIdText(space.bytes, at)}","graceUntil":${graceUntil}}`);
  }
  return `"superseded":[${tokens.join(',')}]`;
}

function nameText(space: ByteSpace, start: number, end: number): string {
  return JSON.stringify(NAMES.decode(space.bytes.subarray(start, end)));
}

/** As SH_INFO names the members; null without an expiry. */
function expiryMember(space: ByteSpace, at: number, flagsAt: number): string {
  const flags = space.view.getUint32(flagsAt, true);
  if ((flags & EXPIRES) === 0) return '"expiry":null';
  const maxAgeMs = space.view.getFloat64(at + MAX_AGE_AT, true);
  const members = [
    `"duration":${space.view.getFloat64(at + IDLE_AT, true) / 1_000}`,
    `"deleteSession":${(flags & DELETES) !== 0}`,
    `"extendOnSetAdd":${(flags & EXTENDS_ON_WRITE) !== 0}`,
    `"extendOnGet":${(flags & EXTENDS_ON_READ) !== 0}`,
    ...(maxAgeMs === Infinity ? [] : [`"maxAge":${maxAgeMs / 1_000}`]),
  ];
  return `"expiry":{${members.join(',')}}`;
}

function operationTexts(space: ByteSpace, from: number, end: number): string[] {
  const texts: string[] = [];
  let at = from;
  while (at < end) {
    const operation = space.bytes[at];
    at += 1;
    if (operation === OP_PUT) {
      const { key, value, pairEnd } = pairTexts(space, at, end);
      texts.push(`{"put":${key},"value":${value}}`);
      at = pairEnd;
    } else if (operation === OP_CLEAR) {
      texts.push('{"clear":true}');
    } else {
      texts.push(`{"remove":${jsonTextAt(new JsonCursor(space.bytes, at), STYLE)}}`);
      at = storedKeyEnd(space, at, end);
    }
  }
  return texts;
}

/** Key and value of the pair at an offset, whose frame has been checked. */
function pairTexts(
  space: ByteSpace,
  at: number,
  end: number,
): { readonly key: string; readonly value: string; readonly pairEnd: number } {
  const pairEnd = checkedPairEnd(space, at, end);
  const cursor = new JsonCursor(space.bytes, at + prefixBytesOf(pairBytesAt(space, at)));
  const key = jsonTextAt(cursor, STYLE);
  if (skipItem(space, cursor.at, pairEnd, WALK_DEPTH_MAX) !== pairEnd) {
    throw new ValueProblem(`the value of ${key} is not whole`);
  }
  return { key, value: jsonTextAt(cursor, STYLE), pairEnd };
}
