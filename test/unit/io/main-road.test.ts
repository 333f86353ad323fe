import { afterEach, describe, expect, test } from 'vitest';
import type { MainAnswer, MainCall } from '../../../src/config/main-call.js';
import type { Config } from '../../../src/config/options.js';
import { SELECTED_WORDS } from '../../../src/config/walk-messages.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { MAIN_CALLS_MAX } from '../../../src/io/main-road.js';
import { Tokens } from '../../../src/io/tokens.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { SECRET, startIo, tokenOnShard, type IoHarness } from '../../support/ring-io.js';

const SH_SAVE = 14;
const SH_LOAD = 15;
const KV_SAVE = 78;
const KV_LOAD = 79;
const SV_SNAPSHOT = 133;
const GET = 34;
const TOKEN = Uint8Array.from({ length: 24 }, (_, i) => 3 * i);

let harness: IoHarness;
function start(overrides: Partial<Config> = {}): IoHarness {
  harness = startIo({ memory: false, ...overrides });
  return harness;
}
afterEach(() => {
  harness.close();
});

function answer(call: MainCall | undefined, status: number, body: MainAnswer['body'] = {}): void {
  harness.io.answer({ type: 'answer', call: call!.call, answer: { status, body } });
}

/** The words main gets for a token. */
function wordsOf(token: Uint8Array): number[] {
  const tokens = new Tokens(SECRET);
  const space = new ByteSpace(Uint8Array.from(token).buffer);
  if (token.length === 8) tokens.seeShort(space, 0);
  else tokens.see(space, 0);
  return [...tokens.digest, tokens.slot];
}

describe('a command for main', () => {
  test.each([
    ['SH_LOAD', SH_LOAD, { name: 'a' }, { command: 'SH_LOAD', name: 'a' }],
    ['KV_SAVE', KV_SAVE, { name: 'A.b-c_9' }, { command: 'KV_SAVE', name: 'A.b-c_9' }],
    ['KV_LOAD', KV_LOAD, { name: 'a', other: 1 }, { command: 'KV_LOAD', name: 'a' }],
    ['SH_SAVE', SH_SAVE, { name: 'a' }, { command: 'SH_SAVE', name: 'a', digests: undefined }],
    ['SV_SNAPSHOT', SV_SNAPSHOT, null, { command: 'SV_SNAPSHOT' }],
  ])('%s is handed over, and answered by what main says', (_, op, body, request) => {
    const { connect, calls } = start();
    const socket = connect();
    socket.send([op, 7, null, body]);
    expect(calls).toEqual([{ type: 'call', call: 1, request }]);
    expect(socket.messages).toEqual([]);
    answer(calls[0], 121, { name: 'a', duration: 70_000, m: 'größe' });
    expect(socket.replies).toEqual([[7, 121, { name: 'a', duration: 70_000, m: 'gr??e' }]]);
  });

  test('can be answered without a body', () => {
    const { connect, calls } = start();
    const socket = connect();
    socket.send([SV_SNAPSHOT, 7, null, {}]);
    answer(calls[0], 203);
    expect(socket.replies).toEqual([[7, 203, null]]);
  });

  test('gives digests for tokens in any form, and none for what can be no token', () => {
    const { connect, calls } = start();
    const socket = connect();
    const tkns = [TOKEN, tokenToText(TOKEN), 'short', new Uint8Array(3), new Uint8Array(8)];
    socket.send([SH_SAVE, 7, null, { name: 'a', tkns }]);
    const { request } = calls[0]!;
    expect(request.command === 'SH_SAVE' && [...request.digests!]).toEqual([
      ...wordsOf(TOKEN),
      ...wordsOf(TOKEN),
      ...wordsOf(new Uint8Array(8)),
    ]);
    expect(wordsOf(TOKEN)).toHaveLength(SELECTED_WORDS);
    answer(calls[0], 121);
  });

  test('gives digests for the tokens of a text command', () => {
    const { connect, calls } = start();
    const socket = connect();
    const text = tokenToText(TOKEN);
    socket.sendJson(`{"SH_SAVE":{"name":"a","tkns":["${text}","no token",255]}}`);
    const { request } = calls[0]!;
    const short = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255);
    expect(request.command === 'SH_SAVE' && [...request.digests!]).toEqual([
      ...wordsOf(TOKEN),
      ...wordsOf(short),
    ]);
    answer(calls[0], 121, { name: 'a', duration: 3, m: 'not in text' });
    expect(socket.messages).toEqual(['{"SH_SAVE_RSP":{"st":121,"name":"a","duration":3}}']);
  });
});

