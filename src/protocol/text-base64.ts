/** Base64 with padding (RFC 4648, section 4), without Buffer: the protocol layer is browser-safe. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = '='.charCodeAt(0);

const codes = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));

export function base64From(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  const codeOf = (digit: number): number => codes[digit & 63] ?? PADDING;
  let to = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out[to] = codeOf(group >> 18);
    out[to + 1] = codeOf(group >> 12);
    out[to + 2] = at + 1 < bytes.length ? codeOf(group >> 6) : PADDING;
    out[to + 3] = at + 2 < bytes.length ? codeOf(group) : PADDING;
    to += 4;
  }
  return new TextDecoder().decode(out);
}
