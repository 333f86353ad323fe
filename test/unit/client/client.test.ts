import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { connect, type Client } from '../../../src/client/client.js';
import {
  ConnectError,
  LoadFailedError,
  MalformedReplyError,
  NameTakenError,
} from '../../../src/client/errors.js';
import type { Session } from '../../../src/client/session.js';
import { endOfTick, FakeNetwork, TOKEN, TOKEN_BYTES, type SentCommand } from './fake-network.js';

interface Cart {
  readonly items: readonly string[];
}
interface Shop {
  readonly cart: Cart;
  readonly visits: number;
}

/** Runs one call against a server that answers it so; gives what was sent and what came out. */
async function exchange<Result>(
  call: (client: Client) => Promise<Result>,
  reply: unknown,
  status = 1,
): Promise<{ readonly sent: SentCommand; readonly result: Result }> {
  const network = new FakeNetwork();
  const client = await network.client();
  const result = call(client);
  await endOfTick();
  const [sent] = network.socket.commands;
  network.socket.replies([sent!.id, status, reply]);
  return { sent: sent!, result: await result };
}

const START = { tkn: TOKEN_BYTES, id: 'ab12' };

describe('a member of options that is undefined', () => {
  test.each<[string, (client: Client) => Promise<unknown>, unknown]>([
    ['newSession', (client) => client.newSession({ owner: undefined, keys: undefined }), null],
    ['openSession', (client) => client.openSession('n', { create: undefined }), { name: 'n' }],
    ['rotate', (client) => client.session(TOKEN).rotate({ grace: undefined }), null],
  ])('is absent: %s', async (_, call, body) => {
    const { sent } = await exchange(call, { ...START, created: true });
    expect(sent.body).toEqual(body);
  });
});

describe('connect', () => {
  test.each(['', 'localhost', 'http://localhost:1987', 7 as unknown as string])(
    'refuses the URL %s',
    async (url) => {
      await expect(connect(url)).rejects.toThrow('ws:// or wss://');
    },
  );

  test('refuses a bad option by name', async () => {
    await expect(connect('ws://localhost', { maxInFlight: 0 })).rejects.toThrow('maxInFlight');
  });

  test('rejects with ConnectError where nothing listens', async () => {
    await expect(connect('ws://127.0.0.1:1', { connectTimeoutMs: 2_000 })).rejects.toThrow(
      ConnectError,
    );
  });
});

