/** Saving and loading as clients see it, in both dialects, with real servers on a data directory. */
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type Client, LoadFailedError, WrongValueError } from '../../src/client/index.js';
import { RawClient } from '../support/raw-client.js';
import { runCommandLine } from '../support/command-line.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { SmallDisk } from '../support/small-disk.js';

const NO_SUCH_TOKEN = 'A'.repeat(32);

let directory: string;
let server: ServerProcess | undefined;
let client: Client;
let raw: RawClient;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sojourn-saves-'));
});
afterEach(async () => {
  await stop();
  rmSync(directory, { recursive: true, force: true });
});

async function start(...flags: string[]): Promise<void> {
  server = await startServer(['--data-dir', directory, ...flags]);
  client = await connect(server.url);
  raw = await RawClient.connect(server.url);
}

async function stop(): Promise<void> {
  if (server === undefined) return;
  await client.close();
  await raw.close();
  expect(await server.stop()).toBe(0);
  server = undefined;
}

async function startMany(count: number, keys: object = { a: 1, b: 'two' }): Promise<string[]> {
  const sessions = await Promise.all(
    Array.from({ length: count }, () => client.newSession({ keys: { ...keys } })),
  );
  return sessions.map(({ token }) => token);
}

/** Folders of the sets of a name. */
function setsOf(name: string): string[] {
  return readdirSync(join(directory, 'saves', name)).sort();
}

function newestOf(name: string): string {
  return join(directory, 'saves', name, setsOf(name).at(-1)!);
}

