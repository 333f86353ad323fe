import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Change, Client, ClientOptions, Session } from '../../../src/client/index.js';
import {
  BusyError,
  ConnectError,
  ConnectionLostError,
  FeedOverflowError,
  SessionNotFoundError,
  TokenReusedError,
} from '../../../src/client/index.js';
import { tokenTextOf } from '../../../src/client/token-text.js';
import { endOfTick, FakeNetwork, TOKEN, TOKEN_BYTES } from './fake-network.js';

const [WATCH, UNWATCH, COUNT, ROTATE, PING] = [16, 17, 39, 10, 129];
const ID = 'ab12';

interface Order {
  readonly status: string;
  readonly rider: { readonly x: number };
}

interface World {
  readonly network: FakeNetwork;
  readonly client: Client;
  readonly session: Session<Order>;
}

async function world(options?: ClientOptions): Promise<World> {
  const network = new FakeNetwork();
  const client = await network.client(options);
  return { network, client, session: client.session<Order>(TOKEN) };
}

/** What a loop over the changes has seen so far, and how it ended. */
interface Loop {
  readonly changes: Change<Order>[];
  readonly end: Promise<string>;
}

function loopOver(changes: AsyncIterable<Change<Order>>): Loop {
  const seen: Change<Order>[] = [];
  const run = async (): Promise<string> => {
    try {
      for await (const change of changes) seen.push(change);
      return 'done';
    } catch (error) {
      return (error as Error).name;
    }
  };
  return { changes: seen, end: run() };
}

/** A loop whose watch the server has granted. */
async function watching(given: World, maxBuffered?: number): Promise<Loop> {
  const options = maxBuffered === undefined ? {} : { maxBuffered };
  const loop = loopOver(given.session.watch(options));
  await endOfTick();
  given.network.socket.answers(WATCH, { id: ID });
  return loop;
}

function opsOf({ network }: World): number[] {
  return network.socket.commands.map(({ op }) => op);
}

async function reconnect({ network }: World): Promise<void> {
  network.timers.advance(5_000);
  network.socket.opens();
  await endOfTick();
}

