import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { Tokens } from '../../../src/io/tokens.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { SECRET } from '../../support/ring-io.js';
import { referenceSipHash } from '../../support/siphash-reference.js';

const TOKEN_BYTES = 24;

function digestHex(tokens: Tokens): string {
  return Buffer.from(tokens.digest.buffer).toString('hex');
}

describe('Tokens', () => {
  test('the digest is the keyed hash of the random part, the slot follows from mask and digest', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(64));
    space.bytes.forEach((_, i) => (space.bytes[i] = 5 * i));
    tokens.see(space, 7);
    const expected = referenceSipHash(SECRET.subarray(0, 16), space.bytes.subarray(9, 31));
    expect(digestHex(tokens)).toBe(expected);
    const mask = space.bytes[7]! | (space.bytes[8]! << 8);
    expect(tokens.slot).toBe((mask ^ Buffer.from(expected, 'hex').readUInt16LE(0)) & 1023);
  });

  test('a short token is hashed whole and has no mask', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(8));
    space.bytes.fill(9);
    tokens.seeShort(space, 0);
    expect(digestHex(tokens)).toBe(referenceSipHash(SECRET.subarray(0, 16), space.bytes));
    expect(tokens.slot).toBe(tokens.digest[0]! & 1023);
  });

  test('a token as text is seen as its bytes are', () => {
    const tokens = new Tokens(SECRET);
    const minted = new ByteSpace(new ArrayBuffer(TOKEN_BYTES));
    for (let i = 0; i < 200; i += 1) {
      tokens.mint(minted, 0);
      const digest = digestHex(tokens);
      const text = new TextEncoder().encode(tokenToText(minted.bytes));
      tokens.slot = -1;
      expect(tokens.seeText(new ByteSpace(text.buffer), 0)).toBe(true);
      expect(digestHex(tokens)).toBe(digest);
      expect(tokens.decoded.bytes).toEqual(minted.bytes);
    }
  });

  test.each(['=', '+', '/', ' ', '\u0000', '\u00e9'])('refuses a text with %j in it', (wrong) => {
    for (let at = 0; at < 32; at += 1) {
      const text = Uint8Array.from({ length: 32 }, (_, i) => (i === at ? wrong.charCodeAt(0) : 65));
      expect(new Tokens(SECRET).seeText(new ByteSpace(text.buffer), 0)).toBe(false);
    }
  });

  test('mints tokens that all differ, over more than one block of random bytes', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(TOKEN_BYTES));
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i += 1) {
      tokens.mint(space, 0);
      seen.add(Buffer.from(space.bytes).toString('hex'));
    }
    expect(seen.size).toBe(2_000);
  });

  test('derives the token of a name from the whole secret', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(TOKEN_BYTES + 1));
    tokens.derive(new TextEncoder().encode('default settings'), space, 1, TOKEN_BYTES);
    const expected = createHmac('sha256', SECRET).update('default settings').digest();
    expect(Buffer.from(space.bytes.subarray(1))).toEqual(expected.subarray(0, TOKEN_BYTES));
  });

  test('mints a token of a given slot', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(TOKEN_BYTES));
    for (let slot = 0; slot < 1_024; slot += 7) {
      tokens.mintInSlot(slot, space, 0);
      const digest = digestHex(tokens);
      expect(tokens.slot).toBe(slot);
      tokens.see(space, 0);
      expect([tokens.slot, digestHex(tokens)]).toEqual([slot, digest]);
    }
  });

  test('mints short tokens, and short ones of a given slot', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(8));
    const seen = new Set<string>();
    for (let slot = 0; slot < 1_024; slot += 41) {
      tokens.mintShort(space, 0);
      seen.add(Buffer.from(space.bytes).toString('hex'));
      tokens.mintShortInSlot(slot, space, 0);
      seen.add(Buffer.from(space.bytes).toString('hex'));
      const digest = digestHex(tokens);
      tokens.seeShort(space, 0);
      expect([tokens.slot, digestHex(tokens)]).toEqual([slot, digest]);
    }
    expect(seen.size).toBe(50);
  });

  test('derives a short token of a name from the same bytes', () => {
    const tokens = new Tokens(SECRET);
    const space = new ByteSpace(new ArrayBuffer(8));
    tokens.derive(new TextEncoder().encode('n'), space, 0, 8);
    const expected = createHmac('sha256', SECRET).update('n').digest();
    expect(Buffer.from(space.bytes)).toEqual(expected.subarray(0, 8));
    const digest = digestHex(tokens);
    tokens.seeShort(space, 0);
    expect(digestHex(tokens)).toBe(digest);
  });
});
