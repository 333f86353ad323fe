/** The text dialect against a real server: what is asked, and exactly what is answered. */
import { decode, encode } from '@msgpack/msgpack';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const TOKEN = expect.stringMatching(/^[\w-]{32}$/) as string;
const ID = expect.stringMatching(/^[0-9a-f]{24}$/) as string;
const UINT = expect.any(Number) as number;
const NOWHERE = 'A'.repeat(32);

let server: ServerProcess;
let client: RawClient;
beforeAll(async () => {
  const limits = ['--max-payload', '65536', '--max-in-flight', '100000'];
  server = await startServer(['--memory', '--shards', '2', '--io-threads', '2', ...limits]);
  client = await RawClient.connect(server.url);
});
afterAll(async () => {
  await client.close();
  expect(await server.stop()).toBe(0);
});

async function newSession(body: object = {}): Promise<string> {
  return String((await client.command('SH_NEW', body))['tkn']);
}

describe('frames that are no commands', () => {
  test.each([
    ['', '{"ERR":{"st":3}}'],
    ['{"SH_NEW":{}', '{"ERR":{"st":3}}'],
    ['[]', '{"ERR":{"st":13}}'],
    ['{}', '{"ERR":{"st":13}}'],
    ['{"SH_NEW":{},"SH_END":{}}', '{"ERR":{"st":13}}'],
    ['{"FOO":{}}', '{"FOO_RSP":{"st":13}}'],
    ['{"SH_NEW":[]}', '{"SH_NEW_RSP":{"st":13}}'],
    ['{"SH_NOPE":{}}', '{"SH_NOPE_RSP":{"st":10}}'],
    ['{"KV_NOPE":{}}', '{"ERR":{"st":10}}'],
    ['{"id":[1.50],"SV_NOPE":{}}', '{"id":[1.50],"SV_NOPE_RSP":{"st":10}}'],
    [`{"KV_SET":{"keys":{"a":"${'x'.repeat(65_536)}"}}}`, '{"KV_SET_RSP":{"st":204}}'],
    ['x'.repeat(70_000), '{"ERR":{"st":204}}'],
  ])('are answered and keep the connection, case %#', async (frame, reply) => {
    expect(await client.ask(frame)).toBe(reply);
    expect(await client.ask('{"SV_PING":{}}')).toBe('{"SV_PING_RSP":{"st":1}}');
  });
});

describe('order of checks', () => {
  test.each([
    ['SH_SET', {}, 26],
    ['SH_SET', { keys: [] }, 41],
    ['SH_SET', { keys: {} }, 100],
    ['SH_SET', { tkn: NOWHERE, keys: { a: 1 } }, 100],
    ['SH_GET', { tkn: 5, keys: 'a' }, 41],
    ['SH_GET', { tkn: 18_446_744, keys: [] }, 100],
    ['SH_GET', { tkn: -1, keys: [] }, 100],
    ['SH_RMV', { keys: [] }, 42],
    ['SH_RMV', { keys: ['a'] }, 100],
    ['KV_SET', {}, 26],
    ['KV_SET', { keys: null }, 41],
    ['KV_RMV', { keys: [] }, 42],
    ['KV_SET', { tkn: NOWHERE, keys: {} }, 100],
    ['SH_EXISTS', {}, 26],
    ['SH_EXISTS', { tkns: {} }, 41],
    ['SH_OPEN', {}, 26],
    ['SH_OPEN', { name: 1 }, 41],
    ['SH_OPEN', { name: '' }, 42],
    ['SH_NEW', { shared: true }, 26],
    ['SH_NEW', { shared: 1 }, 41],
    ['SH_NEW', { expiry: null }, 41],
    ['SH_NEW', { expiry: { duration: -1 } }, 41],
    ['SH_NEW', { expiry: { duration: '1' } }, 41],
    ['SH_NEW', { expiry: { duration: 4e9 } }, 42],
    ['SH_NEW', { expiry: { duration: 1, deleteSession: 1 } }, 41],
    ['SH_NEW', { keys: [] }, 41],
    ['SH_TOUCH', {}, 100],
    ['SH_EXPIRE', {}, 26],
    ['SH_EXPIRE', { expiry: 1 }, 41],
    ['SH_EXPIRE', { expiry: null }, 100],
    ['SH_COUNT', { tkn: null }, 100],
  ])('%s %j answers %i alone', async (name, body, st) => {
    expect(await client.command(name, body)).toEqual({ st });
  });
});

