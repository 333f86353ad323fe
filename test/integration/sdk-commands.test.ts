/** The SDK's later methods against a real server: races, rotations, watches, events, reconnects. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  connect,
  FeedOverflowError,
  NotANumberError,
  SessionNotFoundError,
  TokenReusedError,
  VersionMismatchError,
  type Change,
  type Client,
  type ClientOptions,
  type ServerEvent,
  type Session,
} from '../../src/client/index.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

let server: ServerProcess;
const clients: Client[] = [];
const folders: string[] = [];

async function open(options?: ClientOptions, url = server.url): Promise<Client> {
  const client = await connect(url, options);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await startServer(['--memory', '--shards', '2', '--io-threads', '2']);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close(1_000)));
});

afterAll(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  expect(await server.stop()).toBe(0);
});

/** Takes changes until one of an event comes, that one included. */
async function changesUntil(
  changes: AsyncIterator<Change>,
  event: Change['event'],
): Promise<Change[]> {
  const taken: Change[] = [];
  while (taken.at(-1)?.event !== event) {
    const { done, value } = await changes.next();
    if (done === true) throw new Error(`the watch ended before ${event}`);
    taken.push(value as Change);
  }
  return taken;
}

describe('the data of a session, in one step', () => {
  test('is counted exactly, however many count', async () => {
    const [first, second] = [await open(), await open()];
    const session = await first.newSession<{ visits: number; total: bigint }>();
    const same = second.session<{ visits: number }>(session.token);
    const sums = await Promise.all(
      Array.from({ length: 500 }, (_, at) => (at % 2 ? session : same).inc('visits')),
    );
    expect(new Set(sums).size).toBe(500);
    expect(await session.get('visits')).toBe(500);
    expect(await session.inc('total', 2n ** 63n)).toBe(2n ** 63n);
    expect(await session.inc('total', -1)).toBe(2n ** 63n - 1n);
    expect(await session.inc('total', -(2n ** 63n) + 1n)).toBe(0);
  });

  test('is taken by one of many', async () => {
    const [first, second] = [await open(), await open()];
    const session = await first.newSession({ keys: { code: '1234' } });
    const takers = Array.from({ length: 20 }, (_, at) =>
      (at % 2 ? first : second).session(session.token).take(['code']),
    );
    const taken = await Promise.all(takers);
    expect(taken.filter(({ code }) => code === '1234')).toHaveLength(1);
    expect(taken.filter((keys) => Object.keys(keys).length === 0)).toHaveLength(19);
  });

  test('is compared and set without losing an update', async () => {
    const session = await (await open()).newSession<{ list: number[] }>({ keys: { list: [] } });
    const append = async (item: number): Promise<void> => {
      for (;;) {
        const { keys, version } = await session.getVersioned(['list']);
        try {
          await session.cas(version, { set: { list: [...(keys.list ?? []), item] } });
          return;
        } catch (error) {
          if (!(error instanceof VersionMismatchError)) throw error;
          expect(error.version).toBeGreaterThan(version);
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, at) => append(at)));
    expect([...(await session.get('list'))!].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('is changed in parts and searched', async () => {
    const cart = { items: [{ sku: 'lamp', count: 1 }] };
    const session = await (await open()).newSession<{ cart: typeof cart }>({ keys: { cart } });
    expect(await session.update('cart', '/items/0/count', 3)).toBe(true);
    expect(await session.update('cart', '/items/1/count', 3)).toBe(false);
    expect(await session.get('cart')).toEqual({ items: [{ sku: 'lamp', count: 3 }] });
    expect(await session.find('$.items[?@.count > 2]')).toEqual(['cart']);
    expect(await session.find('$.items[0].sku', 'paths')).toEqual(["$['items'][0]['sku']"]);
    expect((await session.find('$.items', 'kv')).cart?.items).toHaveLength(1);
  });

  test('is changed by a batch as a whole, or not at all', async () => {
    const session = await (await open()).newSession<{ a: number; b: string; c: number }>();
    const results = await session.batch((b) => [b.set({ a: 1, b: 'x' }), b.inc('a'), b.getAll()]);
    expect(results).toEqual([undefined, 2, { a: 2, b: 'x' }]);
    const failing = session.batch((b) => [
      b.clear(),
      b.set({ b: 'y' }),
      b.inc('b' as 'a'),
      b.keys(),
    ]);
    await expect(failing).rejects.toThrow(NotANumberError);
    await expect(failing).rejects.toMatchObject({ failedStep: 2 });
    expect(await session.getAll()).toEqual({ a: 2, b: 'x' });
    const { defaultMap } = await open();
    expect(await defaultMap.batch((b) => [b.set({ batched: 1 }), b.take(['batched'])])).toEqual([
      undefined,
      { batched: 1 },
    ]);
  });
});

describe('a rotation', () => {
  test('loses no command of those that are given around it', async () => {
    const client = await open();
    const session = await client.newSession<{ n: number }>();
    const tokens = new Set([session.token]);
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 10; n += 1) calls.push(session.inc('n'));
      calls.push(session.rotate().then((token) => tokens.add(token)));
      for (let n = 0; n < 10; n += 1) calls.push(session.inc('n'));
      if (round % 5 === 0) await sleep(1);
    }
    await Promise.all(calls);
    expect(await session.get('n')).toBe(400);
    expect(tokens.size).toBe(21);
    expect(await client.exists([...tokens])).toEqual([session.token]);
    expect((await session.info()).id).toBe(session.id);
  });

  test('leaves the old token its grace, and finds out who uses it later', async () => {
    const client = await open();
    const session = await client.newSession({ keys: { a: 1 } });
    const old = client.session(session.token);
    await session.rotate({ grace: 0.3 });
    expect(await old.get('a')).toBe(1);
    await sleep(400);
    await expect(old.get('a')).rejects.toThrow(TokenReusedError);
    await session.end();
    await expect(old.get('a')).rejects.toThrow(SessionNotFoundError);
  });
});

describe('a shared session where tokens are integers', () => {
  test('has its token in decimal until a rotation gives it a long one', async () => {
    const here = await startServer(['--memory', '--token-form', 'uint64']);
    const client = await open({}, here.url);
    const session = await client.openSession<{ n: number }>('hall', { create: true });
    expect(session.token).toMatch(/^\d+$/);
    expect(await client.exists([session.token])).toEqual([session.token]);
    const calls = [session.inc('n'), session.rotate(), session.inc('n'), session.inc('n')];
    expect(await Promise.all(calls)).toEqual([1, session.token, 2, 3]);
    expect(session.token).toHaveLength(32);
    expect(await client.exists([session.token])).toEqual([session.token]);
    await Promise.all(clients.splice(0).map((each) => each.close(100)));
    expect(await here.stop()).toBe(0);
  });
});

describe('the sessions of an owner', () => {
  test('are listed, given away, and ended one by one or all but one', async () => {
    const client = await open();
    const owner = 'mia-of-this-test';
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => client.newSession({ owner, expiry: { duration: 60 } })),
    );
    const idsOf = async (name: string): Promise<string[]> =>
      (await client.list(name)).map(({ id }) => id).sort();
    expect(await idsOf(owner)).toEqual(sessions.map(({ id }) => id).sort());
    const [first, second, third] = sessions as [Session, Session, Session];
    expect((await client.list(owner))[0]).toMatchObject({ keyCnt: 0 });
    await first.setOwner('tom-of-this-test');
    expect(await idsOf('tom-of-this-test')).toEqual([first.id]);
    await first.setOwner(null);
    expect(await idsOf('tom-of-this-test')).toEqual([]);
    await client.endId(owner, second.id!);
    await expect(client.endId(owner, first.id!)).rejects.toThrow(SessionNotFoundError);
    expect(await client.endAll({ owner, except: third.token })).toBe(3);
    expect(await idsOf(owner)).toEqual([third.id]);
  });
});

