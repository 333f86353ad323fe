/**
 * Tokens on the I/O thread: mints them, derives those of shared names, and finds for any of them
 * the digest and the slot, which are all that the rest of the server ever sees.
 *
 *   bytes 0-1   slot mask, little-endian
 *   bytes 2-23  random; the digest is their SipHash under the secret
 *
 * A token of 8 bytes (--token-form uint64) is hashed whole and has no mask. Where a session's new
 * token must have the slot of its old one, the mask is chosen; a short one is drawn until it fits.
 */
import { createHmac, randomFillSync } from 'node:crypto';
import { ByteSpace, copyBytes } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { DIGEST_WORDS, SipHash, SIPHASH_KEY_BYTES } from '../core/siphash.js';
import { maskFor, slotOf, SLOTS } from '../core/slots.js';
import { SHORT_TOKEN_BYTES, TOKEN_BYTES } from '../protocol/token.js';

const MASK_BYTES = 2;
/** Random bytes are fetched in blocks: one call costs about as much as a hundred tokens. */
const TOKENS_PER_BLOCK = 512;
const NOT_A_DIGIT = 255;
/** Draws for a short token of one slot; on average it takes SLOTS. More is no bad luck. */
const DRAWS_MAX = SLOTS * 1_024;

export const SECRET_BYTES = 32;

export class Tokens {
  /** Of the token seen last. */
  readonly digest = new Int32Array(DIGEST_WORDS);
  /** Of the token seen last. */
  slot = 0;
  readonly #secret: Uint8Array;
  readonly #hash: SipHash;
  readonly #block = new ByteSpace(new ArrayBuffer(TOKENS_PER_BLOCK * TOKEN_BYTES));
  #blockAt = TOKENS_PER_BLOCK * TOKEN_BYTES;
  readonly #decoded = new ByteSpace(new ArrayBuffer(TOKEN_BYTES));

  constructor(secret: Uint8Array) {
    assert(secret.length === SECRET_BYTES, 'the secret has 32 bytes');
    this.#secret = secret;
    this.#hash = new SipHash(secret.subarray(0, SIPHASH_KEY_BYTES));
  }

  /** Sees the 24 bytes of a token. */
  see(space: ByteSpace, at: number): void {
    const from = at + MASK_BYTES;
    this.#hash.hash(space, from, TOKEN_BYTES - MASK_BYTES, this.digest, 0);
    this.slot = slotOf(space.view.getUint16(at, true), this.digest[0]!);
  }

  /** Sees the 8 bytes of a short token. */
  seeShort(space: ByteSpace, at: number): void {
    this.#hash.hash(space, at, SHORT_TOKEN_BYTES, this.digest, 0);
    this.slot = slotOf(0, this.digest[0]!);
  }

  /** Sees the 32 characters of a token's text; false, and nothing is seen, if they are none. */
  seeText(space: ByteSpace, at: number): boolean {
    if (!decodeText(space, at, this.#decoded)) return false;
    this.see(this.#decoded, 0);
    return true;
  }

  /** The 24 bytes behind the text seen last. */
  get decoded(): ByteSpace {
    return this.#decoded;
  }

  /** Writes a new token, whose slot is random like the rest of it, and sees it. */
  mint(to: ByteSpace, toAt: number): void {
    this.#draw(to, toAt, TOKEN_BYTES);
    this.see(to, toAt);
  }

  /** The same, 8 bytes long. */
  mintShort(to: ByteSpace, toAt: number): void {
    this.#draw(to, toAt, SHORT_TOKEN_BYTES);
    this.seeShort(to, toAt);
  }

  /** Writes a new token of this slot and sees it. */
  mintInSlot(slot: number, to: ByteSpace, toAt: number): void {
    this.mint(to, toAt);
    to.view.setUint16(toAt, maskFor(slot, this.digest[0]!), true);
    this.slot = slot;
  }

  /** The same, 8 bytes long: about 1,024 draws, 0.2 ms. */
  mintShortInSlot(slot: number, to: ByteSpace, toAt: number): void {
    for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
      this.mintShort(to, toAt);
      if (this.slot === slot) return;
    }
    assert(false, 'some short token has the slot');
  }

  /** Writes the token of a shared name, 24 or 8 bytes of it, and sees it. */
  derive(name: Uint8Array, to: ByteSpace, toAt: number, bytes: number): void {
    const mac = createHmac('sha256', this.#secret).update(name).digest();
    to.bytes.set(mac.subarray(0, bytes), toAt);
    if (bytes === SHORT_TOKEN_BYTES) this.seeShort(to, toAt);
    else this.see(to, toAt);
  }

  #draw(to: ByteSpace, toAt: number, bytes: number): void {
    if (this.#blockAt + bytes > this.#block.bytes.length) {
      randomFillSync(this.#block.bytes);
      this.#blockAt = 0;
    }
    copyBytes(to, toAt, this.#block, this.#blockAt, bytes);
    this.#blockAt += bytes;
  }
}

const digitByCode = digits();

function digits(): Uint8Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const table = new Uint8Array(256).fill(NOT_A_DIGIT);
  for (let digit = 0; digit < alphabet.length; digit += 1) {
    table[alphabet.charCodeAt(digit)] = digit;
  }
  return table;
}

/** protocol/token.ts does this for strings; here the characters are bytes of a frame. */
function decodeText(space: ByteSpace, at: number, to: ByteSpace): boolean {
  const source = space.view;
  let wrong = 0;
  for (let from = at, target = 0; target < TOKEN_BYTES; from += 4, target += 3) {
    const first = digitByCode[source.getUint8(from)]!;
    const second = digitByCode[source.getUint8(from + 1)]!;
    const third = digitByCode[source.getUint8(from + 2)]!;
    const fourth = digitByCode[source.getUint8(from + 3)]!;
    wrong |= first | second | third | fourth;
    const group = (first << 18) | (second << 12) | (third << 6) | fourth;
    to.view.setUint8(target, group >> 16);
    to.view.setUint8(target + 1, group >> 8);
    to.view.setUint8(target + 2, group);
  }
  return wrong < 64;
}
