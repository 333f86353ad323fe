/**
 * The file of users (`--users`), read once, at the start:
 *
 *   {"users": [{"name": "shop", "secret": "scrypt$...", "rights": ["sessions"]}]}
 *
 * All that is wrong is told at once, by the user's name or number; what the file holds of secrets is
 * never repeated.
 */
import { fstatSync, closeSync, openSync, readFileSync } from 'node:fs';
import { bitsOf, RIGHT_NAMES, type Right } from '../core/rights.js';
import { ConfigError } from './load.js';
import { type SecretHash, secretHashFrom, USER_NAME_BYTES_MAX } from './secret-hash.js';

const FILE_BYTES_MAX = 1 << 20;
const USERS_MAX = 1_000;
const OTHERS_WRITE = 0o022;
const OTHERS_READ = 0o044;
const SHOWN_LENGTH_MAX = 60;

const MEMBERS = ['name', 'secret', 'rights'];
export const USER_NAME_RULE = `1 to ${USER_NAME_BYTES_MAX} of printable ASCII, no space, no colon`;
const NAME_FORM = /^[!-9;-~]+$/;

export interface User {
  readonly name: string;
  readonly secret: SecretHash;
  /** Bits; see core/rights.ts. */
  readonly rights: number;
}

export interface UsersFile {
  readonly users: readonly User[];
  /** What the operator should know, if anything. */
  readonly warning: string | undefined;
}

/** Throws ConfigError: exit code 1 where the file cannot be read, 2 where it is wrong. */
export function readUsers(path: string): UsersFile {
  const { text, warning } = readPrivately(path);
  const problems: string[] = [];
  const users = usersFrom(membersOf(path, text), problems);
  if (problems.length > 0) {
    throw new ConfigError(
      problems.map((problem) => `users file ${path}: ${problem}`),
      2,
    );
  }
  return { users, warning };
}

function readPrivately(path: string): { readonly text: string; readonly warning?: string } {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { mode, size } = fstatSync(file);
    if (size > FILE_BYTES_MAX) throw new ConfigError([`users file ${path}: over 1 MiB`], 1);
    // Windows knows no such bits.
    const bits = process.platform === 'win32' ? 0 : mode;
    if ((bits & OTHERS_WRITE) !== 0) {
      const reason = 'others than its owner may change it (chmod go-w)';
      throw new ConfigError([`users file ${path}: ${reason}`], 1);
    }
    const text = readFileSync(file, 'utf8');
    if ((bits & OTHERS_READ) === 0) return { text };
    return { text, warning: `users file ${path}: others than its owner may read it (chmod go-r)` };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`users file ${path}: ${reasonOf(error)}`], 1);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return code ?? 'it cannot be read';
}

function membersOf(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would repeat a part of the file, which may be of a secret.
    throw new ConfigError([`users file ${path}: not JSON`], 2);
  }
}

function usersFrom(file: unknown, problems: string[]): User[] {
  if (!isObject(file) || !Array.isArray(file['users'])) {
    problems.push('expected {"users": [...]}');
    return [];
  }
  for (const name of Object.keys(file)) {
    if (name !== 'users') problems.push(`${shown(name)}: no such member`);
  }
  const list = file['users'] as readonly unknown[];
  if (list.length === 0) problems.push('users: expected at least one user');
  if (list.length > USERS_MAX) {
    problems.push(`users: expected at most ${USERS_MAX}`);
    return [];
  }
  const names = new Set<string>();
  return list.flatMap((each, index) => {
    const user = userFrom(each, index, problems);
    if (user === undefined) return [];
    if (names.has(user.name)) problems.push(`user ${shown(user.name)}: is there twice`);
    names.add(user.name);
    return [user];
  });
}

/** Undefined after a problem. */
function userFrom(each: unknown, index: number, problems: string[]): User | undefined {
  const found = problems.length;
  if (!isObject(each)) {
    problems.push(`user number ${index + 1}: expected an object`);
    return undefined;
  }
  const { name, secret, rights } = each;
  const who = isUserName(name) ? `user ${shown(name)}` : `user number ${index + 1}`;
  if (!isUserName(name)) problems.push(`${who}: name: expected ${USER_NAME_RULE}`);
  for (const member of Object.keys(each)) {
    if (!MEMBERS.includes(member)) problems.push(`${who}: ${shown(member)}: no such member`);
  }
  const hash = typeof secret === 'string' ? secretHashFrom(secret) : undefined;
  if (hash === undefined) {
    problems.push(`${who}: secret: expected scrypt$ln=...,r=...,p=...$salt$hash (sojourn user)`);
  }
  const problem = problemWithRights(rights);
  if (problem !== undefined) problems.push(`${who}: rights: ${problem}`);
  if (problems.length > found || hash === undefined) return undefined;
  return { name: name as string, secret: hash, rights: bitsOf(rights as Right[]) };
}

/** Whether users may be called so; whoever sends it in a header needs the colon for something else. */
export function isUserName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= USER_NAME_BYTES_MAX && NAME_FORM.test(name);
}

/** What is wrong with a list of rights, if anything. */
export function problemWithRights(rights: unknown): string | undefined {
  if (!Array.isArray(rights) || rights.length === 0) {
    return `expected a list of some of ${RIGHT_NAMES.join(', ')}`;
  }
  const names: readonly unknown[] = RIGHT_NAMES;
  const unknown = (rights as readonly unknown[]).find((right) => !names.includes(right));
  if (unknown === undefined) return undefined;
  return `${shown(unknown)} is none of ${RIGHT_NAMES.join(', ')}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}...`;
}