describe('Client', () => {
  test('starts a session with all that it was given', async () => {
    const options = { name: 'n', shared: true, expiry: { duration: 60 }, keys: { visits: 1 } };
    const { sent, result } = await exchange((client) => client.newSession<Shop>(options), START);
    expect(sent).toMatchObject({ op: 1, token: null, body: options });
    expect(result).toMatchObject({ token: TOKEN, id: 'ab12', isNew: true });
    expectTypeOf(result).toEqualTypeOf<Session<Shop>>();
  });

  test('starts a session with nothing given', async () => {
    const { sent } = await exchange((client) => client.newSession(), START);
    expect(sent).toMatchObject({ op: 1, token: null, body: null });
  });

  test('rejects with NameTakenError, without the token that the reply holds', async () => {
    const call = exchange((client) => client.newSession({ name: 'n', shared: true }), START, 103);
    await expect(call).rejects.toThrow(NameTakenError);
    const error: unknown = await call.catch((reason: unknown) => reason);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(TOKEN);
  });

  test('takes the shape of a session from its type parameter, not from its first keys', () => {
    const start = (client: Client): Promise<Session> => client.newSession({ keys: { a: 1 } });
    expectTypeOf(start).returns.resolves.toEqualTypeOf<Session<Record<string, unknown>>>();
    // @ts-expect-error the shape has no such key
    void ((client: Client) => client.newSession<Shop>({ keys: { other: 1 } }));
  });

  test('opens a shared session by its name', async () => {
    const open = (client: Client): Promise<Session<Shop>> =>
      client.openSession<Shop>('settings', { create: true, keys: { visits: 0 } });
    const { sent, result } = await exchange(open, { ...START, created: false });
    expect(sent.body).toEqual({ create: true, keys: { visits: 0 }, name: 'settings' });
    expect(sent.op).toBe(2);
    expect(result).toMatchObject({ token: TOKEN, isNew: false });
  });

  test.each([
    ['newSession', (client: Client) => client.newSession({ ttl: 5 } as object)],
    ['openSession', (client: Client) => client.openSession('n', { shared: true } as object)],
  ])('refuses an option of %s that there is not', async (_name, call) => {
    const client = await new FakeNetwork().client();
    await expect(call(client)).rejects.toThrow(/there is no option "(ttl|shared)"; there are/);
  });

  test.each(['', 'short', `${TOKEN}=`, `${TOKEN.slice(0, -1)}!`, undefined as unknown as string])(
    'refuses %s as a token without repeating it',
    async (token) => {
      const client = await new FakeNetwork().client();
      expect(() => client.session(token)).toThrow('a token is a text of 32 base64url characters');
    },
  );

  test('ends all sessions', async () => {
    const { sent, result } = await exchange((client) => client.endAll(), { cnt: 12 });
    expect(sent).toMatchObject({ op: 4, body: null });
    expect(result).toBe(12);
  });

  test('ends the sessions of an owner, but for one', async () => {
    const call = (client: Client): Promise<number> =>
      client.endAll({ owner: 'mia', except: TOKEN });
    const { sent, result } = await exchange(call, { cnt: 2 });
    expect(sent).toMatchObject({ op: 4, body: { owner: 'mia', except: TOKEN_BYTES } });
    expect(result).toBe(2);
  });

  test.each([{ onwer: 'mia' }, { owner: undefined }, { owner: 'mia', except: undefined }])(
    'does not end everything because of a slip: %o',
    async (options) => {
      const network = new FakeNetwork();
      const client = await network.client();
      await expect(client.endAll(options as object)).rejects.toThrow(TypeError);
      await endOfTick();
      expect(network.socket.commands).toEqual([]);
    },
  );

  test('lists the sessions of an owner and ends one of them', async () => {
    const sessions = [{ id: 'ab12', created: 1.5, lastUsed: 2.5, keyCnt: 3 }];
    expect(await exchange((client) => client.list('mia'), { sessions })).toMatchObject({
      sent: { op: 12, token: null, body: { owner: 'mia' } },
      result: sessions,
    });
    const ended = await exchange((client) => client.endId('mia', 'ab12'), null);
    expect(ended.sent).toMatchObject({ op: 13, body: { owner: 'mia', id: 'ab12' } });
  });

  test('gives the figures of the threads', async () => {
    const stats = { uptime: 5.5, shards: [{ commands: 1 }], io: [{ connections: 2 }] };
    const { sent, result } = await exchange((client) => client.stats(), stats);
    expect(sent).toMatchObject({ op: 131, body: null });
    expect(result).toEqual(stats);
  });

  test('asks which tokens live, in text on this side and bytes on the other', async () => {
    const reply = { exist: [TOKEN_BYTES, TOKEN_BYTES] };
    const { sent, result } = await exchange((client) => client.exists([TOKEN, TOKEN]), reply);
    expect(sent).toMatchObject({ op: 5, body: { tkns: [TOKEN_BYTES, TOKEN_BYTES] } });
    expect(result).toEqual([TOKEN, TOKEN]);
  });

  test('counts, describes the server and pings', async () => {
    const totals = { totalSessions: 2, totalKeys: 3 };
    expect(await exchange((client) => client.infoAll(), totals)).toMatchObject({
      sent: { op: 7, body: null },
      result: totals,
    });
    const info = { serverVersion: '1', shards: 2 };
    expect(await exchange((client) => client.serverInfo(), info)).toMatchObject({
      sent: { op: 128 },
      result: info,
    });
    expect((await exchange((client) => client.ping(), null)).sent.op).toBe(129);
  });

  test('saves all sessions or some, loads them, and takes snapshots', async () => {
    const saved = { name: 'a', duration: 3 };
    expect(await exchange((client) => client.save('a'), saved, 121)).toMatchObject({
      sent: { op: 14, token: null, body: { name: 'a' } },
      result: saved,
    });
    const some = await exchange((client) => client.save('a', [TOKEN]), saved, 121);
    expect(some.sent.body).toEqual({ name: 'a', tkns: [TOKEN_BYTES] });
    const loaded = { name: 'a', sessions: 1, keys: 2 };
    expect(await exchange((client) => client.load('a'), loaded, 141)).toMatchObject({
      sent: { op: 15, token: null, body: { name: 'a' } },
      result: loaded,
    });
    const taken = { sessions: 1, keys: 2, duration: 3 };
    expect(await exchange((client) => client.snapshot(), taken)).toMatchObject({
      sent: { op: 133, body: null },
      result: taken,
    });
  });

  test('saves and loads the default map', async () => {
    const saved = { name: 'a', duration: 3 };
    expect(await exchange((client) => client.defaultMap.save('a'), saved, 121)).toMatchObject({
      sent: { op: 78, token: null, body: { name: 'a' } },
      result: saved,
    });
    const loaded = { name: 'a', sessions: 0, keys: 2, duration: 3 };
    expect(await exchange((client) => client.defaultMap.load('a'), loaded, 141)).toMatchObject({
      sent: { op: 79, token: null, body: { name: 'a' } },
      result: loaded,
    });
  });

  test('rejects a load that failed with what the server says of it', async () => {
    const reply = { name: 'a', m: 'there is no complete set of this name' };
    const failed = exchange((client) => client.load('a'), reply, 142);
    await expect(failed).rejects.toThrow(LoadFailedError);
    await expect(failed).rejects.toThrow(reply.m);
  });

  test('sends any command by its name', async () => {
    const call = (client: Client): Promise<unknown> =>
      client.call('SH_GET', { keys: ['a'] }, TOKEN);
    const { sent, result } = await exchange(call, { keys: { a: 1 } });
    expect(sent).toMatchObject({ op: 34, token: TOKEN_BYTES, body: { keys: ['a'] } });
    expect(result).toEqual({ keys: { a: 1 } });
    const onMap = await exchange((client) => client.call('KV_COUNT', {}), { cnt: 3 });
    expect(onMap.sent).toMatchObject({ op: 103, token: null });
    expect(onMap.result.cnt).toBe(3);
  });

  test('rejects a bad token given to call()', async () => {
    const client = await new FakeNetwork().client();
    await expect(client.call('SH_COUNT', {}, 'no')).rejects.toThrow(TypeError);
  });

  test('rejects a reply whose token is none', async () => {
    const call = exchange((client) => client.newSession(), { tkn: Uint8Array.of(1), id: 'x' });
    await expect(call).rejects.toThrow(MalformedReplyError);
  });
});

