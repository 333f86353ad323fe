/**
 * check, repair and inspect over directories that a real server has written, stopped or killed; and
 * the server over directories that they have mended.
 */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cleanEnvironment, MAIN, runCommandLine, type Run } from '../support/command-line.js';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const SESSIONS = 40;
const folder = temporaryFolder();
/** Stopped in order: 2 shards, a snapshot each, a log before and after. */
const stopped = join(folder, 'stopped');
const tokens: string[] = [];
const ids: string[] = [];

const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.process.kill('SIGKILL');
    await server.ended;
  }
});

async function start(directory: string): Promise<ServerProcess> {
  const server = await startServer(['--data-dir', directory, '--shards', '2']);
  servers.push(server);
  return server;
}

async function begin(client: RawClient, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    const keys = { number, text: 'x'.repeat(20) };
    const { st, tkn, id } = await client.command('SH_NEW', { keys });
    expect(st).toBe(1);
    tokens.push(tkn as string);
    ids.push(id as string);
  }
}

beforeAll(async () => {
  const server = await startServer(['--data-dir', stopped, '--shards', '2']);
  const client = await RawClient.connect(server.url);
  await begin(client, SESSIONS / 2);
  expect(await client.command('SV_SNAPSHOT', {})).toMatchObject({ st: 1 });
  await begin(client, SESSIONS / 2);
  await client.close();
  expect(await server.stop()).toBe(0);
});

/** A copy of the stopped directory, to harm. */
function copyOf(name: string): string {
  const directory = join(folder, name);
  cpSync(stopped, directory, { recursive: true });
  return directory;
}

function filesOf(directory: string, below: 'log' | 'snapshots'): string[] {
  return readdirSync(join(directory, below)).map((name) => join(directory, below, name));
}

const check = (...args: string[]): Promise<Run> => runCommandLine(['check', ...args]);
const repair = (...args: string[]): Promise<Run> => runCommandLine(['repair', ...args]);
const inspect = (...args: string[]): Promise<Run> => runCommandLine(['inspect', ...args]);

/** What a check with --json says. */
async function reportOf(directory: string): Promise<Record<string, unknown>> {
  return JSON.parse((await check(directory, '--json')).stdout) as Record<string, unknown>;
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 4;
  writeFileSync(file, bytes);
}

/** How many of the sessions a server started on the directory still has. */
async function sessionsServed(directory: string): Promise<number> {
  const server = await start(directory);
  const client = await RawClient.connect(server.url);
  let count = 0;
  for (const tkn of tokens) {
    const { st } = await client.command('SH_COUNT', { tkn });
    if (st === 1) count += 1;
  }
  await client.close();
  await server.stop();
  return count;
}

describe('sojourn check', () => {
  test('reads a directory that a server has left in order', async () => {
    const run = await check(stopped);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/: not in use\n/);
    expect(run.stdout).toMatch(/^sessions +40$/m);
    expect(run.stdout).toMatch(/^keys +80 /m);
    expect(run.stdout).toMatch(/\nno damage\n$/);
  });

  test('says the same to machines', async () => {
    const run = await check('--json', stopped);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.split('\n')).toHaveLength(2);
    expect(await reportOf(stopped)).toMatchObject({
      ...{ directory: stopped, holder: null, epoch: 1, shards: 2, sessions: SESSIONS },
      ...{ keys: 80, tornBytes: 0, damage: [] },
    });
  });

  test('reads beside a running server, and after it was killed', async () => {
    const directory = copyOf('killed');
    const server = await start(directory);
    const client = await RawClient.connect(server.url);
    await client.command('KV_SET', { keys: { a: 1 } });
    const beside = await check(directory);
    expect(beside.stdout).toContain(`in use by process ${server.process.pid}`);
    expect(beside.stdout).toMatch(/^sessions +40$/m);
    expect(beside.code).toBe(0);
    server.process.kill('SIGKILL');
    await server.ended;
    expect(await reportOf(directory)).toMatchObject({ holder: null, defaultMapKeys: 1 });
  });

  test('says that a tail is torn, which is no damage', async () => {
    const directory = copyOf('torn');
    const file = filesOf(directory, 'log').at(-1)!;
    truncateSync(file, readFileSync(file).length - 3);
    const run = await check(directory);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/torn .*never synced, a start cuts them off/);
    expect(await reportOf(directory)).toMatchObject({ sessions: SESSIONS - 1, damage: [] });
    expect((await repair(directory)).stdout).toBe('nothing to repair\n');
    expect(await sessionsServed(directory)).toBe(SESSIONS - 1);
  });

  test.each([
    ['is none', folder, 'is no data directory'],
    ['is not there', join(folder, 'nowhere'), 'there is no directory'],
    ['is a file', MAIN, 'is no directory'],
  ])('refuses in one line a directory that %s', async (_, path, text) => {
    const run = await check(path);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^sojourn: [^\n]*\n$/);
    expect(run.stderr).toContain(text);
    expect((await repair(path)).code).toBe(1);
  });
});

