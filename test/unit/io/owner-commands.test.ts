/** SH_LIST, SH_END_ID and SH_END_ALL with `except` over several shards; the test plays the shards. */
import { decode } from '@msgpack/msgpack';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { Tokens } from '../../../src/io/tokens.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { FLAG_MINTED, MINTED_BYTES } from '../../../src/ring/records.js';
import { type IoHarness, SECRET, startIo, tokenOnShard } from '../../support/ring-io.js';

const [END_ALL, LIST, END_ID] = [4, 12, 13];

let io: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  io = startIo({ shards: 3, ...overrides });
  return io;
}
afterEach(() => {
  io.close();
});

/** Sends one command and answers each shard's part as given. */
async function ask(
  command: readonly unknown[],
  answers: readonly { status?: number; body?: unknown }[],
): Promise<unknown[]> {
  const socket = io.connect();
  socket.send(command);
  await io.turns();
  for (const [index, shard] of io.shards.entries()) {
    const [request] = shard.take();
    expect(request).toMatchObject({ op: command[0], id: command[1] });
    expect(decode(request!.body)).toEqual(command[3]);
    shard.answer(request!, answers[index]);
  }
  await io.turns();
  return [...socket.replies];
}

describe('SH_LIST', () => {
  const session = (number: number): object => ({ id: `${number}`, keyCnt: number });
  const body = { owner: 'ann' };

  test('answers the lists of all shards, one after another', async () => {
    start();
    const lists = [[session(1), session(2)], [], Array.from({ length: 40 }, (_, i) => session(i))];
    const answers = lists.map((sessions) => ({ body: { sessions } }));
    expect(await ask([LIST, 7, null, body], answers)).toEqual([[7, 1, { sessions: lists.flat() }]]);
  });

  test('takes lists that are larger than a ring', async () => {
    start({ ringBytes: 4_096 });
    const lists = [0, 1, 2].map((shard) =>
      Array.from({ length: 2_000 }, (_, i) => session(shard * 2_000 + i)),
    );
    const answers = lists.map((sessions) => ({ body: { sessions } }));
    expect(await ask([LIST, 7, null, body], answers)).toEqual([[7, 1, { sessions: lists.flat() }]]);
  });

  test('is text for those who ask in text', async () => {
    const { connect, shards, turns } = start();
    const socket = connect();
    socket.sendJson('{"SH_LIST":{"owner":"ann"}}');
    await turns();
    for (const [index, shard] of shards.entries()) {
      shard.answer(shard.take()[0]!, { body: { sessions: [session(index)] } });
    }
    await turns();
    const listed = '{"id":"0","keyCnt":0},{"id":"1","keyCnt":1},{"id":"2","keyCnt":2}';
    expect(socket.messages).toEqual([`{"SH_LIST_RSP":{"st":1,"sessions":[${listed}]}}`]);
  });

  test('answers what the shards found wrong', async () => {
    start();
    const wrong = { status: 41, body: { m: 'owner must be a string' } };
    const replies = await ask([LIST, 7, null, { owner: 5 }], [wrong, wrong, wrong]);
    expect(replies).toEqual([[7, 41, { m: 'owner must be a string' }]]);
  });

  test('answers 204 beyond --max-unsent', async () => {
    start({ maxUnsent: 4_096, ringBytes: 65_536 });
    const sessions = Array.from({ length: 200 }, (_, i) => session(i));
    const answers = [0, 1, 2].map(() => ({ body: { sessions } }));
    const replies = await ask([LIST, 7, null, body], answers);
    expect(replies).toEqual([[7, 204, { m: 'the list is over --max-unsent' }]]);
    expect(io.counter('listsTooLarge')).toBe(1);
  });
});

describe('SH_END_ID', () => {
  const body = { owner: 'ann', id: 'a'.repeat(24) };

  test.each([
    ['one had it', [100, 1, 100], [7, 1, null]],
    ['nobody had it', [100, 100, 100], [7, 100, null]],
    ['one had it and another cannot write', [210, 1, 100], [7, 1, null]],
    ['nobody had it, as far as those know who can write', [100, 210, 100], [7, 210, null]],
    ['it was wrong', [42, 42, 42], [7, 42, null]],
  ])('answers once: %s', async (_, statuses, expected) => {
    start();
    const replies = await ask(
      [END_ID, 7, null, body],
      statuses.map((status) => ({ status })),
    );
    expect(replies).toEqual([expected]);
  });
});

describe('SH_END_ALL', () => {
  const spared = tokenOnShard(1, 3);
  const sum = [{ body: { cnt: 1 } }, { body: { cnt: 2 } }, { body: { cnt: 4 } }];

  test('sums up without except', async () => {
    start();
    const replies = await ask([END_ALL, 7, null, { owner: 'ann' }], sum);
    expect(replies).toEqual([[7, 1, { cnt: 7 }]]);
  });

  test.each([
    ['as bytes', spared],
    ['as text', tokenToText(spared)],
  ])('sends the digest of the token to be spared, and its slot (%s)', async (_, except) => {
    const { connect, shards, turns } = start();
    const socket = connect();
    const body = { owner: 'ann', except };
    socket.send([END_ALL, 7, null, body]);
    await turns();
    const tokens = new Tokens(SECRET);
    tokens.see(new ByteSpace(Uint8Array.from(spared).buffer), 0);
    for (const [index, shard] of shards.entries()) {
      const [request] = shard.take();
      expect(request).toMatchObject({ flags: FLAG_MINTED, slot: tokens.slot });
      expect(request!.body.subarray(0, MINTED_BYTES)).toEqual(new Uint8Array(tokens.digest.buffer));
      const rest = decode(request!.body.subarray(MINTED_BYTES)) as typeof body;
      expect({ ...rest, except: undefined }).toEqual({ owner: 'ann', except: undefined });
      shard.answer(request!, sum[index]);
    }
    await turns();
    expect(socket.replies).toEqual([[7, 1, { cnt: 7 }]]);
  });

  test.each([[5], [null], ['no token'], [new Uint8Array(23)], [[spared]]])(
    'leaves it to the shards to refuse %j',
    async (except) => {
      start();
      const wrong = { status: 42 };
      const replies = await ask([END_ALL, 7, null, { except }], [wrong, wrong, wrong]);
      expect(replies).toEqual([[7, 42, null]]);
    },
  );
});
