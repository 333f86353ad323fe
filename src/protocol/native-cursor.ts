/**
 * Reads msgpack one item at a time without decoding or allocating. Every method answers REFUSED,
 * and leaves the cursor where it was, if the item at hand is another or does not end before the
 * limit. Nothing outside [at, end) is ever read.
 */
export const REFUSED = -1;

const TWO_TO_32 = 4_294_967_296;
const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;
const UINT64 = 0xcf;
const BIN8 = 0xc4;
const STR8 = 0xd9;
const ARRAY16 = 0xdc;
const ARRAY32 = 0xdd;
const MAP16 = 0xde;
const MAP32 = 0xdf;
const NIL = 0xc0;

/**
 * From lead byte 0xc0 on: bytes of the item before any content whose length it states. 0: no such
 * lead byte.
 */
const HEAD_BYTES = Uint8Array.of(
  ...[1, 0, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9],
  ...[2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5],
);

export class NativeCursor {
  at = 0;
  end = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Reads bytes [at, end) of the view from here on. */
  open(view: DataView, at: number, end: number): void {
    this.#view = view;
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  /** Takes a nil; whether there was one. */
  takeNil(): boolean {
    if (this.at >= this.end || this.#view.getUint8(this.at) !== NIL) return false;
    this.at += 1;
    return true;
  }

  /** Takes an unsigned integer of any width; inexact beyond 2^53. */
  uint(): number {
    if (this.at >= this.end) return REFUSED;
    const lead = this.#view.getUint8(this.at);
    if (lead < 0x80) {
      this.at += 1;
      return lead;
    }
    return lead >= UINT8 && lead <= UINT64 ? this.#wideUint(lead) : REFUSED;
  }

  #wideUint(lead: number): number {
    const view = this.#view;
    const from = this.at + 1;
    const bytes = 1 << (lead - UINT8);
    if (from + bytes > this.end) return REFUSED;
    this.at = from + bytes;
    if (lead === UINT8) return view.getUint8(from);
    if (lead === UINT16) return view.getUint16(from);
    if (lead === UINT32) return view.getUint32(from);
    return view.getUint32(from) * TWO_TO_32 + view.getUint32(from + 4);
  }

  /** Takes the head of an array: how many items follow. */
  arrayCount(): number {
    return this.#count(0x90, ARRAY16, ARRAY32);
  }

  /** Takes the head of a map: how many pairs follow. */
  mapCount(): number {
    return this.#count(0x80, MAP16, MAP32);
  }

  #count(fixed: number, lead16: number, lead32: number): number {
    if (this.at >= this.end) return REFUSED;
    const lead = this.#view.getUint8(this.at);
    if ((lead & 0xf0) === fixed) {
      this.at += 1;
      return lead & 0x0f;
    }
    if (lead === lead16 && this.at + 3 <= this.end) {
      this.at += 3;
      return this.#view.getUint16(this.at - 2);
    }
    if (lead === lead32 && this.at + 5 <= this.end) {
      this.at += 5;
      return this.#view.getUint32(this.at - 4);
    }
    return REFUSED;
  }

  /** Takes the head of a bin, all of which is there: its length. The cursor is at its content. */
  binLength(): number {
    if (this.at >= this.end) return REFUSED;
    return this.#lengthAfter(this.#view.getUint8(this.at) - BIN8);
  }

  /** Takes the head of a str, all of which is there: its length. The cursor is at its content. */
  strLength(): number {
    if (this.at >= this.end) return REFUSED;
    const lead = this.#view.getUint8(this.at);
    if ((lead & 0xe0) !== 0xa0) return this.#lengthAfter(lead - STR8);
    const length = lead & 0x1f;
    if (this.at + 1 + length > this.end) return REFUSED;
    this.at += 1;
    return length;
  }

