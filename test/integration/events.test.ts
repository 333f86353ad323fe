/** The feed of events over real sockets, and the figures of SV_STATS. */
import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/options.js';
import { RawClient } from '../support/raw-client.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { clients, connect, start } from '../support/watched-servers.js';
import { WatchingClient } from '../support/watching-client.js';

interface Event {
  readonly seq: number;
  readonly kind: string;
  readonly id: string;
  readonly time: number;
  readonly newId?: string;
}

async function events(client: WatchingClient, count: number): Promise<Event[]> {
  const pushes = await client.take(count);
  return pushes.map(([event, body]) => {
    expect(event).toBe('event');
    return body as unknown as Event;
  });
}

/** Runs the lives of some sessions, each life in its own order. @returns kinds by public id. */
async function lives(client: WatchingClient, count: number): Promise<Map<string, string[]>> {
  const kinds = new Map<string, string[]>();
  const one = async (number: number): Promise<void> => {
    const { tkn, id } = await client.do('SH_NEW', null, { keys: { number } });
    if (number % 2 === 0) {
      await client.do('SH_END', tkn);
      kinds.set(id as string, ['created', 'ended']);
      return;
    }
    const renewed = await client.do('SH_ROTATE', tkn);
    expect((await client.ask('SH_COUNT', tkn))[0]).toBe(110);
    await client.do('SH_END', renewed['tkn']);
    kinds.set(id as string, ['created', 'rotated']);
    kinds.set(renewed['id'] as string, ['reused', 'ended']);
  };
  await Promise.all(Array.from({ length: count }, (_, number) => one(number)));
  return kinds;
}

function kindsById(told: readonly Event[]): Map<string, string[]> {
  const kinds = new Map<string, string[]>();
  for (const { id, kind } of told) kinds.set(id, [...(kinds.get(id) ?? []), kind]);
  return kinds;
}

describe.each([
  ['one shard, one I/O thread', { shards: 1, ioThreads: 1 }],
  ['three shards, two I/O threads', { shards: 3, ioThreads: 2 }],
  ['three shards and a log', { shards: 3, ioThreads: 1, memory: false }],
] as const)('%s', (_, shape) => {
  const settings = (more: Partial<Config> = {}): Partial<Config> => {
    const dataDir = 'memory' in shape ? { dataDir: temporaryFolder() } : {};
    return { ...shape, ...dataDir, ...more };
  };

  test('every listener hears all, in one order, and each session in its own', async () => {
    const server = await start(settings());
    const [actor, ...listeners] = await connect(server, 5);
    const replies = await Promise.all(listeners.map((each) => each.do('SV_EVENTS', null)));
    const kinds = await lives(actor!, 60);
    const total = 30 * 2 + 30 * 4;
    const told = await Promise.all(listeners.map((each) => events(each, total)));
    expect(kindsById(told[0]!)).toEqual(kinds);
    for (const each of told) expect(each).toEqual(told[0]);
    const { seq } = replies[0] as { seq: number };
    expect(told[0]!.map((event) => event.seq)).toEqual([...told[0]!.keys()].map((n) => seq + n));
    for (const { time, kind, newId } of told[0]!) {
      expect(time).toBe(server.clock.nowMs() / 1_000);
      expect(newId !== undefined).toBe(kind === 'rotated');
    }
  });

  test('a listener goes on where another left off', async () => {
    const server = await start(settings());
    const [actor, first] = await connect(server, 2);
    const { seq } = (await first!.do('SV_EVENTS', null)) as { seq: number };
    await lives(actor!, 10);
    const head = await events(first!, 7);
    first!.close();
    await lives(actor!, 10);
    const [second] = await connect(server);
    const { seq: next } = (await second!.do('SV_EVENTS', null, { from: seq + 7 })) as {
      seq: number;
    };
    expect(next).toBe(seq + 60);
    const all = [...head, ...(await events(second!, 53))];
    expect(all.map((event) => event.seq)).toEqual(
      Array.from({ length: 60 }, (_value, n) => seq + n),
    );
    await actor!.do('SH_NEW', null);
    expect(await events(second!, 1)).toMatchObject([{ seq: next, kind: 'created' }]);
  });

  test('deadlines are told, too, and only the kinds that were asked for', async () => {
    const server = await start(settings());
    const [actor, listener] = await connect(server, 2);
    await listener!.do('SV_EVENTS', null, { kinds: ['expired', 'cleared'] });
    const { id: one } = await actor!.do('SH_NEW', null, {
      expiry: { duration: 5, deleteSession: true },
    });
    const { id: two } = await actor!.do('SH_NEW', null, {
      keys: { a: 1 },
      expiry: { duration: 5 },
    });
    server.clock.advance(5_000);
    const told = await events(listener!, 2);
    expect(kindsById(told)).toEqual(
      new Map([
        [one, ['expired']],
        [two, ['cleared']],
      ]),
    );
    await listener!.do('SV_EVENTS', null, { kinds: [] });
    server.clock.advance(50_000);
    await lives(actor!, 4);
    expect(listener!.pushes).toEqual([]);
  });

  test('what was before the first listener has no number, unless the server was told to keep it', async () => {
    const kept: unknown[] = [];
    for (const eventsFromStart of [false, true]) {
      const server = await start(settings({ eventsFromStart }));
      const [actor, listener] = await connect(server, 2);
      await lives(actor!, 2);
      const { seq } = (await listener!.do('SV_EVENTS', null, { from: 1 })) as { seq: number };
      const [event, body] = await listener!.next();
      expect(event).toBe('gap');
      kept.push(seq - 1 - Number(body['to']));
      await actor!.do('SH_NEW', null);
      const next = await events(listener!, 1 + (eventsFromStart ? 6 : 0));
      expect(next.at(-1)).toMatchObject({ seq, kind: 'created' });
    }
    expect(kept).toEqual([0, 6]);
  });

  test('a gap is told where events are no longer kept', async () => {
    const server = await start(settings({ maxEvents: 64 }));
    const [actor, listener] = await connect(server, 2);
    const { seq } = (await listener!.do('SV_EVENTS', null, { kinds: [] })) as { seq: number };
    for (let i = 0; i < 100; i += 1) await actor!.do('SH_NEW', null);
    const { seq: next } = (await listener!.do('SV_EVENTS', null, { from: seq })) as { seq: number };
    expect(next).toBe(seq + 100);
    expect(await listener!.next()).toEqual(['gap', { from: seq, to: seq + 35 }]);
    expect((await events(listener!, 64))[0]).toMatchObject({ seq: seq + 36, kind: 'created' });
    // All at once, more than are kept: what was lost and what was told make up all of them.
    await actor!.do('SH_END_ALL', null);
    let [told, lost] = [0, 0];
    while (told + lost < 100) {
      const [event, body] = await listener!.next();
      if (event === 'gap') lost += Number(body['to']) - Number(body['from']) + 1;
      else told += 1;
    }
    expect(told + lost).toBe(100);
    expect(told).toBeGreaterThanOrEqual(64);
    expect((await listener!.ask('SV_EVENTS', null, { from: seq + 201 }))[0]).toBe(42);
  });
});

