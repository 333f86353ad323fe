/** Users of a real server, over both transports, in both dialects, by header and by SV_AUTH. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { runCommandLine } from '../support/command-line.js';
import { fixedPort } from '../support/fixed-port.js';
import { NativeCaller } from '../support/native-caller.js';
import { RawClient } from '../support/raw-client.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { secretOf, writeUsers } from '../support/users.js';

const folder = temporaryFolder();
const file = join(folder, 'users.json');
await writeUsers(file, { shop: ['sessions'], ops: ['admin', 'owners'] });

const running: ServerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServer(['--users', file, ...flags]);
  running.push(server);
  return server;
}

/** The URL with the credentials that become the header of the upgrade. */
function urlFor({ url }: ServerProcess, name: string, secret = secretOf(name)): string {
  const whole = new URL(url);
  whole.username = name;
  whole.password = secret;
  return whole.href;
}

describe.each([
  ['uws', '2'],
  ['ws', '1'],
])('over %s, with %s I/O threads', (transport, ioThreads) => {
  const flags = ['--transport', transport, '--io-threads', ioThreads, '--shards', '2'];

  test('a connection has the rights of its user, and none before it has one', async () => {
    const server = await start(...flags);
    const caller = await NativeCaller.connect(server.url);
    expect(await caller.statusOf('SV_PING')).toBe(1);
    expect(await caller.statusOf('SV_INFO')).toBe(200);
    expect(await caller.statusOf('SH_NEW')).toBe(200);
    expect(await caller.ask('SV_AUTH', null, { user: 'shop', secret: 'x' })).toEqual([
      200,
      { m: 'wrong user or secret' },
    ]);
    const answers = await Promise.all([
      caller.ask('SV_AUTH', null, { user: 'shop', secret: secretOf('shop') }),
      caller.ask('SH_NEW'),
      caller.statusOf('SH_END_ALL', null, { owner: 'x' }),
      caller.statusOf('SV_STATS'),
    ]);
    expect(answers[0]).toEqual([1, { name: 'shop', rights: ['sessions'] }]);
    expect(answers[1][0]).toBe(1);
    expect(answers.slice(2)).toEqual([201, 201]);
    caller.close();
  });

  test('the header of the upgrade does it, too, and closes where it is wrong', async () => {
    const server = await start(...flags);
    const client = await RawClient.connect(urlFor(server, 'ops'));
    expect(await client.command('SH_NEW')).toEqual({ st: 201 });
    const { st, io } = await client.command('SV_STATS');
    expect(st).toBe(1);
    const total = (name: string): number =>
      (io as Record<string, number>[]).reduce((sum, figures) => sum + figures[name]!, 0);
    expect(total('notAllowed')).toBe(1);
    expect(total('authFailures')).toBe(0);
    const wrong = await RawClient.connect(urlFor(server, 'ops', 'x'));
    expect(await wrong.closed).toBe(1008);
    await client.close();
  });

  test('in the text dialect, a few wrong secrets close the connection', async () => {
    const server = await start(...flags);
    const client = await RawClient.connect(server.url);
    const wrong = { user: 'shop', secret: '' };
    for (let i = 0; i < 3; i += 1)
      expect(await client.command('SV_AUTH', wrong)).toEqual({ st: 200 });
    expect(await client.closed).toBe(1008);
    const right = await RawClient.connect(server.url);
    const granted = await right.command('SV_AUTH', { user: 'shop', secret: secretOf('shop') });
    expect(granted).toEqual({ st: 1, name: 'shop', rights: ['sessions'] });
    expect(await right.command('KV_GET', { keys: ['a'] })).toEqual({ st: 201 });
    expect(await right.command('SH_NEW')).toMatchObject({ st: 1 });
    await right.close();
  });
});

test('the SDK says who it is', async () => {
  const server = await start();
  const client = await connect(server.url);
  await expect(client.newSession()).rejects.toMatchObject({ status: 200 });
  const { rights } = await client.auth('shop', secretOf('shop'));
  expect(rights).toEqual(['sessions']);
  expect(await client.newSession()).toBeDefined();
  await expect(client.stats()).rejects.toMatchObject({ status: 201 });
  await client.close();
});

test('the SDK says so again after it has lost its connection, before all else', async () => {
  const directory = join(folder, 'data');
  const port = await fixedPort();
  const first = await start('--data-dir', directory, '--shards', '2', '--port', port);
  const auth = { user: 'shop', secret: secretOf('shop') };
  const client = await connect(first.url, { auth, reconnect: { initialMs: 20, maxMs: 100 } });
  const session = await client.newSession({ keys: { step: 1 } });
  expect(await first.stop()).toBe(0);
  const early = session.get('step');
  await start('--data-dir', directory, '--shards', '2', '--port', port);
  expect(await early).toBe(1);
  await session.set({ step: 2 });
  expect(await session.get('step')).toBe(2);
  await expect(client.stats()).rejects.toMatchObject({ status: 201 });
  await client.close();
});

describe('sojourn', () => {
  test('user makes what serve --users reads, and call uses it', async () => {
    const made = await runCommandLine(['user', 'me', '--rights', 'sessions,admin'], {}, 'a b\n');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).not.toContain('a b');
    const random = await runCommandLine(['user', 'you', '--random']);
    const secret = /^secret of you, shown only here: (\S{32})\n$/.exec(random.stderr)?.[1];
    const path = join(folder, 'made.json');
    writeFileSync(path, `{"users":[${made.stdout},${random.stdout}]}`, { mode: 0o600 });
    const server = await startServer(['--users', path]);
    running.push(server);
    const callAs = (name: string, word: string): Promise<{ readonly code: number | string }> =>
      runCommandLine(['call', 'SH_NEW', '--url', urlFor(server, name, word)]);
    expect(await callAs('me', 'a b')).toMatchObject({ code: 0 });
    expect(await callAs('you', secret!)).toMatchObject({ code: 0 });
    expect(await callAs('you', 'a b')).toMatchObject({ code: 1 });
    expect(server.output.stderr).not.toContain(secret);
  });

  test('serve tells what is wrong with the file, and starts nothing', async () => {
    const none = await runCommandLine(['serve', '--memory', '--users', join(folder, 'none')]);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/^sojourn: users file \S+: there is no such file\n$/);
    const path = join(folder, 'wrong.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(path, text.replace('"admin"', '"root"').replace('shop', 'ops'), { mode: 0o600 });
    const wrong = await runCommandLine(['serve', '--memory', '--users', path]);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr.trim().split('\n')).toHaveLength(1);
    expect(wrong.stderr).toContain('"root" is none of');
    expect(wrong.stderr).not.toContain('scrypt$ln=10');
  });

  test('serve warns where others may read the file', async () => {
    const path = join(folder, 'open.json');
    writeFileSync(path, readFileSync(file));
    chmodSync(path, 0o644);
    const server = await startServer(['--users', path]);
    running.push(server);
    expect(server.output.stderr).toContain('others than its owner may read it');
    expect(server.output.stderr).not.toContain('scrypt$');
  });
});