describe('sessions', () => {
  test('come back after all were ended, with their tokens, data and expiry', async () => {
    await start('--shards', '2');
    const tokens = await startMany(500);
    const expiring = await client.newSession({
      keys: { x: [1, { y: null }] },
      expiry: { duration: 1_000, extendOnGet: true, maxAge: 5_000 },
    });
    await client.openSession('shared', { create: true, keys: { s: 1 } });
    const before = await expiring.info();
    expect(await client.save('all')).toEqual({
      name: 'all',
      duration: expect.any(Number) as number,
    });
    expect(await client.endAll()).toBe(502);
    expect(await client.load('all')).toEqual({ name: 'all', sessions: 502, keys: 1_002 });
    for (const token of tokens) expect(await client.session(token).count()).toBe(2);
    expect(await client.session(tokens[7]!).getAll()).toEqual({ a: 1, b: 'two' });
    const after = await expiring.info();
    expect(after.expiry!.remaining).toBeLessThanOrEqual(before.expiry!.remaining);
    expect(after.expiry!.remaining).toBeGreaterThan(990);
    expect({ ...after, expiry: { ...after.expiry, remaining: 0 } }).toEqual({
      ...before,
      expiry: { ...before.expiry, remaining: 0 },
    });
    expect(await (await client.openSession('shared')).get('s')).toBe(1);
  });

  test('that live are left alone and not counted', async () => {
    await start();
    const [kept, ended] = await startMany(2);
    await client.save('set');
    await client.session(kept!).set({ a: 'newer' });
    await client.session(ended!).end();
    expect(await client.load('set')).toMatchObject({ sessions: 1, keys: 2 });
    expect(await client.session(kept!).get('a')).toBe('newer');
    expect(await client.load('set')).toMatchObject({ sessions: 0, keys: 0 });
  });

  test('can be chosen by token, unknown ones and duplicates passed over', async () => {
    await start('--shards', '3');
    const tokens = await startMany(30);
    const chosen = tokens.slice(0, 10);
    await client.save('some', [...chosen, chosen[0]!, NO_SUCH_TOKEN]);
    await client.endAll();
    expect(await client.load('some')).toMatchObject({ sessions: 10, keys: 20 });
    expect(await client.exists(tokens)).toEqual(chosen);
    await client.save('none', [NO_SUCH_TOKEN]);
    expect(await client.load('none')).toMatchObject({ sessions: 0, keys: 0 });
  });

  test('loaded are as durable as any, also after a kill', async () => {
    await start('--fsync', 'always');
    const tokens = await startMany(200);
    await client.save('set');
    await client.endAll();
    await client.load('set');
    server!.process.kill('SIGKILL');
    await server!.ended;
    server = undefined;
    await start();
    expect(await client.exists(tokens)).toEqual(tokens);
  });

  test('come back in a server of another shard count, after a restart', async () => {
    await start('--shards', '3');
    const tokens = await startMany(300);
    await client.defaultMap.set({ k: 'v' });
    await client.save('set');
    await client.defaultMap.save('map');
    await client.endAll();
    await client.defaultMap.clear();
    await stop();
    await start('--shards', '2');
    expect(await client.load('set')).toMatchObject({ sessions: 300, keys: 600 });
    expect(await client.exists(tokens)).toEqual(tokens);
    expect(await client.defaultMap.load('map')).toMatchObject({ sessions: 0, keys: 1 });
    expect(await client.defaultMap.getAll()).toEqual({ k: 'v' });
  });

  test('whose time is up by the load stay dead', async () => {
    await start();
    const dying = await client.newSession({ expiry: { duration: 0.5, deleteSession: true } });
    const aged = await client.newSession({ expiry: { maxAge: 0.5 } });
    const emptied = await client.newSession({ keys: { a: 1 }, expiry: { duration: 0.5 } });
    await client.save('set');
    await new Promise((resolve) => setTimeout(resolve, 700));
    await client.endAll();
    expect(await client.load('set')).toMatchObject({ sessions: 1 });
    expect(await client.exists([dying.token, aged.token])).toEqual([]);
    expect(await emptied.getAll()).toEqual({});
  });

  test('stop coming at --max-sessions, with 142', async () => {
    await start('--shards', '1');
    await startMany(100);
    await client.save('set');
    await stop();
    rmSync(join(directory, 'log'), { recursive: true });
    rmSync(join(directory, 'snapshots'), { recursive: true });
    rmSync(join(directory, 'manifest'));
    await start('--shards', '1', '--max-sessions', '40');
    await expect(client.load('set')).rejects.toThrow(/session limit.*; \d+ sessions/);
    expect((await client.infoAll()).totalSessions).toBe(40);
    expect(await raw.ask('{"SH_LOAD":{"name":"set"}}')).toBe(
      '{"SH_LOAD_RSP":{"st":142,"name":"set"}}',
    );
  });

  test('of many megabytes come back whole while others are served', async () => {
    await start('--shards', '2');
    const tokens = await startMany(3_000, { large: 'x'.repeat(5_000), r: Math.PI });
    let answered = 0;
    let isOver = false;
    const pinging = (async () => {
      while (!isOver) {
        await client.session(tokens[0]!).count();
        answered += 1;
      }
    })().catch(() => undefined);
    await client.save('set');
    await client.endAll();
    isOver = true;
    await pinging;
    expect(answered).toBeGreaterThan(0);
    expect(await client.load('set')).toMatchObject({ sessions: 3_000, keys: 6_000 });
    expect(await client.session(tokens[2_999]!).get('large')).toBe('x'.repeat(5_000));
  });
});

describe('the default map', () => {
  test('is merged over what is there', async () => {
    await start();
    await client.defaultMap.set({ a: 1, b: 2, 'a"\\': 'escapes' });
    expect(await client.defaultMap.save('map')).toMatchObject({ name: 'map' });
    await client.defaultMap.clearSet({ b: 'old', c: 3 });
    const [token] = await startMany(1);
    expect(await client.defaultMap.load('map')).toEqual({
      name: 'map',
      keys: 3,
      sessions: 0,
      duration: expect.any(Number) as number,
    });
    expect(await client.defaultMap.getAll()).toEqual({ b: 2, c: 3, a: 1, 'a"\\': 'escapes' });
    expect(await client.exists([token!])).toEqual([token]);
  });

  test('of many keys comes back whole', async () => {
    await start('--shards', '2');
    const keys = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, i) => [`key ${i}`, `${i} ${'v'.repeat(i % 20)}`]),
    );
    await client.defaultMap.set(keys);
    await client.defaultMap.save('map');
    await client.defaultMap.clear();
    expect(await client.defaultMap.load('map')).toMatchObject({ keys: 20_000 });
    expect(await client.defaultMap.getAll()).toEqual(keys);
    expect(await client.defaultMap.keys()).toEqual(Object.keys(keys));
  });

  test('keeps to --max-session-bytes', async () => {
    await start('--max-session-bytes', '64KiB');
    await client.defaultMap.set({ a: 'x'.repeat(40_000) });
    await client.defaultMap.save('map');
    await client.defaultMap.clearSet({ b: 'y'.repeat(40_000) });
    await expect(client.defaultMap.load('map')).rejects.toThrow('at most 65536 bytes');
    await client.defaultMap.clearSet({ a: 'y'.repeat(60_000) });
    expect(await client.defaultMap.load('map')).toMatchObject({ keys: 1 });
  });
});

