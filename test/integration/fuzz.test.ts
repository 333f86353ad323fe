/**
 * Hostile frames against a real server. Whatever a frame holds, each command in it has its reply,
 * the connection answers the next ping, a session whose token the frame does not have stays as it
 * was, and the server lives.
 */
import { decode, decodeMulti, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusNameOf } from '../../src/core/statuses.js';
import { OP_MAX, entryByOp } from '../../src/protocol/catalogue.js';
import { tokenFromText } from '../../src/protocol/token.js';
import {
  bodies,
  commandsOn,
  edited,
  edits,
  entries,
  mayEndAll,
  partsOf,
} from '../support/fuzz-frames.js';
import { RawClient, type Message } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const PAYLOAD_BYTES_MAX = 4_096;
/** Messages up to so many times the limit are received and refused; longer ones end the socket. */
const OVERSIZE_FACTOR = 16;
const RUNS = { numRuns: 300 };

const PING_OP = 129;
const PING_ID = 0xffff_fffe;
const PING = encode(encode([PING_OP, PING_ID, null, null]));
const TEXT_PING = '{"id":"ping","SV_PING":{}}';
const TEXT_PONG = '{"id":"ping","SV_PING_RSP":{"st":1}}';

const CANARY_KEYS = { a: 'untouched', b: [1, 2, 3] };

type Reply = [id: number, status: number, body: unknown];
type Push = [zero: 0, event: string, body: unknown];

let server: ServerProcess;
let client: RawClient;
let watcher: RawClient;
let canary: string;
let canaryInfo: unknown;
/** The session that frames do have the token of. */
let target: string;

beforeAll(async () => {
  const limits = ['--max-payload', String(PAYLOAD_BYTES_MAX), '--max-in-flight', '100000'];
  server = await startServer(['--memory', '--shards', '2', '--io-threads', '2', ...limits]);
  watcher = await RawClient.connect(server.url);
  canary = String((await watcher.command('SH_NEW', { keys: CANARY_KEYS }))['tkn']);
  canaryInfo = await watcher.command('SH_INFO', { tkn: canary });
});

beforeEach(async () => {
  client = await RawClient.connect(server.url);
  target = String((await watcher.command('SH_NEW', { keys: { t: 1 } }))['tkn']);
});

afterEach(async () => {
  await client.close();
  const all = await watcher.command('SH_GET_ALL', { tkn: canary });
  expect(all).toEqual({ st: 1, keys: CANARY_KEYS });
  expect(await watcher.command('SH_INFO', { tkn: canary })).toEqual(canaryInfo);
  expect(server.process.exitCode).toBeNull();
});

afterAll(async () => {
  await watcher.close();
  expect(await server.stop()).toBe(0);
});

function repliesIn(message: Message): Reply[] {
  // The answer to a frame that looks like JSON, which may happen by chance.
  if (message === '{"ERR":{"st":2}}') return [[0, 2, null]];
  if (typeof message === 'string') throw new Error('a text reply to a binary frame');
  // Stored values come back with whatever keys their maps have.
  const mapKeyConverter = (key: unknown): string =>
    typeof key === 'string' && key !== '__proto__' ? key : `key ${String(key)}`;
  const options = { mapKeyConverter };
  const all = Array.from(
    decodeMulti(message),
    (bin) => decode(bin as Uint8Array, options) as Reply | Push,
  );
  return all.filter((each): each is Reply => typeof each[1] === 'number');
}

/** The next text that is no push: a frame may have asked for some. */
async function answerTo(frame: string): Promise<string> {
  let message: Message = await client.ask(frame);
  while (String(message).startsWith('{"PUSH":')) message = await client.next();
  return String(message);
}

function expectSound(status: number): void {
  expect(statusNameOf(status)).toBeTypeOf('string');
  expect(status).not.toBe(1_000);
}

