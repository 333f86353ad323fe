/** Users whose secrets are cheap to verify, and the file of them. */
import { writeFileSync } from 'node:fs';
import { hashSecret, secretHashFrom } from '../../src/config/secret-hash.js';
import type { User } from '../../src/config/users.js';
import { bitsOf, type Right } from '../../src/core/rights.js';

const COSTS = { logN: 10, r: 1, p: 1 };

/** Of each user, whose name is the key and whose secret is `secret of <name>`, the rights. */
export type UserRights = Readonly<Record<string, readonly Right[]>>;

export const secretOf = (name: string): string => `secret of ${name}`;

export function basic(name: string, secret = secretOf(name)): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
}

export function cheapHash(secret: string): Promise<string> {
  return hashSecret(secret, COSTS);
}

export async function makeUsers(rights: UserRights): Promise<User[]> {
  return await Promise.all(
    Object.entries(rights).map(async ([name, list]) => {
      const secret = secretHashFrom(await cheapHash(secretOf(name)));
      if (secret === undefined) throw new Error('a hash that cannot be read');
      return { name, secret, rights: bitsOf(list) };
    }),
  );
}

export async function writeUsers(path: string, rights: UserRights): Promise<void> {
  const users = Object.entries(rights).map(async ([name, list]) => {
    return { name, secret: await cheapHash(secretOf(name)), rights: list };
  });
  writeFileSync(path, JSON.stringify({ users: await Promise.all(users) }), { mode: 0o600 });
}