describe('sets', () => {
  test('are kept each time, and the newest is loaded', async () => {
    await start();
    const [token] = await startMany(1, { v: 1 });
    await client.save('set');
    await client.session(token!).set({ v: 2 });
    await client.save('set');
    expect(setsOf('set')).toHaveLength(2);
    await client.endAll();
    await client.load('set');
    expect(await client.session(token!).get('v')).toBe(2);
  });

  test('hold no tokens', async () => {
    await start();
    const [token] = await startMany(1);
    await client.save('set', [token!]);
    const bytes = Buffer.from(token!, 'base64url');
    for (const file of readdirSync(newestOf('set'))) {
      const content = readFileSync(join(newestOf('set'), file));
      expect(content.includes(bytes)).toBe(false);
      expect(content.includes(token!)).toBe(false);
    }
  });

  test.each([
    ['a flipped bit', 'set.json', (bytes: Buffer) => bytes.fill(bytes[20]! ^ 1, 20, 21)],
    ['a flipped bit', '00.save', (bytes: Buffer) => bytes.fill(bytes[100]! ^ 1, 100, 101)],
    ['a lost end', '00.save', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['another header', '00.save', (bytes: Buffer) => bytes.fill(0, 0, 64)],
  ])('with %s in %s are refused, not replaced by older ones', async (_, file, damage) => {
    await start('--shards', '1');
    await startMany(5);
    await client.save('set');
    await client.save('set');
    const path = join(newestOf('set'), file);
    writeFileSync(path, damage(readFileSync(path)));
    await client.endAll();
    await expect(client.load('set')).rejects.toThrow(file);
    expect((await client.infoAll()).totalSessions).toBe(0);
    expect(await raw.ask('{"SH_LOAD":{"name":"set"}}')).toBe(
      '{"SH_LOAD_RSP":{"st":142,"name":"set"}}',
    );
  });

  test('that were never completed are passed over', async () => {
    await start();
    await startMany(3);
    await client.save('set');
    const half = join(directory, 'saves/set', `${BigInt(setsOf('set')[0]!) + 1n}`);
    cpSync(newestOf('set'), half, { recursive: true });
    await client.endAll();
    // What a crash before the end leaves: sealed, but pending.
    rmSync(join(half, 'set.json'));
    rmSync(join(half, '00.save'));
    expect(await client.load('set')).toMatchObject({ sessions: 3 });
  });

  test('of another data directory are refused', async () => {
    await start();
    await startMany(3);
    await client.save('set');
    await stop();
    const other = directory;
    directory = mkdtempSync(join(tmpdir(), 'sojourn-saves-'));
    await start();
    cpSync(join(other, 'saves'), join(directory, 'saves'), { recursive: true });
    rmSync(other, { recursive: true });
    const failure = await client.load('set').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LoadFailedError);
    expect((failure as Error).message).toContain('another secret');
  });

  test('have names that are safe, or 42', async () => {
    await start();
    for (const name of ['../x', '.x', '', 'x'.repeat(129), 'a/b', 'ü']) {
      await expect(client.save(name)).rejects.toBeInstanceOf(WrongValueError);
      await expect(client.load(name)).rejects.toBeInstanceOf(WrongValueError);
      await expect(client.defaultMap.save(name)).rejects.toBeInstanceOf(WrongValueError);
      await expect(client.defaultMap.load(name)).rejects.toBeInstanceOf(WrongValueError);
    }
    await client.save('x'.repeat(128));
    expect(readdirSync(join(directory, 'saves'))).toEqual(['x'.repeat(128)]);
  });

  test('that cannot be written are answered 122 or 123, and leave nothing behind', async () => {
    await start();
    mkdirSync(join(directory, 'saves'));
    writeFileSync(join(directory, 'saves', 'blocked'), 'a file');
    expect(await raw.ask('{"SH_SAVE":{"name":"blocked"}}')).toBe(
      '{"SH_SAVE_RSP":{"st":122,"name":"blocked"}}',
    );
    expect(readdirSync(join(directory, 'saves'))).toEqual(['blocked']);
  });
});