describe('the checks before main', () => {
  test.each([
    ['no body', SH_SAVE, null, 26],
    ['no name', SH_SAVE, { tkns: 5 }, 26],
    ['a name of the wrong type before all else', SH_SAVE, { name: 5, tkns: [] }, 41],
    ['a list of the wrong type before the name', SH_SAVE, { name: '', tkns: 5 }, 41],
    ['a nil for the list', SH_SAVE, { name: 'a', tkns: null }, 41],
    ['an item of the wrong type', SH_SAVE, { name: '', tkns: [TOKEN, 5] }, 41],
    ['an empty list', SH_SAVE, { name: 'a', tkns: [] }, 42],
    ['more than --max-keys', SH_SAVE, { name: 'a', tkns: ['a', 'b', 'c'] }, 204],
    ['no name', KV_LOAD, {}, 26],
    ['a nil name', SH_LOAD, { name: null }, 41],
    ['a body that is no map', KV_SAVE, 5, 2],
    ['a body that is no map', SV_SNAPSHOT, [], 2],
  ])('refuse %s (op %i)', (_, op, body, status) => {
    const { connect, calls } = start({ maxKeys: 2 });
    const socket = connect();
    socket.send([op, 7, null, body]);
    expect(calls).toEqual([]);
    expect(socket.replies).toEqual([[7, status, { m: expect.any(String) as string }]]);
  });

  test.each([SH_SAVE, SH_LOAD, KV_SAVE, KV_LOAD])('refuse names that are none (op %i)', (op) => {
    const { connect, calls } = start();
    const socket = connect();
    const bad = ['', '.', '.x', '../x', 'a/b', 'a b', 'ä', 'a\n', 'x'.repeat(129), '\\'];
    const vast = 'x'.repeat(100_000);
    for (const name of [...bad, vast]) socket.send([op, 7, null, { name }]);
    expect(calls).toEqual([]);
    expect(socket.replies.map(([, status]) => status)).toEqual([...bad, vast].map(() => 42));
    for (const name of ['x'.repeat(128), '0', '-', '_', 'a..b', 'A.Z']) {
      socket.send([op, 7, null, { name }]);
    }
    expect(calls).toHaveLength(6);
    for (const call of calls) answer(call, 1);
  });

  test('refuse a text list with an item that is no token', () => {
    const { connect, calls } = start();
    const socket = connect();
    for (const item of ['-1', '1.0', 'null', 'true', '{}', '[]', '18446744073709551616']) {
      socket.sendJson(`{"SH_SAVE":{"name":"a","tkns":["x",${item}]}}`);
    }
    expect(calls).toEqual([]);
    expect(new Set(socket.messages)).toEqual(new Set(['{"SH_SAVE_RSP":{"st":41}}']));
    expect(socket.messages).toHaveLength(7);
  });

  test.each([
    [SH_SAVE, null, 14],
    [KV_SAVE, { name: 5 }, 14],
    [SV_SNAPSHOT, null, 14],
  ])('say 14 first without a data directory (op %i)', (op, body, status) => {
    const { connect } = start({ memory: true });
    const socket = connect();
    socket.send([op, 7, null, body]);
    expect(socket.replies).toEqual([[7, status, { m: expect.any(String) as string }]]);
  });

  test('leave loads to main without a data directory, once their name is checked', () => {
    const { connect, calls } = start({ memory: true });
    const socket = connect();
    socket.send([SH_LOAD, 7, null, {}], [KV_LOAD, 8, null, { name: 'a' }]);
    expect(socket.replies.map(([id, status]) => [id, status])).toEqual([[7, 26]]);
    expect(calls).toHaveLength(1);
    answer(calls[0], 142);
  });
});

