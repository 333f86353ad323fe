/**
 * Commands as bytes, one after another in one buffer, ready to be sent as one frame:
 *
 *   bin header (2, 3 or 5) | 0x94 | op | 0xce id (4) | token: 0xc4 24 bytes, or nil | body
 *
 * The id always takes five bytes, so that a command encoded early gets its id when it is sent.
 * append() either adds one whole command or throws a TypeError and leaves the buffer as it was.
 */
import { TOKEN_BYTES, tokenFromText } from '../protocol/token.js';
import type { Expiry } from '../protocol/value-types.js';
import type { CommandPlan, Parameter } from './command-plan.js';
import { MsgpackWriter } from './msgpack-writer.js';
import { packValue } from './values.js';

/** A bin 8 header, 0x94, an op of two bytes, the id, the token. */
const ENVELOPE_BYTES_MAX = 2 + 1 + 2 + 5 + 2 + TOKEN_BYTES;
const QUOTED_CHARACTERS_MAX = 64;

const EXPIRY_MEMBERS = {
  duration: 'number',
  deleteSession: 'boolean',
  extendOnSetAdd: 'boolean',
  extendOnGet: 'boolean',
  maxAge: 'number',
} as const satisfies Record<keyof Expiry, 'number' | 'boolean'>;

/** The members of a command's body, by the names of its parameters. */
export type Body = Readonly<Record<string, unknown>>;

export class CommandWriter {
  readonly #out = new MsgpackWriter();

  get length(): number {
    return this.#out.length;
  }

  /** The bytes in [0, end); valid until the next call. */
  view(end = this.#out.length): Uint8Array {
    return this.#out.bytes.subarray(0, end);
  }

  /** Forgets the bytes in [0, end) and moves the rest to the front. */
  dropFront(end = this.#out.length): void {
    this.#out.dropFront(end);
  }

  /** Adds a command that was encoded before, under a new id. */
  appendEncoded(encoded: Uint8Array, id: number): void {
    const out = this.#out;
    const start = out.length;
    out.writeBytes(encoded);
    out.view.setUint32(idOffset(out.bytes, start), id);
  }