describe('the feed', () => {
  test('tells after a restart that what was before is gone', async () => {
    const config = { shards: 2, memory: false, dataDir: temporaryFolder() };
    const first = await start(config);
    const [before] = await connect(first);
    const { seq } = (await before!.do('SV_EVENTS', null)) as { seq: number };
    await before!.do('SH_NEW', null);
    await events(before!, 1);
    await first.server.stop();
    const second = await start(config);
    second.clock.advance(1);
    const [after] = await connect(second);
    const [status] = await after!.ask('SV_EVENTS', null, { from: seq + 1 });
    // Both servers began at the same instant of this clock, so that the number is ahead.
    expect(status).toBe(42);
    const { seq: next } = (await after!.do('SV_EVENTS', null, { from: seq - 1_000 })) as {
      seq: number;
    };
    expect(await after!.next()).toEqual(['gap', { from: seq - 1_000, to: next - 1 }]);
    await after!.do('SH_NEW', null);
    // What was recovered is no news.
    expect(await events(after!, 1)).toMatchObject([{ seq: next, kind: 'created' }]);
  });

  test('cuts a listener loose that does not read, and the others go on', async () => {
    const server = await start({ shards: 2, maxUnsent: 1 << 20 });
    const [actor, slow, quick] = await connect(server, 3);
    const { tkn } = await actor!.do('SH_NEW', null);
    const { seq } = (await slow!.do('SV_EVENTS', null)) as { seq: number };
    await quick!.do('SV_EVENTS', null);
    // Pushes of a watch fill what the kernel and the server hold for the connection.
    await slow!.do('SH_WATCH', tkn);
    slow!.socket.pause();
    const value = 'x'.repeat(50_000);
    for (let n = 0; n < 600; n += 1) await actor!.do('SH_SET', tkn, { keys: { value } });
    for (let n = 0; n < 10; n += 1) {
      await actor!.do('SH_NEW', null);
      await events(quick!, 1);
    }
    slow!.socket.resume();
    await slow!.until(() => slow!.pushes.at(-1)?.[0] === 'unsubscribed');
    expect(slow!.pushes.splice(0).at(-1)).toEqual([
      'unsubscribed',
      { seq, reason: 'pushes are read too slowly' },
    ]);
    await slow!.do('SV_EVENTS', null, { from: seq });
    expect((await events(slow!, 10)).map((event) => event.seq)).toEqual(
      Array.from({ length: 10 }, (_, n) => seq + n),
    );
  });

  test('is text where it was asked for so', async () => {
    const server = await start({ shards: 2 });
    const text = await RawClient.connect(server.url);
    clients.push(text);
    const { seq } = await text.command('SV_EVENTS', { kinds: ['created'] });
    const { id } = await text.command('SH_NEW');
    const time = server.clock.nowMs() / 1_000;
    expect(await text.next()).toBe(
      `{"PUSH":{"event":"event","seq":${seq as number},"kind":"created","id":"${id as string}","time":${time}}}`,
    );
  });
});

describe('SV_STATS', () => {
  test('gives the figures of all threads, whichever answers', async () => {
    const server = await start({ shards: 3, ioThreads: 2 });
    const [...asking] = await connect(server, 6);
    for (let i = 0; i < 30; i += 1) {
      await asking[i % 6]!.do('SH_NEW', null, { keys: { a: 1, b: 2 } });
    }
    server.clock.advance(1_500);
    for (const client of asking) {
      const { uptime, shards, io } = (await client.do('SV_STATS', null)) as {
        uptime: number;
        shards: Record<string, number>[];
        io: Record<string, number>[];
      };
      const sum = (name: string): number => shards.reduce((total, each) => total + each[name]!, 0);
      expect(uptime).toBe(1.5);
      expect([shards.length, io.length]).toEqual([3, 2]);
      expect([sum('sessions'), sum('sessionsCreated'), sum('keys')]).toEqual([30, 30, 60]);
      expect(io.reduce((total, each) => total + each['connectionsOpened']!, 0)).toBe(6);
    }
    const counters = server.server.counters();
    const { shards } = (await asking[0]!.do('SV_STATS', null)) as { shards: object[] };
    expect(shards.map((each) => Object.keys(each))).toEqual(
      counters.shards.map((each) => Object.keys(each)),
    );
  });
});
