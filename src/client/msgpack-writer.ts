/**
 * msgpack into one growing buffer: the scalar forms by hand, because a command is mostly made of
 * them and they cost no object here; everything else is packed by msgpackr and copied in.
 */
const INITIAL_BYTES = 16 * 1_024;
/** A buffer that one large command has blown up is not kept beyond this. */
const KEPT_BYTES_MAX = 4 * 1_024 * 1_024;
/** Shorter ASCII text is faster to write byte by byte than to hand to the encoder. */
const SHORT_TEXT_CHARACTERS = 32;
const INT32_MIN = -(2 ** 31);
const UINT32_MAX = 2 ** 32 - 1;

const encoder = new TextEncoder();

function textHeaderBytes(bytes: number): number {
  if (bytes < 32) return 1;
  if (bytes < 0x100) return 2;
  return bytes < 0x10000 ? 3 : 5;
}

export class MsgpackWriter {
  /** Replaced when it grows: read these two anew after every call. */
  bytes = new Uint8Array(INITIAL_BYTES);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Makes room for so many bytes after length. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed > this.bytes.length) this.#replace(Math.max(needed, this.bytes.length * 2));
  }

  /** Forgets the bytes in [0, end) and moves the rest to the front. */
  dropFront(end: number): void {
    if (end < this.length) this.bytes.copyWithin(0, end, this.length);
    this.length -= end;
    if (this.length === 0 && this.bytes.length > KEPT_BYTES_MAX) this.#replace(INITIAL_BYTES);
  }

  writeByte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length] = byte;
    this.length += 1;
  }

  writeBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  writeNil(): void {
    this.writeByte(0xc0);
  }

  writeBoolean(value: boolean): void {
    this.writeByte(value ? 0xc3 : 0xc2);
  }

  /** Whole numbers up to 2^53 as integers, all others, -0 among them, as 64-bit floats. */
  writeNumber(value: number): void {
    this.reserve(9);
    const view = this.view;
    const at = this.length;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      view.setUint8(at, 0xcb);
      view.setFloat64(at + 1, value);
      this.length = at + 9;
    } else if (value >= -32 && value < 0x80) {
      view.setInt8(at, value);
      this.length = at + 1;
    } else if (value >= 0 && value <= UINT32_MAX) {
      view.setUint8(at, 0xce);
      view.setUint32(at + 1, value);
      this.length = at + 5;
    } else if (value < 0 && value >= INT32_MIN) {
      view.setUint8(at, 0xd2);
      view.setInt32(at + 1, value);
      this.length = at + 5;
    } else {
      view.setUint8(at, value < 0 ? 0xd3 : 0xcf);
      view.setBigInt64(at + 1, BigInt(value));
      this.length = at + 9;
    }
  }

  /** An integer of at most 64 bits, in full width. */
  writeBigInt(value: bigint): void {
    this.reserve(9);
    this.view.setUint8(this.length, value < 0n ? 0xd3 : 0xcf);
    this.view.setBigUint64(this.length + 1, BigInt.asUintN(64, value));
    this.length += 9;
  }

  writeText(text: string): void {
    const characters = text.length;
    this.reserve(5 + characters * 3);
    if (characters < SHORT_TEXT_CHARACTERS && this.#writeShortAscii(text)) return;
    const bytes = this.bytes;
    const start = this.length;
    // The header's size follows from the bytes, which are at least as many as the characters.
    const guess = textHeaderBytes(characters);
    const { written } = encoder.encodeInto(text, bytes.subarray(start + guess));
    const header = textHeaderBytes(written);
    if (header !== guess) {
      bytes.copyWithin(start + header, start + guess, start + guess + written);
    }
    if (header === 1) bytes[start] = 0xa0 | written;
    else this.#writeLength(0xd9, written);
    this.length = start + header + written;
  }

  writeBinary(binary: Uint8Array): void {
    this.reserve(5 + binary.length);
    this.length += this.#writeLength(0xc4, binary.length);
    this.bytes.set(binary, this.length);
    this.length += binary.length;
  }

  writeArrayHeader(count: number): void {
    if (count < 16) this.writeByte(0x90 | count);
    else this.#writeWideCount(0xdc, count);
  }

  writeMapHeader(count: number): void {
    if (count < 16) this.writeByte(0x80 | count);
    else this.#writeWideCount(0xde, count);
  }

  /** Room is there. False, with nothing written, for text that is not ASCII throughout. */
  #writeShortAscii(text: string): boolean {
    const bytes = this.bytes;
    const characters = text.length;
    let at = this.length + 1;
    for (let from = 0; from < characters; from += 1) {
      const code = text.charCodeAt(from);
      if (code > 0x7f) return false;
      bytes[at] = code;
      at += 1;
    }
    bytes[this.length] = 0xa0 | characters;
    this.length = at;
    return true;
  }

  /** At length, which it leaves alone: str or bin header, whose wider forms follow the 8-bit one. */
  #writeLength(form8: number, length: number): number {
    const at = this.length;
    if (length < 0x100) {
      this.bytes[at] = form8;
      this.bytes[at + 1] = length;
      return 2;
    }
    if (length < 0x10000) {
      this.bytes[at] = form8 + 1;
      this.view.setUint16(at + 1, length);
      return 3;
    }
    this.bytes[at] = form8 + 2;
    this.view.setUint32(at + 1, length);
    return 5;
  }

  #writeWideCount(form16: number, count: number): void {
    this.reserve(5);
    if (count < 0x10000) {
      this.bytes[this.length] = form16;
      this.view.setUint16(this.length + 1, count);
      this.length += 3;
    } else {
      this.bytes[this.length] = form16 + 1;
      this.view.setUint32(this.length + 1, count);
      this.length += 5;
    }
  }

  #replace(bytes: number): void {
    const fresh = new Uint8Array(bytes);
    fresh.set(this.bytes.subarray(0, this.length));
    this.bytes = fresh;
    this.view = new DataView(fresh.buffer);
  }
}