describe('Session', () => {
  const onSession = <Result>(
    call: (session: Session<Shop>) => Promise<Result>,
    reply: unknown,
  ): Promise<{ readonly sent: SentCommand; readonly result: Result }> =>
    exchange((client) => call(client.session<Shop>(TOKEN)), reply);

  test('sends its token with each command', async () => {
    const { sent } = await onSession((session) => session.end(), null);
    expect(sent).toEqual({ op: 3, id: 1, token: TOKEN_BYTES, body: null });
  });

  test('describes itself', async () => {
    const info = { id: 'ab12', shared: false, keyCnt: 1, expires: false };
    const { sent, result } = await onSession((session) => session.info(), info);
    expect(sent.op).toBe(6);
    expect(result).toEqual(info);
  });

  test('tells the seconds left after touch() and expire()', async () => {
    const touched = await onSession((session) => session.touch(), { remaining: 1.5 });
    expect(touched).toMatchObject({ sent: { op: 8, body: null }, result: 1.5 });
    const expiry = { duration: 2, deleteSession: true };
    const replaced = await onSession((session) => session.expire(expiry), { remaining: 2 });
    expect(replaced).toMatchObject({ sent: { op: 9, body: { expiry } }, result: 2 });
    const removed = await onSession((session) => session.expire(null), null);
    expect(removed).toMatchObject({ sent: { op: 9, body: { expiry: null } }, result: undefined });
  });

  test('says whose it is', async () => {
    const owned = await onSession((session) => session.setOwner('mia'), null);
    expect(owned.sent).toMatchObject({ op: 11, token: TOKEN_BYTES, body: { owner: 'mia' } });
    const free = await onSession((session) => session.setOwner(null), null);
    expect(free.sent.body).toEqual({ owner: null });
  });

  test('may have a token of 8 bytes, as text in decimal', async () => {
    const short = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0);
    const open = (client: Client): Promise<Session> => client.openSession('n', { create: true });
    const { result } = await exchange(open, { tkn: short, id: 'ab12', created: true });
    expect(result.token).toBe('256');
    const { sent } = await exchange((client) => client.session('256').count(), { cnt: 1 });
    expect(sent.token).toEqual(short);
  });

  test('does not show its token when printed', async () => {
    const session = (await new FakeNetwork().client()).session(TOKEN);
    expect(inspect(session)).not.toContain(TOKEN);
    expect(JSON.stringify(session)).not.toContain(TOKEN);
    expect(session.token).toBe(TOKEN);
  });
});
