/** Watchers of sessions over real sockets, with one shard and several, one I/O thread and several. */
import { describe, expect, test } from 'vitest';
import { tokenToText } from '../../src/protocol/token.js';
import type { Config } from '../../src/config/options.js';
import { RawClient } from '../support/raw-client.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { clients, connect, running, start } from '../support/watched-servers.js';
import { type Body, type Push, WatchingClient } from '../support/watching-client.js';

/** A new session that all of these watch. */
async function watched(
  watchers: readonly WatchingClient[],
  body: object = {},
): Promise<{ tkn: unknown; id: unknown }> {
  const { tkn, id } = await watchers[0]!.do('SH_NEW', null, body);
  for (const watcher of watchers) expect(await watcher.do('SH_WATCH', tkn)).toEqual({ id });
  return { tkn, id };
}

/** What a session holds, as its pushes tell it. */
function replayed(pushes: readonly Push[], into: Body = {}): Body {
  for (const [event, { keys }] of pushes) {
    if (event === 'set') Object.assign(into, keys);
    else if (event === 'removed')
      for (const key of keys as string[]) Reflect.deleteProperty(into, key);
    else if (event === 'cleared') for (const key in into) Reflect.deleteProperty(into, key);
  }
  return into;
}

describe.each([
  ['one shard, in memory', { shards: 1, ioThreads: 1 }],
  ['three shards, two I/O threads', { shards: 3, ioThreads: 2 }],
  ['two shards and a log', { shards: 2, ioThreads: 1, memory: false }],
  ['a log that reaches the disk', { shards: 1, ioThreads: 2, memory: false, fsync: 'always' }],
] as const)('%s', (_, shape) => {
  const settings = (more: Partial<Config> = {}): Partial<Config> => {
    const dataDir = 'memory' in shape ? { dataDir: temporaryFolder() } : {};
    return { ...shape, ...dataDir, ...more };
  };

  test('every kind of change is pushed, in the order of the changes', async () => {
    const server = await start(settings());
    const [actor, ...watchers] = await connect(server, 4);
    const { tkn, id } = await watched(watchers, { keys: { a: 1 }, expiry: { duration: 60 } });
    await actor!.do('SH_SET', tkn, { keys: { b: [1, { c: null }], d: 'x' } });
    await actor!.do('SH_RMV', tkn, { keys: ['a', 'none'] });
    await actor!.do('SH_CLEAR_SET', tkn, { keys: { e: 1 } });
    await actor!.do('SH_BATCH', tkn, {
      cmds: [
        [32, { keys: { f: 1 } }],
        [42, { key: 'e' }],
      ],
    });
    expect(
      (
        await actor!.ask('SH_BATCH', tkn, {
          cmds: [
            [40, null],
            [42, { key: 'f', by: 'x' }],
          ],
        })
      )[0],
    ).toBe(41);
    const { tkn: renewed, id: newId } = await actor!.do('SH_ROTATE', tkn);
    await actor!.do('SH_CLEAR', renewed);
    await actor!.do('SH_SET', renewed, { keys: { g: 1 } });
    server.clock.advance(60_000);
    const expected: Push[] = [
      ['set', { id, keys: { b: [1, { c: null }], d: 'x' } }],
      ['removed', { id, keys: ['a'] }],
      ['cleared', { id }],
      ['set', { id, keys: { e: 1 } }],
      ['set', { id, keys: { f: 1 } }],
      ['set', { id, keys: { e: 2 } }],
      ['rotated', { id, newId }],
      ['cleared', { id: newId }],
      ['set', { id: newId, keys: { g: 1 } }],
      ['cleared', { id: newId, expired: true }],
    ];
    for (const watcher of watchers) expect(await watcher.take(expected.length)).toEqual(expected);
    await actor!.do('SH_EXPIRE', renewed, { expiry: { duration: 5, deleteSession: true } });
    server.clock.advance(5_000);
    for (const watcher of watchers) {
      expect(await watcher.next()).toEqual(['expired', { id: newId }]);
      expect(watcher.pushes).toEqual([]);
    }
  });

  test('writers on many connections: each watcher sees one order, which leads to the result', async () => {
    const server = await start(settings());
    const writers = await connect(server, 6);
    const watchers = await connect(server, 3);
    const { tkn } = await watched(watchers);
    const rounds = 100;
    const counts = await Promise.all(
      writers.map(async (writer, number) => {
        let changes = 0;
        for (let round = 0; round < rounds; round += 1) {
          const key = `k${(round * 7 + number) % 10}`;
          const what = round % 10;
          if (what === 9)
            changes += Number((await writer.do('SH_RMV', tkn, { keys: [key] }))['cnt']);
          else if (what === 8) {
            await writer.do('SH_INC', tkn, { key: 'n' });
            changes += 1;
          } else {
            await writer.do('SH_SET', tkn, { keys: { [key]: [number, round] } });
            changes += 1;
          }
        }
        return changes;
      }),
    );
    const changes = counts.reduce((sum, each) => sum + each);
    const { keys } = await writers[0]!.do('SH_GET_ALL', tkn);
    const seen = await Promise.all(watchers.map((watcher) => watcher.take(changes)));
    expect(replayed(seen[0]!)).toEqual(keys);
    for (const pushes of seen) expect(pushes).toEqual(seen[0]);
    // INC counts up by one, whoever did it.
    const counted = seen[0]!.flatMap(([, body]) => {
      const { n } = (body['keys'] ?? {}) as { n?: number };
      return n === undefined ? [] : [n];
    });
    expect(counted).toEqual(Array.from({ length: 60 }, (_value, index) => index + 1));
  });

  test('a connection sees its own changes between its replies', async () => {
    const server = await start(settings());
    const [client] = await connect(server);
    const { tkn } = await watched([client!]);
    client!.came.length = 0;
    const asked = Array.from({ length: 50 }, (_value, n) =>
      client!.do('SH_SET', tkn, { keys: { n } }),
    );
    await Promise.all(asked);
    await client!.take(50);
    expect(client!.came).toEqual(Array.from({ length: 50 }, (_value, n) => [n + 3, 'set']).flat());
  });

  test('SH_END, SH_END_ID and SH_END_ALL end the watch with the session', async () => {
    const server = await start(settings());
    const [client, other] = await connect(server, 2);
    const one = await watched([client!]);
    const two = await watched([client!, other!], { owner: 'ann' });
    const three = await watched([other!]);
    await client!.do('SH_END', one.tkn);
    expect(await client!.next()).toEqual(['ended', { id: one.id }]);
    await other!.do('SH_END_ID', null, { owner: 'ann', id: two.id });
    for (const each of [client!, other!])
      expect(await each.next()).toEqual(['ended', { id: two.id }]);
    await client!.do('SH_END_ALL', null);
    expect(await other!.next()).toEqual(['ended', { id: three.id }]);
    expect(client!.pushes).toEqual([]);
  });

  test('whoever watches is told, while others begin and end to watch all the time', async () => {
    const server = await start(settings());
    const all = await connect(server, 6);
    const { tkn, id } = await watched([all[0]!]);
    await all[0]!.do('SH_UNWATCH', tkn);
    await Promise.all(
      all.map(async (client, number) => {
        for (let round = 0; round < 80; round += 1) {
          await client.do('SH_WATCH', tkn);
          const keys = { [`k${number}`]: round };
          await client.do('SH_SET', tkn, { keys });
          await client.until(() =>
            client.pushes.some(([, body]) => `k${number}` in Object(body['keys'])),
          );
          const own = client.pushes.filter(([, body]) => `k${number}` in Object(body['keys']));
          expect(own).toEqual([['set', { id, keys }]]);
          await client.do('SH_UNWATCH', tkn);
          client.pushes.length = 0;
          if (round % 3 === 0) await client.do('SH_SET', tkn, { keys: { other: round } });
          expect(client.pushes).toEqual([]);
        }
      }),
    );
  });

  test('connections come and go; who stays misses nothing', async () => {
    const server = await start(settings());
    const [writer, steady] = await connect(server, 2);
    const { tkn } = await watched([steady!]);
    let isDone = false;
    const comings = (async () => {
      while (!isDone) {
        const [guest] = await connect(server);
        await guest!.do('SH_WATCH', tkn);
        await guest!.next();
        guest!.close();
        clients.splice(clients.indexOf(guest!), 1);
      }
    })();
    for (let n = 0; n < 400; n += 1) await writer!.do('SH_SET', tkn, { keys: { n } });
    isDone = true;
    for (let n = 400; n < 500; n += 1) await writer!.do('SH_SET', tkn, { keys: { n } });
    await comings;
    const pushes = await steady!.take(500);
    expect(pushes.map(([, body]) => (body['keys'] as { n: number }).n)).toEqual([...pushes.keys()]);
    // Once nobody watches, the shard makes no pushes any more.
    await steady!.do('SH_UNWATCH', tkn);
    for (let n = 0; n < 20; n += 1) await writer!.do('SH_SET', tkn, { keys: { n } });
    const figures = async (): Promise<number> => {
      const { shards } = await writer!.do('SV_STATS', null);
      return (shards as { pushes: number }[]).reduce((sum, { pushes: made }) => sum + made, 0);
    };
    const before = await figures();
    await writer!.do('SH_SET', tkn, { keys: { n: 0 } });
    expect(await figures()).toBe(before);
    expect(steady!.pushes).toEqual([]);
  });
});