describe('Session.watch', () => {
  test('sends SH_WATCH at the call, before what is read after it', async () => {
    const given = await world();
    given.session.watch();
    void given.session.count();
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, COUNT]);
    expect(given.network.socket.commands[0]).toMatchObject({ token: TOKEN_BYTES, body: null });
  });

  test('gives the changes of its session in order, even those in the frame of the reply', async () => {
    const given = await world();
    const loop = loopOver(given.session.watch());
    await endOfTick();
    given.network.socket.replies(
      [1, 1, { id: ID }],
      [0, 'set', { id: ID, keys: { status: 'baking' } }],
      [0, 'set', { id: 'other', keys: { status: 'no' } }],
    );
    given.network.socket.pushes(
      ['removed', { id: ID, keys: ['rider'] }],
      ['cleared', { id: ID, expired: true }],
      ['ended', { id: ID }],
    );
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([
      { event: 'set', id: ID, keys: { status: 'baking' } },
      { event: 'removed', id: ID, keys: ['rider'] },
      { event: 'cleared', id: ID, expired: true },
      { event: 'ended', id: ID },
    ]);
  });

  test('throws for an option that it does not have, and watches nothing', async () => {
    const { network, session } = await world();
    expect(() => session.watch({ buffered: 5 } as never)).toThrow('there is no option "buffered"');
    await endOfTick();
    expect(network.socket.commands).toEqual([]);
  });

  test('types the changes by the shape of the session', () => {
    const read = async (session: Session<Order>): Promise<void> => {
      for await (const change of session.watch()) {
        if (change.event === 'set')
          expectTypeOf(change.keys.status).toEqualTypeOf<string | undefined>();
        if (change.event === 'removed')
          expectTypeOf(change.keys).items.toEqualTypeOf<keyof Order>();
        if (change.event === 'rotated') expectTypeOf(change.newId).toEqualTypeOf<string>();
      }
    };
    expect(read).toBeTypeOf('function');
  });

  test.each([
    ['ended', {}],
    ['expired', {}],
    ['unwatched', { reason: 'too slow' }],
  ] as const)('ends after %s, and takes nothing after it', async (event, more) => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.pushes([event, { id: ID, ...more }], ['set', { id: ID, keys: {} }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([{ event, id: ID, ...more }]);
    await endOfTick();
    expect(opsOf(given)).not.toContain(UNWATCH);
  });

  test('passes over events that it does not know, and pushes of nobody', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.pushes(['moved', { id: ID }], ['set', null], ['ended', { id: 'none' }]);
    given.network.socket.pushes(['ended', { id: ID }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toHaveLength(1);
  });

  test.each([
    [100, SessionNotFoundError],
    [110, TokenReusedError],
    [203, BusyError],
  ])('throws what the server answers it: %i', async (status, error) => {
    const given = await world();
    const loop = loopOver(given.session.watch());
    await endOfTick();
    given.network.socket.answers(WATCH, null, status);
    expect(await loop.end).toBe(error.name);
  });

  test('throws ConnectionLostError where the connection is lost before it began', async () => {
    const given = await world();
    const loop = loopOver(given.session.watch());
    await endOfTick();
    given.network.socket.breaks();
    expect(await loop.end).toBe(ConnectionLostError.name);
    await reconnect(given);
    expect(opsOf(given)).toEqual([]);
  });

  test('ends the watch of the server when the loop is left', async () => {
    const given = await world();
    const changes = given.session.watch();
    await endOfTick();
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.pushes(['set', { id: ID, keys: { status: 'a' } }]);
    for await (const change of changes) {
      expect(change.event).toBe('set');
      break;
    }
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, UNWATCH]);
    expect(given.network.timers.pending).toBe(1); // the tick of UNWATCH, and no heartbeat
  });

  test('ends with FeedOverflowError when more wait than may, and the watch with it', async () => {
    const given = await world();
    const changes = given.session.watch({ maxBuffered: 2 });
    await endOfTick();
    given.network.socket.answers(WATCH, { id: ID });
    const set = ['set', { id: ID, keys: {} }] as const;
    given.network.socket.pushes(set, set, set, set);
    const loop = loopOver(changes);
    expect(await loop.end).toBe(FeedOverflowError.name);
    expect(loop.changes).toHaveLength(2);
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, UNWATCH]);
  });

  test('tells several readers, and the server of the last that leaves only', async () => {
    const given = await world();
    const [first, second] = [given.session.watch(), given.session.watch()];
    await endOfTick();
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.answers(WATCH, { id: ID });
    await endOfTick();
    given.network.socket.pushes(['set', { id: ID, keys: { status: 'a' } }]);
    expect((await first.next()).value).toMatchObject({ event: 'set' });
    await first.return?.();
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, WATCH]);
    expect((await second.next()).value).toMatchObject({ event: 'set' });
    await second.return?.();
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, WATCH, UNWATCH]);
  });

  test('does not end a watch under another one that is on its way', async () => {
    const given = await world();
    const first = given.session.watch();
    await endOfTick();
    given.network.socket.answers(WATCH, { id: ID });
    const loop = loopOver(given.session.watch());
    await first.return?.();
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, WATCH]);
    given.network.socket.answers(WATCH, { id: ID });
    await endOfTick();
    given.network.socket.pushes(['ended', { id: ID }]);
    expect(await loop.end).toBe('done');
    expect(opsOf(given)).toEqual([WATCH, WATCH]);
  });

  test('ends the watch of a reader that left before the reply', async () => {
    const given = await world();
    const changes = given.session.watch();
    await endOfTick();
    await changes.return?.();
    given.network.socket.answers(WATCH, { id: ID });
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, UNWATCH]);
  });

  test('follows a rotation to the new id', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.pushes(
      ['rotated', { id: ID, newId: 'cd34' }],
      ['set', { id: 'cd34', keys: {} }],
      ['ended', { id: 'cd34' }],
    );
    expect(await loop.end).toBe('done');
    expect(loop.changes.map(({ event }) => event)).toEqual(['rotated', 'set', 'ended']);
  });

  test('refuses a buffer without room', async () => {
    const { session } = await world();
    expect(() => session.watch({ maxBuffered: 0 })).toThrow(TypeError);
  });
});

describe('Session.unwatch', () => {
  test('ends all loops of the session, and no other', async () => {
    const given = await world();
    const loop = await watching(given);
    const other = loopOver(given.client.session<Order>(TOKEN.replace('A', 'B')).watch());
    await endOfTick();
    given.network.socket.answers(WATCH, { id: 'other' });
    const unwatched = given.session.unwatch();
    await endOfTick();
    given.network.socket.answers(UNWATCH);
    await unwatched;
    expect(await loop.end).toBe('done');
    given.network.socket.pushes(['ended', { id: 'other' }]);
    expect(await other.end).toBe('done');
    expect(other.changes).toHaveLength(1);
  });

  test('rejects where there is no such session', async () => {
    const given = await world();
    const unwatched = given.session.unwatch();
    await endOfTick();
    given.network.socket.answers(UNWATCH, null, 100);
    await expect(unwatched).rejects.toThrow(SessionNotFoundError);
  });
});

