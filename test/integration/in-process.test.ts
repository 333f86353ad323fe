/** A whole server inside the test's own process, its time moved by hand. */
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import { SharedManualClock } from '../../src/core/clock.js';
import type { Server } from '../../src/server/server.js';

// From dist, because threads cannot be started from TypeScript.
const dist = new URL('../../dist/src/server/server.js', import.meta.url).href;
const { startServer } = (await import(dist)) as typeof import('../../src/server/server.js');

const NOW_MS = Date.UTC(2030, 0, 1);
const running: Server[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(
  settings: Partial<Config> = {},
): Promise<{ server: Server; clock: SharedManualClock }> {
  const clock = new SharedManualClock();
  clock.set(NOW_MS);
  const server = await startServer({
    config: { ...DEFAULT_CONFIG, port: 0, memory: true, ...settings },
    clock: { kind: 'manual', shared: clock.shared },
  });
  running.push(server);
  return { server, clock };
}

/** Sends text commands on a connection of their own and gives the bodies of the replies. */
async function ask(url: string, ...frames: object[]): Promise<Record<string, unknown>[]> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const replies: Record<string, unknown>[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('message', (text: Buffer) => {
      const reply = JSON.parse(text.toString()) as Record<string, Record<string, unknown>>;
      replies.push(Object.values(reply)[0]!);
      if (replies.length === frames.length) resolve();
    });
  });
  for (const frame of frames) socket.send(JSON.stringify(frame));
  await done;
  socket.close();
  return replies;
}

describe('startServer', () => {
  test('serves under a clock that is moved by hand', async () => {
    const { server, clock } = await start({ shards: 2 });
    const expiry = { duration: 10, deleteSession: true };
    const [started] = await ask(server.url, { SH_NEW: { expiry, keys: { a: 1 } } });
    const read = { SH_GET: { tkn: started!['tkn'], keys: ['a'] } };
    clock.advance(9_999);
    expect(await ask(server.url, read)).toEqual([{ st: 1, keys: { a: 1 } }]);
    clock.advance(1);
    expect(await ask(server.url, read)).toEqual([{ st: 100 }]);
  });

  test('resolves the shard count and says so', async () => {
    const { server } = await start({ shards: 0 });
    expect(server.config.shards).toBeGreaterThanOrEqual(1);
    const [info] = await ask(server.url, { SV_INFO: {} });
    expect(info).toMatchObject({ st: 1, shards: server.config.shards, ioThreads: 1 });
  });

  test('keeps counters that can be read while it runs', async () => {
    const { server } = await start({ shards: 2, ioThreads: 2 });
    await ask(server.url, { SH_NEW: { keys: { a: 1 } } }, { SH_NEW: { keys: { b: 1, c: 1 } } });
    const { io, shards } = server.counters();
    const sum = (figures: readonly number[]): number => figures.reduce((a, b) => a + b, 0);
    expect(sum(io.map((thread) => thread.connectionsOpened))).toBe(1);
    expect(sum(io.map((thread) => thread.commandsIn))).toBe(2);
    expect(sum(shards.map((shard) => shard.sessions))).toBe(2);
    expect(sum(shards.map((shard) => shard.keys))).toBe(3);
  });

  test('listens at the address that it names', async () => {
    const { server } = await start({ host: '::1' });
    expect(server.url).toBe(`ws://[::1]:${server.port}`);
    expect(await ask(server.url, { SV_PING: {} })).toEqual([{ st: 1 }]);
  });

  test('refuses a port that is taken, and leaves no thread behind', async () => {
    const { server } = await start();
    await expect(start({ port: server.port })).rejects.toThrow('the port is in use');
  });

  test('gives its port back when stopped, and can be stopped twice', async () => {
    const { server } = await start();
    await server.stop();
    await server.stop();
    const { server: second } = await start({ port: server.port });
    expect(second.port).toBe(server.port);
  });

  test('does not count its own stop as a failure', async () => {
    const { server } = await start({ shards: 2 });
    await server.stop();
    expect(await Promise.race([server.failure, Promise.resolve('none')])).toBe('none');
  });
});
