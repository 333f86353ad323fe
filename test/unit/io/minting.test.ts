/** Tokens of SH_NEW, SH_OPEN and SH_ROTATE, as they travel; the test plays the shards. */
import { decode } from '@msgpack/msgpack';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { Tokens } from '../../../src/io/tokens.js';
import { tokenToText } from '../../../src/protocol/token.js';
import {
  FLAG_LENIENT,
  FLAG_MINTED,
  FLAG_NO_TOKEN,
  FLAG_SHORT_TOKEN,
  MINTED_BYTES,
} from '../../../src/ring/records.js';
import { type IoHarness, SECRET, startIo, tokenOnShard } from '../../support/ring-io.js';
import { replyBytes, type TakenRequest } from '../../support/ring-shard.js';

const [NEW, OPEN, ROTATE] = [1, 2, 10];
const SHARDS = 4;

let io: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  io = startIo({ shards: SHARDS, ...overrides });
  return io;
}
afterEach(() => {
  io.close();
});

function seen(token: Uint8Array): { digest: number[]; slot: number } {
  const tokens = new Tokens(SECRET);
  const space = new ByteSpace(Uint8Array.from(token).buffer);
  if (token.length === 8) tokens.seeShort(space, 0);
  else tokens.see(space, 0);
  return { digest: [...tokens.digest], slot: tokens.slot };
}

async function taken(): Promise<{ shard: number; request: TakenRequest }> {
  await io.turns();
  const all = io.shards.flatMap((each, shard) =>
    each.take().map((request) => ({ shard, request })),
  );
  expect(all).toHaveLength(1);
  return all[0]!;
}

/** Answers with room for a token of so many bytes, as a shard does. */
async function answer(
  { shard, request }: { shard: number; request: TakenRequest },
  tokenBytes: number,
): Promise<void> {
  const reply = replyBytes(request.id, 1, { tkn: new Uint8Array(tokenBytes) });
  io.shards[shard]!.put(request, reply, reply.length - tokenBytes);
  io.shards[shard]!.publish();
  await io.turns();
}

function mintedDigest({ body }: TakenRequest): number[] {
  const words = new Int32Array(4);
  new Uint8Array(words.buffer).set(body.subarray(0, MINTED_BYTES));
  return [...words];
}

describe('SH_ROTATE on the I/O thread', () => {
  test.each([0, 1, 2, 3])('mints a token of the same slot (shard %i)', async (home) => {
    const { connect } = start();
    const socket = connect();
    for (let salt = 0; salt < 20; salt += 1) {
      const old = tokenOnShard(home, SHARDS, salt);
      socket.send([ROTATE, salt, salt % 2 === 0 ? old : tokenToText(old), { grace: salt }]);
      const { shard, request } = await taken();
      expect(shard).toBe(home);
      expect(request).toMatchObject({ op: ROTATE, flags: FLAG_MINTED, ...seen(old) });
      expect(decode(request.body.subarray(MINTED_BYTES))).toEqual({ grace: salt });
      await answer({ shard, request }, 24);
      const [, , body] = socket.replies.at(-1)!;
      const { tkn } = body as { tkn: Uint8Array };
      expect(seen(tkn)).toEqual({ digest: mintedDigest(request), slot: request.slot });
      expect(seen(tkn).digest).not.toEqual(seen(old).digest);
    }
  });

  test('goes to some shard without a usable token, so that parameters are checked', async () => {
    const { connect } = start();
    const socket = connect();
    for (const token of [null, 'no token', new Uint8Array(7)]) {
      socket.send([ROTATE, 5, token, null]);
      const { shard, request } = await taken();
      expect(request).toMatchObject({ op: ROTATE, flags: FLAG_MINTED | FLAG_NO_TOKEN });
      io.shards[shard]!.answer(request, { status: 100 });
      await io.turns();
    }
    expect(socket.replies.every(([, status]) => status === 100)).toBe(true);
  });

  test('with uint64 mints 8 bytes for text, of the slot of the old token, whatever its length', async () => {
    const { connect } = start({ tokenForm: 'uint64' });
    const socket = connect();
    const olds = [`"${tokenToText(tokenOnShard(2, SHARDS))}"`, '18446744073709551615', '0', '7'];
    for (const old of olds) {
      socket.sendJson(`{"SH_ROTATE":{"tkn":${old}}}`);
      const { shard, request } = await taken();
      const flags = FLAG_LENIENT | FLAG_MINTED | FLAG_SHORT_TOKEN;
      expect(request.flags).toBe(flags);
      await answer({ shard, request }, 8);
      const digits = /"tkn":(\d+)/.exec(socket.messages.at(-1) as string)![1]!;
      const token = new Uint8Array(8);
      new DataView(token.buffer).setBigUint64(0, BigInt(digits));
      expect(seen(token)).toEqual({ digest: mintedDigest(request), slot: request.slot });
    }
  });

  test('with uint64 mints 24 bytes for a native caller', async () => {
    const { connect } = start({ tokenForm: 'uint64' });
    const socket = connect();
    socket.send([ROTATE, 5, new Uint8Array(8).fill(3), null]);
    const { request } = await taken();
    expect(request).toMatchObject({ flags: FLAG_MINTED, ...seen(new Uint8Array(8).fill(3)) });
  });
});

describe('SH_NEW and SH_OPEN on the I/O thread', () => {
  test.each([
    ['native', [NEW, 5, null, {}], 0],
    ['native, shared', [NEW, 5, null, { shared: true, name: 'n' }], FLAG_SHORT_TOKEN],
    ['native, by name', [OPEN, 5, null, { name: 'n' }], FLAG_SHORT_TOKEN],
    ['native, with a name that is not shared', [NEW, 5, null, { name: 'n' }], 0],
  ])('with uint64 make short tokens for text and for names (%s)', async (_, command, flags) => {
    const { connect } = start({ tokenForm: 'uint64' });
    const socket = connect();
    socket.send(command);
    const { shard, request } = await taken();
    expect(request.flags).toBe(flags);
    await answer({ shard, request }, flags === 0 ? 24 : 8);
    const [, , body] = socket.replies[0]!;
    const { digest, slot } = request;
    expect(seen((body as { tkn: Uint8Array }).tkn)).toEqual({ digest, slot });
  });

  test.each([
    ['{"SH_NEW":{}}'],
    ['{"SH_NEW":{"shared":true,"name":"n"}}'],
    ['{"SH_OPEN":{"name":"n"}}'],
  ])('with uint64 answer %s with an integer', async (frame) => {
    const { connect } = start({ tokenForm: 'uint64' });
    const socket = connect();
    socket.sendJson(frame);
    const { shard, request } = await taken();
    expect(request.flags).toBe(FLAG_LENIENT | FLAG_SHORT_TOKEN);
    await answer({ shard, request }, 8);
    expect(socket.messages[0]).toMatch(/"tkn":\d+\}/);
  });

  test('without it make 24 bytes for everyone', async () => {
    const { connect } = start();
    const socket = connect();
    socket.sendJson('{"SH_OPEN":{"name":"n"}}');
    const { request } = await taken();
    expect(request.flags).toBe(FLAG_LENIENT);
  });
});
