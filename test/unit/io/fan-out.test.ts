import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { Tokens } from '../../../src/io/tokens.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { EXISTS_ITEM_BYTES } from '../../../src/ring/records.js';
import { SECRET, startIo, type IoHarness } from '../../support/ring-io.js';
import { Random } from '../../support/random.js';

const END_ALL = 4;
const EXISTS = 5;
const INFO_ALL = 7;

let harness: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  harness = startIo(overrides);
  return harness;
}
afterEach(() => {
  harness.close();
});

/** Answers every part of SH_EXISTS: a token lives if its digest's first word is even. */
function answerExists({ shards }: IoHarness): void {
  for (const shard of shards) {
    for (const request of shard.take()) {
      const items = new DataView(request.body.buffer, request.body.byteOffset);
      const exist = new Uint8Array(request.body.length / EXISTS_ITEM_BYTES);
      for (let i = 0; i < exist.length; i += 1) {
        exist[i] = items.getInt32(i * EXISTS_ITEM_BYTES, true) & 1 ? 0 : 1;
        expect(items.getInt32(i * EXISTS_ITEM_BYTES + 16, true)).toBeLessThan(1_024);
      }
      shard.answer(request, { body: { exist } });
    }
  }
}

/** A random token and whether answerExists() takes it for a live one. */
function randomTokens(count: number): { tkn: Uint8Array; lives: boolean }[] {
  const random = new Random(count);
  const tokens = new Tokens(SECRET);
  return Array.from({ length: count }, () => {
    const tkn = Uint8Array.from({ length: 24 }, () => random.below(256));
    tokens.see(new ByteSpace(tkn.buffer), 0);
    return { tkn, lives: (tokens.digest[0]! & 1) === 0 };
  });
}

describe('commands to all shards', () => {
  test.each([
    [END_ALL, 'cnt'],
    [INFO_ALL, 'totalSessions'],
  ])('op %i answers the sum of what the shards answer', async (op, member) => {
    const { connect, shards, turns } = start({ shards: 3 });
    const socket = connect();
    socket.send([op, 7, null, null]);
    await turns();
    for (const [index, shard] of shards.entries()) {
      const requests = shard.take();
      expect(requests).toMatchObject([{ op, id: 7 }]);
      for (const request of requests) {
        shard.answer(request, { body: { [member]: 100_000 * index, other: 1 } });
      }
    }
    await turns();
    expect(socket.replies).toEqual([[7, 1, { [member]: 300_000, other: 3 }]]);
  });

  test('a part that fails speaks for all', async () => {
    const { connect, shards, turns } = start({ shards: 3 });
    const socket = connect();
    socket.send([END_ALL, 7, null, 5]);
    await turns();
    for (const [index, shard] of shards.entries()) {
      for (const request of shard.take()) {
        const failing = { status: 2, body: { m: 'no map' } };
        shard.answer(request, index === 1 ? failing : { body: { cnt: 1 } });
      }
    }
    await turns();
    expect(socket.replies).toEqual([[7, 2, { m: 'no map' }]]);
  });
});

describe('SH_EXISTS', () => {
  test.each([1, 5])('over %i shards keeps request order and duplicates', async (count) => {
    const io = start({ shards: count });
    const socket = io.connect();
    const known = randomTokens(40);
    const asked = [...known, ...known.slice(0, 7)];
    socket.send([EXISTS, 7, null, { tkns: asked.map(({ tkn }) => tkn) }]);
    await io.turns();
    answerExists(io);
    await io.turns();
    const exist = asked.filter(({ lives }) => lives).map(({ tkn }) => tkn);
    expect(socket.replies).toEqual([[7, 1, { exist }]]);
  });

  test('takes tokens as text and skips what cannot be one', async () => {
    const io = start({ shards: 2 });
    const socket = io.connect();
    const asked = randomTokens(10);
    const tkns = [...asked.map(({ tkn }) => tokenToText(tkn)), 'short', new Uint8Array(3)];
    socket.send([EXISTS, 7, null, { tkns }]);
    await io.turns();
    answerExists(io);
    await io.turns();
    const exist = asked.filter(({ lives }) => lives).map(({ tkn }) => tkn);
    expect(socket.replies).toEqual([[7, 1, { exist }]]);
  });

  test('of many tokens takes the side road', async () => {
    const io = start({ shards: 2 });
    const socket = io.connect();
    const asked = randomTokens(3_000);
    socket.send([EXISTS, 7, null, { tkns: asked.map(({ tkn }) => tkn) }]);
    await io.turns();
    answerExists(io);
    await io.turns();
    const [[, , body] = []] = socket.replies;
    const { exist } = body as { exist: Uint8Array[] };
    expect(exist).toEqual(asked.filter(({ lives }) => lives).map(({ tkn }) => tkn));
  });

  test('answers text in the form of the dialect', async () => {
    const io = start({ shards: 2 });
    const socket = io.connect();
    const asked = randomTokens(6);
    const texts = asked.map(({ tkn }) => tokenToText(tkn));
    socket.sendJson(JSON.stringify({ SH_EXISTS: { tkns: [...texts, true, 'x'] } }));
    await io.turns();
    answerExists(io);
    await io.turns();
    const exist = texts.filter((_, index) => asked[index]!.lives);
    expect(socket.messages).toEqual([JSON.stringify({ SH_EXISTS_RSP: { st: 1, exist } })]);
  });

  test.each([
    [null, 26],
    [{}, 26],
    [{ tkns: 5 }, 41],
    [{ tkns: [5] }, 41],
    [{ tkns: Array.from({ length: 11 }, () => 'x') }, 204],
    ['x', 2],
  ])('refuses the body %j with %i', (body, status) => {
    const { connect } = start({ maxKeys: 10 });
    const socket = connect();
    socket.send([EXISTS, 7, null, body]);
    expect(socket.replies.map((reply) => reply.slice(0, 2))).toEqual([[7, status]]);
  });

  test('of no tokens is answered at once', () => {
    const { connect } = start();
    const socket = connect();
    socket.send([EXISTS, 7, null, { tkns: [] }]);
    expect(socket.replies).toEqual([[7, 1, { exist: [] }]]);
  });
});
