/**
 * Walks a binary frame of the native dialect: a sequence of msgpack bins, in each of them one
 * command [op: uint, id: uint32, tkn: bin | str | nil, body: map | nil].
 *
 * The walk reads the heads and nothing else: the body's bytes are those between the token and the
 * end of the bin, whatever they hold; the shard looks at them. Nothing is allocated per command:
 * one NativeCommand is filled again and again.
 */
import type { ByteSpace } from '../core/copy.js';
import { OP_MAX } from './catalogue.js';
import { NativeCursor, REFUSED } from './native-cursor.js';
import { TOKEN_BYTES, TOKEN_CHARACTERS } from './token.js';

/** What next() came upon. */
export const FRAME_END = 0;
export const FRAME_COMMAND = 1;
/** A bin that holds no command; `id` is the caller's if that much could be read, else 0. */
export const FRAME_MALFORMED = 2;
/** No bin at all, or one that is cut off: the rest of the frame has no meaning. */
export const FRAME_BROKEN = 3;

/** The form in which a token came; tokenAt is where its bytes start. */
export const TOKEN_NIL = 0;
/** 24 raw bytes. */
export const TOKEN_RAW = 1;
/** 32 characters, not yet looked at. */
export const TOKEN_TEXT = 2;
/** 8 raw bytes, as a server of --token-form uint64 mints them for the text dialect. */
export const TOKEN_SHORT = 3;
/** Something that is no token. */
export const TOKEN_WRONG = 4;

/** Any op beyond those that can exist. */
export const OP_UNKNOWN = OP_MAX + 1;

const SHORT_TOKEN_BYTES = 8;
/** By form. */
const TOKEN_LENGTHS = [0, TOKEN_BYTES, TOKEN_CHARACTERS, SHORT_TOKEN_BYTES];

const ELEMENTS = 4;
const ID_MAX = 0xffff_ffff;

export class NativeCommand {
  op = 0;
  /** The 32 bits of the id as a signed integer, which V8 keeps out of the heap. */
  id = 0;
  tokenForm = TOKEN_NIL;
  tokenAt = 0;
  bodyAt = 0;
  bodyEnd = 0;
}

export class NativeFrame {
  readonly command = new NativeCommand();
  readonly #cursor = new NativeCursor();
  #space: ByteSpace;
  #at = 0;
  #bytes = 0;

  constructor(space: ByteSpace) {
    this.#space = space;
  }

  /** Starts at the head of a frame, which is bytes [0, bytes) of space. */
  open(space: ByteSpace, bytes: number): void {
    this.#space = space;
    this.#at = 0;
    this.#bytes = bytes;
  }

  /** Fills `command` from the next bin, if FRAME_COMMAND is the answer. */
  next(): number {
    if (this.#at === this.#bytes && this.#bytes > 0) return FRAME_END;
    const cursor = this.#cursor;
    cursor.open(this.#space.view, this.#at, this.#bytes);
    const length = cursor.binLength();
    if (length === REFUSED) return FRAME_BROKEN;
    cursor.end = cursor.at + length;
    this.#at = cursor.end;
    return this.#readCommand() ? FRAME_COMMAND : FRAME_MALFORMED;
  }

  /** Gives a copy of what has not been read yet, and ends here. */
  takeRest(): Uint8Array {
    const rest = this.#space.bytes.slice(this.#at, this.#bytes);
    this.#at = this.#bytes;
    return rest;
  }

  #readCommand(): boolean {
    const cursor = this.#cursor;
    const command = this.command;
    command.id = 0;
    const elements = cursor.arrayCount();
    if (elements < 2) return false;
    const op = cursor.uint();
    // An op of the wrong type still leaves the id to be read, for the reply.
    if (op === REFUSED && !cursor.skip()) return false;
    const id = cursor.uint();
    if (id === REFUSED || id > ID_MAX) return false;
    command.id = id | 0;
    if (op === REFUSED || elements !== ELEMENTS) return false;
    command.op = op > OP_MAX ? OP_UNKNOWN : op;
    if (!this.#readToken()) return false;
    command.bodyAt = cursor.at;
    command.bodyEnd = cursor.end;
    return !cursor.isAtEnd;
  }

  #readToken(): boolean {
    const cursor = this.#cursor;
    const command = this.command;
    const start = cursor.at;
    let form = TOKEN_RAW;
    let length = cursor.binLength();
    if (length === REFUSED) {
      if (cursor.takeNil()) {
        command.tokenForm = TOKEN_NIL;
        return true;
      }
      form = TOKEN_TEXT;
      length = cursor.strLength();
    }
    if (form === TOKEN_RAW && length === SHORT_TOKEN_BYTES) form = TOKEN_SHORT;
    if (length === TOKEN_LENGTHS[form]) {
      command.tokenForm = form;
      command.tokenAt = cursor.at;
      cursor.at += length;
      return true;
    }
    command.tokenForm = TOKEN_WRONG;
    cursor.at = start;
    return cursor.skip();
  }
}
