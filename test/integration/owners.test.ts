/**
 * Owners over several shards and I/O threads. Goal of the races: an owner never has more sessions
 * than the limit, however many log in at once and wherever their sessions lie, and nobody is turned
 * away without need. Method: many rounds, each with an owner of its own, all connections at once.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import type { Server } from '../../src/server/server.js';
import { NativeCaller } from '../support/native-caller.js';
import { Random } from '../support/random.js';

// From dist, because threads cannot be started from TypeScript.
const dist = new URL('../../dist/src/server/server.js', import.meta.url).href;
const { startServer } = (await import(dist)) as typeof import('../../src/server/server.js');

const CONNECTIONS = 12;
const ROUNDS = 40;

let server: Server | undefined;
let callers: NativeCaller[] = [];
afterEach(async () => {
  for (const caller of callers) caller.close();
  await server?.stop();
  server = undefined;
});

async function start(settings: Partial<Config> = {}): Promise<NativeCaller[]> {
  const config = { ...DEFAULT_CONFIG, port: 0, memory: true, shards: 4, ioThreads: 3, ...settings };
  server = await startServer({ config });
  callers = await NativeCaller.many(server.url, CONNECTIONS);
  return callers;
}

interface Listed {
  readonly id: string;
  readonly created: number;
}

async function list(caller: NativeCaller, owner: string): Promise<Listed[]> {
  const [status, body] = await caller.ask('SH_LIST', null, { owner });
  expect(status).toBe(1);
  return (body as { sessions: Listed[] }).sessions;
}

function tokenOf([, body]: Awaited<ReturnType<NativeCaller['ask']>>): Uint8Array {
  return body?.tkn as Uint8Array;
}

async function liveCount(caller: NativeCaller, tkns: readonly Uint8Array[]): Promise<number> {
  const [, body] = await caller.ask('SH_EXISTS', null, { tkns });
  return (body?.exist as Uint8Array[]).length;
}

function sum(name: 'ownerLimitHits'): number {
  const { io, shards } = server!.counters();
  return [...io, ...shards].reduce((total, figures) => total + (figures[name] ?? 0), 0);
}

/** The one-shard server decides in its shard, the others on the I/O threads. */
const SHAPES = [
  { shards: 1, ioThreads: 2 },
  { shards: 2, ioThreads: 1 },
  { shards: 4, ioThreads: 3 },
] as const;