describe('a slow watcher', () => {
  test('is cut loose with a reason; the others, and its own commands, go on', async () => {
    const server = await start({ shards: 2, maxUnsent: 1 << 20 });
    const [writer, slow, quick] = await connect(server, 3);
    const { tkn, id } = await watched([slow!, quick!]);
    slow!.socket.pause();
    const value = 'x'.repeat(50_000);
    // Far more than the kernel buffers and the limit together.
    for (let n = 0; n < 600; n += 1) {
      await writer!.do('SH_SET', tkn, { keys: { n, value } });
      if (n % 50 === 0) await quick!.until(() => quick!.pushes.length >= n);
    }
    await quick!.until(() => quick!.pushes.length === 600);
    slow!.socket.resume();
    await slow!.until(() => slow!.pushes.at(-1)?.[0] === 'unwatched');
    const got = slow!.pushes.splice(0);
    expect(got.pop()).toEqual(['unwatched', { id, reason: 'pushes are read too slowly' }]);
    // What came before is whole: the first ones, none left out.
    expect(got.length).toBeLessThan(600);
    expect(got).toEqual(quick!.pushes.slice(0, got.length));
    expect(await slow!.do('SH_WATCH', tkn)).toEqual({ id });
    await writer!.do('SH_SET', tkn, { keys: { n: -1 } });
    expect(await slow!.next()).toEqual(['set', { id, keys: { n: -1 } }]);
    const { io } = await writer!.do('SV_STATS', null);
    expect(io).toMatchObject([
      { watchersCutLoose: 1, slowReadersClosed: 0, pushesOut: 601 + got.length + 2 },
    ]);
  });
});

