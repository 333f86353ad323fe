import { describe, expect, test } from 'vitest';
import type {
  Client,
  ClientOptions,
  EventsOptions,
  ServerEvent,
} from '../../../src/client/index.js';
import { ConnectError, FeedOverflowError, NotAllowedError } from '../../../src/client/index.js';
import { endOfTick, FakeNetwork } from './fake-network.js';

const EVENTS = 132;

interface World {
  readonly network: FakeNetwork;
  readonly client: Client;
}

async function world(options?: ClientOptions): Promise<World> {
  const network = new FakeNetwork();
  return { network, client: await network.client(options) };
}

interface Loop {
  readonly events: ServerEvent[];
  readonly end: Promise<string>;
}

function loopOver(events: AsyncIterable<ServerEvent>): Loop {
  const seen: ServerEvent[] = [];
  const run = async (): Promise<string> => {
    try {
      for await (const event of events) seen.push(event);
      return 'done';
    } catch (error) {
      return (error as Error).name;
    }
  };
  return { events: seen, end: run() };
}

async function reading({ network, client }: World, options?: EventsOptions): Promise<Loop> {
  const loop = loopOver(client.events(options));
  await endOfTick();
  network.socket.answers(EVENTS, { seq: 10 });
  return loop;
}

function event(seq: number): ServerEvent {
  return { kind: 'created', seq, id: 'ab12', time: 1.5 };
}

function bodiesOf({ network }: World): unknown[] {
  return network.socket.commands.filter(({ op }) => op === EVENTS).map(({ body }) => body);
}

async function reconnect({ network }: World): Promise<void> {
  network.timers.advance(5_000);
  network.socket.opens();
  await endOfTick();
}