describe('many at once', () => {
  test('take their turns, and those beyond the bound are answered 203', async () => {
    await start();
    await startMany(10);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => client.save(`set${i}`)),
    );
    const saved = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(saved).toHaveLength(17);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ status: 203 });
    }
    expect(readdirSync(join(directory, 'saves'))).toHaveLength(17);
  });

  test('a stop waits for the save that runs', async () => {
    await start();
    await startMany(2_000, { v: 'x'.repeat(1_000) });
    const saving = client.save('set');
    const folder = join(directory, 'saves');
    // Its file has been begun, so the command has got there.
    await expect
      .poll(() => existsSync(folder) && readdirSync(folder).length > 0, { interval: 1 })
      .toBe(true);
    server!.process.kill('SIGTERM');
    expect(await saving).toMatchObject({ name: 'set' });
    expect(await server!.ended).toBe(0);
  });
});

describe('text replies', () => {
  test('are those that clients of NemesisDB know', async () => {
    await start();
    const { tkn } = await raw.command('SH_NEW');
    const set = JSON.stringify({ SH_SET: { tkn, keys: { a: 1, b: 2 } } });
    expect(await raw.ask(set)).toBe('{"SH_SET_RSP":{"st":1}}');
    await raw.command('KV_SET', { keys: { k: 1 } });
    const saved = /^\{"(S|K)[HV]_SAVE_RSP":\{"st":121,"name":"(s|k)","duration":\d+\}\}$/;
    expect(await raw.ask(`{"SH_SAVE":{"name":"s","tkns":["${tkn as string}",5]}}`)).toMatch(saved);
    expect(await raw.ask('{"KV_SAVE":{"name":"k"}}')).toMatch(saved);
    await raw.command('SH_END_ALL');
    const transcript = [
      ['{"SH_LOAD":{"name":"s"}}', '{"SH_LOAD_RSP":{"st":141,"name":"s","sessions":1,"keys":2}}'],
      ['{"SH_LOAD":{"name":"s"}}', '{"SH_LOAD_RSP":{"st":141,"name":"s","sessions":0,"keys":0}}'],
      ['{"SH_LOAD":{"name":"none"}}', '{"SH_LOAD_RSP":{"st":142,"name":"none"}}'],
      ['{"SH_LOAD":{"name":"k"}}', '{"SH_LOAD_RSP":{"st":142,"name":"k","sessions":0,"keys":0}}'],
      ['{"KV_LOAD":{"name":"s"}}', '{"KV_LOAD_RSP":{"st":142,"name":"s"}}'],
      ['{"SH_SAVE":{}}', '{"SH_SAVE_RSP":{"st":26}}'],
      ['{"SH_SAVE":{"name":1}}', '{"SH_SAVE_RSP":{"st":41}}'],
      ['{"SH_SAVE":{"name":"s","tkns":1}}', '{"SH_SAVE_RSP":{"st":41}}'],
      ['{"SH_SAVE":{"name":"s","tkns":[-1]}}', '{"SH_SAVE_RSP":{"st":41}}'],
      ['{"SH_SAVE":{"name":"s","tkns":[]}}', '{"SH_SAVE_RSP":{"st":42}}'],
      ['{"SH_SAVE":{"name":"../x"}}', '{"SH_SAVE_RSP":{"st":42}}'],
      ['{"KV_SAVE":{"name":""}}', '{"KV_SAVE_RSP":{"st":42}}'],
      ['{"KV_SAVE":[]}', '{"KV_SAVE_RSP":{"st":13}}'],
    ];
    for (const [frame, reply] of transcript) expect(await raw.ask(frame!)).toBe(reply);
    expect(await raw.ask('{"KV_LOAD":{"name":"k"}}')).toMatch(
      /^\{"KV_LOAD_RSP":\{"st":141,"name":"k","keys":1,"sessions":0,"duration":\d+\}\}$/,
    );
  });

  test('of an empty set are no error', async () => {
    await start();
    await raw.command('SH_SAVE', { name: 's' });
    await raw.command('KV_SAVE', { name: 'k' });
    expect(await raw.command('SH_LOAD', { name: 's' })).toEqual({
      ...{ st: 141, name: 's', sessions: 0, keys: 0 },
    });
    expect(await raw.command('KV_LOAD', { name: 'k' })).toMatchObject({ st: 141, keys: 0 });
  });

  test('without a data directory are 14 and 142', async () => {
    server = await startServer(['--memory']);
    client = await connect(server.url);
    raw = await RawClient.connect(server.url);
    const transcript = [
      ['{"SH_SAVE":{}}', '{"SH_SAVE_RSP":{"st":14}}'],
      ['{"KV_SAVE":{"name":5}}', '{"KV_SAVE_RSP":{"st":14}}'],
      ['{"SH_LOAD":{}}', '{"SH_LOAD_RSP":{"st":26}}'],
      ['{"SH_LOAD":{"name":"s"}}', '{"SH_LOAD_RSP":{"st":142,"name":"s"}}'],
      ['{"KV_LOAD":{"name":"k"}}', '{"KV_LOAD_RSP":{"st":142,"name":"k"}}'],
    ];
    for (const [frame, reply] of transcript) expect(await raw.ask(frame!)).toBe(reply);
  });
});

