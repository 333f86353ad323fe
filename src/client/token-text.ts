/**
 * Tokens as users of the SDK hold them: text. Those of 8 bytes, which a server with --token-form
 * uint64 gives to shared sessions, are integers there, and so are written in decimal here.
 */
import { SHORT_TOKEN_BYTES, TOKEN_BYTES, tokenFromText, tokenToText } from '../protocol/token.js';

const SHORT_TOKEN = /^(?:0|[1-9]\d{0,19})$/;
const UINT64_MAX = 2n ** 64n - 1n;

/** The bytes of a token; undefined for what is none. */
export function tokenBytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  if (!SHORT_TOKEN.test(text)) return tokenFromText(text);
  const number = BigInt(text);
  if (number > UINT64_MAX) return undefined;
  const bytes = new Uint8Array(SHORT_TOKEN_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, number);
  return bytes;
}

/** The text of a token in a reply; undefined for what is none. */
export function tokenTextOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  if (!(token instanceof Uint8Array)) return undefined;
  if (token.length === TOKEN_BYTES) return tokenToText(token);
  if (token.length !== SHORT_TOKEN_BYTES) return undefined;
  return String(new DataView(token.buffer, token.byteOffset).getBigUint64(0));
}
