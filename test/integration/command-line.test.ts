/** The command line as operators and tools see it: real processes, their output, their exit codes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { runCommandLine } from '../support/command-line.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const folder = mkdtempSync(join(tmpdir(), 'sojourn-command-line-'));
afterAll(() => rmSync(folder, { recursive: true }));

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe('sojourn', () => {
  test('prints its version', async () => {
    const packageJson = new URL('../../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string };
    expect(await runCommandLine(['--version'])).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  test.each([
    [['--help'], 'Usage: sojourn'],
    [['serve', '--help'], '--max-in-flight'],
    [['serve', '--port', 'x', '--help'], '--max-in-flight'],
    [['call', '--help'], '--tkn'],
    [['reference', '--help'], '--write'],
  ])('prints help for %j on standard output', async (args, text) => {
    const run = await runCommandLine(args);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(text);
  });

  test('prints its help on standard error, exit code 2, when given nothing to do', async () => {
    const run = await runCommandLine([]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('Usage: sojourn');
  });

  test.each([
    [['sevre'], '"sevre" is no command'],
    [['reference'], 'expected commands, configuration'],
    [['reference', 'colours'], 'expected commands, configuration'],
    [['call'], 'needs a COMMAND'],
    [['call', 'SV_PING', '{'], 'the body is not JSON'],
  ])('answers the bad usage %j with one line and exit code 2', async (args, text) => {
    const run = await runCommandLine(args);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(linesOf(run.stderr)).toHaveLength(1);
    expect(run.stderr).toContain(text);
  });

  test('writes the pages made from the code', async () => {
    const run = await runCommandLine(['reference', '--write', folder]);
    expect(run).toEqual({ code: 0, stdout: '', stderr: '' });
    const printed = await runCommandLine(['reference', 'commands']);
    expect(readFileSync(join(folder, 'COMMANDS.md'), 'utf8')).toBe(printed.stdout);
    expect(readFileSync(join(folder, 'CONFIGURATION.md'), 'utf8')).toMatch(/^# Configuration\n/);
  });
});

describe('sojourn serve with settings that are wrong', () => {
  test('names all of them, a line each, and exits with 2', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, '{"maxKeys": "many"}');
    const args = ['serve', '--port', '70000', '--shards', '65', '--bogus', '--config', file];
    const run = await runCommandLine(args, { SOJOURN_IO_THREADS: '65', SOJOURN_BOGUS: '1' });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    const lines = linesOf(run.stderr);
    expect(lines).toHaveLength(6);
    for (const name of ['--port', '--shards', '--bogus', 'SOJOURN_IO_THREADS', 'SOJOURN_BOGUS']) {
      expect(lines.filter((line) => line.startsWith(`sojourn: ${name} `))).toHaveLength(1);
    }
    expect(run.stderr).toContain(`maxKeys "many" (file ${file}): expected a whole number`);
  });

  test.each([
    ['a file that is not there', ['--config', join(folder, 'none.json')], 'no such file'],
    ['a host of another machine', ['--host', '192.0.2.1'], 'no address of this machine'],
    ['a host without an address', ['--host', 'no-such-host.invalid'], 'has no address'],
  ])('says in one line, exit code 1, that it cannot start with %s', async (_, flags, text) => {
    const run = await runCommandLine(['serve', '--memory', '--port', '0', ...flags]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(linesOf(run.stderr)).toHaveLength(1);
    expect(run.stderr).toContain(text);
  });

  test.each([['1'], ['2']])(
    'says in one line, exit code 1, that the port is in use (%s I/O threads)',
    async (ioThreads) => {
      const taken = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => taken.once('listening', resolve));
      const port = String((taken.address() as AddressInfo).port);
      const flags = ['--memory', '--port', port, '--io-threads', ioThreads];
      const run = await runCommandLine(['serve', ...flags]);
      await new Promise((resolve) => taken.close(resolve));
      expect(run).toEqual({
        code: 1,
        stdout: '',
        stderr: `sojourn: cannot listen at 127.0.0.1 port ${port}: the port is in use\n`,
      });
    },
  );
});

describe('sojourn call', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  const call = (...args: string[]): ReturnType<typeof runCommandLine> =>
    runCommandLine(['call', ...args, '--url', server.url]);

  test('prints the reply on one line and exits with 0 when the status is ok', async () => {
    expect(await call('SV_PING')).toEqual({
      code: 0,
      stdout: '{"SV_PING_RSP":{"st":1}}\n',
      stderr: '',
    });
  });

  test('reaches a session by its token', async () => {
    const started = await call('SH_NEW', '{"keys":{"n":18446744073709551615}}');
    const { tkn } = (JSON.parse(started.stdout) as { SH_NEW_RSP: { tkn: string } }).SH_NEW_RSP;
    const read = await call('SH_GET', '{"keys":["n","other"]}', '--tkn', tkn);
    expect(read.code).toBe(0);
    expect(read.stdout).toBe('{"SH_GET_RSP":{"st":1,"keys":{"n":18446744073709551615}}}\n');
  });

  test('prints a failing reply, says what it means, and exits with 1', async () => {
    const token = 'A'.repeat(32);
    const run = await call('SH_COUNT', '--tkn', token);
    expect(run).toEqual({
      code: 1,
      stdout: '{"SH_COUNT_RSP":{"st":100}}\n',
      stderr: 'sojourn: status 100: NO_SUCH_SESSION, no live session has this token or id\n',
    });
  });

  test('exits with 1 and says so when the server does not know the command', async () => {
    const run = await call('SH_NOTHING');
    expect(run.code).toBe(1);
    expect(run.stdout).toBe('{"SH_NOTHING_RSP":{"st":10}}\n');
  });

  test('says in one line that it cannot connect, without the token', async () => {
    const token = 'SECRETsecretSECRETsecretSECRET12';
    const args = ['call', 'SH_COUNT', '--tkn', token, '--url', 'ws://127.0.0.1:1'];
    const run = await runCommandLine(args);
    expect(run).toEqual({
      code: 1,
      stdout: '',
      stderr: 'sojourn: 127.0.0.1:1: cannot connect: ECONNREFUSED\n',
    });
  });

  test('says with what code and why the server has closed the connection', async () => {
    const other = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    other.on('connection', (socket) => socket.close(1008, 'wrong user or secret'));
    await new Promise((resolve) => other.once('listening', resolve));
    const host = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const run = await runCommandLine(['call', 'SV_PING', '--url', `ws://a:PASSWORD@${host}`]);
    other.close();
    expect(run).toEqual({
      code: 1,
      stdout: '',
      stderr: `sojourn: ${host}: closed with code 1008 (wrong user or secret) before the reply\n`,
    });
  });

  test('says in one line that what answered is no WebSocket server', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
    other.listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const url = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const run = await runCommandLine(['call', 'SV_PING', '--url', url]);
    other.close();
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^sojourn: \S+: cannot connect: [^\n]*404\n$/);
  });
});
