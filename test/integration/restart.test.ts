/** A server that is stopped, or killed, and started again on the same data directory. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../support/command-line.js';
import { ask, type Body, kill, start } from '../support/restarted-servers.js';
import type { ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const startLineOf = (server: ServerProcess): string =>
  server.output.stderr.split('\n').find((line) => line.includes('"started;')) ?? '';

/** Some sessions of every kind; gives what reads them. */
async function fill(server: ServerProcess): Promise<object[]> {
  const expiry = { duration: 3_600, deleteSession: true, extendOnSetAdd: true };
  const frames = Array.from({ length: 40 }, (_, n) => ({ SH_NEW: { keys: { n }, expiry } }));
  const started = await ask(server, ...frames);
  const tokens = started.map(({ tkn }) => tkn);
  const large = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`k${i}`, 'v'.repeat(99)]),
  );
  await ask(
    server,
    { SH_SET: { tkn: tokens[0], keys: large } },
    { SH_RMV: { tkn: tokens[0], keys: ['k5', 'n'] } },
    { SH_CLEAR_SET: { tkn: tokens[1], keys: { only: [1, { a: null }] } } },
    { SH_EXPIRE: { tkn: tokens[2], expiry: { duration: 50, maxAge: 100 } } },
    { SH_END: { tkn: tokens[3] } },
    { SH_OPEN: { name: 'shared', create: true, keys: { s: 1 } } },
    { KV_SET: { keys: { all: 'of us' } } },
  );
  return [
    ...tokens.map((tkn) => ({ SH_GET_ALL: { tkn } })),
    ...tokens.map((tkn) => ({ SH_KEYS: { tkn } })),
    { SH_OPEN: { name: 'shared' } },
    { KV_GET_ALL: {} },
    { SH_INFO_ALL: {} },
  ];
}

describe('a server that starts again on its data directory', () => {
  test.each([
    ['after a stop', 'everysec', '1', '1'],
    ['after a kill', 'always', '2', '2'],
    ['after a kill', 'no', '2', '2'],
    ['after a kill', 'everysec', '1', '3'],
    ['after a kill', 'everysec', '3', '2'],
  ])('has what it had %s (--fsync %s, %s shards, then %s)', async (how, fsync, before, after) => {
    const flags = ['--data-dir', join(temporaryFolder(), 'd'), '--fsync', fsync];
    const first = await start(...flags, '--shards', before);
    const reads = await fill(first);
    const expected = await ask(first, ...reads);
    if (how === 'after a kill') await kill(first);
    else expect(await first.stop()).toBe(0);
    const second = await start(...flags, '--shards', after);
    expect(await ask(second, ...reads)).toEqual(expected);
    expect(startLineOf(second)).toContain('40 sessions recovered in ');
    // And it goes on from there.
    const write = { SH_SET: { tkn: tokenOf(reads[1]), keys: { later: 1 } } };
    expect(await ask(second, write)).toEqual([{ st: 1 }]);
    await kill(second);
    const third = await start(...flags, '--shards', after);
    const [later] = await ask(third, reads[1]!);
    expect(later!['keys']).toEqual({ only: [1, { a: null }], later: 1 });
  });

  test('counts the time that it was down, and forgets what came due', async () => {
    const flags = ['--data-dir', temporaryFolder()];
    const first = await start(...flags);
    const [long, short, emptied] = await ask(
      first,
      { SH_NEW: { expiry: { duration: 100, deleteSession: true } } },
      { SH_NEW: { expiry: { duration: 0.5, deleteSession: true } } },
      { SH_NEW: { keys: { a: 1 }, expiry: { duration: 0.5 } } },
    );
    const info = { SH_INFO: { tkn: long!['tkn'] } };
    const [before] = await ask(first, info);
    const stoppedMs = performance.now();
    await kill(first);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const second = await start(...flags);
    const [after] = await ask(second, info);
    const downSeconds = (performance.now() - stoppedMs) / 1_000;
    const left = (body: Body | undefined): number =>
      (body!['expiry'] as { remaining: number }).remaining;
    expect(left(before) - left(after)).toBeGreaterThan(0.7);
    expect(left(before) - left(after)).toBeLessThan(downSeconds + 0.2);
    const [gone, kept] = await ask(
      second,
      { SH_COUNT: { tkn: short!['tkn'] } },
      { SH_COUNT: { tkn: emptied!['tkn'] } },
    );
    expect([gone!.st, kept!.st, kept!['cnt']]).toEqual([100, 1, 0]);
  });

  test('says where the data is', async () => {
    const folder = temporaryFolder();
    const server = await start('--data-dir', folder);
    const line = JSON.parse(startLineOf(server)) as Record<string, unknown>;
    expect(line).toMatchObject({ dataDir: folder, fsync: 'everysec', recovered: { sessions: 0 } });
    expect(line['msg']).toMatch(/^started; data directory \S+, 0 sessions recovered in \d+ ms$/);
    expect((await ask(server, { SV_INFO: {} }))[0]).toMatchObject({ persistEnabled: true });
    expect(await server.stop()).toBe(0);
    expect(existsSync(join(folder, 'LOCK'))).toBe(false);
  });
});

