/** A server's life as a process: ready line, start-up line, stop by signal, death of a thread. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { runCommandLine } from '../support/command-line.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const running: ServerProcess[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.process.kill('SIGKILL');
});

async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServer(flags);
  running.push(server);
  return server;
}

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return socket;
}

const closeCodeOf = (socket: WebSocket): Promise<number> =>
  new Promise((resolve) => socket.once('close', resolve));

/** Sends one text command and gives its reply. */
async function ask(socket: WebSocket, frame: string): Promise<string> {
  const reply = new Promise<string>((resolve) => {
    socket.once('message', (text: Buffer) => resolve(text.toString()));
  });
  socket.send(frame);
  return await reply;
}

describe('sojourn serve', () => {
  test('prints one ready line with a URL that answers, and nothing else, on standard output', async () => {
    const server = await start();
    expect(server.url).toMatch(/^ws:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const socket = await connect(server.url);
    expect(await ask(socket, '{"SV_PING":{}}')).toBe('{"SV_PING_RSP":{"st":1}}');
    expect(await server.stop()).toBe(0);
    expect(server.output.stdout).toBe(`sojourn ready ${server.url}\n`);
  });

  test('logs at the start what differs from the defaults, the transport and where data is', async () => {
    const server = await start('--max-in-flight', '7', '--max-payload', '2MiB', '--shards=2');
    const [first = ''] = server.output.stderr.split('\n');
    const line = JSON.parse(first) as Record<string, unknown>;
    expect(line).toMatchObject({
      url: server.url,
      shards: 2,
      ioThreads: 1,
      changed: { port: '0', memory: 'true', shards: '2', maxInFlight: '7', maxPayload: '2MiB' },
    });
    expect(line['transport']).toMatch(/^(uws|ws)$/);
    expect(line['msg']).toMatch(/memory only/);
  });

  test.each([
    ['1', '1'],
    ['2', '1'],
    ['5', '2'],
  ])('serves with %s shards and %s I/O threads', async (shards, ioThreads) => {
    const server = await start('--shards', shards, '--io-threads', ioThreads);
    const sockets = await Promise.all(Array.from({ length: 8 }, () => connect(server.url)));
    for (const [index, socket] of sockets.entries()) {
      const reply = await ask(socket, `{"KV_SET":{"keys":{"k${index}":${index}}}}`);
      expect(reply).toBe('{"KV_SET_RSP":{"st":1}}');
    }
    expect(await ask(sockets[0]!, '{"KV_COUNT":{}}')).toBe('{"KV_COUNT_RSP":{"st":1,"cnt":8}}');
    const info = await ask(sockets[1]!, '{"SV_INFO":{}}');
    expect(JSON.parse(info)).toMatchObject({
      SV_INFO_RSP: { st: 1, shards: Number(shards), ioThreads: Number(ioThreads) },
    });
    expect(await server.stop()).toBe(0);
  });

  test('refuses to share the port of a running server', async () => {
    const server = await start('--io-threads', '2');
    const port = new URL(server.url).port;
    const run = await runCommandLine(['serve', '--port', port, '--io-threads', '2']);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toBe(
      `sojourn: cannot listen at 127.0.0.1 port ${port}: the port is in use\n`,
    );
  });
});

describe('a stop by signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s closes connections with 1001 and exits with 0',
    async (signal) => {
      const server = await start('--io-threads', '2');
      const sockets = await Promise.all(Array.from({ length: 6 }, () => connect(server.url)));
      const codes = Promise.all(sockets.map(closeCodeOf));
      server.process.kill(signal);
      expect(await codes).toEqual(Array(6).fill(1001));
      expect(await server.ended).toBe(0);
      await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
    },
  );

  test('answers every command that was sent before it', async () => {
    const server = await start('--shards', '2', '--max-in-flight', '100000');
    const socket = await connect(server.url);
    const statuses: number[] = [];
    socket.on('message', (text: Buffer) => {
      const reply = JSON.parse(text.toString()) as { KV_SET_RSP: { st: number } };
      statuses.push(reply.KV_SET_RSP.st);
    });
    const closed = closeCodeOf(socket);
    const count = 3_000;
    for (let sent = 0; sent < count; sent += 1) socket.send('{"KV_SET":{"keys":{"a":1}}}');
    // The first reply shows that the server reads; the rest is in flight or in the socket.
    await new Promise((resolve) => socket.once('message', resolve));
    server.process.kill('SIGTERM');
    expect(await closed).toBe(1001);
    expect(await server.ended).toBe(0);
    const answeredOk = statuses.filter((status) => status === 1).length;
    expect(answeredOk).toBeGreaterThan(0);
    // What was read is answered: done before the stop, or 209 after it.
    expect(statuses.slice(answeredOk).every((status) => status === 209)).toBe(true);
  });

  test('does not wait longer than --drain-seconds for a client that reads nothing', async () => {
    const server = await start('--drain-seconds', '1', '--log-level', 'silent');
    await connectionThatReadsNothing(server.url);
    const startedMs = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(6_000);
  });

  test('exits with 0 though a client never answers the close frame', async () => {
    const server = await start();
    const socket = await connect(server.url);
    socket.on('error', () => undefined).pause();
    expect(await server.stop()).toBe(0);
  });

  test('ends at once, by the signal itself, on the second signal', async () => {
    const server = await start('--drain-seconds', '60');
    await connectionThatReadsNothing(server.url);
    server.process.kill('SIGTERM');
    while (!server.output.stderr.includes('stopping')) await soon();
    server.process.kill('SIGINT');
    expect(await server.ended).toBe('SIGINT');
  });
});

