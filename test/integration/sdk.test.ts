/** The SDK against a real server: every method, values of every kind, load, loss and return. */
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  connect,
  ConnectionLostError,
  NameTakenError,
  SessionNotFoundError,
  SharedSessionNotFoundError,
  TooLargeError,
  WrongValueError,
  type Client,
  type ClientOptions,
} from '../../src/client/index.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const FLAGS = ['--memory', '--shards', '2'];

let server: ServerProcess;
const clients: Client[] = [];

async function open(options?: ClientOptions, url = server.url): Promise<Client> {
  const client = await connect(url, options);
  clients.push(client);
  return client;
}

/** A port that was free a moment ago: a server that is to come back must be found where it was. */
async function freePort(): Promise<string> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return String(port);
}

beforeAll(async () => {
  server = await startServer(FLAGS);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close(1_000)));
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

describe('the data of a session', () => {
  test('is stored, read, added to, listed, counted and removed', async () => {
    const session = await (await open()).newSession({ keys: { a: 1 } });
    await session.set({ b: 'two', c: [3] });
    await session.add({ a: 'ignored', d: null });
    expect(await session.get('a')).toBe(1);
    expect(await session.get('x')).toBeUndefined();
    expect(await session.getMany(['d', 'x', 'b'])).toEqual({ b: 'two', d: null });
    expect(await session.getAll()).toEqual({ a: 1, b: 'two', c: [3], d: null });
    expect(await session.contains(['x', 'c', 'a'])).toEqual(['c', 'a']);
    expect(await session.keys()).toEqual(['a', 'b', 'c', 'd']);
    expect(await session.count()).toBe(4);
    expect(await session.remove(['a', 'x', 'b'])).toBe(2);
    expect(await session.clearSet({ e: 5 })).toBe(2);
    expect(await session.getAll()).toEqual({ e: 5 });
    expect(await session.clear()).toBe(1);
    expect(await session.count()).toBe(0);
  });

  test('counts its writes in the version', async () => {
    const session = await (await open()).newSession({ keys: { a: 1 } });
    const before = await session.getVersioned(['a']);
    await session.set({ a: 2 });
    const after = await session.getVersioned(['a']);
    expect(after.keys).toEqual({ a: 2 });
    expect(after.version).toBe(before.version + 1);
    expect((await session.info()).version).toBe(after.version);
  });

  test('keeps values of every kind', async () => {
    const session = await (await open()).newSession();
    const values = {
      empty: '',
      text: 'Grüße, 世界 🎵',
      long: 'x'.repeat(500_000),
      zero: 0,
      negative: -123_456_789,
      part: 0.1,
      tiny: 5e-324,
      safe: Number.MAX_SAFE_INTEGER,
      beyond: 2n ** 53n + 1n,
      largest: 2n ** 64n - 1n,
      smallest: -(2n ** 63n),
      yes: true,
      none: null,
      binary: Uint8Array.from({ length: 300 }, (_, at) => at % 256),
      date: new Date('2024-02-29T12:00:00.123Z'),
      list: [[], [1, [2n ** 60n]], {}],
      nested: { deep: { deeper: { deepest: ['here'] } } },
    };
    await session.set(values);
    expect(await session.getAll()).toEqual(values);
    for (const [key, value] of Object.entries(values)) {
      expect(await session.get(key), key).toEqual(value);
    }
  });

  test('keeps the keys of JavaScript objects apart from their prototypes', async () => {
    const session = await (await open()).newSession();
    expect(await session.get('constructor')).toBeUndefined();
    const keys = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":1}') as object;
    await session.set(keys);
    const all = await session.getAll();
    expect(JSON.stringify(all)).toBe(JSON.stringify(keys));
    expect(all).not.toHaveProperty('isAdmin');
    expect(await session.get('__proto__')).toEqual({ isAdmin: true });
  });

  test('may have 20,000 keys', async () => {
    const session = await (await open()).newSession();
    const entries = Array.from({ length: 20_000 }, (_, n) => [`key-${n}`, n] as const);
    await session.set(Object.fromEntries(entries));
    expect(await session.count()).toBe(20_000);
    expect(Object.entries(await session.getAll())).toEqual(entries);
    expect(await session.remove(entries.map(([key]) => key))).toBe(20_000);
  });

  test('is the same for everyone who holds the token', async () => {
    const [here, there] = [await open(), await open()];
    const session = await here.newSession();
    await session.set({ a: 1 });
    expect(await there.session(session.token).get('a')).toBe(1);
  });

  test('has a twin that needs no token: the default map', async () => {
    const { defaultMap } = await open();
    await defaultMap.set({ motd: 'hello', hits: 1 });
    expect(await defaultMap.get('motd')).toBe('hello');
    expect(await defaultMap.contains(['hits'])).toEqual(['hits']);
    expect(await defaultMap.clear()).toBe(2);
  });
});