  /** @param widthLog 0 for a length of one byte, 1 for two, 2 for four; anything else is refused. */
  #lengthAfter(widthLog: number): number {
    if (widthLog < 0 || widthLog > 2) return REFUSED;
    const from = this.at + 1 + (1 << widthLog);
    if (from > this.end) return REFUSED;
    let length = 0;
    if (widthLog === 0) length = this.#view.getUint8(this.at + 1);
    else if (widthLog === 1) length = this.#view.getUint16(this.at + 1);
    else length = this.#view.getUint32(this.at + 1);
    if (from + length > this.end) return REFUSED;
    this.at = from;
    return length;
  }

  /** Steps over one whole item, however deep; whether it was whole. Takes no stack. */
  skip(): boolean {
    const start = this.at;
    let pending = 1;
    while (pending > 0) {
      const inside = this.#step();
      // Each pending item has one byte at least, so a count that cannot be true ends here.
      if (inside === REFUSED || pending + inside > this.end - start + 1) {
        this.at = start;
        return false;
      }
      pending += inside - 1;
    }
    return true;
  }

  /** Steps over one item or, for an array or a map, over its head: how many items it holds. */
  #step(): number {
    if (this.at >= this.end) return REFUSED;
    const lead = this.#view.getUint8(this.at);
    if (lead < 0x80 || lead >= 0xe0) return this.#advance(1, 0);
    if (lead < 0x90) return this.#advance(1, (lead & 15) * 2);
    if (lead < 0xa0) return this.#advance(1, lead & 15);
    if (lead < 0xc0) return this.#advance(1 + (lead & 31), 0);
    const headBytes = HEAD_BYTES[lead - 0xc0] ?? 0;
    if (headBytes === 0 || this.at + headBytes > this.end) return REFUSED;
    if (lead >= ARRAY16) {
      const count = headBytes === 3 ? this.#uint16() : this.#uint32();
      return this.#advance(headBytes, lead >= MAP16 ? count * 2 : count);
    }
    return this.#advance(headBytes + this.#contentBytes(lead), 0);
  }

  /** Bytes after the head of a bin, an ext or a str; 0 for all else. */
  #contentBytes(lead: number): number {
    if (lead === 0xc4 || lead === 0xc7 || lead === 0xd9) return this.#view.getUint8(this.at + 1);
    if (lead === 0xc5 || lead === 0xc8 || lead === 0xda) return this.#uint16();
    if (lead === 0xc6 || lead === 0xc9 || lead === 0xdb) return this.#uint32();
    return 0;
  }

  #uint16(): number {
    return this.#view.getUint16(this.at + 1);
  }

  #uint32(): number {
    return this.#view.getUint32(this.at + 1);
  }

  #advance(bytes: number, inside: number): number {
    if (this.at + bytes > this.end) return REFUSED;
    this.at += bytes;
    return inside;
  }

  /** Whether all that is left is one body: a whole map, or nil. The cursor stays where it is. */
  isAtBody(): boolean {
    const start = this.at;
    const isNil = this.takeNil();
    const isMap = !isNil && this.mapCount() !== REFUSED;
    this.at = start;
    const isBody = (isNil || isMap) && this.skip() && this.isAtEnd;
    this.at = start;
    return isBody;
  }

  /**
   * In a map at the cursor, finds a member by its (ASCII) name and puts the cursor at its value.
   * The last of several wins, as in a decoder that builds an object.
   *
   * @returns REFUSED if there is no map, or it is not whole; 0 if it has no such member; else 1.
   */
  findMember(name: string): number {
    const count = this.mapCount();
    if (count === REFUSED) return REFUSED;
    let found = REFUSED;
    for (let pair = 0; pair < count; pair += 1) {
      const isIt = this.#isName(name);
      if (!this.skip()) return REFUSED;
      if (isIt) found = this.at;
      if (!this.skip()) return REFUSED;
    }
    if (found === REFUSED) return 0;
    this.at = found;
    return 1;
  }

  #isName(name: string): boolean {
    const start = this.at;
    const length = this.strLength();
    let isIt = length === name.length;
    for (let i = 0; isIt && i < length; i += 1) {
      isIt = this.#view.getUint8(this.at + i) === name.charCodeAt(i);
    }
    this.at = start;
    return isIt;
  }
}