describe('racing logins', () => {
  test.each(SHAPES)('under a limit of 3 let exactly 3 in (%o)', async (shape) => {
    await start({ ...shape, maxSessionsPerOwner: 3 });
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = `owner ${round}`;
      const asked = callers.map((caller) => caller.statusOf('SH_NEW', null, { owner }));
      const statuses = (await Promise.all(asked)).sort((a, b) => a - b);
      expect(statuses).toEqual([1, 1, 1, ...Array<number>(CONNECTIONS - 3).fill(206)]);
      expect(await list(callers[0]!, owner)).toHaveLength(3);
    }
    expect(sum('ownerLimitHits')).toBe(ROUNDS * (CONNECTIONS - 3));
  });

  test.each(SHAPES)('with end-oldest always succeed, and 3 are left (%o)', async (shape) => {
    await start({ ...shape, maxSessionsPerOwner: 3, ownerLimit: 'end-oldest' });
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = `owner ${round}`;
      const asked = callers.map((caller) => caller.ask('SH_NEW', null, { owner }));
      const answers = await Promise.all(asked);
      expect(answers.map(([status]) => status)).toEqual(Array<number>(CONNECTIONS).fill(1));
      expect(await list(callers[0]!, owner)).toHaveLength(3);
      expect(await liveCount(callers[0]!, answers.map(tokenOf))).toBe(3);
    }
    expect(sum('ownerLimitHits')).toBe(ROUNDS * (CONNECTIONS - 3));
  });

  test('with end-oldest end the one started first', async () => {
    await start({ maxSessionsPerOwner: 5, ownerLimit: 'end-oldest' });
    const tokens: Uint8Array[] = [];
    for (let i = 0; i < 30; i += 1) {
      const caller = callers[i % CONNECTIONS]!;
      tokens.push(tokenOf(await caller.ask('SH_NEW', null, { owner: 'ann' })));
      const [, body] = await caller.ask('SH_EXISTS', null, { tkns: tokens });
      expect(body).toEqual({ exist: tokens.slice(-5) });
    }
  });

  test('by every command that can give a session, with some that end: never over the limit', async () => {
    await start({ maxSessionsPerOwner: 4 });
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = `owner ${round}`;
      const loose = await Promise.all(callers.map((caller) => caller.ask('SH_NEW')));
      const asked = callers.map(async (caller, index) => {
        if (index % 3 === 0) return await caller.ask('SH_NEW', null, { owner });
        const opening = { name: `${round} ${index}`, create: true, owner };
        if (index % 3 === 1) return await caller.ask('SH_OPEN', null, opening);
        const token = tokenOf(loose[index]!);
        const [status] = await caller.ask('SH_SET_OWNER', token, { owner });
        return [status, { tkn: token }] as const;
      });
      const answers = await Promise.all(asked);
      const admitted = answers.filter(([status]) => status === 1);
      expect(admitted).toHaveLength(4);
      expect(await list(callers[0]!, owner)).toHaveLength(4);
      // Room again, raced for again.
      const ends = admitted.map((answer) => callers[1]!.statusOf('SH_END', tokenOf(answer)));
      const more = callers.map((caller) => caller.statusOf('SH_NEW', null, { owner }));
      await Promise.all(ends);
      await Promise.all(more);
      expect((await list(callers[0]!, owner)).length).toBeLessThanOrEqual(4);
    }
  });

  test('that open one name: one starts the session, the others find it, none is refused', async () => {
    await start({ maxSessionsPerOwner: 1 });
    for (let round = 0; round < ROUNDS; round += 1) {
      const body = { name: `name ${round}`, create: true, owner: `owner ${round}` };
      const asked = callers.map((caller) => caller.ask('SH_OPEN', null, body));
      const answers = await Promise.all(asked);
      expect(answers.map(([status]) => status)).toEqual(Array<number>(CONNECTIONS).fill(1));
      expect(answers.filter(([, result]) => result?.created === true)).toHaveLength(1);
    }
  });

  test('that claim one session: it counts once', async () => {
    await start({ maxSessionsPerOwner: 1 });
    for (let round = 0; round < ROUNDS; round += 1) {
      const token = tokenOf(await callers[0]!.ask('SH_NEW'));
      const body = { owner: `owner ${round}` };
      const asked = callers.map((caller) => caller.statusOf('SH_SET_OWNER', token, body));
      expect(await Promise.all(asked)).toEqual(Array<number>(CONNECTIONS).fill(1));
      expect(await list(callers[0]!, body.owner)).toHaveLength(1);
    }
  });

  test('of thousands of owners at once get what each may have', async () => {
    await start({ maxSessionsPerOwner: 2 });
    const asked = Array.from({ length: 6_000 }, (_, i) =>
      callers[i % CONNECTIONS]!.statusOf('SH_NEW', null, { owner: `owner ${i % 2_000}` }),
    );
    const statuses = await Promise.all(asked);
    expect(statuses.filter((status) => status === 1)).toHaveLength(4_000);
    expect(statuses.filter((status) => status === 206)).toHaveLength(2_000);
  });
});

