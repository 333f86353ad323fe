/**
 * Reads msgpack one head at a time, for the way to JSON: next() reads a head and says what it was;
 * payloads of strings, binaries and extensions are then taken or stepped over. The bytes are of our
 * own making or have been validated: to run past their end is a broken invariant, which DataView
 * reports.
 */
import { assert } from '../core/errors.js';

export type Kind =
  'nil' | 'bool' | 'integer' | 'float' | 'string' | 'binary' | 'array' | 'map' | 'extension';

const TWO_TO_32 = 2 ** 32;
/** Up to here a loop beats the call into TextDecoder. */
const SHORT_TEXT_BYTES = 32;

/** Malformed UTF-8 becomes U+FFFD; a leading U+FEFF is data, too. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class JsonCursor {
  /** Place of the next byte to read: after next(), that of the payload. */
  at: number;
  /** What next() has read. */
  kind: Kind = 'nil';
  /** Of a bool (0 or 1), a float or an integer; an integer beyond 2^53 is a bigint. */
  number: number | bigint = 0;
  /** Payload bytes of a string, binary or extension; items of an array; pairs of a map. */
  length = 0;
  extensionType = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes not of shared memory: browsers' TextDecoder refuses it. */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  next(): void {
    const code = this.#uint(1);
    if (code <= 0x7f) this.#isInteger(code);
    else if (code <= 0x8f) this.#isSized('map', code & 15);
    else if (code <= 0x9f) this.#isSized('array', code & 15);
    else if (code <= 0xbf) this.#isSized('string', code & 31);
    else if (code >= 0xe0) this.#isInteger(code - 256);
    else if (code <= 0xc9) this.#afterC0(code);
    else if (code <= 0xd3) this.#afterCa(code);
    else this.#afterD4(code);
  }

  /** The payload of a string. */
  takeText(): string {
    const start = this.at;
    const bytes = this.takeBytes();
    return (bytes.length <= SHORT_TEXT_BYTES && this.#asciiFrom(start)) || decoder.decode(bytes);
  }

  /** The text of the bytes from there to here; empty if one of them is not ASCII. */
  #asciiFrom(start: number): string {
    let text = '';
    for (let at = start; at < this.at; at += 1) {
      const code = this.#view.getUint8(at);
      if (code > 0x7f) return '';
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** The payload, as a view. */
  takeBytes(): Uint8Array {
    const start = this.at;
    this.at += this.length;
    assert(this.at <= this.#bytes.length, 'msgpack ends within a payload');
    return this.#bytes.subarray(start, this.at);
  }

  bytesFrom(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.at);
  }

  /** Steps over what is left of the value whose head next() has read. */
  skipRest(): void {
    let values = this.#partsOfHead();
    while (values > 0) {
      this.next();
      values += this.#partsOfHead() - 1;
    }
  }

  /** How many values are still to come before the one just begun is whole. */
  #partsOfHead(): number {
    if (this.kind === 'array') return this.length;
    if (this.kind === 'map') return this.length * 2;
    if (this.kind === 'string' || this.kind === 'binary' || this.kind === 'extension') {
      this.takeBytes();
    }
    return 0;
  }

  /** nil, bool, bin 8 to 32, ext 8 to 32. 0xc1 is never used; it reads as nil. */
  #afterC0(code: number): void {
    if (code <= 0xc1) {
      this.kind = 'nil';
    } else if (code <= 0xc3) {
      this.kind = 'bool';
      this.number = code & 1;
    } else if (code <= 0xc6) {
      this.#isSized('binary', this.#uint(1 << (code - 0xc4)));
    } else {
      this.#isSized('extension', this.#uint(1 << (code - 0xc7)));
      this.extensionType = this.#int8();
    }
  }

  /** float 32 and 64, uint 8 to 64, int 8 to 64. */
  #afterCa(code: number): void {
    if (code <= 0xcb) {
      this.kind = 'float';
      this.number = code === 0xca ? this.#view.getFloat32(this.at) : this.#view.getFloat64(this.at);
      this.at += code === 0xca ? 4 : 8;
    } else if (code === 0xcf || code === 0xd3) {
      this.#isInteger64(code === 0xd3);
    } else {
      const bytes = 1 << ((code - 0xcc) & 3);
      const unsigned = this.#uint(bytes);
      const isNegative = code >= 0xd0 && unsigned >= 2 ** (bytes * 8 - 1);
      this.#isInteger(isNegative ? unsigned - 2 ** (bytes * 8) : unsigned);
    }
  }

  /** fixext 1 to 16, str 8 to 32, array 16 and 32, map 16 and 32. */
  #afterD4(code: number): void {
    if (code <= 0xd8) {
      this.#isSized('extension', 1 << (code - 0xd4));
      this.extensionType = this.#int8();
    } else if (code <= 0xdb) {
      this.#isSized('string', this.#uint(1 << (code - 0xd9)));
    } else {
      this.#isSized(code <= 0xdd ? 'array' : 'map', this.#uint(code & 1 ? 4 : 2));
    }
  }

  #isSized(kind: Kind, length: number): void {
    this.kind = kind;
    this.length = length;
  }

  #isInteger(value: number | bigint): void {
    this.kind = 'integer';
    this.number = value;
  }

  #isInteger64(isSigned: boolean): void {
    const high = isSigned ? this.#view.getInt32(this.at) : this.#view.getUint32(this.at);
    const value = high * TWO_TO_32 + this.#view.getUint32(this.at + 4);
    if (Number.isSafeInteger(value)) this.#isInteger(value);
    else if (isSigned) this.#isInteger(this.#view.getBigInt64(this.at));
    else this.#isInteger(this.#view.getBigUint64(this.at));
    this.at += 8;
  }

  #int8(): number {
    this.at += 1;
    return this.#view.getInt8(this.at - 1);
  }

  /** Unsigned, of 1, 2 or 4 bytes. */
  #uint(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    if (bytes === 1) return this.#view.getUint8(at);
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}