describe('a watch', () => {
  test('tells all that others do to the session, in order, until it ends', async () => {
    const [watcher, writer] = [await open(), await open()];
    const session = await writer.newSession({ keys: { n: 0 } });
    const changes = watcher.session(session.token).watch();
    await watcher.ping();
    for (let n = 1; n <= 200; n += 1) void session.set({ n });
    await session.clearSet({ last: true });
    await session.rotate();
    await session.remove(['last']);
    await session.end();
    const seen = await changesUntil(changes, 'ended');
    const counted = seen.slice(0, 200).map((change) => change.event === 'set' && change.keys['n']);
    expect(counted).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    expect(seen.slice(200).map(({ event }) => event)).toEqual([
      'cleared',
      'set',
      'rotated',
      'removed',
      'ended',
    ]);
    expect((await changes.next()).done).toBe(true);
  });

  test('begins where it is called: what is read after it misses nothing', async () => {
    const [watcher, writer] = [await open(), await open()];
    const session = await writer.newSession<{ n: number }>({ keys: { n: 0 } });
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await session.inc('n');
      await session.end();
    })();
    const watched = watcher.session<{ n: number }>(session.token);
    const changes = watched.watch();
    let n = Number(await watched.get('n'));
    for await (const change of changes) {
      if (change.event !== 'set') break;
      const next = Number(change.keys.n);
      if (next <= n) continue; // older than what was read
      expect(next).toBe(n + 1);
      n = next;
      if (n > 300) isOver = true;
    }
    await writing;
  });

  test('says how the session went: by its deadline, its data first or at once', async () => {
    const client = await open();
    const cleared = await client.newSession({ expiry: { duration: 0.2 }, keys: { a: 1 } });
    const expired = await client.newSession({ expiry: { duration: 0.2, deleteSession: true } });
    const watches = [cleared.watch(), expired.watch()];
    expect(await changesUntil(watches[0]!, 'cleared')).toEqual([
      { event: 'cleared', id: cleared.id, expired: true },
    ]);
    expect(await changesUntil(watches[1]!, 'expired')).toEqual([
      { event: 'expired', id: expired.id },
    ]);
  });

  test('ends with its loop, and the session goes on', async () => {
    const client = await open();
    const session = await client.newSession();
    const changes = session.watch();
    await session.set({ a: 1 });
    for await (const change of changes) if (change.event === 'set') break;
    const again = session.watch();
    await session.set({ a: 2 });
    await session.unwatch();
    await session.set({ a: 3 });
    const seen: Change[] = [];
    for await (const change of again) seen.push(change);
    expect(seen).toEqual([{ event: 'set', id: session.id, keys: { a: 2 } }]);
  });

  test('ends with an error where the loop is far too slow', async () => {
    const session = await (await open()).newSession();
    const changes = session.watch({ maxBuffered: 10 });
    await Promise.all(Array.from({ length: 50 }, (_, n) => session.set({ n })));
    await sleep(100);
    const read = async (): Promise<number> => {
      let count = 0;
      try {
        for await (const change of changes) count += change.event === 'set' ? 1 : 0;
      } catch (error) {
        expect(error).toBeInstanceOf(FeedOverflowError);
      }
      return count;
    };
    expect(await read()).toBe(10);
  });
});