/** Sends a binary frame and a ping; gives the replies to the frame, one for each part of it. */
async function repliesTo(frame: Uint8Array): Promise<Reply[]> {
  client.send(frame);
  client.send(PING);
  const { bins, isBroken } = partsOf(frame);
  const due = bins.length + (isBroken ? 1 : 0) + 1;
  const replies: Reply[] = [];
  while (replies.length < due) replies.push(...repliesIn(await client.next()));
  expect(replies).toHaveLength(due);
  const pong = replies.findIndex(([id]) => id === PING_ID);
  expect(replies.splice(pong, 1)).toEqual([[PING_ID, 1, null]]);
  for (const [id, status] of replies) {
    expect(id).toBeTypeOf('number');
    expectSound(status);
  }
  return replies;
}

/** Sends a text frame and a ping; gives the status in the reply to the frame. */
async function textStatusOf(frame: string): Promise<number> {
  const reply = JSON.parse(await answerTo(frame)) as Record<string, { st: number }>;
  expect(await answerTo(TEXT_PING)).toBe(TEXT_PONG);
  const names = Object.keys(reply).filter((name) => name !== 'id');
  expect(names).toHaveLength(1);
  const status = reply[names[0] ?? '']?.st ?? 0;
  expectSound(status);
  return status;
}

async function holds<T>(
  frames: fc.Arbitrary<T>,
  check: (frame: T) => Promise<unknown>,
): Promise<void> {
  const property = fc.asyncProperty(frames, async (frame) => void (await check(frame)));
  await fc.assert(property, RUNS);
}

const isHarmless = (frame: Uint8Array): boolean => !mayEndAll(frame);
const commandsOnTarget = (): fc.Arbitrary<Uint8Array> =>
  commandsOn([target, tokenFromText(target)!, 'A'.repeat(32), new Uint8Array(24)]);