describe('a watched session', () => {
  test('that makes room for others has ended', async () => {
    const server = await start({ shards: 1, maxMemory: 1 << 20, evict: 'soonest' });
    const [client] = await connect(server);
    const { tkn, id } = await watched([client!], { keys: { a: 1 }, expiry: { duration: 9 } });
    const value = 'x'.repeat(100_000);
    for (let n = 0; n < 12; n += 1) {
      await client!.do('SH_NEW', null, { keys: { value }, expiry: { duration: 60 + n } });
    }
    expect(await client!.next()).toEqual(['ended', { id }]);
    expect((await client!.ask('SH_GET', tkn, { keys: [] }))[0]).toBe(100);
  });

  test('has --max-watchers on a thread, and a connection --max-watches', async () => {
    const server = await start({ shards: 2, maxWatchers: 2, maxWatches: 3 });
    const [one, two, three] = await connect(server, 3);
    const { tkn } = await watched([one!, two!]);
    expect((await three!.ask('SH_WATCH', tkn))[0]).toBe(203);
    await watched([one!]);
    await watched([one!]);
    const { tkn: fourth } = await one!.do('SH_NEW', null);
    expect((await one!.ask('SH_WATCH', fourth))[0]).toBe(203);
    await one!.do('SH_UNWATCH', tkn);
    expect((await one!.ask('SH_WATCH', fourth))[0]).toBe(1);
    expect((await three!.ask('SH_WATCH', tkn))[0]).toBe(1);
  });

  test('can be watched as text', async () => {
    const server = await start({ shards: 2 });
    const [writer] = await connect(server);
    const { tkn, id } = await watched([writer!]);
    const text = await RawClient.connect(server.url);
    clients.push(text);
    const token = tokenToText(tkn as Uint8Array);
    expect(await text.command('SH_WATCH', { tkn: token })).toEqual({ st: 1, id });
    const keys = '{"ü":[1.5,18446744073709551615,2.0,"é\\""]}';
    text.send(`{"SH_SET":{"tkn":"${token}","keys":${keys}}}`);
    expect(await text.next()).toBe('{"SH_SET_RSP":{"st":1}}');
    expect(await text.next()).toBe(
      `{"PUSH":{"event":"set","id":"${id as string}","keys":${keys}}}`,
    );
    await writer!.do('SH_CLEAR_SET', tkn, { keys: {} });
    expect(await text.next()).toBe(`{"PUSH":{"event":"cleared","id":"${id as string}"}}`);
    expect(await text.command('SH_UNWATCH', { tkn: token })).toEqual({ st: 1 });
    await writer!.do('SH_END', tkn);
    expect(await text.command('SV_PING')).toEqual({ st: 1 });
  });

  test('does not keep a server from stopping while changes pour in', async () => {
    const config = { shards: 1, ioThreads: 2, memory: false, dataDir: temporaryFolder() };
    const server = await start({ ...config, ringBytes: 16 << 10 });
    const all = await connect(server, 6);
    const { tkn } = await watched(all);
    let acknowledged = 0;
    const closings = all.map(async (client) => {
      const closed = new Promise((resolve) => client.socket.once('close', resolve));
      for (let n = 0; client.socket.readyState === client.socket.OPEN; n += 1) {
        const answer = client.ask('SH_INC', tkn, { key: 'n' });
        const [status] = (await Promise.race([answer, closed.then(() => [0])])) as [number];
        if (status === 1) acknowledged += 1;
        client.pushes.length = 0;
      }
      return closed;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.server.stop();
    expect(new Set(await Promise.all(closings))).toEqual(new Set([1001]));
    running.splice(running.indexOf(server), 1);
    const [after] = await connect(await start(config));
    expect(await after!.do('SH_GET', tkn, { keys: ['n'] })).toEqual({ keys: { n: acknowledged } });
  });

  test('has no watchers after a restart', async () => {
    const dataDir = temporaryFolder();
    const settings = { shards: 2, memory: false, dataDir };
    const first = await start(settings);
    const [before] = await connect(first);
    const { tkn, id } = await watched([before!], { keys: { a: 1 } });
    await before!.do('SH_SET', tkn, { keys: { a: 2 } });
    await first.server.stop();
    const [after] = await connect(await start({ ...settings, shards: 1 }));
    await after!.do('SH_SET', tkn, { keys: { a: 3 } });
    expect(await after!.do('SH_WATCH', tkn)).toEqual({ id });
    await after!.do('SH_SET', tkn, { keys: { a: 4 } });
    expect(await after!.next()).toEqual(['set', { id, keys: { a: 4 } }]);
    const { shards } = await after!.do('SV_STATS', null);
    expect(shards).toMatchObject([{ pushes: 1 }]);
  });
});