describe('a server that goes and comes back', () => {
  async function freePort(): Promise<string> {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    return String(port);
  }

  async function flags(): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), 'sojourn-sdk-'));
    folders.push(folder);
    const storage = ['--data-dir', folder, '--drain-seconds', '1'];
    return ['--port', await freePort(), '--shards', '2', ...storage];
  }

  test('is watched again, and says what may be missing', async () => {
    const same = await flags();
    let here = await startServer(same);
    const client = await open({}, here.url);
    const other = await open({}, here.url);
    const [kept, gone] = [await client.newSession(), await client.newSession()];
    const changes = kept.watch();
    const goneChanges = client.session(gone.token).watch();
    await client.ping();
    await other.session(gone.token).end();
    expect(await changesUntil(goneChanges, 'ended')).toHaveLength(1);
    expect(await here.stop()).toBe(0);
    here = await startServer(same);
    await other.session(kept.token).set({ a: 1 });
    const events = (await changesUntil(changes, 'resumed')).map(({ event }) => event);
    expect(events.at(-1)).toBe('resumed');
    await other.session(kept.token).set({ a: 2 });
    const [change] = (await changesUntil(changes, 'set')).slice(-1);
    expect(change).toMatchObject({ event: 'set' });
    await Promise.all(clients.splice(0).map((each) => each.close(100)));
    expect(await here.stop()).toBe(0);
  });

  test('goes on with its feed of events, with a gap for what it does not have', async () => {
    const same = await flags();
    let here = await startServer(same);
    const client = await open({}, here.url);
    const events = client.events({ kinds: ['created', 'ended'] });
    const next = async (): Promise<ServerEvent> => (await events.next()).value as ServerEvent;
    const first = await client.newSession();
    expect(await next()).toMatchObject({ kind: 'created', id: first.id });
    await first.end();
    const ended = await next();
    expect(ended).toMatchObject({ kind: 'ended', id: first.id });
    expect(await here.stop()).toBe(0);
    here = await startServer(same);
    const second = await client.newSession();
    const seen = [await next()];
    while (seen.at(-1)?.kind !== 'created') seen.push(await next());
    expect(seen.at(-1)).toMatchObject({ id: second.id });
    const gaps = seen.filter((event) => event.kind === 'gap');
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps[0]).toMatchObject({ from: (ended as { seq: number }).seq + 1 });
    await Promise.all(clients.splice(0).map((each) => each.close(100)));
    expect(await here.stop()).toBe(0);
  });
});

describe('the figures of a server', () => {
  test('are given for each thread', async () => {
    const client = await open();
    const { shards, io, uptime } = await client.stats();
    expect([shards.length, io.length]).toEqual([2, 2]);
    expect(uptime).toBeGreaterThan(0);
    for (const figures of [...shards, ...io]) {
      expect(Object.values(figures).every((figure) => typeof figure === 'number')).toBe(true);
    }
  });
});