describe('a binary frame', () => {
  test('of arbitrary bytes is answered', async () => {
    await holds(fc.uint8Array({ maxLength: 300 }).filter(isHarmless), repliesTo);
  });

  test('of bins with arbitrary content has one reply for each', async () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
    const frames = contents.map((each) => Buffer.concat(each.map((bytes) => encode(bytes))));
    await holds(frames.filter(isHarmless), repliesTo);
  });

  test('of valid commands has one reply for each, with its id', async () => {
    const frames = fc.array(commandsOnTarget(), { minLength: 1, maxLength: 12 });
    await holds(frames, async (commands) => {
      const frame = Buffer.concat(commands);
      const ids = partsOf(frame).bins.map((bin) => (decode(bin) as number[])[1]);
      const answered = (await repliesTo(frame)).map(([id]) => id);
      expect(answered.sort()).toEqual(ids.sort());
    });
  });

  test('of valid commands, edited, is answered', async () => {
    const valid = fc.array(commandsOnTarget(), { minLength: 1, maxLength: 4 });
    const frames = fc
      .tuple(valid, edits)
      .map(([commands, changes]) => edited(Buffer.concat(commands), changes));
    await holds(frames.filter(isHarmless), repliesTo);
  });

  test('with one command, its content edited but its length right, is answered', async () => {
    const frames = fc.tuple(commandsOnTarget(), edits).map(([command, changes]) => {
      const [content = new Uint8Array(0)] = partsOf(command).bins;
      return encode(edited(content, changes));
    });
    await holds(frames.filter(isHarmless), repliesTo);
  });

  test('cut off anywhere runs what is whole and refuses the rest', async () => {
    const token = tokenFromText(target)!;
    const command = encode(encode([32, 5, token, { keys: { a: [1, { b: 'c' }] } }]));
    const frame = Buffer.concat([command, command]);
    for (let length = 0; length <= frame.length; length += 1) {
      const replies = await repliesTo(frame.subarray(0, length));
      const whole = Math.floor(length / command.length);
      const done = replies.filter(([id, status]) => id === 5 && status === 1);
      expect(done).toHaveLength(whole);
      const isWhole = length > 0 && length % command.length === 0;
      expect(replies.filter(([id, status]) => id === 0 && status === 2)).toHaveLength(
        isWhole ? 0 : 1,
      );
    }
  });

  test('may have any op and any body', async () => {
    const { length } = Array.from({ length: OP_MAX + 1 });
    const ops = fc.nat({ max: length + 300 }).filter((op) => op !== 4);
    const raw = tokenFromText(target)!;
    await holds(fc.tuple(ops, fc.oneof(bodies, fc.jsonValue())), async ([op, body]) => {
      const [reply] = await repliesTo(encode(encode([op, 77, raw, body])));
      expect(reply?.[0]).toBe(77);
      if (entryByOp[op] === undefined) expect(reply?.[1]).toBe(10);
    });
  });

  test.each([
    ['an array', 0x91],
    ['a map', 0x81],
  ])('nested as %s to any depth is answered', async (_, head) => {
    const raw = tokenFromText(target)!;
    for (const depth of [1, 63, 64, 65, 1_022, 1_023, 1_024, 1_025, 3_900]) {
      // {"keys": {"a": [[[...nil]]]}}, where the names of nested maps are nested maps themselves.
      const value = new Uint8Array(depth + 1 + (head === 0x81 ? depth : 0));
      value.fill(0xc0).fill(head, 0, depth);
      const body = Buffer.concat([
        Buffer.from([0x81]),
        encode('keys'),
        Buffer.from([0x81]),
        encode('a'),
        value,
      ]);
      const start = encode([32, 9, raw, null]).subarray(0, -1);
      const frame = encode(Buffer.concat([start, body]));
      if (frame.length > PAYLOAD_BYTES_MAX) continue;
      expect(await repliesTo(frame)).toEqual([
        [9, depth <= 64 ? 1 : 42, depth <= 64 ? null : expect.anything()],
      ]);
    }
  });

  test.each([
    ['array 32', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['map 32', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['map 32 with one pair', [0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61, 0xc0]],
    ['str 32', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['bin 32', [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ['ext 32', [0xc9, 0xff, 0xff, 0xff, 0xff]],
    ['keys of map 32', [0x81, 0xa4, 0x6b, 0x65, 0x79, 0x73, 0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['keys of array 32', [0x81, 0xa4, 0x6b, 0x65, 0x79, 0x73, 0xdd, 0xff, 0xff, 0xff, 0xff]],
    [
      'a byte that msgpack never uses',
      [0x81, 0xa4, 0x6b, 0x65, 0x79, 0x73, 0x81, 0xa1, 0x61, 0xc1],
    ],
    ['bytes after the body', [0x80, 0x80]],
    ['no body', []],
  ])('whose body claims %s is refused', async (_, body) => {
    const raw = tokenFromText(target)!;
    for (const op of [1, 2, 5, 7, 9, 32, 34, 36, 96, 128, 129]) {
      const start = encode([op, 9, raw, null]).subarray(0, -1);
      const [reply] = await repliesTo(encode(Buffer.concat([start, Buffer.from(body)])));
      expect(reply?.[0]).toBe(9);
      expect(reply?.[1]).toBe(2);
    }
  });

  test('over the limit is answered 204, command by command', async () => {
    const raw = tokenFromText(target)!;
    for (const bytes of [PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX * (OVERSIZE_FACTOR - 1)]) {
      const command = encode(encode([32, 3, raw, { keys: { large: 'x'.repeat(bytes) } }]));
      expect((await repliesTo(command)).map(([id, status]) => [id, status])).toEqual([[3, 204]]);
    }
    const small = encode(encode([34, 4, raw, { keys: ['large'] }]));
    const many = Buffer.concat(Array.from({ length: 200 }, () => small));
    expect(many.length).toBeGreaterThan(PAYLOAD_BYTES_MAX);
    const replies = await repliesTo(many);
    expect(new Set(replies.map(([id, status]) => `${id} ${status}`))).toEqual(new Set(['4 204']));
    expect((await repliesTo(small))[0]).toEqual([4, 1, { keys: {} }]);
  });

  test('that is no UTF-8, though sent as text, ends the connection, and only that', async () => {
    client.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: false });
    expect([1006, 1007]).toContain(await client.closed);
    expect(await watcher.ask(TEXT_PING)).toBe(TEXT_PONG);
  });

  test('far over the limit ends the connection, and only that', async () => {
    client.send(new Uint8Array(PAYLOAD_BYTES_MAX * OVERSIZE_FACTOR + 1));
    expect([1006, 1009]).toContain(await client.closed);
    expect(await watcher.ask(TEXT_PING)).toBe(TEXT_PONG);
  });
});

describe('a text frame', () => {
  test('of arbitrary characters is answered', async () => {
    await holds(fc.string({ unit: 'binary', maxLength: 200 }), textStatusOf);
  });

  test('of arbitrary JSON is answered', async () => {
    await holds(fc.json(), textStatusOf);
  });

  test('of a command with any body is answered', async () => {
    const tokens = fc.constantFrom<unknown>(target, 'A'.repeat(32), 7, null, {});
    const frames = fc
      .tuple(entries, tokens, bodies, fc.boolean())
      .map(([{ name }, tkn, body, hasToken]) =>
        JSON.stringify({ id: 1, [name]: hasToken ? { ...body, tkn } : body }),
      );
    await holds(frames, textStatusOf);
  });

  test('reads as JSON whatever msgpack a native client has stored', async () => {
    const raw = tokenFromText(target)!;
    const start = encode([41, 1, raw, null]).subarray(0, -1);
    const body = encode({ keys: { a: { b: [1.5, -7, 'text', new Uint8Array(3), null] } } });
    // Edited behind {"keys": {"a":, so that many are still commands.
    const frames = edits.map((changes) =>
      encode(Buffer.concat([start, body.subarray(0, 9), edited(body.subarray(9), changes)])),
    );
    let stored = 0;
    await holds(frames, async (frame) => {
      const [reply] = await repliesTo(frame);
      if (reply?.[1] === 1) stored += 1;
      expect(await textStatusOf(`{"SH_GET_ALL":{"tkn":"${target}"}}`)).toBe(1);
    });
    expect(stored).toBeGreaterThan(0);
  });

  test('of a command, edited, is answered', async () => {
    const place = fc.tuple(
      fc.nat(),
      fc.nat({ max: 4 }),
      fc.constantFrom('', '{', '}', '[', '"', '\\', ',', '1e999', '\u0000'),
    );
    const frames = fc
      .tuple(entries, bodies, place)
      .map(([{ name }, body, [at, removed, added]]) => {
        const text = JSON.stringify({ [name]: { ...body, tkn: target } });
        const start = at % (text.length + 1);
        return text.slice(0, start) + added + text.slice(start + removed);
      });
    await holds(frames, textStatusOf);
  });

  test('nested to any depth is answered', async () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    for (const depth of [1, 64, 65, 66, 1_023, 1_024, 1_026, 2_000]) {
      const body = `"tkn":"${target}","keys":{"a":${nested(depth)}}`;
      // The innermost array is empty, and so no level of its own.
      expect(await textStatusOf(`{"SH_SET":{${body}}}`)).toBe(depth <= 65 ? 1 : 42);
      await textStatusOf(nested(depth));
      await textStatusOf('{"SH_SET":'.repeat(depth / 4));
    }
  });

  test('over the limit is answered 204', async () => {
    const frame = `{"id":3,"SH_SET":{"tkn":"${target}","keys":{"a":"${'x'.repeat(PAYLOAD_BYTES_MAX)}"}}}`;
    expect(await client.ask(frame)).toBe('{"id":3,"SH_SET_RSP":{"st":204}}');
    expect(await textStatusOf('"'.repeat(PAYLOAD_BYTES_MAX * OVERSIZE_FACTOR))).toBe(204);
  });
});
