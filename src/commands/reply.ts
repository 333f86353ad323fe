/**
 * Writes one reply, [id, st, body] in a msgpack bin, straight to where it will be sent from. Its
 * size is told first: begin() with the body's bytes, then exactly so many bytes of body.
 */
import { type ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { STATUSES } from '../core/statuses.js';
import {
  binHeaderBytes,
  constantStr,
  mapHeaderBytes,
  putArrayHeader,
  putBinHeader,
  putBool,
  putConstant,
  putMapHeader,
  putNumber,
  putStrHeader,
  putUint,
  strBytes,
  uintBytes,
} from '../protocol/msgpack-put.js';
import { TOKEN_BYTES } from '../protocol/token.js';

const BIN_HEAD_BYTES = 2;

const NIL_BYTE = 0xc0;
const MESSAGE = constantStr('m');
const encoder = new TextEncoder();

/** Where replies go: a ring, a buffer beside it, or a test's memory. */
export interface ReplySink {
  /** Valid from begin() to end(). */
  readonly space: ByteSpace;
  /** Makes room for one reply; returns the offset of its first byte in space. */
  begin(connection: number, ticket: number, replyBytes: number): number;
  /** The reply has a token to be filled in at this offset from its first byte. */
  tokenAt(offset: number): void;
  end(): void;
}

export class ReplyWriter {
  /** Number of the I/O thread that the replies go to. */
  readonly io: number;
  readonly #sink: ReplySink;
  #connection = 0;
  #ticket = 0;
  #id = 0;
  #start = 0;
  #end = 0;
  /** Where the next byte of the body goes, in space. */
  at = 0;
  space: ByteSpace;
  /** How long the token is that the I/O thread has for this reply: 24 bytes, or 8. */
  tokenBytes = TOKEN_BYTES;
  /** Status of the last reply begun. */
  status: number = STATUSES.OK.code;

  constructor(sink: ReplySink, io = 0) {
    this.io = io;
    this.#sink = sink;
    this.space = sink.space;
  }

  /** The command that the next reply answers. */
  address(connection: number, ticket: number, id: number): void {
    this.#connection = connection;
    this.#ticket = ticket;
    this.#id = id;
  }

  begin(status: number, bodyBytes: number): void {
    const inner = 1 + uintBytes(this.#id) + uintBytes(status) + bodyBytes;
    const replyBytes = binHeaderBytes(inner) + inner;
    this.status = status;
    this.#start = this.#sink.begin(this.#connection, this.#ticket, replyBytes);
    this.space = this.#sink.space;
    this.#end = this.#start + replyBytes;
    let at = putBinHeader(this.space, this.#start, inner);
    this.space.bytes[at] = 0x93;
    at = putUint(this.space, at + 1, this.#id);
    this.at = putUint(this.space, at, status);
  }

  end(): void {
    assert(this.at === this.#end, 'a reply is as long as it was said to be');
    this.#sink.end();
  }

  /** A reply without a body. */
  bare(status: number): void {
    this.begin(status, 1);
    this.nil();
    this.end();
  }

  /** A failing reply; detail is one line for people, '' for none. */
  refuse(status: number, detail: string): void {
    if (detail === '') {
      this.bare(status);
      return;
    }
    const text = encoder.encode(detail);
    this.begin(status, mapHeaderBytes(1) + MESSAGE.bytes.length + strBytes(text.length));
    this.map(1);
    this.constant(MESSAGE);
    this.text(text);
    this.end();
  }

  /** A reply whose body is one number under one name. */
  single(status: number, name: ByteSpace, value: number): void {
    this.begin(status, 1 + name.bytes.length + uintBytes(value));
    this.map(1);
    this.constant(name);
    this.uint(value);
    this.end();
  }

  nil(): void {
    this.space.bytes[this.at] = NIL_BYTE;
    this.at += 1;
  }

  map(pairs: number): void {
    this.at = putMapHeader(this.space, this.at, pairs);
  }

  constant(text: ByteSpace): void {
    this.at = putConstant(this.space, this.at, text);
  }

  uint(value: number): void {
    this.at = putUint(this.space, this.at, value);
  }

  number(value: number): void {
    this.at = putNumber(this.space, this.at, value);
  }

  array(items: number): void {
    this.at = putArrayHeader(this.space, this.at, items);
  }

  /** A str of these UTF-8 characters. */
  text(content: Uint8Array): void {
    this.at = putStrHeader(this.space, this.at, content.length);
    this.space.bytes.set(content, this.at);
    this.at += content.length;
  }

  /** msgpack as it lies elsewhere. */
  bytes(from: ByteSpace, at: number, length: number): void {
    copyBytes(this.space, this.at, from, at, length);
    this.at += length;
  }

  bool(value: boolean): void {
    this.at = putBool(this.space, this.at, value);
  }

  /** Bytes of a token as a msgpack bin. */
  get tokenItemBytes(): number {
    return BIN_HEAD_BYTES + this.tokenBytes;
  }

  /** Room for the token that only the I/O thread knows: it fills it in on the way out. */
  token(): void {
    this.at = putBinHeader(this.space, this.at, this.tokenBytes);
    this.#sink.tokenAt(this.at - this.#start);
    this.space.bytes.fill(0, this.at, this.at + this.tokenBytes);
    this.at += this.tokenBytes;
  }
}
