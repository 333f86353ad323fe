/** SipHash-2-4-128 as its paper writes it, in BigInts: slow, and independent of the product's. */
const MASK = 0xffff_ffff_ffff_ffffn;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function round(v: [bigint, bigint, bigint, bigint]): void {
  v[0] = (v[0] + v[1]) & MASK;
  v[1] = rotate(v[1], 13n) ^ v[0];
  v[0] = rotate(v[0], 32n);
  v[2] = (v[2] + v[3]) & MASK;
  v[3] = rotate(v[3], 16n) ^ v[2];
  v[0] = (v[0] + v[3]) & MASK;
  v[3] = rotate(v[3], 21n) ^ v[0];
  v[2] = (v[2] + v[1]) & MASK;
  v[1] = rotate(v[1], 17n) ^ v[2];
  v[2] = rotate(v[2], 32n);
}

/** The hash as 32 hex characters, bytes in order. */
export function referenceSipHash(key: Uint8Array, input: Uint8Array): string {
  const keyWords = Buffer.from(key);
  const k0 = keyWords.readBigUInt64LE(0);
  const k1 = keyWords.readBigUInt64LE(8);
  const v: [bigint, bigint, bigint, bigint] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn ^ 0xeen,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const padded = Buffer.alloc((input.length & ~7) + 8);
  padded.set(input);
  padded[padded.length - 1] = input.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    const block = padded.readBigUInt64LE(at);
    v[3] ^= block;
    round(v);
    round(v);
    v[0] ^= block;
  }
  const out = Buffer.alloc(16);
  v[2] ^= 0xeen;
  for (let i = 0; i < 4; i += 1) round(v);
  out.writeBigUInt64LE(v[0] ^ v[1] ^ v[2] ^ v[3], 0);
  v[1] ^= 0xddn;
  for (let i = 0; i < 4; i += 1) round(v);
  out.writeBigUInt64LE(v[0] ^ v[1] ^ v[2] ^ v[3], 8);
  return out.toString('hex');
}