describe('session life', () => {
  test('SH_NEW gives a token and a public id', async () => {
    const first = await client.command('SH_NEW');
    expect(first).toEqual({ st: 1, tkn: TOKEN, id: ID });
    const second = await client.command('SH_NEW', { expiry: { duration: 60 } });
    expect(second['tkn']).not.toBe(first['tkn']);
  });

  test('SH_NEW shares a session by its name, once; SH_OPEN finds it', async () => {
    const body = { name: 'süß', shared: true, keys: { volume: 7 } };
    const started = await client.command('SH_NEW', body);
    expect(started).toEqual({ st: 1, name: 'süß', tkn: TOKEN, id: ID });
    const { tkn, id } = started;
    expect(await client.command('SH_NEW', body)).toMatchObject({ st: 103, name: 'süß', tkn });
    expect(await client.command('SH_OPEN', { name: 'süß' })).toEqual({
      st: 1,
      tkn,
      id,
      created: false,
    });
    const keys = ['volume'];
    expect(await client.command('SH_GET', { tkn, keys })).toEqual({ st: 1, keys: { volume: 7 } });
  });

  test('names have 1 to 256 bytes', async () => {
    const start = (name: string): Promise<Record<string, unknown>> =>
      client.command('SH_NEW', { name, shared: true });
    expect(await start('')).toEqual({ st: 42 });
    expect(await start('é'.repeat(129))).toEqual({ st: 42 });
    expect(await start('é'.repeat(128))).toMatchObject({ st: 1 });
  });

  test('SH_NEW of an unshared name takes no part in sharing', async () => {
    expect(await client.command('SH_NEW', { name: 'mine' })).toMatchObject({ st: 1, tkn: TOKEN });
    expect(await client.command('SH_OPEN', { name: 'mine' })).toEqual({ st: 102, tkn: null });
  });

  test('SH_OPEN starts a session only if told to', async () => {
    expect(await client.command('SH_OPEN', { name: 'opened' })).toEqual({ st: 102, tkn: null });
    const created = await client.command('SH_OPEN', { name: 'opened', create: true });
    expect(created).toEqual({ st: 1, tkn: TOKEN, id: ID, created: true });
    const again = await client.command('SH_OPEN', { name: 'opened', create: true });
    expect(again).toEqual({ ...created, created: false });
  });

  test('SH_END repeats the token, found or not, if it is one by type', async () => {
    const tkn = await newSession();
    expect(await client.command('SH_END', { tkn })).toEqual({ st: 1, tkn });
    expect(await client.command('SH_END', { tkn })).toEqual({ st: 100, tkn });
    expect(await client.command('SH_END', { tkn: 7 })).toEqual({ st: 100, tkn: 7 });
    expect(await client.ask('{"SH_END":{"tkn":18446744073709551615}}')).toBe(
      '{"SH_END_RSP":{"st":100,"tkn":18446744073709551615}}',
    );
    expect(await client.command('SH_END', { tkn: [] })).toEqual({ st: 100 });
    expect(await client.command('SH_END')).toEqual({ st: 100 });
    expect(await client.command('SH_COUNT', { tkn })).toEqual({ st: 100 });
  });

  test('SH_EXISTS keeps order and duplicates and skips what is no token', async () => {
    const [a, b] = [await newSession(), await newSession()];
    const tkns = [b, NOWHERE, a, 5, null, 'short', [], b];
    expect(await client.command('SH_EXISTS', { tkns })).toEqual({ st: 1, exist: [b, a, b] });
    expect(await client.command('SH_EXISTS', { tkns: [] })).toEqual({ st: 1, exist: [] });
  });

  test('SH_INFO describes a session', async () => {
    const tkn = await newSession({ keys: { a: 1, b: 2 } });
    const always = { st: 1, tkn, id: ID, bytes: UINT, created: UINT, version: UINT };
    const info = await client.command('SH_INFO', { tkn });
    expect(info).toEqual({ ...always, shared: false, keyCnt: 2, expires: false });
    expect(Number(info['created'])).toBeGreaterThan(1_700_000_000);
  });

  test('SH_INFO gives the expiry with the time that remains', async () => {
    const expiry = { duration: 60, deleteSession: true, extendOnSetAdd: true, extendOnGet: false };
    const info = await client.command('SH_INFO', { tkn: await newSession({ expiry }) });
    expect(info).toMatchObject({ st: 1, expires: true, expiry: { ...expiry, remaining: UINT } });
    const { remaining } = info['expiry'] as { remaining: number };
    expect(remaining).toBeGreaterThan(50);
    expect(remaining).toBeLessThanOrEqual(60);
  });

  test('SH_INFO of no session has nulls; of no token it has nothing', async () => {
    const nulls = { shared: null, keyCnt: null };
    const tkn = NOWHERE;
    expect(await client.command('SH_INFO', { tkn })).toEqual({ st: 100, tkn, ...nulls });
    expect(await client.command('SH_INFO', { tkn: 9 })).toEqual({ st: 100, tkn: 9, ...nulls });
    expect(await client.command('SH_INFO', { tkn: 1.5 })).toEqual({ st: 100 });
    expect(await client.command('SH_INFO', { other: 1 })).toEqual({ st: 100 });
    expect(await client.command('SH_INFO')).toEqual({ st: 13 });
    expect(await client.command('SH_INFO', { tkn, other: 1 })).toEqual({ st: 13 });
  });

  test('SH_TOUCH and SH_EXPIRE answer what remains, if anything ends', async () => {
    const tkn = await newSession({ expiry: { duration: 100, deleteSession: true } });
    expect(await client.command('SH_TOUCH', { tkn })).toEqual({ st: 1, remaining: 100 });
    const longer = { tkn, expiry: { duration: 200 } };
    expect(await client.command('SH_EXPIRE', longer)).toEqual({ st: 1, remaining: 200 });
    expect(await client.command('SH_EXPIRE', { tkn, expiry: null })).toEqual({ st: 1 });
    expect(await client.command('SH_TOUCH', { tkn })).toEqual({ st: 1 });
    expect(await client.command('SH_INFO', { tkn })).toMatchObject({ expires: false });
  });

  test('SH_INFO_ALL counts, SH_END_ALL ends all but the default map', async () => {
    await client.command('SH_END_ALL', { tkn: [], anything: 1 });
    await client.command('KV_CLEAR_SET', { keys: { stays: true } });
    await newSession({ keys: { a: 1, b: 2 } });
    const tkn = await newSession({ keys: { c: 3 } });
    const counts = { totalSessions: 2, totalKeys: 3 };
    expect(await client.command('SH_INFO_ALL')).toEqual({ st: 1, ...counts });
    expect(await client.command('SH_END_ALL')).toEqual({ st: 1, cnt: 2 });
    expect(await client.command('SH_END_ALL')).toEqual({ st: 1, cnt: 0 });
    expect(await client.command('SH_COUNT', { tkn })).toEqual({ st: 100 });
    expect(await client.command('KV_COUNT')).toEqual({ st: 1, cnt: 1 });
  });
});

