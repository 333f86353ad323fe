/**
 * The secret of a data directory, under which tokens become digests. Made once and never changed:
 * without it no client finds its session again. The file is a header (file-header.ts) and 32 bytes;
 * the header's check shows whether they are the ones that were written.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { decodeFileHeader, encodeFileHeader, FILE_HEADER_BYTES } from './file-header.js';
import { SECRET_FILE } from './file-names.js';
import { type Files, readWhole, replaceWhole } from './files.js';
import { StorageError } from './storage-error.js';

export const SECRET_BYTES = 32;

const CHECK_TEXT = 'sojourn secret check';
const CHECK_BYTES = 8;
const ADVICE = 'bring it back from a copy: without it no token opens its session';

/** What every file of the directory holds of its secret: 16 hexadecimal digits. */
export function secretCheckOf(secret: Uint8Array): string {
  const hmac = createHmac('sha256', secret).update(CHECK_TEXT).digest();
  return hmac.subarray(0, CHECK_BYTES).toString('hex');
}

export function createSecret(files: Files, directory: string, nowMs: number): Uint8Array {
  const secret = new Uint8Array(randomBytes(SECRET_BYTES));
  const header = encodeFileHeader({
    kind: 'secret',
    epoch: 0,
    shard: 0,
    shards: 0,
    number: 0,
    createdMs: nowMs,
    firstSequence: 0,
    backlog: 0,
    secretCheck: secretCheckOf(secret),
  });
  const bytes = new Uint8Array(FILE_HEADER_BYTES + SECRET_BYTES);
  bytes.set(header);
  bytes.set(secret, FILE_HEADER_BYTES);
  replaceWhole(files, directory, SECRET_FILE, bytes);
  return secret;
}

/** Throws StorageError if the file is not whole; its text says nothing of the content. */
export function readSecret(files: Files, directory: string): Uint8Array {
  const bytes = readWhole(files, `${directory}/${SECRET_FILE}`);
  const header = decodeFileHeader(bytes);
  if ('problem' in header) throw refusal(header.detail, 0);
  if (header.kind !== 'secret') throw refusal('it is a file of another kind', 0);
  if (bytes.length !== FILE_HEADER_BYTES + SECRET_BYTES) {
    throw refusal(`it has ${bytes.length} bytes`, Math.min(bytes.length, FILE_HEADER_BYTES));
  }
  // A copy: the bytes read may be a view of something longer.
  const secret = bytes.slice(FILE_HEADER_BYTES);
  if (secretCheckOf(secret) !== header.secretCheck) {
    throw refusal('it is not the one that was written', FILE_HEADER_BYTES);
  }
  return secret;
}

export function missingSecret(): StorageError {
  return new StorageError(`${SECRET_FILE} is missing; ${ADVICE}`, { file: SECRET_FILE });
}

function refusal(detail: string, offset: number): StorageError {
  const place = { file: SECRET_FILE, offset };
  return new StorageError(`${SECRET_FILE} cannot be used, ${detail}; ${ADVICE}`, place);
}
