/** Reads lists of tokens in the body of a command: SH_EXISTS and SH_SAVE have one. */
import type { ByteSpace } from '../core/copy.js';
import { type NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import { SHORT_TOKEN_BYTES, TOKEN_BYTES, TOKEN_CHARACTERS } from '../protocol/token.js';
import type { Tokens } from './tokens.js';

export class TokenListReader {
  /** Where the bytes of the token taken last lie; valid until the next is taken. */
  space: ByteSpace;
  at = 0;
  /** 24 or 8; 0 for an item that has the type of a token but can be none. */
  bytes = 0;
  readonly #cursor: NativeCursor;
  readonly #tokens: Tokens;
  readonly #from: ByteSpace;

  /** @param cursor at the first item of a list in `from`. */
  constructor(cursor: NativeCursor, from: ByteSpace, tokens: Tokens) {
    this.#cursor = cursor;
    this.#from = from;
    this.#tokens = tokens;
    this.space = from;
  }

  /** Takes one item and, if it is a token, lets `tokens` see it; whether it has the type of one. */
  take(): boolean {
    const cursor = this.#cursor;
    this.bytes = 0;
    let length = cursor.binLength();
    if (length !== REFUSED) {
      this.#seeBytes(cursor.at, length);
      cursor.at += length;
      return true;
    }
    length = cursor.strLength();
    if (length !== REFUSED) {
      if (length === TOKEN_CHARACTERS && this.#tokens.seeText(this.#from, cursor.at)) {
        this.#found(this.#tokens.decoded, 0, TOKEN_BYTES);
      }
      cursor.at += length;
      return true;
    }
    cursor.skip();
    return false;
  }

  #seeBytes(at: number, length: number): void {
    if (length === TOKEN_BYTES) this.#tokens.see(this.#from, at);
    else if (length === SHORT_TOKEN_BYTES) this.#tokens.seeShort(this.#from, at);
    else return;
    this.#found(this.#from, at, length);
  }

  #found(space: ByteSpace, at: number, bytes: number): void {
    this.space = space;
    this.at = at;
    this.bytes = bytes;
  }
}