describe('Client.events', () => {
  test('asks for all events from now on, or for some from a number on', async () => {
    const given = await world();
    given.client.events();
    given.client.events({ from: 7, kinds: ['ended'] });
    await endOfTick();
    expect(bodiesOf(given)).toEqual([null, { from: 7, kinds: ['ended'] }]);
  });

  test('gives events and gaps in order, even those in the frame of the reply', async () => {
    const given = await world();
    const loop = loopOver(given.client.events({ from: 3 }));
    await endOfTick();
    given.network.socket.replies(
      [1, 1, { seq: 10 }],
      [0, 'gap', { from: 3, to: 8 }],
      [0, 'event', event(9)],
    );
    given.network.socket.pushes(['unsubscribed', { seq: 10, reason: 'too slow' }]);
    expect(await loop.end).toBe('done');
    expect(loop.events).toEqual([
      { kind: 'gap', from: 3, to: 8 },
      event(9),
      { kind: 'unsubscribed', seq: 10, reason: 'too slow' },
    ]);
  });

  test('throws for an option that it does not have, and asks for nothing', async () => {
    const given = await world();
    expect(() => given.client.events({ form: 5 } as never)).toThrow('there is no option "form"');
    expect(() => given.client.events(5 as never)).toThrow(TypeError);
    await endOfTick();
    expect(bodiesOf(given)).toEqual([]);
  });

  test('throws what the server answers', async () => {
    const given = await world();
    const loop = loopOver(given.client.events());
    await endOfTick();
    given.network.socket.answers(EVENTS, null, 201);
    expect(await loop.end).toBe(NotAllowedError.name);
  });

  test('goes on after the last event when the connection is made again', async () => {
    const given = await world();
    const loop = await reading(given, { kinds: ['created'] });
    given.network.socket.pushes(['event', event(12)]);
    given.network.socket.breaks();
    await reconnect(given);
    expect(bodiesOf(given)).toEqual([{ from: 13, kinds: ['created'] }]);
    given.network.socket.answers(EVENTS, { seq: 20 });
    given.network.socket.pushes(['event', event(12)], ['gap', { from: 13, to: 18 }]);
    given.network.socket.breaks();
    await reconnect(given);
    expect(bodiesOf(given)).toEqual([{ from: 19, kinds: ['created'] }]);
    given.network.socket.pushes(['unsubscribed', { seq: 19, reason: 'x' }]);
    expect(await loop.end).toBe('done');
    expect(loop.events.map(({ kind }) => kind)).toEqual(['created', 'gap', 'unsubscribed']);
  });

  test.each([
    [undefined, 10],
    [4, 4],
  ])('asks again from where it began, if nothing came: %s', async (from, again) => {
    const given = await world();
    await reading(given, from === undefined ? {} : { from });
    given.network.socket.breaks();
    await reconnect(given);
    expect(bodiesOf(given)).toEqual([{ from: again }]);
  });

  test('throws where it may not go on after a reconnect', async () => {
    const given = await world();
    const loop = await reading(given);
    given.network.socket.breaks();
    await reconnect(given);
    given.network.socket.answers(EVENTS, null, 201);
    expect(await loop.end).toBe(NotAllowedError.name);
  });

  test('tells the server when the loop is left', async () => {
    const given = await world();
    const events = given.client.events();
    await endOfTick();
    given.network.socket.answers(EVENTS, { seq: 10 });
    await endOfTick();
    await events.return?.();
    await endOfTick();
    expect(bodiesOf(given)).toEqual([null, { kinds: [] }]);
    expect(given.network.timers.pending).toBe(1); // no heartbeat
  });

  test('tells the server of a loop that was left before the reply', async () => {
    const given = await world();
    const events = given.client.events();
    await endOfTick();
    await events.return?.();
    given.network.socket.answers(EVENTS, { seq: 10 });
    await endOfTick();
    expect(bodiesOf(given)).toEqual([null, { kinds: [] }]);
  });

  test('ends the loop before when it is called again, and says where that was', async () => {
    const given = await world();
    const first = await reading(given);
    given.network.socket.pushes(['event', event(11)]);
    const second = loopOver(given.client.events());
    await endOfTick();
    given.network.socket.answers(EVENTS, { seq: 15 });
    expect(await first.end).toBe('done');
    expect(first.events.at(-1)).toMatchObject({ kind: 'unsubscribed', seq: 12 });
    given.network.socket.pushes(['event', event(15)]);
    given.network.socket.breaks();
    void given.client.close();
    expect(await second.end).toBe('done');
    expect(second.events).toEqual([event(15)]);
    expect(bodiesOf({ ...given, network: given.network })).not.toContainEqual({ kinds: [] });
  });

  test('does not end a feed under another one that is on its way', async () => {
    const given = await world();
    const first = given.client.events();
    await endOfTick();
    given.network.socket.answers(EVENTS, { seq: 10 });
    await endOfTick();
    const second = loopOver(given.client.events());
    await first.return?.();
    await endOfTick();
    given.network.socket.answers(EVENTS, { seq: 10 });
    await endOfTick();
    given.network.socket.pushes(['event', event(10)]);
    await endOfTick();
    expect(second.events).toEqual([event(10)]);
    expect(bodiesOf(given)).toEqual([null, null]);
  });

  test('ends with FeedOverflowError when more wait than may', async () => {
    const given = await world();
    const events = given.client.events({ maxBuffered: 1 });
    await endOfTick();
    given.network.socket.answers(EVENTS, { seq: 10 });
    await endOfTick();
    given.network.socket.pushes(['event', event(10)], ['event', event(11)], ['event', event(12)]);
    const loop = loopOver(events);
    expect(await loop.end).toBe(FeedOverflowError.name);
    expect(loop.events).toEqual([event(10)]);
    await endOfTick();
    expect(bodiesOf(given)).toEqual([null, { kinds: [] }]);
  });

  test('throws where reconnecting is given up', async () => {
    const given = await world({ reconnect: false });
    const loop = await reading(given);
    given.network.socket.breaks();
    expect(await loop.end).toBe(ConnectError.name);
  });

  test('refuses an empty list of kinds, which would say that none are wanted', async () => {
    const { client } = await world();
    expect(() => client.events({ kinds: [] })).toThrow('kinds must name one kind at least');
  });
});