  append(plan: CommandPlan, id: number, token: Uint8Array | undefined, body: Body): void {
    const start = this.#out.length;
    try {
      writeEnvelope(this.#out, plan.op, id, token);
      writeBody(this.#out, plan, body);
      closeBin(this.#out, start);
    } catch (error) {
      this.#out.length = start;
      throw error;
    }
  }
}

/** Where the id's four bytes are in the encoded command that begins at start. */
function idOffset(bytes: Uint8Array, start: number): number {
  const headerBytes = bytes[start] === 0xc4 ? 2 : bytes[start] === 0xc5 ? 3 : 5;
  const opAt = start + headerBytes + 1;
  return opAt + (bytes[opAt] === 0xcc ? 2 : 1) + 1;
}

function writeEnvelope(
  out: MsgpackWriter,
  op: number,
  id: number,
  token: Uint8Array | undefined,
): void {
  out.reserve(ENVELOPE_BYTES_MAX);
  const bytes = out.bytes;
  let at = out.length + 2; // a bin 8 header; closeBin makes room for a longer one
  bytes[at++] = 0x94;
  if (op > 0x7f) bytes[at++] = 0xcc;
  bytes[at++] = op;
  bytes[at++] = 0xce;
  out.view.setUint32(at, id);
  at += 4;
  if (token === undefined) {
    bytes[at++] = 0xc0;
  } else {
    bytes[at++] = 0xc4;
    bytes[at++] = TOKEN_BYTES;
    for (let from = 0; from < TOKEN_BYTES; from += 1) bytes[at++] = token[from] ?? 0;
  }
  out.length = at;
}

function closeBin(out: MsgpackWriter, start: number): void {
  const contentBytes = out.length - start - 2;
  if (contentBytes < 0x100) {
    out.bytes[start] = 0xc4;
    out.bytes[start + 1] = contentBytes;
    return;
  }
  const headerBytes = contentBytes < 0x10000 ? 3 : 5;
  out.reserve(headerBytes);
  out.bytes.copyWithin(start + headerBytes, start + 2, out.length);
  out.length += headerBytes - 2;
  out.bytes[start] = headerBytes === 3 ? 0xc5 : 0xc6;
  if (headerBytes === 3) out.view.setUint16(start + 1, contentBytes);
  else out.view.setUint32(start + 1, contentBytes);
}

function writeBody(out: MsgpackWriter, plan: CommandPlan, body: Body): void {
  let count = 0;
  for (const parameter of plan.parameters) {
    if (body[parameter.name] !== undefined) count += 1;
    else if (!parameter.isOptional) throw new TypeError(`${parameter.name} is missing`);
  }
  if (count === 0) {
    out.writeNil();
    return;
  }
  out.writeMapHeader(count);
  for (const parameter of plan.parameters) {
    const value = body[parameter.name];
    if (value === undefined) continue;
    out.writeText(parameter.name);
    writeParameter(out, parameter, value);
  }
}

function writeParameter(out: MsgpackWriter, { name, type }: Parameter, value: unknown): void {
  switch (type) {
    case 'keys':
      writeKeyNames(out, name, value);
      return;
    case 'map':
      writeKeyMap(out, name, value);
      return;
    case 'str':
      if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
      out.writeText(value);
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`);
      out.writeBoolean(value);
      return;
    case 'tokens':
      writeTokens(out, name, value);
      return;
    case 'expiryOrNil':
      if (value === null) out.writeNil();
      else writeExpiry(out, name, value);
      return;
    case 'expiry':
      writeExpiry(out, name, value);
      return;
    default:
      throw new TypeError(`${name}: there is no way to send a ${type}`);
  }
}

function writeKeyNames(out: MsgpackWriter, name: string, keys: unknown): void {
  if (!Array.isArray(keys)) throw new TypeError(`${name} must be an array of strings`);
  out.writeArrayHeader(keys.length);
  for (const key of keys as readonly unknown[]) {
    if (typeof key !== 'string') throw new TypeError(`${name} must hold strings only`);
    out.writeText(key);
  }
}

function writeKeyMap(out: MsgpackWriter, name: string, map: unknown): void {
  if (!isObject(map)) throw new TypeError(`${name} must be an object of keys and their values`);
  const keys = Object.keys(map);
  let count = 0;
  for (const key of keys) if (map[key] !== undefined) count += 1;
  out.writeMapHeader(count);
  for (const key of keys) {
    const value = map[key];
    if (value === undefined) continue;
    out.writeText(key);
    writeValue(out, value, key);
  }
}

function writeValue(out: MsgpackWriter, value: unknown, key: string): void {
  if (typeof value === 'string') out.writeText(value);
  else if (typeof value === 'number') out.writeNumber(value);
  else if (typeof value === 'boolean') out.writeBoolean(value);
  else if (value === null) out.writeNil();
  else if (value instanceof Uint8Array) out.writeBinary(value);
  else if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`the value of key ${quoted(key)} is a ${typeof value}`);
  } else {
    out.writeBytes(packed(value, key));
  }
}

function writeTokens(out: MsgpackWriter, name: string, tokens: unknown): void {
  if (!Array.isArray(tokens)) throw new TypeError(`${name} must be an array of tokens`);
  out.writeArrayHeader(tokens.length);
  for (const text of tokens as readonly unknown[]) {
    const token = typeof text === 'string' ? tokenFromText(text) : undefined;
    if (token === undefined) {
      throw new TypeError(`${name} must hold tokens, 32 base64url characters each`);
    }
    out.writeBinary(token);
  }
}

function writeExpiry(out: MsgpackWriter, name: string, expiry: unknown): void {
  if (!isObject(expiry)) throw new TypeError(`${name} must be an object such as {duration: 60}`);
  const members = Object.keys(expiry).filter((member) => expiry[member] !== undefined);
  out.writeMapHeader(members.length);
  for (const member of members) {
    if (!Object.hasOwn(EXPIRY_MEMBERS, member)) {
      const known = Object.keys(EXPIRY_MEMBERS).join(', ');
      throw new TypeError(`${name} has no member ${quoted(member)}; there are ${known}`);
    }
    const type = EXPIRY_MEMBERS[member as keyof Expiry];
    const value = expiry[member];
    if (typeof value !== type || Number.isNaN(value)) {
      throw new TypeError(`${name}.${member} must be a ${type}`);
    }
    out.writeText(member);
    writeValue(out, value, member);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quoted(key: string): string {
  if (key.length <= QUOTED_CHARACTERS_MAX) return JSON.stringify(key);
  return `${JSON.stringify(key.slice(0, QUOTED_CHARACTERS_MAX))}...`;
}

function packed(value: unknown, key: string): Uint8Array {
  try {
    return packValue(value);
  } catch {
    // msgpackr's own message may quote the value, so it goes no further.
    throw new TypeError(
      `the value of key ${quoted(key)} cannot be sent: it holds itself, is nested too deeply, ` +
        'or has a part that msgpack cannot express, such as a symbol or an integer over 64 bits',
    );
  }
}
