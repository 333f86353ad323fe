/**
 * A disk that fills up, for real: writes are refused, reads go on, and both the running server and
 * the next one are right once there is room again.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { WatchingClient } from '../support/watching-client.js';
import { SmallDisk } from '../support/small-disk.js';

const DISK = '4m';
const VALUE_BYTES = 6_000;
const HEAL_MS_MAX = 15_000;
const NOT_DURABLE = 210;

const probe = SmallDisk.mount('1m');
probe?.unmount();
const why = probe === undefined ? ' (skipped: mounting a tmpfs is not permitted here)' : '';

const disks: SmallDisk[] = [];
const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.process.kill('SIGKILL');
    await server.ended;
  }
  for (const disk of disks.splice(0)) disk.unmount();
});

function smallDisk(): SmallDisk {
  const disk = SmallDisk.mount(DISK);
  if (disk === undefined) throw new Error('the disk could not be mounted');
  disks.push(disk);
  return disk;
}

async function start(disk: SmallDisk, ...flags: string[]): Promise<ServerProcess> {
  const server = await startServer(['--data-dir', join(disk.path, 'data'), ...flags]);
  servers.push(server);
  return server;
}

/** A session of one value, with what the client knows of it. */
interface Written {
  readonly tkn: string;
  readonly value: string;
}

async function write(client: RawClient): Promise<Written | number> {
  const value = randomBytes(VALUE_BYTES / 2).toString('hex');
  const { st, tkn } = await client.command('SH_NEW', { keys: { value } });
  return st === 1 ? { tkn: tkn as string, value } : (st as number);
}

/** Writes until the server refuses; gives what it acknowledged. */
async function writeUntilRefused(client: RawClient): Promise<Written[]> {
  const written: Written[] = [];
  for (;;) {
    const one = await write(client);
    if (typeof one === 'number') {
      expect(one).toBe(NOT_DURABLE);
      return written;
    }
    written.push(one);
    expect(written.length).toBeLessThan(2_000);
  }
}

async function writeOnceHealed(client: RawClient): Promise<Written> {
  const giveUpMs = Date.now() + HEAL_MS_MAX;
  for (;;) {
    const one = await write(client);
    if (typeof one !== 'number') return one;
    expect(one).toBe(NOT_DURABLE);
    expect(Date.now()).toBeLessThan(giveUpMs);
    await delay(20);
  }
}

async function expectAll(client: RawClient, written: readonly Written[]): Promise<void> {
  for (const { tkn, value } of written) {
    expect(await client.command('SH_GET_ALL', { tkn })).toEqual({ st: 1, keys: { value } });
  }
}