describe('the road', () => {
  test('keeps text replies in order behind a call, and lets native ones on other sessions pass', async () => {
    const { connect, calls, shards, turns } = start();
    const socket = connect();
    socket.send([SH_LOAD, 1, null, { name: 'a' }], [GET, 2, TOKEN, null]);
    await turns();
    for (const request of shards[0]!.take()) shards[0]!.answer(request);
    await turns();
    expect(socket.replies.map(([id]) => id)).toEqual([2]);
    socket.sendJson('{"SH_LOAD":{"name":"b"}}');
    socket.sendJson(`{"SH_COUNT":{"tkn":"${tokenToText(TOKEN)}"}}`);
    socket.sendJson('{"KV_SAVE":{"name":"c"}}');
    socket.sendJson('{"SV_PING":{}}');
    await turns();
    for (const request of shards[0]!.take()) shards[0]!.answer(request, { body: { cnt: 3 } });
    await turns();
    answer(calls[2], 121, { name: 'c', duration: 1 });
    expect(socket.messages).toHaveLength(1);
    answer(calls[1], 141, { name: 'b', sessions: 1, keys: 2 });
    expect(socket.messages.slice(1)).toEqual([
      '{"SH_LOAD_RSP":{"st":141,"name":"b","sessions":1,"keys":2}}',
      '{"SH_COUNT_RSP":{"st":1,"cnt":3}}',
      '{"KV_SAVE_RSP":{"st":121,"name":"c","duration":1}}',
      '{"SV_PING_RSP":{"st":1}}',
    ]);
    answer(calls[0], 142, { name: 'a' });
    expect(socket.replies.map(([id]) => id)).toEqual([2, 1]);
  });

  test('drops the answer of a connection that has gone, and gives it to nobody else', () => {
    const { connect, calls, counter } = start({ maxConnections: 1 });
    const first = connect();
    first.send([SH_LOAD, 1, null, { name: 'a' }]);
    first.sendJson('{"SH_LOAD":{"name":"a"}}');
    first.terminate();
    const second = connect();
    answer(calls[0], 141, { name: 'a' });
    answer(calls[1], 141, { name: 'a' });
    expect(second.messages).toEqual([]);
    expect(first.messages).toEqual([]);
    expect(counter('repliesDropped')).toBe(2);
  });

  test('ignores an answer that nobody waits for', () => {
    const { connect, calls } = start();
    const socket = connect();
    socket.send([SH_LOAD, 1, null, { name: 'a' }]);
    answer(calls[0], 141);
    answer(calls[0], 141);
    expect(socket.replies).toHaveLength(1);
  });

  test('answers 203 over its bound, and takes calls again once there is room', () => {
    const { connect, calls, counter } = start();
    const socket = connect();
    for (let id = 0; id <= MAIN_CALLS_MAX; id += 1) socket.send([SH_LOAD, id, null, { name: 'a' }]);
    socket.sendJson('{"SH_LOAD":{"name":"a"}}');
    expect(calls).toHaveLength(MAIN_CALLS_MAX);
    expect(socket.replies.map(([id, status]) => [id, status])).toEqual([[MAIN_CALLS_MAX, 203]]);
    expect(socket.messages[1]).toBe('{"SH_LOAD_RSP":{"st":203}}');
    expect(counter('commandsBusy')).toBe(2);
    answer(calls[0], 141);
    socket.send([SH_LOAD, 99, null, { name: 'a' }]);
    expect(calls).toHaveLength(MAIN_CALLS_MAX + 1);
    for (const call of calls.slice(1)) answer(call, 141);
  });

  test('does not hold up refusals of a busy shard for as long as a save takes', async () => {
    const { connect, calls, shards, turns } = start({ maxInFlight: 1 });
    const socket = connect();
    socket.send([SH_LOAD, 1, null, { name: 'a' }]);
    const keys = { a: 'x'.repeat(200) };
    for (let id = 2; id < 52; id += 1) socket.send([32, id, TOKEN, { keys }]);
    for (let round = 0; round < 5; round += 1) {
      await turns();
      for (const request of shards[0]!.take()) shards[0]!.answer(request);
    }
    await turns();
    const statuses = new Set(socket.replies.map(([, status]) => status));
    expect(socket.replies).toHaveLength(50);
    expect(statuses).toEqual(new Set([1, 203]));
    answer(calls[0], 141);
    expect(socket.replies.at(-1)).toEqual([1, 141, null]);
  });

  test('leaves the count of commands in flight as it was', async () => {
    const { connect, calls, shards, turns } = start({ maxInFlight: 20 });
    const socket = connect();
    socket.send([SH_LOAD, 99, null, { name: 'a' }]);
    answer(calls[0], 141);
    const keys = { a: 'x'.repeat(200) };
    for (let id = 0; id < 21; id += 1) socket.send([32, id, TOKEN, { keys }]);
    for (let round = 0; round < 5; round += 1) {
      await turns();
      for (const request of shards[0]!.take(8)) shards[0]!.answer(request);
    }
    const statuses = socket.replies.slice(1).map(([, status]) => status);
    expect(statuses).toEqual([...Array<number>(20).fill(1), 203]);
  });
});

describe('a drain', () => {
  test('waits for main, and answers new calls 209', async () => {
    const { io, connect, calls, turns } = start();
    const socket = connect();
    socket.send([SH_LOAD, 1, null, { name: 'a' }]);
    const drained = io.drain(Number.MAX_VALUE);
    socket.send([SH_LOAD, 2, null, { name: 'a' }], [SV_SNAPSHOT, 3, null, null]);
    await turns();
    expect(socket.closed).toBeUndefined();
    expect(socket.replies.map(([id, status]) => [id, status])).toEqual([
      [2, 209],
      [3, 209],
    ]);
    answer(calls[0], 141);
    await drained;
    expect(socket.replies.at(-1)).toEqual([1, 141, null]);
    expect(socket.closed).toMatchObject({ code: 1001 });
  });

  test('waits no longer than its deadline', async () => {
    const { io, connect, calls } = start();
    const socket = connect();
    socket.send([SH_LOAD, 1, null, { name: 'a' }]);
    await io.drain(0);
    expect(socket.closed).toMatchObject({ code: 1001 });
    answer(calls[0], 141);
    expect(socket.messages).toEqual([]);
  });
});

test('a token of the right shard is among those main gets', () => {
  const { connect, calls } = start({ shards: 3 });
  const token = tokenOnShard(2, 3);
  connect().send([SH_SAVE, 1, null, { name: 'a', tkns: [token] }]);
  const { request } = calls[0]!;
  expect(request.command === 'SH_SAVE' && request.digests?.at(-1)).toBe(wordsOf(token)[4]);
  answer(calls[0], 121);
});