describe.each(['SH', 'KV', 'KV with a token'])('session data by %s', (kind) => {
  const prefix = kind.slice(0, 2);
  let token: object = {};
  beforeEach(async () => {
    token = kind === 'KV' ? {} : { tkn: await newSession() };
    await client.command(`${prefix}_CLEAR`, token);
  });
  const ask = (name: string, body: object = {}): Promise<Record<string, unknown>> =>
    client.command(`${prefix}_${name}`, { ...token, ...body });

  test('SET replaces, ADD does not', async () => {
    expect(await ask('SET', { keys: { a: 1, b: [null] } })).toEqual({ st: 1 });
    expect(await ask('ADD', { keys: { a: 2, c: {} } })).toEqual({ st: 1 });
    expect(await ask('SET', { keys: { b: 'new', '': '' } })).toEqual({ st: 1 });
    expect(await ask('SET', { keys: {} })).toEqual({ st: 1 });
    expect(await ask('ADD', { keys: {} })).toEqual({ st: 1 });
    expect(await ask('GET_ALL')).toEqual({ st: 1, keys: { a: 1, b: 'new', c: {}, '': '' } });
  });

  test('GET leaves out what is not there or no key', async () => {
    await ask('SET', { keys: { a: 1, b: false } });
    const keys = ['b', 'nope', 5, null, 'a'];
    expect(await ask('GET', { keys })).toEqual({ st: 1, keys: { a: 1, b: false } });
    expect(await ask('GET', { keys: [] })).toEqual({ st: 1, keys: {} });
    const versioned = await ask('GET', { keys: ['a'], version: true });
    expect(versioned).toEqual({ st: 1, keys: { a: 1 }, version: UINT });
  });

  test('CONTAINS, KEYS and COUNT tell what is there', async () => {
    await ask('SET', { keys: { z: 1, b: 2 } });
    await ask('SET', { keys: { a: 3 } });
    expect(await ask('CONTAINS', { keys: ['a', 'x', 7, 'z'] })).toEqual({
      st: 1,
      contains: ['a', 'z'],
    });
    expect(await ask('CONTAINS', { keys: [] })).toEqual({ st: 1, contains: [] });
    expect(await ask('KEYS')).toEqual({ st: 1, keys: ['z', 'b', 'a'] });
    expect(await ask('COUNT')).toEqual({ st: 1, cnt: 3 });
  });

  test('RMV, CLEAR and CLEAR_SET remove', async () => {
    await ask('SET', { keys: { a: 1, b: 2, c: 3 } });
    expect(await ask('RMV', { keys: ['a', 'nope', 4] })).toEqual({ st: 1, cnt: 1 });
    expect(await ask('CLEAR_SET', { keys: { d: 4 } })).toEqual({ st: 1, cnt: 2 });
    expect(await ask('GET_ALL')).toEqual({ st: 1, keys: { d: 4 } });
    expect(await ask('CLEAR_SET', { keys: {} })).toEqual({ st: 1, cnt: 1 });
    expect(await ask('CLEAR')).toEqual({ st: 1, cnt: 0 });
  });
});