describe.skipIf(probe === undefined)(`a full disk${why}`, () => {
  test.each(['everysec', 'always', 'no'])(
    'refuses writes with 210, answers reads, and goes on once there is room, with --fsync %s',
    async (fsync) => {
      const disk = smallDisk();
      const server = await start(disk, '--fsync', fsync, '--segment-bytes', '256KiB');
      disk.fill(1_000_000);
      const client = await RawClient.connect(server.url);
      const written = await writeUntilRefused(client);
      expect(written.length).toBeGreaterThan(20);

      await expectAll(client, written.slice(0, 50));
      const { tkn } = written[0]!;
      const changes = [
        ['SH_SET', { tkn, keys: { other: 1 } }],
        ['SH_END', { tkn }],
        ['SH_EXPIRE', { tkn, expiry: { duration: 9 } }],
        ['KV_SET', { keys: { other: 1 } }],
        ['SH_END_ALL', {}],
      ] as const;
      for (const [name, body] of changes) {
        expect([name, (await client.command(name, body))['st']]).toEqual([name, NOT_DURABLE]);
      }
      await expectAll(client, written.slice(0, 50));
      expect(server.output.stderr).toMatch(/ENOSPC/);

      disk.empty();
      written.push(await writeOnceHealed(client));
      for (let more = 0; more < 20; more += 1) written.push((await write(client)) as Written);
      await expectAll(client, written);

      server.process.kill('SIGKILL');
      await server.ended;
      const next = await start(disk, '--fsync', fsync);
      await expectAll(await RawClient.connect(next.url), written);
    },
  );

  test('keeps what it acknowledged if the server is killed while the disk is full', async () => {
    const disk = smallDisk();
    const server = await start(disk, '--segment-bytes', '64KiB');
    disk.fill(500_000);
    const written = await writeUntilRefused(await RawClient.connect(server.url));
    server.process.kill('SIGKILL');
    await server.ended;

    disk.empty();
    const next = await start(disk);
    const client = await RawClient.connect(next.url);
    await expectAll(client, written);
    expect(await write(client)).toBeTypeOf('object');
  });

  test('stops no command when there is no room for a snapshot, and leaves no part of one', async () => {
    const disk = smallDisk();
    const server = await start(disk, '--fsync', 'always');
    const client = await RawClient.connect(server.url);
    const written: Written[] = [];
    while (written.length < 200) written.push((await write(client)) as Written);
    disk.fill(300_000);

    const { st } = await client.command('SV_SNAPSHOT');
    expect(st).toBe(123);
    written.push((await write(client)) as Written);
    await expectAll(client, written);
    expect(readdirSync(join(disk.path, 'data', 'snapshots'))).toEqual([]);

    disk.empty();
    expect((await client.command('SV_SNAPSHOT'))['st']).toBe(1);
    server.process.kill('SIGKILL');
    await server.ended;
    const next = await start(disk);
    await expectAll(await RawClient.connect(next.url), written);
  });

  test.each(['everysec', 'always'])(
    'watchers hear of what was acknowledged, and then that a change was lost, with --fsync %s',
    async (fsync) => {
      const disk = smallDisk();
      const { url } = await start(
        disk,
        '--fsync',
        fsync,
        '--shards',
        '2',
        '--segment-bytes',
        '256KiB',
      );
      disk.fill(400_000);
      const [writer, watcher] = [
        await WatchingClient.connect(url),
        await WatchingClient.connect(url),
      ];
      const { tkn, id } = await writer.do('SH_NEW', null);
      await watcher.do('SH_WATCH', tkn);
      await watcher.do('SV_EVENTS', null);
      let acknowledged = 0;
      const set = async (): Promise<boolean> => {
        const value = randomBytes(VALUE_BYTES / 2).toString('hex');
        const [status] = await writer.ask('SH_SET', tkn, { keys: { n: acknowledged, value } });
        if (status === 1) acknowledged += 1;
        else expect(status).toBe(NOT_DURABLE);
        return status === 1;
      };
      while (await set());
      const pushes = await watcher.take(acknowledged + 1);
      expect(pushes.pop()).toEqual(['lost', { id, reason: expect.any(String) as string }]);
      expect(pushes.map(([, { keys }]) => (keys as { n: number }).n)).toEqual([...pushes.keys()]);
      // Nothing is told of what is refused, nor of a session that may not last.
      expect(await set()).toBe(false);
      expect((await writer.ask('SH_NEW', null))[0]).toBe(NOT_DURABLE);
      expect(watcher.pushes).toEqual([]);

      disk.empty();
      await watcher.do('SH_WATCH', tkn);
      while (!(await set())) await delay(20);
      let push = await watcher.next();
      // The session that was answered 210 may have come to be after all, and is told of now.
      while (push[0] === 'event') push = await watcher.next();
      expect(push).toMatchObject(['set', { id, keys: { n: acknowledged - 1 } }]);
      for (const client of [writer, watcher]) client.close();
    },
  );

  test('says so and ends when it is started on a full disk', async () => {
    const disk = smallDisk();
    disk.fill(0);
    await expect(start(disk)).rejects.toThrow(/ENOSPC|no space/i);
  });
});