describe('the directory of owners', () => {
  // Goal: what SH_LIST says is what the sessions say of themselves, and never more than allowed.
  // Method: connections do random things with sessions and owners that they share, all at once.
  test.each([
    ['reject', 1],
    ['reject', 2],
    ['end-oldest', 3],
    ['end-oldest', 4],
  ] as const)('is right after a storm (%s, seed %i)', async (ownerLimit, seed) => {
    await start({ maxSessionsPerOwner: 4, ownerLimit });
    const owners = ['ann', 'bob', 'carl', 'dora'];
    const tokens: Uint8Array[] = [];
    const keep = (answer: Awaited<ReturnType<NativeCaller['ask']>>): void => {
      if (answer[0] === 1) tokens.push(tokenOf(answer));
    };
    const seen = new Set<number>();
    const storm = callers.map(async (caller, index) => {
      const random = new Random(seed * 100 + index);
      for (let step = 0; step < 150; step += 1) {
        const owner = owners[random.below(owners.length)]!;
        const token = tokens[random.below(tokens.length)] ?? null;
        const kind = random.below(10);
        const expiry = { duration: random.below(50) / 1_000, deleteSession: true };
        if (kind < 3) keep(await caller.ask('SH_NEW', null, { owner }));
        else if (kind === 3) keep(await caller.ask('SH_NEW', null, { owner, expiry }));
        else if (kind === 4) keep(await caller.ask('SH_NEW'));
        else if (kind === 5) keep(await caller.ask('SH_ROTATE', token, { grace: 0.01 }));
        else if (kind === 6) seen.add(await caller.statusOf('SH_SET_OWNER', token, { owner }));
        else if (kind === 7)
          seen.add(await caller.statusOf('SH_SET_OWNER', token, { owner: null }));
        else if (kind === 8) seen.add(await caller.statusOf('SH_END', token));
        else {
          const [first] = await list(caller, owner);
          const body = { owner, id: first?.id ?? 'a'.repeat(24) };
          seen.add(await caller.statusOf('SH_END_ID', null, body));
        }
      }
    });
    await Promise.all(storm);
    expect(seen.has(1000)).toBe(false);
    // Some may still be about to expire between one question and the next.
    await expect.poll(() => wrongOwners(owners, tokens)).toEqual([]);
    for (const owner of owners) {
      const { length } = await list(callers[1]!, owner);
      expect(length).toBeLessThanOrEqual(4);
      const [, ended] = await callers[2]!.ask('SH_END_ALL', null, { owner });
      expect(ended).toEqual({ cnt: length });
    }
  });

  /** Those whose list is not what the sessions say. */
  async function wrongOwners(
    owners: readonly string[],
    tokens: readonly Uint8Array[],
  ): Promise<string[]> {
    const told = new Map(owners.map((owner) => [owner, new Set<unknown>()]));
    for (const token of tokens) {
      const [status, body] = await callers[0]!.ask('SH_INFO', token);
      if (status === 1) told.get(body?.owner as string)?.add(body?.id);
    }
    const wrong: string[] = [];
    for (const owner of owners) {
      const ids = (await list(callers[1]!, owner)).map(({ id }) => id);
      const own = told.get(owner)!;
      if (ids.length !== own.size || !ids.every((id) => own.has(id))) wrong.push(owner);
    }
    return wrong;
  }
});

