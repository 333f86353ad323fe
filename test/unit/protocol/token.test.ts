/** The text form of tokens, against Node's own base64url as the second opinion. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  TOKEN_BYTES,
  TOKEN_CHARACTERS,
  sessionIdText,
  tokenFromText,
  tokenToText,
} from '../../../src/protocol/token.js';

const tokens = fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES });

describe('tokenToText', () => {
  test("is the bytes' base64url, and tokenFromText reads it back", () => {
    fc.assert(
      fc.property(tokens, (bytes) => {
        const text = tokenToText(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(tokenFromText(text)).toEqual(bytes);
      }),
    );
  });

  test('reads a token that lies within a longer array', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, index) => 255 - index);
    expect(tokenToText(bytes, 7)).toBe(tokenToText(bytes.slice(7, 31)));
  });
});

describe('tokenFromText', () => {
  const text = 'AZaz09-_'.repeat(4);

  test('takes every character of the alphabet', () => {
    const bytes = tokenFromText(text);
    expect(bytes).toHaveLength(TOKEN_BYTES);
    expect(bytes && tokenToText(bytes)).toBe(text);
  });

  test.each([
    ['an empty text', ''],
    ['one character less', text.slice(1)],
    ['one character more', `${text}A`],
    ['padding', `${text.slice(0, -1)}=`],
    ['the plus of plain base64', `+${text.slice(1)}`],
    ['the slash of plain base64', `/${text.slice(1)}`],
    ['a space', ` ${text.slice(1)}`],
    ['a character beyond ASCII', `é${text.slice(1)}`],
    ['a character whose low byte is a letter', `\u0141${text.slice(1)}`],
    ['a null character', `\u0000${text.slice(1)}`],
  ])('refuses %s', (_, wrong) => {
    expect(tokenFromText(wrong)).toBeUndefined();
  });

  test('refuses a text with one wrong character at any place', () => {
    for (let at = 0; at < TOKEN_CHARACTERS; at += 1) {
      expect(tokenFromText(`${text.slice(0, at)}.${text.slice(at + 1)}`)).toBeUndefined();
    }
  });
});

describe('sessionIdText', () => {
  test('is the first twelve bytes in hexadecimal', () => {
    const digest = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
    expect(sessionIdText(digest)).toBe('00112233445566778899aabb');
    expect(sessionIdText(digest, 4)).toBe('445566778899aabbccddeeff');
  });
});