describe('a watch whose connection is lost', () => {
  test('watches again and says that changes may be missing', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.breaks();
    await reconnect(given);
    expect(opsOf(given)).toEqual([WATCH]);
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.pushes(['ended', { id: ID }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([
      { event: 'resumed', id: ID },
      { event: 'ended', id: ID },
    ]);
  });

  test('watches again by the token of a rotation, whichever object made it', async () => {
    const given = await world();
    const loop = await watching(given);
    const newToken = Uint8Array.from({ length: 24 }, () => 9);
    void given.client.session(TOKEN).rotate();
    await endOfTick();
    given.network.socket.pushes(['rotated', { id: ID, newId: 'cd34' }]);
    given.network.socket.answers(ROTATE, { tkn: newToken, id: 'cd34' });
    given.network.socket.breaks();
    await reconnect(given);
    const { op, token } = given.network.socket.commands[0]!;
    expect([op, tokenTextOf(token)]).toEqual([WATCH, tokenTextOf(newToken)]);
    given.network.socket.answers(WATCH, { id: 'cd34' });
    given.network.socket.pushes(['ended', { id: 'cd34' }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes.map(({ event }) => event)).toEqual(['rotated', 'resumed', 'ended']);
  });

  test('takes the id that the session has by then', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.breaks();
    await reconnect(given);
    given.network.socket.answers(WATCH, { id: 'new' });
    given.network.socket.pushes(['set', { id: ID, keys: {} }], ['ended', { id: 'new' }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([
      { event: 'resumed', id: 'new' },
      { event: 'ended', id: 'new' },
    ]);
  });

  test('ends where the session has ended meanwhile', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.breaks();
    await reconnect(given);
    given.network.socket.answers(WATCH, null, 100);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([{ event: 'ended', id: ID, isMissed: true }]);
  });

  test('throws where its token was replaced meanwhile', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.breaks();
    await reconnect(given);
    given.network.socket.answers(WATCH, null, 110);
    expect(await loop.end).toBe(TokenReusedError.name);
  });

  test('tries again when the server is busy or the connection lost once more', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.breaks();
    await reconnect(given);
    given.network.socket.answers(WATCH, null, 203);
    given.network.timers.advance(500);
    await endOfTick();
    given.network.socket.breaks();
    await reconnect(given);
    expect(opsOf(given)).toEqual([WATCH]);
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.pushes(['ended', { id: ID }]);
    await loop.end;
    expect(loop.changes.map(({ event }) => event)).toEqual(['resumed', 'ended']);
  });

  test('is not watched again where its reader has left', async () => {
    const given = await world();
    const changes = given.session.watch();
    await endOfTick();
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.breaks();
    await changes.return?.();
    await reconnect(given);
    expect(opsOf(given)).not.toContain(WATCH);
  });

  test('throws where reconnecting is given up', async () => {
    const given = await world({ reconnect: false });
    const loop = await watching(given);
    given.network.socket.breaks();
    expect(await loop.end).toBe(ConnectError.name);
  });

  test('watches again after changes that could not be made durable', async () => {
    const given = await world();
    const loop = await watching(given);
    given.network.socket.pushes(['lost', { id: ID, reason: 'disk full' }]);
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, WATCH]);
    given.network.socket.answers(WATCH, { id: ID });
    given.network.socket.pushes(['ended', { id: ID }]);
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([
      { event: 'lost', id: ID, reason: 'disk full' },
      { event: 'resumed', id: ID },
      { event: 'ended', id: ID },
    ]);
  });

  test('is noticed by a ping, if the server goes without a word', async () => {
    const given = await world();
    const loop = await watching(given);
    const { network } = given;
    network.timers.advance(20_000);
    await endOfTick();
    expect(opsOf(given)).toEqual([WATCH, PING]);
    network.socket.answers(PING);
    network.timers.advance(20_000);
    await endOfTick();
    network.timers.advance(11_000);
    expect(network.sockets[0]!.isGone).toBe(true);
    await reconnect(given);
    network.socket.answers(WATCH, { id: ID });
    network.socket.pushes(['ended', { id: ID }]);
    expect(await loop.end).toBe('done');
  });

  test('ends when the client is closed', async () => {
    const given = await world();
    const loop = await watching(given);
    void given.client.close();
    expect(await loop.end).toBe('done');
    expect(loop.changes).toEqual([]);
    given.network.socket.breaks();
    expect(given.network.timers.pending).toBe(0);
  });
});