describe('--load-name', () => {
  /** Leaves a set of sessions and one of the default map, and a directory that has lost the rest. */
  async function leaveSets(): Promise<string[]> {
    await start('--shards', '2');
    const tokens = await startMany(20);
    await client.defaultMap.set({ k: 1 });
    await client.save('sessions');
    await client.defaultMap.save('map');
    await client.endAll();
    await client.defaultMap.clear();
    await client.save('empty');
    await stop();
    return tokens;
  }

  test.each([1, 3])('loads a set before the first command (%i shards)', async (shards) => {
    const tokens = await leaveSets();
    await start('--shards', String(shards), '--load-name', 'sessions');
    expect(await client.exists(tokens)).toEqual(tokens);
    await stop();
    await start('--load-name', 'map');
    expect(await client.defaultMap.getAll()).toEqual({ k: 1 });
    expect(await client.exists(tokens)).toEqual(tokens);
    await stop();
    await start('--load-name', 'empty');
  });

  test('stops the start with one line if it cannot be loaded', async () => {
    await leaveSets();
    const file = join(newestOf('map'), '00.save');
    writeFileSync(file, readFileSync(file).fill(0, 70, 80));
    for (const [name, why] of [
      ['none', 'no complete set'],
      ['../x', 'no set can have this name'],
      ['map', '00.save is damaged'],
    ] as const) {
      const flags = ['--data-dir', directory, '--port', '0', '--load-name', name];
      const run = await runCommandLine(['serve', ...flags]);
      expect(run).toMatchObject({ code: 1, stdout: '' });
      const lines = run.stderr.split('\n').filter((line) => !line.startsWith('{') && line !== '');
      expect(lines).toEqual([expect.stringContaining(why)]);
    }
    const run = await runCommandLine(['serve', '--memory', '--port', '0', '--load-name', 'map']);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('--memory');
  });
});

test('a full disk is answered 123, and what was written so far is removed', async ({ skip }) => {
  const disk = SmallDisk.mount('16m');
  if (disk === undefined) {
    skip('mounting is not permitted');
    return;
  }
  try {
    server = await startServer(['--data-dir', disk.path]);
    client = await connect(server.url);
    raw = await RawClient.connect(server.url);
    await startMany(100, { noise: randomBytes(30_000) });
    disk.fill(2 * 1_024 * 1_024);
    expect(await raw.ask('{"SH_SAVE":{"name":"big"}}')).toBe(
      '{"SH_SAVE_RSP":{"st":123,"name":"big"}}',
    );
    expect(readdirSync(join(disk.path, 'saves'))).toEqual([]);
    expect((await client.infoAll()).totalSessions).toBe(100);
    disk.empty();
    expect(await raw.command('SH_SAVE', { name: 'big' })).toMatchObject({ st: 121 });
    await stop();
  } finally {
    server?.process.kill('SIGKILL');
    server = undefined;
    disk.unmount();
  }
});
