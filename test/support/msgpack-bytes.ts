/** msgpack put together by hand, for bytes that no encoder would write. */

/** Bytes as they are: a number is one byte, a text its characters. */
export function bytes(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  const chunks = parts.map((part) => {
    if (typeof part === 'number') return Uint8Array.of(part);
    return typeof part === 'string' ? new TextEncoder().encode(part) : part;
  });
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** A str with the shortest header, of a text or of any bytes at all. */
export function str(content: string | Uint8Array): Uint8Array {
  const characters = bytes(content);
  const { length } = characters;
  if (length < 32) return bytes(0xa0 | length, characters);
  if (length < 256) return bytes(0xd9, length, characters);
  return bytes(0xda, length >>> 8, length & 255, characters);
}

/** {keys: {name: value}} of one key and a value's bytes. */
export function keysBody(name: string | Uint8Array, value: Uint8Array): Uint8Array {
  return bytes(0x81, str('keys'), 0x81, str(name), value);
}

/** Arrays of one item inside one another; the innermost holds nil. */
export function nested(depth: number): Uint8Array {
  return bytes(new Uint8Array(depth).fill(0x91), 0xc0);
}
