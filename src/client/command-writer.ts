/**
 * Commands as bytes, one after another in one buffer, ready to be sent as one frame:
 *
 *   bin header (2, 3 or 5) | 0x94 | op | 0xce id (4) | token: 0xc4 24 (or 8) bytes, or nil | body
 *
 * The id always takes five bytes, so that a command encoded early gets its id when it is sent.
 * append() either adds one whole command or throws a TypeError and leaves the buffer as it was.
 */
import { TOKEN_BYTES } from '../protocol/token.js';
import { writeBody, type Body } from './body-writer.js';
import type { CommandPlan } from './command-plan.js';
import { MsgpackWriter } from './msgpack-writer.js';

/** A bin 8 header, 0x94, an op of two bytes, the id, the token. */
const ENVELOPE_BYTES_MAX = 2 + 1 + 2 + 5 + 2 + TOKEN_BYTES;

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

function headerBytesOf(bytes: Uint8Array, start: number): number {
  return bytes[start] === 0xc4 ? 2 : bytes[start] === 0xc5 ? 3 : 5;
}

/** Where the id's four bytes are in the encoded command that begins at start. */
function idOffset(bytes: Uint8Array, start: number): number {
  const opAt = start + headerBytesOf(bytes, start) + 1;
  return opAt + (bytes[opAt] === 0xcc ? 2 : 1) + 1;
}

/** An encoded command of a session with another token. */
export function withToken(encoded: Uint8Array, token: Uint8Array): Uint8Array {
  const lengthAt = idOffset(encoded, 0) + 4 + 1;
  const bodyAt = lengthAt + 1 + (encoded[lengthAt] ?? 0);
  const out = new MsgpackWriter();
  out.writeBytes(Uint8Array.of(0xc4, 0)); // closeBin makes room for a longer one
  out.writeBytes(encoded.subarray(headerBytesOf(encoded, 0), lengthAt));
  out.writeByte(token.length);
  out.writeBytes(token);
  out.writeBytes(encoded.subarray(bodyAt));
  closeBin(out, 0);
  return out.bytes.slice(0, out.length);
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
    bytes[at++] = token.length;
    for (let from = 0; from < token.length; from += 1) bytes[at++] = token[from] ?? 0;
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
