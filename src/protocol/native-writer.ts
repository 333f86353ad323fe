/**
 * Writes native replies, each a msgpack bin that holds [id, st, body], one after another into
 * memory that grows. For what the I/O thread answers itself; a shard's replies are only copied.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';

const FIRST_BYTES = 4_096;
/** Room for the head of a reply and one number, checked once for each. */
const ITEM_BYTES_MAX = 32;
const BIN32_HEAD_BYTES = 5;
const TWO_TO_32 = 4_294_967_296;

export class NativeWriter {
  /** Bytes [0, length) are written. */
  space = new ByteSpace(new ArrayBuffer(FIRST_BYTES));
  length = 0;
  #replyAt = 0;

  clear(): void {
    this.length = 0;
  }

  /** The bytes written so far; valid until the next call of anything here. */
  written(): Uint8Array {
    return this.space.bytes.subarray(0, this.length);
  }

  /** A whole reply without results. @param id 32 bits, signed or not. */
  status(id: number, status: number): void {
    this.beginReply(id, status);
    this.nil();
    this.endReply();
  }

  /** A whole reply that says what was wrong, in one ASCII line for people. */
  refusal(id: number, status: number, reason: string): void {
    this.beginReply(id, status);
    this.mapHead(1);
    this.text('m');
    this.text(reason);
    this.endReply();
  }

  /** The body must follow as one value, then endReply(). */
  beginReply(id: number, status: number): void {
    this.#replyAt = this.length;
    this.#reserve(ITEM_BYTES_MAX);
    this.length += BIN32_HEAD_BYTES;
    this.#byte(0x93);
    this.uint(id >>> 0);
    this.uint(status);
  }

  /** A push: its body must follow as one value, then endReply(). */
  beginPush(event: string): void {
    this.#replyAt = this.length;
    this.#reserve(ITEM_BYTES_MAX);
    this.length += BIN32_HEAD_BYTES;
    this.#byte(0x93);
    this.#byte(0);
    this.text(event);
  }

  endReply(): void {
    const view = this.space.view;
    view.setUint8(this.#replyAt, 0xc6);
    view.setUint32(this.#replyAt + 1, this.length - this.#replyAt - BIN32_HEAD_BYTES);
  }

  nil(): void {
    this.#reserve(1);
    this.#byte(0xc0);
  }

  bool(value: boolean): void {
    this.#reserve(1);
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** A non-negative integer up to 2^53. */
  uint(value: number): void {
    this.#reserve(ITEM_BYTES_MAX);
    const view = this.space.view;
    if (value < 0x80) {
      this.#byte(value);
    } else if (value < 0x1_0000) {
      this.#byte(0xcd);
      view.setUint16(this.length, value);
      this.length += 2;
    } else if (value < TWO_TO_32) {
      this.#byte(0xce);
      view.setUint32(this.length, value);
      this.length += 4;
    } else {
      this.#byte(0xcf);
      view.setUint32(this.length, Math.floor(value / TWO_TO_32));
      view.setUint32(this.length + 4, value >>> 0);
      this.length += 8;
    }
  }

  /** An integer that is not negative as such, anything else as a double. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && value >= 0) this.uint(value);
    else this.float(value);
  }

  float(value: number): void {
    this.#reserve(ITEM_BYTES_MAX);
    this.#byte(0xcb);
    this.space.view.setFloat64(this.length, value);
    this.length += 8;
  }

  /** ASCII of up to 65,535 characters. */
  text(value: string): void {
    this.#reserve(ITEM_BYTES_MAX + value.length);
    if (value.length < 32) {
      this.#byte(0xa0 | value.length);
    } else {
      this.#byte(0xda);
      this.space.view.setUint16(this.length, value.length);
      this.length += 2;
    }
    for (let i = 0; i < value.length; i += 1) this.#byte(value.charCodeAt(i));
  }

  mapHead(pairs: number): void {
    this.#reserve(ITEM_BYTES_MAX);
    if (pairs < 16) {
      this.#byte(0x80 | pairs);
      return;
    }
    this.#byte(0xdf);
    this.space.view.setUint32(this.length, pairs);
    this.length += 4;
  }

  arrayHead(items: number): void {
    this.#reserve(ITEM_BYTES_MAX);
    this.#byte(0xdd);
    this.space.view.setUint32(this.length, items);
    this.length += 4;
  }

  /** A bin of up to 255 bytes. */
  bin(from: ByteSpace, fromAt: number, bytes: number): void {
    this.#reserve(ITEM_BYTES_MAX + bytes);
    this.#byte(0xc4);
    this.#byte(bytes);
    copyBytes(this.space, this.length, from, fromAt, bytes);
    this.length += bytes;
  }

  /** Bytes that are msgpack already. */
  raw(from: ByteSpace, fromAt: number, bytes: number): void {
    this.#reserve(bytes);
    copyBytes(this.space, this.length, from, fromAt, bytes);
    this.length += bytes;
  }

  #byte(value: number): void {
    this.space.view.setUint8(this.length, value);
    this.length += 1;
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.space.bytes.length) return;
    const size = Math.max(this.space.bytes.length * 2, this.length + bytes);
    const grown = new ByteSpace(new ArrayBuffer(size));
    grown.bytes.set(this.space.bytes.subarray(0, this.length));
    this.space = grown;
  }
}
