import { describe, expect, test } from 'vitest';
import { hashSecret, isSecret, secretHashFrom } from '../../../src/config/secret-hash.js';
import { cheapHash } from '../../support/users.js';

const [salt, hash] = ['A'.repeat(22), 'B'.repeat(43)];

describe('a hash of a secret', () => {
  test('is one of that secret and of no other', async () => {
    const expected = secretHashFrom(await cheapHash('öpen sesame'));
    expect(await isSecret('öpen sesame', expected!)).toBe(true);
    for (const other of ['', 'Öpen sesame', 'öpen sesam', 'öpen sesame ']) {
      expect(await isSecret(other, expected!)).toBe(false);
    }
  });

  test('has a salt of its own', async () => {
    expect(await cheapHash('same')).not.toBe(await cheapHash('same'));
  });

  test('costs what is recommended unless told otherwise', async () => {
    const expected = secretHashFrom(await hashSecret('x'));
    expect(expected).toMatchObject({ logN: 15, r: 8, p: 3 });
    expect(await isSecret('x', expected!)).toBe(true);
  });

  test('is of the scrypt of RFC 7914', async () => {
    // From node -e "crypto.scryptSync('pleaseletmein', Buffer.alloc(16, 'SodiumChloride'), ...)".
    const { scryptSync } = await import('node:crypto');
    const saltBytes = Buffer.alloc(16, 'SodiumChloride');
    const key = scryptSync('pleaseletmein', saltBytes, 32, { N: 1_024, r: 8, p: 2 });
    const line = `scrypt$ln=10,r=8,p=2$${saltBytes.toString('base64url')}$${key.toString('base64url')}`;
    expect(await isSecret('pleaseletmein', secretHashFrom(line)!)).toBe(true);
  });

  test.each([
    ['', 'nothing'],
    ['open sesame', 'a secret itself'],
    [`scrypt$ln=9,r=8,p=1$${salt}$${hash}`, 'too cheap'],
    [`scrypt$ln=18,r=8,p=1$${salt}$${hash}`, 'too dear'],
    [`scrypt$ln=17,r=16,p=1$${salt}$${hash}`, 'too large in memory'],
    [`scrypt$ln=12,r=0,p=1$${salt}$${hash}`, 'no block'],
    [`scrypt$ln=12,r=8,p=17$${salt}$${hash}`, 'too parallel'],
    [`scrypt$ln=12,r=8,p=1$AAAA$${hash}`, 'a short salt'],
    [`scrypt$ln=12,r=8,p=1$${salt}$BBBB`, 'a short hash'],
    [`scrypt$ln=12,r=8,p=1$${salt}$${hash}$`, 'something behind it'],
    [`bcrypt$ln=12,r=8,p=1$${salt}$${hash}`, 'another function'],
  ])('is not %j: %s', (text) => {
    expect(secretHashFrom(text)).toBeUndefined();
  });

  test('is read within the bounds', () => {
    for (const costs of ['ln=10,r=1,p=1', 'ln=17,r=8,p=16', 'ln=16,r=16,p=1']) {
      expect(secretHashFrom(`scrypt$${costs}$${salt}$${hash}`)).toBeDefined();
    }
  });
});
