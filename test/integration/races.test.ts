/**
 * Goal: what happens in one step happens in one step, however many connections, I/O threads and
 * shards there are: a one-time code is given out once, a counter misses nothing, no update is lost, a
 * batch is whole or not at all.
 * Method: connections enough for every I/O thread to have some send their commands in the same
 * moment, to the same sessions, which lie on several shards; half of them speak text. That they
 * do race is part of each test: the same without the one step goes wrong, or is refused.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, NativeClient } from '../support/native-client.js';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';
import { tokenToText } from '../../src/protocol/token.js';

const CONNECTIONS = 8;
const SESSIONS = 12;
const SET = CATALOGUE.SH_SET.op;
const TAKE = CATALOGUE.SH_TAKE.op;
const UPDATE = CATALOGUE.SH_UPDATE.op;

/** One connection, whichever dialect it speaks. */
interface Racer {
  ask(name: CommandName, tkn: Uint8Array, body: object): Promise<Answer>;
  close(): void;
}

async function textRacer(url: string): Promise<Racer> {
  const client = await RawClient.connect(url);
  return {
    async ask(name, tkn, body) {
      const { st, ...rest } = await client.command(name, { ...body, tkn: tokenToText(tkn) });
      return [Number(st), rest];
    },
    close: () => void client.close(),
  };
}

let server: ServerProcess;
let racers: Racer[];
let starter: NativeClient;

beforeAll(async () => {
  server = await startServer(['--io-threads', '2', '--shards', '3']);
  const { url } = server;
  starter = await NativeClient.connect(url);
  racers = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) =>
      i % 2 === 0 ? NativeClient.connect(url) : textRacer(url),
    ),
  );
});

afterAll(async () => {
  starter.close();
  for (const racer of racers) racer.close();
  await server.stop();
});

async function startSessions(count: number, keys: object): Promise<Uint8Array[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => starter.ask('SH_NEW', null, { keys })),
  );
  return answers.map(([, body]) => body!.tkn as Uint8Array);
}

/** All at once: each racer, for each session; the answers by session. */
function race(
  tokens: readonly Uint8Array[],
  run: (racer: Racer, token: Uint8Array, number: number) => Promise<Answer>,
): Promise<Answer[][]> {
  return Promise.all(
    tokens.map((token) => Promise.all(racers.map((racer, number) => run(racer, token, number)))),
  );
}

function keysOf([, body]: Answer): Record<string, unknown> {
  return (body?.keys ?? {}) as Record<string, unknown>;
}

describe('a one-time code', () => {
  const ROUNDS = 60;

  async function timesGivenOut(
    take: (racer: Racer, token: Uint8Array, number: number) => Promise<unknown>,
  ): Promise<number[]> {
    const tokens = await startSessions(SESSIONS, {});
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const code = `code ${round}`;
      const keys = { code };
      await Promise.all(tokens.map((token) => starter.ask('SH_SET', token, { keys })));
      const seen = await Promise.all(
        tokens.map((token) => Promise.all(racers.map((racer, i) => take(racer, token, i)))),
      );
      for (const codes of seen) {
        expect(codes.every((each) => each === code || each === undefined)).toBe(true);
        times.push(codes.filter((each) => each === code).length);
      }
    }
    return times;
  }

  test('is given out exactly once by SH_TAKE, alone or in a batch', async () => {
    const body = { keys: ['code'] };
    const times = await timesGivenOut(async (racer, token, number) => {
      if (number % 4 < 2) return keysOf(await racer.ask('SH_TAKE', token, body)).code;
      const [status, answer] = await racer.ask('SH_BATCH', token, { cmds: [[TAKE, body]] });
      const [rsp] = (answer as { rsps: Answer[] }).rsps;
      expect([status, rsp?.[0]]).toEqual([1, 1]);
      return keysOf(rsp!).code;
    });
    expect(times).toEqual(Array(ROUNDS * SESSIONS).fill(1));
  });

  test('would be given out more than once without it', async () => {
    const body = { keys: ['code'] };
    const times = await timesGivenOut(async (racer, token) => {
      const { code } = keysOf(await racer.ask('SH_GET', token, body));
      await racer.ask('SH_RMV', token, body);
      return code;
    });
    expect(Math.max(...times)).toBeGreaterThan(1);
  });
});