describe('the life of a session', () => {
  test('ends on command', async () => {
    const client = await open();
    const session = await client.newSession({ keys: { a: 1 } });
    const other = await client.newSession();
    expect(await client.exists([session.token, other.token])).toEqual([session.token, other.token]);
    await session.end();
    await expect(session.get('a')).rejects.toThrow(SessionNotFoundError);
    expect(await client.exists([session.token, other.token])).toEqual([other.token]);
  });

  test('ends at its deadline, or loses its data there', async () => {
    const client = await open();
    const going = await client.newSession({ expiry: { duration: 0.3, deleteSession: true } });
    const emptied = await client.newSession({ expiry: { duration: 0.3 }, keys: { a: 1 } });
    await sleep(350);
    await expect(going.count()).rejects.toThrow(SessionNotFoundError);
    expect(await emptied.getAll()).toEqual({});
  });

  test('tells its expiry, restarts it and loses it', async () => {
    const client = await open();
    const expiry = { duration: 60, deleteSession: true, maxAge: 90 };
    const session = await client.newSession({ expiry });
    expect(await session.info()).toMatchObject({ id: session.id, expires: true, expiry });
    expect(await session.touch()).toBeCloseTo(60, 0);
    expect(await session.expire({ duration: 5 })).toBeCloseTo(5, 0);
    expect(await session.expire(null)).toBeUndefined();
    expect(await session.touch()).toBeUndefined();
    expect(await session.info()).toMatchObject({ expires: false, shared: false, keyCnt: 0 });
  });

  test('is shared by name', async () => {
    const client = await open();
    await expect(client.openSession('unborn')).rejects.toThrow(SharedSessionNotFoundError);
    const first = await client.openSession('born', { create: true, keys: { a: 1 } });
    const second = await client.openSession('born', { create: true, keys: { a: 2 } });
    expect([first.isNew, second.isNew]).toEqual([true, false]);
    expect(second.token).toBe(first.token);
    expect(await second.get('a')).toBe(1);
    await expect(client.newSession({ name: 'born', shared: true })).rejects.toThrow(NameTakenError);
  });

  test('is counted among all, and ends with all', async () => {
    const client = await open();
    await client.endAll();
    const session = await client.newSession({ keys: { a: 1, b: 2 } });
    expect(await client.infoAll()).toEqual({ totalSessions: 1, totalKeys: 2 });
    expect(await client.endAll()).toBe(1);
    await expect(session.touch()).rejects.toThrow(SessionNotFoundError);
  });
});

describe('the server', () => {
  test('describes itself', async () => {
    expect(await (await open()).serverInfo()).toMatchObject({
      persistEnabled: false,
      protocol: 1,
      shards: 2,
      ioThreads: 1,
      serverVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
  });

  test('refuses what is wrong or too large and keeps the connection', async () => {
    const disconnects: string[] = [];
    const client = await open({ onDisconnect: (reason) => disconnects.push(reason) });
    const session = await client.newSession();
    await expect(session.remove([])).rejects.toThrow(WrongValueError);
    await expect(session.set({ big: 'x'.repeat(2 ** 21) })).rejects.toThrow(TooLargeError);
    await client.ping();
    expect(disconnects).toEqual([]);
  });

  test('never sees more commands in flight than it allows', async () => {
    const session = await (await open()).newSession();
    await session.set({ a: 'value' });
    const values = await Promise.all(Array.from({ length: 20_000 }, () => session.get('a')));
    expect(values.every((value) => value === 'value')).toBe(true);
  });

  test('executes the writes to one session in the order of the calls', async () => {
    const session = await (await open({ maxInFlight: 50 })).newSession();
    const writes = Array.from({ length: 2_000 }, (_, n) => session.set({ n }));
    const reads = writes.map(() => session.get('n'));
    await Promise.all(writes);
    expect(new Set(await Promise.all(reads))).toEqual(new Set([1_999]));
  });

  test('is shared by a thousand sessions of one client', async () => {
    const client = await open();
    const sessions = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => client.newSession({ keys: { n } })),
    );
    const values = await Promise.all(sessions.map((session) => session.get('n')));
    expect(values).toEqual(sessions.map((_, n) => n));
    await Promise.all(sessions.map((session) => session.end()));
  });
});

describe('a server that goes away', () => {
  test('is found again when it is back; what was asked meanwhile is answered', async () => {
    const flags = [...FLAGS, '--port', await freePort()];
    const first = await startServer(flags);
    const calls: string[] = [];
    const options: ClientOptions = {
      timeoutMs: 30_000,
      reconnect: { initialMs: 20, maxMs: 200 },
      onConnect: () => calls.push('connect'),
      onDisconnect: () => calls.push('disconnect'),
    };
    const client = await open(options, first.url);
    const session = await client.newSession();
    expect(await first.stop()).toBe(0);
    const meanwhile = [client.defaultMap.set({ a: 1 }), client.defaultMap.get('a')];
    const gone = expect(session.count()).rejects.toThrow(SessionNotFoundError);
    const second = await startServer(flags);
    expect(await Promise.all(meanwhile)).toEqual([undefined, 1]);
    await gone;
    expect(calls).toEqual(['connect', 'disconnect', 'connect']);
    await client.close();
    expect(await second.stop()).toBe(0);
  });

  test('leaves the outcome of writes unknown and reads to be retried', async () => {
    const flags = [...FLAGS, '--port', await freePort()];
    const first = await startServer(flags);
    const client = await open({ timeoutMs: 30_000 }, first.url);
    await client.ping();
    // Stopped, it takes the commands in and answers none.
    first.process.kill('SIGSTOP');
    const write = client.defaultMap.set({ a: 1 });
    const read = client.defaultMap.get('a');
    await sleep(50);
    first.process.kill('SIGKILL');
    await expect(write).rejects.toThrow(ConnectionLostError);
    await first.ended;
    const second = await startServer(flags);
    expect(await read).toBeUndefined();
    await client.close();
    expect(await second.stop()).toBe(0);
  });
});