const tokenOf = (read: object | undefined): string =>
  Object.values(read as Record<string, { tkn: string }>)[0]!.tkn;

describe('with --memory', () => {
  test('nothing is kept, and the data directory is not touched', async () => {
    const folder = temporaryFolder();
    const flags = ['--memory', '--data-dir', join(folder, 'd')];
    const first = await start(...flags);
    const [started] = await ask(first, { SH_NEW: { keys: { a: 1 } } });
    expect(await first.stop()).toBe(0);
    const second = await start(...flags);
    const read = { SH_COUNT: { tkn: started!['tkn'] } };
    expect((await ask(second, read))[0]!.st).toBe(100);
    expect((await ask(second, { SV_INFO: {} }))[0]).toMatchObject({ persistEnabled: false });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a data directory that cannot be used', () => {
  async function refusalOf(folder: string): Promise<string> {
    const run = await runCommandLine(['serve', '--port', '0', '--data-dir', folder]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    const lines = run.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(lines).toHaveLength(1);
    return lines[0]!;
  }

  test('because another server uses it', async () => {
    const folder = temporaryFolder();
    const server = await start('--data-dir', folder);
    const pid = String(server.process.pid);
    expect(await refusalOf(folder)).toBe(
      `sojourn: data directory ${folder} is in use by process ${pid}`,
    );
    expect((await ask(server, { SH_NEW: {} }))[0]!.st).toBe(1);
    // The refused one has not taken the lock along.
    expect(existsSync(join(folder, 'LOCK'))).toBe(true);
  });

  test('because a file is in its place', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'x');
    expect(await refusalOf(file)).toContain(`data directory ${file}`);
    expect(readFileSync(file, 'utf8')).toBe('x');
  });

  test('because a file of it is of another format version', async () => {
    const folder = temporaryFolder();
    const first = await start('--data-dir', folder);
    await ask(first, { SH_NEW: {} });
    await kill(first);
    const log = join(folder, 'log', readdirSync(join(folder, 'log'))[0]!);
    const bytes = readFileSync(log);
    bytes.writeUInt16LE(77, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)) >>> 0, 60);
    writeFileSync(log, bytes);
    const line = await refusalOf(folder);
    expect(line).toContain('77');
    expect(line).toContain('.log');
    expect(existsSync(join(folder, 'LOCK'))).toBe(false);
  });

  test('because it is damaged in the middle, and then stays as it is', async () => {
    const folder = temporaryFolder();
    const flags = ['--data-dir', folder, '--fsync', 'always'];
    const first = await start(...flags);
    for (let i = 0; i < 5; i += 1) await ask(first, { SH_NEW: { keys: { i } } });
    await kill(first);
    const log = join(folder, 'log', readdirSync(join(folder, 'log'))[0]!);
    const bytes = readFileSync(log);
    bytes[200]! ^= 1;
    writeFileSync(log, bytes);
    const line = await refusalOf(folder);
    expect(line).toContain('damaged at offset');
    expect(line).toContain('sojourn repair');
    expect(readFileSync(log).equals(bytes)).toBe(true);
  });

  test('because it lost its secret', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'saves', 'a'), { recursive: true });
    expect(await refusalOf(folder)).toContain('secret is missing');
  });
});