describe('values', () => {
  test('come back as they were sent, character for character', async () => {
    const keys =
      '{"b":18446744073709551615,"10":-9223372036854775808,"9":9007199254740993,"f":1.0,"g":-0.0,' +
      '"h":1e+300,"__proto__":{"constructor":[]},"n":null,"t":[true,false],"":"","s":"\\u0000ü😀"}';
    const tkn = await newSession();
    expect(await client.ask(`{"SH_SET":{"tkn":"${tkn}","keys":${keys}}}`)).toBe(
      '{"SH_SET_RSP":{"st":1}}',
    );
    expect(await client.ask(`{"SH_GET_ALL":{"tkn":"${tkn}"}}`)).toBe(
      `{"SH_GET_ALL_RSP":{"st":1,"keys":${keys}}}`,
    );
  });

  test('that no 64-bit type holds come back as strings', async () => {
    const tkn = await newSession();
    await client.ask(`{"SH_SET":{"tkn":"${tkn}","keys":{"a":18446744073709551616}}}`);
    const reply = await client.command('SH_GET', { tkn, keys: ['a'] });
    expect(reply).toEqual({ st: 1, keys: { a: '18446744073709551616' } });
  });

  test('of a duplicated key are the last', async () => {
    const tkn = await newSession();
    await client.ask(`{"SH_ADD":{"tkn":"${tkn}","keys":{"a":1,"a":2}}}`);
    expect(await client.command('SH_GET_ALL', { tkn })).toEqual({ st: 1, keys: { a: 2 } });
  });

  test('nest to the limit and no deeper', async () => {
    const nested = (depth: number): string => '['.repeat(depth) + '1' + ']'.repeat(depth);
    const tkn = await newSession();
    const set = (depth: number): Promise<string> =>
      client.ask(`{"SH_SET":{"tkn":"${tkn}","keys":{"a":${nested(depth)}}}}`);
    expect(await set(64)).toBe('{"SH_SET_RSP":{"st":1}}');
    for (const depth of [65, 1_000, 1_022, 1_023, 1_024, 30_000]) {
      expect(await set(depth)).toBe('{"SH_SET_RSP":{"st":42}}');
    }
    expect(await client.ask(`{"SH_GET_ALL":{"tkn":"${tkn}"}}`)).toContain(nested(64));
  });

  test('have keys of at most 512 bytes', async () => {
    const tkn = await newSession();
    const set = (key: string): Promise<Record<string, unknown>> =>
      client.command('SH_SET', { tkn, keys: { fine: 1, [key]: 1 } });
    expect(await set('é'.repeat(256))).toEqual({ st: 1 });
    expect(await set('é'.repeat(257))).toEqual({ st: 42 });
    expect(await client.command('SH_COUNT', { tkn })).toEqual({ st: 1, cnt: 2 });
  });
});

