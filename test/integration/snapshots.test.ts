/**
 * Snapshots of a real server: asked for and by themselves, while writes go on, over kills, stops and
 * other shard counts. After each restart everything acknowledged must be there.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../support/command-line.js';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const WRITERS = 4;
const WAIT_MS_MAX = 20_000;
const NOT_BY_ITSELF = ['--snapshot-min-bytes', '64GiB'];
const SOON = ['--snapshot-min-bytes', '64KiB', '--snapshot-log-ratio', '0.1'];

const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await kill(server);
});

async function start(directory: string, ...flags: string[]): Promise<ServerProcess> {
  const server = await startServer(['--data-dir', directory, ...flags]);
  servers.push(server);
  return server;
}

async function kill(server: ServerProcess): Promise<void> {
  server.process.kill('SIGKILL');
  await server.ended;
}

/** What clients were told is there: keys by token; undefined for a session that was ended. */
type Acknowledged = Map<string, Record<string, unknown> | undefined>;

/** Starts, changes and ends sessions until told to stop; one command at a time, so nothing is open. */
async function write(url: string, known: Acknowledged, isOver: () => boolean): Promise<void> {
  const client = await RawClient.connect(url);
  const mine: string[] = [];
  for (let round = 0; !isOver(); round += 1) {
    const keys = { name: `session ${round}`, filling: 'x'.repeat(round % 300), round };
    const { st, tkn } = await client.command('SH_NEW', { keys });
    expect(st).toBe(1);
    known.set(tkn as string, keys);
    mine.push(tkn as string);
    const other = mine[(round * 7) % mine.length]!;
    const old = known.get(other);
    if (old === undefined) continue;
    if (round % 5 === 0) {
      expect((await client.command('SH_END', { tkn: other }))['st']).toBe(1);
      known.set(other, undefined);
    } else {
      const more = { [`more ${round % 3}`]: round };
      expect((await client.command('SH_SET', { tkn: other, keys: more }))['st']).toBe(1);
      known.set(other, { ...old, ...more });
    }
  }
  client.close();
}

async function expectAll(url: string, known: Acknowledged): Promise<void> {
  const client = await RawClient.connect(url);
  for (const [tkn, keys] of known) {
    const reply = await client.command('SH_GET_ALL', { tkn });
    expect(reply).toEqual(keys === undefined ? { st: 100 } : { st: 1, keys });
  }
  client.close();
}

async function takeSnapshot(url: string): Promise<Record<string, unknown>> {
  const client = await RawClient.connect(url);
  const reply = await client.command('SV_SNAPSHOT');
  client.close();
  return reply;
}

function listing(directory: string, folder: 'log' | 'snapshots'): string[] {
  return readdirSync(join(directory, folder)).sort();
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpMs = Date.now() + WAIT_MS_MAX;
  while (!condition()) {
    expect(Date.now()).toBeLessThan(giveUpMs);
    await delay(10);
  }
}

describe('snapshots', () => {
  test.each([1, 2])(
    'asked for while writes go on keep everything acknowledged over a kill (%i shards)',
    async (shards) => {
      const directory = temporaryFolder();
      const flags = ['--shards', `${shards}`, '--segment-bytes', '64KiB', ...NOT_BY_ITSELF];
      const server = await start(directory, ...flags);
      const known: Acknowledged = new Map();
      let isOver = false;
      const writers = Array.from({ length: WRITERS }, () => write(server.url, known, () => isOver));
      for (let taken = 0; taken < 6; taken += 1) {
        await delay(100);
        expect(await takeSnapshot(server.url)).toMatchObject({ st: 1 });
      }
      await delay(100);
      isOver = true;
      await Promise.all(writers);
      await kill(server);

      expect(listing(directory, 'snapshots')).toHaveLength(2 * shards);
      const next = await start(directory, ...flags);
      await expectAll(next.url, known);
      expect(known.size).toBeGreaterThan(200);
    },
  );

  test('come by themselves once the log has grown, and old segments go', async () => {
    const directory = temporaryFolder();
    const server = await start(directory, '--segment-bytes', '64KiB', ...SOON);
    const known: Acknowledged = new Map();
    let isOver = false;
    const writers = Array.from({ length: WRITERS }, () => write(server.url, known, () => isOver));
    await until(() => server.output.stderr.split('"msg":"snapshot"').length > 4);
    isOver = true;
    await Promise.all(writers);
    expect(listing(directory, 'log')).not.toContain('000001-00-00000001.log');
    // The last one may be under way still.
    await until(() => listing(directory, 'snapshots').length === 2);
    await kill(server);
    const next = await start(directory, ...SOON);
    await expectAll(next.url, known);
  });

  test('carry everything over to other shard counts', async () => {
    const directory = temporaryFolder();
    const known: Acknowledged = new Map();
    for (const [epoch, shards] of [1, 3, 2].entries()) {
      const server = await start(directory, '--shards', `${shards}`);
      await expectAll(server.url, known);
      const client = await RawClient.connect(server.url);
      const { keys = {} } = await client.command('KV_GET_ALL');
      expect(Object.keys(keys as object)).toHaveLength(epoch);
      await client.command('KV_SET', { keys: { [`epoch ${epoch}`]: shards } });
      client.close();
      const ms = Date.now() + 300;
      await write(server.url, known, () => Date.now() > ms);
      await kill(server);
      const prefix = `00000${epoch + 1}-`;
      const files = [...listing(directory, 'log'), ...listing(directory, 'snapshots')];
      expect(files.filter((file) => !file.startsWith(prefix))).toEqual([]);
    }
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'ended by %s in the middle leave nothing behind and lose nothing',
    async (signal) => {
      const directory = temporaryFolder();
      const server = await start(directory, ...NOT_BY_ITSELF);
      const client = await RawClient.connect(server.url);
      const known: Acknowledged = new Map();
      for (let session = 0; session < 40; session += 1) {
        const keys = { value: Buffer.alloc(400_000, `${session} is not all the same`).toString() };
        const { tkn } = await client.command('SH_NEW', { keys });
        known.set(tkn as string, keys);
      }
      client.send('{"SV_SNAPSHOT":{}}');
      await until(() => listing(directory, 'snapshots').some((file) => file.endsWith('.new')));
      server.process.kill(signal);
      const end = await server.ended;
      if (signal === 'SIGTERM') expect(end).toBe(0);

      const next = await start(directory);
      expect(listing(directory, 'snapshots').filter((file) => file.endsWith('.new'))).toEqual([]);
      await expectAll(next.url, known);
    },
  );
});

describe('sojourn snapshot', () => {
  test('has a snapshot taken and says in one line what is in it', async () => {
    const directory = temporaryFolder();
    const server = await start(directory, '--shards', '2');
    const client = await RawClient.connect(server.url);
    for (const _session of [1, 2, 3]) await client.command('SH_NEW', { keys: { a: 1, b: 2 } });
    const { code, stdout } = await runCommandLine(['snapshot', '--url', server.url]);
    expect(stdout).toMatch(/^snapshot: 3 sessions, 6 keys, \d+\.\d MiB in \d+\.\d s\n$/);
    expect(code).toBe(0);
    expect(listing(directory, 'snapshots')).toHaveLength(2);
  });

  test('fails in one line where the server keeps nothing, or is not there', async () => {
    const server = await startServer(['--memory']);
    servers.push(server);
    const refused = await runCommandLine(['snapshot', '--url', server.url]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^sojourn: .*status 14: .*\n$/);
    await kill(server);
    const absent = await runCommandLine(['snapshot', '--url', server.url]);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(/^sojourn: .*cannot connect.*\n$/);
  });
});
