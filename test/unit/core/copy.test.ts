import { expect, test } from 'vitest';
import { ByteSpace, copyBytes } from '../../../src/core/copy.js';

test('copyBytes copies exactly the range, whatever its length and alignment', () => {
  const from = new ByteSpace(new ArrayBuffer(512));
  from.bytes.forEach((_, i) => (from.bytes[i] = i * 31));
  for (let length = 0; length < 300; length += 1) {
    for (let shift = 0; shift < 4; shift += 1) {
      const to = new ByteSpace(new SharedArrayBuffer(512), 8);
      copyBytes(to, 16 + shift, from, 100 + shift * 3, length);
      const expected = new Uint8Array(504);
      expected.set(from.bytes.subarray(100 + shift * 3, 100 + shift * 3 + length), 16 + shift);
      expect(Buffer.compare(Uint8Array.from(to.bytes), expected)).toBe(0);
    }
  }
});