describe('a connection', () => {
  test('answers in the order of the requests, whichever shard is first', async () => {
    const tokens = await Promise.all(Array.from({ length: 300 }, () => newSession()));
    const written = new Map<string, number>();
    const expected: unknown[] = [];
    for (let id = 0; id < 5_000; id += 1) {
      const tkn = tokens[(id * 7_919) % tokens.length]!;
      if (id % 3 === 0) {
        written.set(tkn, id);
        client.send(JSON.stringify({ id, SH_SET: { tkn, keys: { last: id } } }));
        expected.push({ id, SH_SET_RSP: { st: 1 } });
      } else if (id % 3 === 1) {
        const keys = written.has(tkn) ? { last: written.get(tkn) } : {};
        client.send(JSON.stringify({ id, SH_GET: { tkn, keys: ['last'] } }));
        expected.push({ id, SH_GET_RSP: { st: 1, keys } });
      } else if (id % 2 === 0) {
        client.send(JSON.stringify({ id, SV_PING: {} }));
        expected.push({ id, SV_PING_RSP: { st: 1 } });
      } else {
        client.send(JSON.stringify({ id, SH_EXISTS: { tkns: [tkn, NOWHERE] } }));
        expected.push({ id, SH_EXISTS_RSP: { st: 1, exist: [tkn] } });
      }
    }
    const replies: unknown[] = [];
    while (replies.length < expected.length) replies.push(JSON.parse(String(await client.next())));
    expect(replies).toEqual(expected);
  });

  test('may mix dialects; each reply comes in that of its request', async () => {
    client.send(encode(encode([129, 7, null, null])));
    client.send('{"SV_PING":{}}');
    const messages = [await client.next(), await client.next()];
    const text = messages.find((message) => typeof message === 'string');
    const bytes = messages.find((message) => typeof message !== 'string');
    expect(text).toBe('{"SV_PING_RSP":{"st":1}}');
    expect(decode(decode(bytes as Uint8Array) as Uint8Array)).toEqual([7, 1, null]);
  });
});

describe('a flood over --max-in-flight', () => {
  test('is answered in full and in order, with 203 where it is too much', async () => {
    const small = await startServer(['--memory', '--shards', '2', '--max-in-flight', '8']);
    const flooder = await RawClient.connect(small.url);
    const { tkn } = await flooder.command('SH_NEW', { keys: { a: 1 } });
    const count = 3_000;
    for (let id = 0; id < count; id += 1) {
      flooder.send(JSON.stringify({ id, SH_GET: { tkn, keys: ['a'] } }));
    }
    const served = JSON.stringify({ st: 1, keys: { a: 1 } });
    let busy = 0;
    for (let id = 0; id < count; id += 1) {
      const reply = String(await flooder.next());
      if (reply === `{"id":${id},"SH_GET_RSP":{"st":203}}`) busy += 1;
      else expect(reply).toBe(`{"id":${id},"SH_GET_RSP":${served}}`);
    }
    expect(busy).toBeLessThan(count);
    expect(await flooder.command('SH_COUNT', { tkn })).toEqual({ st: 1, cnt: 1 });
    await flooder.close();
    expect(await small.stop()).toBe(0);
  });
});
