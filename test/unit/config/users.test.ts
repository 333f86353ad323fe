import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/load.js';
import { readUsers } from '../../../src/config/users.js';
import { ALL_RIGHTS, bitsOf, RIGHT_NAMES, rightsIn } from '../../../src/core/rights.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { cheapHash, writeUsers } from '../../support/users.js';

const folder = temporaryFolder();
let files = 0;
function newPath(): string {
  files += 1;
  return join(folder, `${files}.json`);
}

function fileOf(content: unknown): string {
  const path = newPath();
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function errorOf(path: string): ConfigError {
  try {
    readUsers(path);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

const secret = await cheapHash('open sesame');
const shop = { name: 'shop', secret, rights: ['sessions'] };

describe('rights', () => {
  test('come back from their bits in the order of the table', () => {
    expect(rightsIn(bitsOf(['admin', 'sessions']))).toEqual(['sessions', 'admin']);
    expect(bitsOf(RIGHT_NAMES)).toBe(ALL_RIGHTS);
    expect(rightsIn(0)).toEqual([]);
  });
});

describe('readUsers', () => {
  test('gives the users in the order of the file', async () => {
    const path = newPath();
    await writeUsers(path, { shop: ['sessions'], 'ops@x': ['admin', 'owners'] });
    const { users, warning } = readUsers(path);
    expect(users.map(({ name, rights }) => [name, rightsIn(rights)])).toEqual([
      ['shop', ['sessions']],
      ['ops@x', ['owners', 'admin']],
    ]);
    expect(users[0]?.secret.hash).toHaveLength(32);
    expect(warning).toBeUndefined();
  });

  test.each([
    ['is not JSON', `{"users": ${secret}`, ['not JSON']],
    ['is no object', '[]', ['expected {"users": [...]}']],
    ['has no users', {}, ['expected {"users": [...]}']],
    ['has an empty list', { users: [] }, ['users: expected at least one user']],
    ['has another member', { users: [shop], more: 1 }, ['"more": no such member']],
    ['has a user that is none', { users: [shop, 'x'] }, ['user number 2: expected an object']],
    ['has a user twice', { users: [shop, shop] }, ['user "shop": is there twice']],
    [
      'has an unknown right',
      { users: [{ ...shop, rights: ['sessions', 'Admin'] }] },
      ['user "shop": rights: "Admin" is none of sessions, default-map, owners, admin'],
    ],
    [
      'has a user without rights',
      { users: [{ ...shop, rights: [] }] },
      ['user "shop": rights: expected a list of some of sessions, default-map, owners, admin'],
    ],
    [
      'has a user with another member',
      { users: [{ ...shop, password: secret }] },
      ['user "shop": "password": no such member'],
    ],
    [
      'has names that cannot be sent',
      {
        users: [
          { ...shop, name: 'a:b' },
          { ...shop, name: '' },
          { ...shop, name: 'ä' },
        ],
      },
      [1, 2, 3].map(
        (n) => `user number ${n}: name: expected 1 to 128 of printable ASCII, no space, no colon`,
      ),
    ],
    [
      'is wrong in several places',
      { users: [{ name: 'x', rights: 'all', secret: 'open sesame' }] },
      [
        'user "x": secret: expected scrypt$ln=...,r=...,p=...$salt$hash (sojourn user)',
        'user "x": rights: expected a list of some of sessions, default-map, owners, admin',
      ],
    ],
  ])('tells all that is wrong where the file %s, exit code 2', (_, content, problems) => {
    const path = fileOf(content);
    const error = errorOf(path);
    expect(error.problems).toEqual(problems.map((problem) => `users file ${path}: ${problem}`));
    expect(error.exitCode).toBe(2);
  });

  test('never repeats what the file holds of secrets', () => {
    const part = secret.slice(-20);
    const broken = { ...shop, secret: `${secret}x`, rights: ['no'] };
    for (const content of [{ users: [broken] }, JSON.stringify({ users: [shop] }).slice(0, -9)]) {
      const error = errorOf(fileOf(content));
      expect(error.message).not.toContain(part);
      expect(String(error.stack)).not.toContain(part);
    }
  });

  test('says why a file cannot be read, exit code 1', () => {
    const error = errorOf(join(folder, 'none.json'));
    expect(error.message).toMatch(/none\.json: there is no such file$/);
    expect(error.exitCode).toBe(1);
    expect(errorOf(folder).message).toMatch(/: it is a directory$/);
    expect(errorOf(fileOf(' '.repeat(1_048_577))).message).toMatch(/: over 1 MiB$/);
  });

  test('refuses a file that others may change, and warns of one they may read', () => {
    const path = fileOf({ users: [shop] });
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode);
      expect(errorOf(path).message).toContain('others than its owner may change it');
    }
    for (const mode of [0o640, 0o604]) {
      chmodSync(path, mode);
      expect(readUsers(path).warning).toContain('others than its owner may read it');
    }
  });
});
