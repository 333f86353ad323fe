/**
 * The text form of a token: its 24 bytes as 32 base64url characters, without padding. 24 bytes are
 * a whole number of base64 groups, so every token has exactly one text and every text of the right
 * length and alphabet is one token. No Buffer here: the SDK runs this in browsers.
 */
export const TOKEN_BYTES = 24;
export const TOKEN_CHARACTERS = 32;
/** With --token-form uint64: an integer in the text dialect, big-endian. */
export const SHORT_TOKEN_BYTES = 8;

/** The public id of a session: the first bytes of its digest, in hexadecimal. */
export const SESSION_ID_BYTES = 12;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const NOT_A_DIGIT = 255;

/** Value of a character by its code; NOT_A_DIGIT outside the alphabet. */
const digitByCode = digits();

function digits(): Uint8Array {
  const table = new Uint8Array(128).fill(NOT_A_DIGIT);
  for (let digit = 0; digit < ALPHABET.length; digit += 1)
    table[ALPHABET.charCodeAt(digit)] = digit;
  return table;
}

function digitOf(text: string, at: number): number {
  return digitByCode[text.charCodeAt(at)] ?? NOT_A_DIGIT;
}

/** The text of the token at bytes[start, start + 24). */
export function tokenToText(bytes: Uint8Array, start = 0): string {
  let text = '';
  for (let at = start; at < start + TOKEN_BYTES; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    text += ALPHABET.charAt((group >> 6) & 63) + ALPHABET.charAt(group & 63);
  }
  return text;
}

/** The 24 bytes of a token's text; undefined unless it is exactly 32 base64url characters. */
export function tokenFromText(text: string): Uint8Array | undefined {
  if (text.length !== TOKEN_CHARACTERS) return undefined;
  const bytes = new Uint8Array(TOKEN_BYTES);
  for (let at = 0, to = 0; at < TOKEN_CHARACTERS; at += 4, to += 3) {
    const first = digitOf(text, at);
    const second = digitOf(text, at + 1);
    const third = digitOf(text, at + 2);
    const fourth = digitOf(text, at + 3);
    if ((first | second | third | fourth) > 63) return undefined;
    const group = (first << 18) | (second << 12) | (third << 6) | fourth;
    bytes[to] = group >> 16;
    bytes[to + 1] = group >> 8;
    bytes[to + 2] = group;
  }
  return bytes;
}

/** The public id of the session whose digest is at bytes[start, ...): 24 hex characters. */
export function sessionIdText(bytes: Uint8Array, start = 0): string {
  let text = '';
  for (let at = start; at < start + SESSION_ID_BYTES; at += 1) {
    text += (bytes[at] ?? 0).toString(16).padStart(2, '0');
  }
  return text;
}