describe('the death of a thread', () => {
  /** A server whose entry point of one kind of thread is another file; it runs to its end. */
  function runWithThread(kind: 'io' | 'shard', text: string): { code: number; stderr: string } {
    const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
    // Inside dist, so that packages are found, and copied, so that its modules are its own.
    const folder = mkdtempSync(join(dist, 'broken-'));
    try {
      for (const part of ['src', 'workers']) {
        cpSync(join(dist, part), join(folder, part), { recursive: true });
      }
      const entry = join(folder, 'workers', `${kind}.js`);
      writeFileSync(entry, text.replace('REAL', readFileSync(entry, 'utf8')));
      const args = [join(folder, 'src/cli/main.js'), 'serve', '--memory', '--port', '0'];
      const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
      return { code: run.status ?? -1, stderr: run.stderr };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const THROW = "setTimeout(() => { throw new Error('made to fail'); }, 500);";
  const REJECT = "setTimeout(() => Promise.reject(new Error('made to fail')), 500);";

  test.each([
    ['a shard throws', 'shard', THROW, 'thread shard-0 died: made to fail'],
    ['a shard ends', 'shard', 'setTimeout(() => process.exit(3), 500);', 'with code 3'],
    ['an I/O thread throws', 'io', `REAL\n${THROW}`, 'thread io-0 died: made to fail'],
    ['an I/O thread forgets a promise', 'io', `REAL\n${REJECT}`, 'io-0 died: made to fail'],
  ] as const)('ends the process with 70 and the reason when %s', (_, kind, text, reason) => {
    const run = runWithThread(kind, text);
    expect(run.code).toBe(70);
    const [line = '', ...others] = run.stderr.split('\n').filter((text) => !text.startsWith('{'));
    expect(line).toContain(reason);
    expect(others).toEqual(['']);
  });

  test('ends the process with the reason when an I/O thread dies before it listens', () => {
    const run = runWithThread('io', "throw new Error('made to fail');");
    expect(run).toEqual({ code: 70, stderr: 'sojourn: thread io-0 died: made to fail\n' });
  });
});

/** Asks for far more than socket buffers hold and never reads, so that replies stay unsent. */
async function connectionThatReadsNothing(url: string): Promise<void> {
  const socket = await connect(url);
  await ask(socket, `{"KV_SET":{"keys":{"large":"${'x'.repeat(500_000)}"}}}`);
  socket.pause();
  for (let sent = 0; sent < 24; sent += 1) socket.send('{"KV_GET":{"keys":["large"]}}');
  while (socket.bufferedAmount > 0) await soon();
  socket.on('error', () => undefined);
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
