/**
 * Secrets of users as the file of users holds them:
 *
 *   scrypt$ln=15,r=8,p=3$<salt>$<hash>      salt: 16 to 64 bytes, hash: 32, both base64url
 *
 * ln is the binary logarithm of N. scrypt (RFC 7914) takes 128 * N * r bytes of memory, and time in
 * proportion to N * r * p, on a thread of libuv's pool.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

export interface SecretHash {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Of a secret, in UTF-8; and of a user's name. */
export const SECRET_BYTES_MAX = 1_024;
export const USER_NAME_BYTES_MAX = 128;

const FORM = /^scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/;
const [LOG_N_MIN, LOG_N_MAX] = [10, 17];
const COST_MAX = 16;
const MEMORY_BYTES_MAX = 128 * 1_024 * 1_024;
const [SALT_BYTES, SALT_BYTES_MIN, SALT_BYTES_MAX] = [16, 16, 64];
const HASH_BYTES = 32;
/** 32 MiB; what OWASP recommends for that much. */
const COSTS = { logN: 15, r: 8, p: 3 };

/** Undefined where it is not of the form, or its costs are out of bounds. */
export function secretHashFrom(text: string): SecretHash | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [logN = 0, r = 0, p = 0] = match.slice(1, 4).map(Number);
  const salt = Uint8Array.from(Buffer.from(match[4] ?? '', 'base64url'));
  const hash = Uint8Array.from(Buffer.from(match[5] ?? '', 'base64url'));
  const areCostsSound =
    logN >= LOG_N_MIN && logN <= LOG_N_MAX && r >= 1 && r <= COST_MAX && p >= 1 && p <= COST_MAX;
  if (!areCostsSound || 128 * 2 ** logN * r > MEMORY_BYTES_MAX) return undefined;
  if (salt.length < SALT_BYTES_MIN || salt.length > SALT_BYTES_MAX) return undefined;
  return hash.length === HASH_BYTES ? { logN, r, p, salt, hash } : undefined;
}

/** The line for the file, of a salt of its own. */
export async function hashSecret(
  secret: string,
  costs: Pick<SecretHash, 'logN' | 'r' | 'p'> = COSTS,
): Promise<string> {
  const { logN, r, p } = costs;
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(secret, { ...costs, salt });
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  return `scrypt$ln=${logN},r=${r},p=${p}$${text(salt)}$${text(hash)}`;
}

/** Compares in a time that does not depend on the bytes. Rejects where there is no memory for it. */
export async function isSecret(secret: string, expected: SecretHash): Promise<boolean> {
  return timingSafeEqual(await derive(secret, expected), expected.hash);
}

function derive(secret: string, costs: Omit<SecretHash, 'hash'>): Promise<Uint8Array> {
  const { logN, r, p, salt } = costs;
  const options = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r };
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, HASH_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
