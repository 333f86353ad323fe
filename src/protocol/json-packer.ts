/**
 * A JSON tree to msgpack bytes, each number in the shortest form of its kind: integers as integers
 * up to 64 bits, everything else as float64. Iterative, so that depth costs no stack.
 *
 * Why not msgpackr here: it writes integers beyond 32 bits as floats, overflows the stack on deep
 * trees, and writes lone surrogates as bytes that are not UTF-8. Here they become U+FFFD.
 */
import { WholeFloat, WideNumber, type JsonValue } from './json-parser.js';

/** Bytes are what JSON cannot say, but the caller may: a token, for one. */
export type PackValue = JsonValue | Uint8Array | PackValue[] | Map<string, PackValue>;

type Container = PackValue[] | Map<string, PackValue>;

/** A container whose parts are being written. */
interface OpenContainer {
  /** Undefined in an array. */
  readonly names: Iterator<string> | undefined;
  readonly values: Iterator<PackValue>;
}

const CAPACITY_BYTES_MIN = 256;
/** The longest head of a string, array, map or binary. */
const HEAD_BYTES_MAX = 5;
/** Up to here a loop beats the call into TextEncoder. */
const SHORT_TEXT_CHARACTERS = 40;
const UTF8_BYTES_PER_CHARACTER_MAX = 3;
const TWO_TO_32 = 2 ** 32;

const encoder = new TextEncoder();

/** The msgpack of the value, in an array of its own. */
export function packJson(value: PackValue): Uint8Array {
  const packer = new JsonPacker();
  packer.value(value);
  return packer.take();
}

class JsonPacker {
  #bytes = new Uint8Array(CAPACITY_BYTES_MIN);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  value(outermost: PackValue): void {
    const open: OpenContainer[] = [];
    let value: PackValue | undefined = outermost;
    while (value !== undefined) {
      if (Array.isArray(value) || value instanceof Map) open.push(this.#open(value));
      else this.#scalar(value);
      value = this.#next(open);
    }
  }

  /** The next value to write, its name written already; undefined when all is done. */
  #next(open: OpenContainer[]): PackValue | undefined {
    for (;;) {
      const container = open.at(-1);
      if (container === undefined) return undefined;
      const step = container.values.next();
      if (step.done !== true) {
        if (container.names !== undefined) this.#text(String(container.names.next().value));
        return step.value;
      }
      open.pop();
    }
  }

  #open(container: Container): OpenContainer {
    this.#reserve(HEAD_BYTES_MAX);
    const isArray = Array.isArray(container);
    const length = isArray ? container.length : container.size;
    if (length <= 15) this.#byte((isArray ? 0x90 : 0x80) | length);
    else this.#length(length, isArray ? 0xdc : 0xde);
    return { names: isArray ? undefined : container.keys(), values: container.values() };
  }

  #scalar(value: Exclude<PackValue, Container>): void {
    if (typeof value === 'string') return this.#text(value);
    if (value instanceof Uint8Array) return this.#binary(value);
    if (value instanceof WideNumber) return this.#text(value.text);
    this.#reserve(9);
    if (typeof value === 'bigint') this.#bigint(value);
    else if (value === null) this.#byte(0xc0);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (value instanceof WholeFloat) this.#float(value.value);
    else if (Number.isSafeInteger(value)) this.#integer(value);
    else this.#float(value);
  }

  #integer(value: number): void {
    if (value >= -32 && value <= 127) this.#byte(value & 0xff);
    else if (value >= 0) this.#positive(value);
    else this.#negative(value);
  }

  #positive(value: number): void {
    if (value <= 0xff) {
      this.#byte(0xcc);
      this.#byte(value);
    } else if (value <= 0xffff) {
      this.#byte(0xcd);
      this.#uint16(value);
    } else if (value < TWO_TO_32) {
      this.#byte(0xce);
      this.#uint32(value);
    } else {
      this.#byte(0xcf);
      this.#halves(value);
    }
  }

  #negative(value: number): void {
    if (value >= -0x80) {
      this.#byte(0xd0);
      this.#byte(value & 0xff);
    } else if (value >= -0x8000) {
      this.#byte(0xd1);
      this.#uint16(value);
    } else if (value >= -TWO_TO_32 / 2) {
      this.#byte(0xd2);
      this.#uint32(value);
    } else {
      this.#byte(0xd3);
      this.#halves(value);
    }
  }

  /** Two's complement of a safe integer, in eight bytes. */
  #halves(value: number): void {
    this.#uint32(Math.floor(value / TWO_TO_32));
    this.#uint32(value);
  }

  #bigint(value: bigint): void {
    this.#byte(value >= 0n ? 0xcf : 0xd3);
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value));
    this.#at += 8;
  }

  #float(value: number): void {
    this.#byte(0xcb);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  #binary(value: Uint8Array): void {
    this.#reserve(HEAD_BYTES_MAX + value.length);
    if (value.length <= 0xff) {
      this.#byte(0xc4);
      this.#byte(value.length);
    } else {
      this.#length(value.length, 0xc5);
    }
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #text(text: string): void {
    this.#reserve(HEAD_BYTES_MAX + text.length * UTF8_BYTES_PER_CHARACTER_MAX);
    if (text.length <= SHORT_TEXT_CHARACTERS && this.#ascii(text)) return;
    // The head's length depends on that of the bytes: leave the most, then close the gap.
    const from = this.#at + HEAD_BYTES_MAX;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(from));
    this.#textHead(written);
    this.#bytes.copyWithin(this.#at, from, from + written);
    this.#at += written;
  }

  /** Writes the text if it is ASCII; false, and nothing written, if it is not. */
  #ascii(text: string): boolean {
    const start = this.#at;
    this.#textHead(text.length);
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      this.#byte(code);
    }
    return true;
  }

  #textHead(lengthBytes: number): void {
    if (lengthBytes <= 31) {
      this.#byte(0xa0 | lengthBytes);
    } else if (lengthBytes <= 0xff) {
      this.#byte(0xd9);
      this.#byte(lengthBytes);
    } else {
      this.#length(lengthBytes, 0xda);
    }
  }

  /** A length of two bytes or, the code one higher, of four. */
  #length(length: number, code16: number): void {
    if (length <= 0xffff) {
      this.#byte(code16);
      this.#uint16(length);
    } else {
      this.#byte(code16 + 1);
      this.#uint32(length);
    }
  }

  #byte(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  #uint16(value: number): void {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  #uint32(value: number): void {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#at + bytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
