/**
 * sojourn user: prints a member for the file of users (--users), with the secret as a hash. The
 * secret itself comes from standard input, because arguments can be seen by every process.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { hashSecret, SECRET_BYTES_MAX } from '../config/secret-hash.js';
import { isUserName, problemWithRights, USER_NAME_RULE } from '../config/users.js';
import { EXIT_OK, UsageError } from './exit.js';
import { USER_HELP } from './help.js';

/** 192 bits, 32 characters. */
const RANDOM_BYTES = 24;

interface UserRequest {
  readonly name: string;
  readonly rights: readonly string[];
  readonly isRandom: boolean;
}

export async function user(args: readonly string[]): Promise<number> {
  const request = userRequestFrom(args);
  if (request === undefined) {
    process.stdout.write(USER_HELP);
    return EXIT_OK;
  }
  const { name, rights, isRandom } = request;
  const secret = isRandom
    ? randomBytes(RANDOM_BYTES).toString('base64url')
    : secretFrom(await readInput());
  const member = { name, secret: await hashSecret(secret), rights };
  process.stdout.write(`${JSON.stringify(member)}\n`);
  if (isRandom) process.stderr.write(`secret of ${name}, shown only here: ${secret}\n`);
  return EXIT_OK;
}

/** Undefined when the arguments ask for help. */
export function userRequestFrom(args: readonly string[]): UserRequest | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [name, ...others] = positionals;
  if (name === undefined) throw new UsageError('user: needs a NAME');
  if (others.length > 0) {
    throw new UsageError('user: expected one NAME; the secret comes from standard input');
  }
  if (!isUserName(name)) throw new UsageError(`user: NAME: expected ${USER_NAME_RULE}`);
  const rights = (values.rights ?? 'sessions').split(',');
  const problem = problemWithRights(rights);
  if (problem !== undefined) throw new UsageError(`user: --rights: ${problem}`);
  return { name, rights: [...new Set(rights)], isRandom: values.random === true };
}

/** The first line. */
export function secretFrom(input: string): string {
  const [secret = ''] = input.split(/\r?\n/, 1);
  if (secret === '') throw new UsageError('user: no secret on standard input (or --random)');
  if (Buffer.byteLength(secret) <= SECRET_BYTES_MAX) return secret;
  throw new UsageError(`user: the secret has over ${SECRET_BYTES_MAX} bytes`);
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('secret: ');
  let input = '';
  for await (const piece of process.stdin.setEncoding('utf8')) {
    input += String(piece);
    if (input.includes('\n') || input.length > SECRET_BYTES_MAX) break;
  }
  return input;
}

function parsed(args: readonly string[]): {
  readonly values: {
    readonly rights?: string;
    readonly random?: boolean;
    readonly help?: boolean;
  };
  readonly positionals: readonly string[];
} {
  const options = {
    rights: { type: 'string' },
    random: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`user: ${message.split(/\.\s|\n/, 1)[0] ?? message}`);
  }
}