describe('a counter', () => {
  test('misses no SH_INC and gives each value out once', async () => {
    const ROUNDS = 60;
    const tokens = await startSessions(SESSIONS, {});
    const seen = tokens.map(() => [] as number[]);
    const last = new Map<string, number>();
    await Promise.all(
      racers.flatMap((racer, number) =>
        tokens.map(async (token, session) => {
          for (let round = 0; round < ROUNDS; round += 1) {
            const [status, body] = await racer.ask('SH_INC', token, { key: 'attempts' });
            expect(status).toBe(1);
            const value = Number(body!.value);
            const lane = `${number}/${session}`;
            expect(value).toBeGreaterThan(last.get(lane) ?? 0);
            last.set(lane, value);
            seen[session]!.push(value);
          }
        }),
      ),
    );
    const all = Array.from({ length: ROUNDS * CONNECTIONS }, (_, i) => i + 1);
    for (const [session, values] of seen.entries()) {
      expect(values.sort((a, b) => a - b)).toEqual(all);
      const [, body] = await starter.ask('SH_GET', tokens[session], { keys: ['attempts'] });
      expect(body).toEqual({ keys: { attempts: all.length } });
    }
  });
});

describe('a read-modify-write', () => {
  const UPDATES = 15;

  /** Reads the version and the value, writes the value plus one; how often it had to try again. */
  async function addOne(racer: Racer, token: Uint8Array): Promise<number> {
    for (let retries = 0; ; retries += 1) {
      const [, read] = await racer.ask('SH_GET', token, { keys: ['n'], version: true });
      const n = Number((read as { keys: { n: number } }).keys.n);
      const version = Number(read!.version);
      const body = { version, set: { n: n + 1 }, rmv: ['no such key'] };
      const [status, answer] = await racer.ask('SH_CAS', token, body);
      if (status === 1) {
        expect(answer).toEqual({ version: version + 1 });
        return retries;
      }
      expect(status).toBe(207);
      expect(answer!.version).toBeGreaterThan(version);
    }
  }

  test('by SH_CAS loses no update', async () => {
    const tokens = await startSessions(4, { n: 0 });
    let retries = 0;
    await Promise.all(
      racers.flatMap((racer) =>
        tokens.map(async (token) => {
          for (let i = 0; i < UPDATES; i += 1) retries += await addOne(racer, token);
        }),
      ),
    );
    for (const token of tokens) {
      const answer = await starter.ask('SH_GET', token, { keys: ['n'], version: true });
      const n = UPDATES * CONNECTIONS;
      expect(answer).toEqual([1, { keys: { n }, version: n }]);
    }
    // They did get in each other's way.
    expect(retries).toBeGreaterThan(0);
  });
});

describe('a batch', () => {
  const ROUNDS = 40;
  const NAMES = ['a', 'b', 'c'];

  test.each([
    ['small', 10],
    ['big', 6_000],
  ])('is never seen half done, nor at all if it is undone (%s sessions)', async (_, length) => {
    const text = (mark: string): string => mark.padEnd(length, '.');
    const set = (name: string, mark: string): unknown => [SET, { keys: { [name]: text(mark) } }];
    const failing = [UPDATE, { key: 'no such key', path: '', value: 1 }];
    const tokens = await startSessions(
      4,
      Object.fromEntries(NAMES.map((name) => [name, text('start')])),
    );
    const states = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await race(tokens, async (racer, token, number) => {
        // Two of four write, one is undone, one reads; who does which changes with the round.
        const part = (number + round) % 4;
        if (part === 3) return racer.ask('SH_GET', token, { keys: NAMES });
        const mark = part === 2 ? 'undone' : `${round}/${number}`;
        const cmds = NAMES.map((name) => set(name, mark));
        if (part === 2) cmds.push(failing);
        const [status, body] = await racer.ask('SH_BATCH', token, { cmds });
        expect(status).toBe(part === 2 ? 22 : 1);
        expect((body as { rsps: unknown[] }).rsps).toHaveLength(cmds.length);
        return [status, null] as const;
      });
      for (const answer of answers.flat()) {
        if (answer[1] === null) continue;
        const values = Object.values(keysOf(answer)).map(String);
        expect(values).toHaveLength(NAMES.length);
        expect(new Set(values).size).toBe(1);
        states.add(values[0]!);
      }
    }
    expect([...states].some((state) => state.startsWith('undone'))).toBe(false);
    expect(states.size).toBeGreaterThan(10);
  });
});
