/**
 * The few msgpack forms that the load generator sends, written by hand and not with the server's
 * own code, so that the bench is one more independent client of the protocol.
 */
const CAPACITY_BYTES = 64 * 1024;

export class MsgpackWriter {
  readonly #bytes = Buffer.allocUnsafe(CAPACITY_BYTES);
  #at = 0;

  /** A copy of what was written since the last take(). */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
    return taken;
  }

  array(length: number): this {
    return this.#byte(0x90 | length);
  }

  map(size: number): this {
    return this.#byte(0x80 | size);
  }

  nil(): this {
    return this.#byte(0xc0);
  }

  bool(value: boolean): this {
    return this.#byte(value ? 0xc3 : 0xc2);
  }

  uint(value: number): this {
    if (value < 0x80) return this.#byte(value);
    if (value < 0x100) return this.#byte(0xcc).#byte(value);
    this.#byte(0xce);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }

  float(value: number): this {
    this.#byte(0xcb);
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
    return this;
  }

  /** ASCII only, at most 255 characters. */
  str(text: string): this {
    if (text.length < 32) this.#byte(0xa0 | text.length);
    else this.#byte(0xd9).#byte(text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
    return this;
  }

  bin(bytes: Uint8Array): this {
    if (bytes.length < 0x100) this.#byte(0xc4).#byte(bytes.length);
    else
      this.#byte(0xc5)
        .#byte(bytes.length >> 8)
        .#byte(bytes.length & 0xff);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  #byte(value: number): this {
    this.#bytes[this.#at] = value;
    this.#at += 1;
    return this;
  }
}
