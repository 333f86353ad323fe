import { describe, expect, test } from 'vitest';
import { tokenBytesOf, tokenTextOf } from '../../../src/client/token-text.js';
import { TOKEN, TOKEN_BYTES } from './fake-network.js';

describe('the text of a token', () => {
  test('is base64url for 24 bytes', () => {
    expect(tokenBytesOf(TOKEN)).toEqual(TOKEN_BYTES);
    expect(tokenTextOf(TOKEN_BYTES)).toBe(TOKEN);
  });

  test.each([0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n])('is decimal for 8 bytes: %s', (number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, number);
    expect(tokenBytesOf(String(number))).toEqual(bytes);
    expect(tokenTextOf(bytes)).toBe(String(number));
    const within = Uint8Array.from([9, 9, 9, ...bytes]).subarray(3);
    expect(tokenTextOf(within)).toBe(String(number));
  });

  test.each([
    '',
    '-1',
    '01',
    '1.0',
    '18446744073709551616',
    '9'.repeat(20),
    TOKEN.slice(1),
    7,
    null,
  ])('is not %s', (text) => {
    expect(tokenBytesOf(text)).toBeUndefined();
  });

  test.each([Uint8Array.of(1), new Uint8Array(23), 5, null])('is not made from %s', (token) => {
    expect(tokenTextOf(token)).toBeUndefined();
  });
});