describe('sojourn repair', () => {
  test('cuts a log where it is damaged, after a copy; the server then starts', async () => {
    const directory = copyOf('flipped');
    for (const file of filesOf(directory, 'snapshots')) rmSync(file);
    const file = filesOf(directory, 'log')[0]!;
    flip(file, 64 + 60);
    const found = await check(directory);
    expect(found.code).toBe(1);
    expect(found.stdout).toContain('at offset 64');
    const refused = await runCommandLine(['serve', '--port', '0', '--data-dir', directory]);
    expect(refused.code).toBe(1);

    const planned = await repair('--dry-run', directory);
    expect(planned.code).toBe(1);
    expect(planned.stdout).toMatch(/^would /m);
    expect(planned.stdout).toMatch(/nothing was changed\n$/);
    expect((await check(directory)).stdout).toBe(found.stdout);

    const run = await repair(directory);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const copy = /^copying all of it to (\S+)$/m.exec(run.stdout)?.[1] ?? '';
    expect(existsSync(join(copy, 'secret'))).toBe(true);
    expect((await reportOf(copy))['damage']).not.toEqual([]);
    const left = await reportOf(directory);
    expect(left).toMatchObject({ damage: [] });
    expect(await sessionsServed(directory)).toBe(left['sessions']);
  });

  test('loses nothing with the newest snapshot', async () => {
    const directory = copyOf('snapshot');
    for (const file of filesOf(directory, 'snapshots')) flip(file, 80);
    expect((await check(directory)).code).toBe(1);
    expect((await repair(directory)).stdout).toContain('nothing is lost');
    expect(await reportOf(directory)).toMatchObject({ sessions: SESSIONS, damage: [] });
    expect(await sessionsServed(directory)).toBe(SESSIONS);
  });

  test('makes a lost manifest again', async () => {
    const directory = copyOf('manifest');
    rmSync(join(directory, 'manifest'));
    expect((await check(directory)).code).toBe(1);
    expect((await repair(`${directory}/`)).code).toBe(0);
    expect(await sessionsServed(directory)).toBe(SESSIONS);
  });

  test('cannot bring a lost secret back', async () => {
    const directory = copyOf('secret');
    rmSync(join(directory, 'secret'));
    const run = await repair(directory);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('no token opens its session');
  });

  test('refuses a directory that a server has open', async () => {
    const directory = copyOf('open');
    const server = await start(directory);
    for (const args of [[directory], ['--dry-run', directory]]) {
      const run = await repair(...args);
      expect(run).toMatchObject({ code: 1, stdout: '' });
      expect(run.stderr).toContain(`is in use by process ${server.process.pid}`);
    }
  });
});

describe('sojourn inspect', () => {
  test('shows every session by its id, and no token', async () => {
    const runs = [...filesOf(stopped, 'log'), ...filesOf(stopped, 'snapshots')].map((file) =>
      inspect(file),
    );
    let all = '';
    for (const run of await Promise.all(runs)) {
      expect(run).toMatchObject({ code: 0, stderr: '' });
      all += run.stdout;
    }
    const seen = all
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id?: string }).id);
    expect(ids.filter((id) => !seen.includes(id))).toEqual([]);
    expect(tokens.filter((token) => all.includes(token))).toEqual([]);
  });

  test('ends with the damage and exit code 1', async () => {
    const file = filesOf(copyOf('inspected'), 'log')[0]!;
    truncateSync(file, readFileSync(file).length - 1);
    const run = await inspect(file);
    expect(run).toMatchObject({ code: 1, stderr: '' });
    expect(run.stdout).toMatch(/\{"damage":\{"at":\d+,"why":"a batch is cut short"\}\}\n$/);
  });

  test.each([
    ['is not there', join(folder, 'nowhere'), 'ENOENT'],
    ['is a folder', folder, 'EISDIR'],
  ])('says in one line that a file %s', async (_, path, code) => {
    const run = await inspect(path);
    expect(run).toEqual({
      code: 1,
      stdout: '',
      stderr: `sojourn: inspect: cannot read ${path}: ${code}\n`,
    });
  });

  test('ends quietly when its reader has seen enough', async () => {
    const file = filesOf(stopped, 'log')[0]!;
    const command = `"${process.execPath}" "${MAIN}" inspect "${file}" | head -n 1`;
    const child = spawn('bash', ['-c', `set -o pipefail; ${command}`], { env: cleanEnvironment() });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    expect(output.split('\n')).toHaveLength(2);
    expect(output).toMatch(/^\{"file":"log"/);
  });
});

describe('the tools', () => {
  test.each(['check', 'repair', 'inspect'])('%s explains itself', async (tool) => {
    const run = await runCommandLine([tool, '--help']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(`Usage: sojourn ${tool} `);
  });

  test.each([
    [['check'], 'check: needs a DIRECTORY'],
    [['check', 'a', 'b'], 'check: expected one DIRECTORY, no more'],
    [['check', '--dry-run', 'a'], "check: Unknown option '--dry-run'"],
    [['repair'], 'repair: needs a DIRECTORY'],
    [['repair', '--json', 'a'], "repair: Unknown option '--json'"],
    [['inspect'], 'inspect: needs a FILE'],
    [['inspect', ''], 'inspect: needs a FILE'],
  ])('answer the bad usage %j with one line and exit code 2', async (args, text) => {
    expect(await runCommandLine(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `sojourn: ${text}\n`,
    });
  });
});
