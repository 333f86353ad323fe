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
/** The bytes c4 00 93 ce as a little-endian word: the bin's size is still to be put in. */
const SHORT_HEAD = 0xce9300c4 | 0;
const SHORT_HEAD_BYTES = 9;
const SHORT_BODY_BYTES_MAX = 0xff - (SHORT_HEAD_BYTES - BIN_HEAD_BYTES);
/** The bytes 81 a4 6b 65, and 79 73, as little-endian words: a map of one, whose name is `keys`. */
const MAP_OF_KE = 0x656ba481;
const YS = 0x7379;
export const ONLY_KEYS_BYTES = 6;

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
    if (this.#id > 0xffff && bodyBytes <= SHORT_BODY_BYTES_MAX && status < 0x80) {
      this.#beginShort(status, bodyBytes);
    } else {
      this.#beginAny(status, bodyBytes);
    }
  }

  /** The head of nearly every reply in three stores: bin 8, array of three, uint 32, status. */
  #beginShort(status: number, bodyBytes: number): void {
    const replyBytes = SHORT_HEAD_BYTES + bodyBytes;
    const start = this.#sink.begin(this.#connection, this.#ticket, replyBytes);
    const { space } = this.#sink;
    this.status = status;
    this.space = space;
    this.#start = start;
    this.#end = start + replyBytes;
    space.view.setInt32(start, SHORT_HEAD | ((replyBytes - BIN_HEAD_BYTES) << 8), true);
    space.view.setUint32(start + 4, this.#id);
    space.bytes[start + 8] = status;
    this.at = start + SHORT_HEAD_BYTES;
  }

  #beginAny(status: number, bodyBytes: number): void {
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

  /** A map of one member, `keys`, whose value comes next. */
  onlyKeys(): void {
    this.space.view.setInt32(this.at, MAP_OF_KE, true);
    this.space.view.setUint16(this.at + 4, YS, true);
    this.at += ONLY_KEYS_BYTES;
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