describe('a limited command', () => {
  // Goal: the order of replies on one session holds while limits are decided elsewhere. Method: each
  // connection sends whole stories about a session of its own without waiting, all at once.
  test('keeps its place among the commands of its connection on the session', async () => {
    await start({ maxSessionsPerOwner: CONNECTIONS, ownerLimit: 'end-oldest' });
    const stories = callers.map(async (caller, index) => {
      const token = tokenOf(await caller.ask('SH_NEW'));
      const first = caller.order.length;
      const asked: Promise<unknown>[] = [];
      for (let step = 0; step < 60; step += 1) {
        const owner = `owner ${(step + index) % 5}`;
        const claimed = caller.ask('SH_SET_OWNER', token, { owner });
        const told = caller.ask('SH_INFO', token);
        asked.push(
          Promise.all([claimed, told]).then((answers) => {
            expect(answers).toMatchObject([
              [1, null],
              [1, { owner }],
            ]);
          }),
        );
      }
      await Promise.all(asked);
      const order = caller.order.slice(first);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    });
    await Promise.all(stories);
  });

  test('is refused for what is wrong with it before its owner is looked at', async () => {
    await start({ maxSessionsPerOwner: 1, ownerLimit: 'end-oldest' });
    const caller = callers[0]!;
    const owner = 'ann';
    const token = tokenOf(await caller.ask('SH_NEW', null, { owner }));
    expect(await caller.statusOf('SH_NEW', null, { owner, keys: 5 })).toBe(41);
    expect(await caller.statusOf('SH_NEW', null, { owner, shared: true })).toBe(26);
    expect(await caller.statusOf('SH_NEW', null, { owner: '' })).toBe(42);
    expect(await caller.statusOf('SH_NEW', null, { owner: 'x'.repeat(257) })).toBe(42);
    expect(await caller.statusOf('SH_OPEN', null, { owner, name: 'n' })).toBe(102);
    expect(await caller.statusOf('SH_SET_OWNER', new Uint8Array(24), { owner })).toBe(100);
    expect(await caller.statusOf('SH_SET_OWNER', null, { owner })).toBe(100);
    expect(await caller.statusOf('SH_NEW', null, [owner])).toBe(2);
    expect(await caller.statusOf('SH_COUNT', token)).toBe(1);
    expect(await list(caller, owner)).toHaveLength(1);
  });

  test('says why it is refused, and works in the text dialect in order', async () => {
    await start({ maxSessionsPerOwner: 1 });
    const { RawClient } = await import('../support/raw-client.js');
    const raw = await RawClient.connect(server!.url);
    const first = await raw.ask('{"id":1,"SH_NEW":{"owner":"ann"}}');
    expect(first).toMatch(/^\{"id":1,"SH_NEW_RSP":\{"st":1,"tkn":"[\w-]{32}","id":"/);
    raw.send('{"id":2,"SH_NEW":{"owner":"ann"}}');
    raw.send('{"id":3,"SV_PING":{}}');
    expect(await raw.next()).toBe('{"id":2,"SH_NEW_RSP":{"st":206}}');
    expect(await raw.next()).toBe('{"id":3,"SV_PING_RSP":{"st":1}}');
    await raw.close();
    const refused = await callers[0]!.ask('SH_NEW', null, { owner: 'ann' });
    expect(refused).toEqual([206, { m: "the owner's session limit is reached" }]);
  });
});

describe('SH_LIST, SH_END_ID and SH_END_ALL over all shards', () => {
  test('see 100,000 sessions of one owner, by the side road', async () => {
    await start();
    const caller = callers[0]!;
    const owner = 'everyone';
    for (let batch = 0; batch < 100; batch += 1) {
      const asked = Array.from({ length: 1_000 }, (_, i) =>
        callers[i % CONNECTIONS]!.statusOf('SH_NEW', null, { owner }),
      );
      const statuses = await Promise.all(asked);
      expect(statuses.every((status) => status === 1)).toBe(true);
    }
    const sessions = await list(caller, owner);
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(100_000);
    const id = sessions[54_321]!.id;
    expect(await caller.statusOf('SH_END_ID', null, { owner, id })).toBe(1);
    expect(await caller.statusOf('SH_END_ID', null, { owner, id })).toBe(100);
    expect(await caller.ask('SH_END_ALL', null, { owner })).toEqual([1, { cnt: 99_999 }]);
    expect(await list(caller, owner)).toEqual([]);
  }, 60_000);

  test('answers 204 to a list that the connection could not take, and stays', async () => {
    await start({ maxUnsent: 4_096 });
    const caller = callers[0]!;
    for (let i = 0; i < 100; i += 1) await caller.ask('SH_NEW', null, { owner: 'ann' });
    expect(await caller.statusOf('SH_LIST', null, { owner: 'ann' })).toBe(204);
    expect(await caller.statusOf('SV_PING')).toBe(1);
    const listsTooLarge = server!.counters().io.map((figures) => figures.listsTooLarge);
    expect(Math.max(...listsTooLarge)).toBe(1);
  });

  test('spares the token named by except, in every form of it', async () => {
    await start();
    const caller = callers[0]!;
    const { tokenToText } = await import('../../src/protocol/token.js');
    for (const form of [(token: Uint8Array) => token, tokenToText]) {
      const answers = await Promise.all(
        callers.map((each) => each.ask('SH_NEW', null, { owner: 'ann' })),
      );
      const mine = tokenOf(answers[7]!);
      const body = { owner: 'ann', except: form(mine) };
      expect(await caller.ask('SH_END_ALL', null, body)).toEqual([1, { cnt: CONNECTIONS - 1 }]);
      expect(await liveCount(caller, answers.map(tokenOf))).toBe(1);
      expect(await caller.ask('SH_END_ALL', null, { except: form(mine) })).toEqual([1, { cnt: 0 }]);
      expect(await caller.statusOf('SH_END', mine)).toBe(1);
    }
    expect(await caller.statusOf('SH_END_ALL', null, { owner: 'ann', except: 7 })).toBe(41);
    expect(await caller.statusOf('SH_END_ALL', null, { except: 'no token' })).toBe(42);
  });
});
