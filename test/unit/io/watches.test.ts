/** Watchers on an I/O thread: who gets which push, in what form and order, and until when. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { NOT_DURABLE, OP_UNWATCHED, PUSH_ENDED, PUSH_ROTATED } from '../../../src/ring/records.js';
import { tokenToText } from '../../../src/protocol/token.js';
import { type FakeSocket, type IoHarness, startIo, tokenOnShard } from '../../support/ring-io.js';
import { replyBytes, type RingShard, type TakenRequest } from '../../support/ring-shard.js';

const [SH_WATCH, SH_UNWATCH, SH_SET] = [16, 17, 32];
const ID = 'a1'.repeat(12);
const WATCH = 7;
const ROW = 30;
const TOKEN = tokenOnShard(0, 1);
const MIB = 1_024 * 1_024;
const SLOW = 'pushes are read too slowly';

let harness: IoHarness;
let shard: RingShard;
function start(overrides: Partial<Config> = {}): IoHarness {
  harness = startIo({ ringBytes: 65_536, ...overrides });
  shard = harness.shards[0]!;
  return harness;
}
afterEach(() => harness.close());

/** Takes what has come to the shard. */
async function taken(): Promise<TakenRequest[]> {
  await harness.turns();
  return shard.take();
}

/** Answers SH_WATCH as the shard does. */
function answerWatch(request: TakenRequest, watch = WATCH, id = ID): void {
  shard.answer(request, { body: { id, row: ROW, watch } });
}

/** A connection that watches the session already. */
async function watcher(id = 1): Promise<FakeSocket> {
  const socket = harness.connect();
  socket.send([SH_WATCH, id, TOKEN, null]);
  const [request] = await taken();
  answerWatch(request!);
  await harness.turns();
  expect(socket.replies).toEqual([[id, 1, { id: ID }]]);
  socket.messages.length = 0;
  return socket;
}

async function push(event: string, body: unknown, more: object = {}): Promise<void> {
  shard.push({ watch: WATCH, row: ROW, event, body, ...more });
  shard.publish();
  await harness.turns();
}

const set = (keys: object): readonly [string, object] => ['set', { id: ID, keys }];

/** What a shard is told when nobody watches here. */
const unwatchedIn = (requests: TakenRequest[]): number[][] =>
  requests.filter(({ op }) => op === OP_UNWATCHED).map(({ digest }) => [...digest.slice(0, 2)]);

describe('a watcher', () => {
  test('gets the pushes of its session, and not those of others', async () => {
    start();
    const socket = await watcher();
    await push(...set({ a: 1 }));
    await push(...set({ b: 2 }), { watch: 8 });
    await push('removed', { id: ID, keys: ['a'] });
    expect(socket.replies).toEqual([
      [0, 'set', { id: ID, keys: { a: 1 } }],
      [0, 'removed', { id: ID, keys: ['a'] }],
    ]);
    expect(harness.counter('pushesOut')).toBe(2);
    expect(harness.counter('repliesOut')).toBe(1);
  });

  test('gets them in their order among the replies, in as few messages', async () => {
    start();
    const socket = await watcher();
    socket.send([SH_SET, 2, TOKEN, null], [SH_SET, 3, TOKEN, null]);
    const [first, second] = await taken();
    shard.put(first!, replyBytes(2, 1, null), 0);
    shard.push({ watch: WATCH, row: ROW, event: 'set', body: { id: ID, keys: { a: 1 } } });
    shard.put(second!, replyBytes(3, 1, null), 0);
    shard.push({ watch: WATCH, row: ROW, event: 'cleared', body: { id: ID } });
    shard.publish();
    await harness.turns();
    expect(socket.replies.map(([id, what]) => [id, what])).toEqual([
      [2, 1],
      [0, 'set'],
      [3, 1],
      [0, 'cleared'],
    ]);
    expect(socket.messages).toHaveLength(1);
    expect(socket.connection!.inFlight).toBe(0);
  });

  test('that watches twice gets each push once', async () => {
    start();
    const socket = await watcher();
    socket.send([SH_WATCH, 2, TOKEN, null]);
    answerWatch((await taken())[0]!);
    await push(...set({}));
    expect(socket.replies).toEqual([
      [2, 1, { id: ID }],
      [0, 'set', { id: ID, keys: {} }],
    ]);
  });

  test('gets large pushes, which come by the side road, in their order', async () => {
    start({ ringBytes: 4_096 });
    const socket = await watcher();
    const large = { a: 'x'.repeat(300_000) };
    shard.push({ watch: WATCH, row: ROW, event: 'set', body: { id: ID, keys: large } });
    shard.push({ watch: WATCH, row: ROW, event: 'cleared', body: { id: ID } });
    shard.publish();
    await harness.turns();
    expect(socket.replies).toEqual([
      [0, 'set', { id: ID, keys: large }],
      [0, 'cleared', { id: ID }],
    ]);
  });

  test('shares a push with all others, more than one pump holds', async () => {
    start({ maxWatchers: 10_000, ringBytes: 1 << 20 });
    const sockets = Array.from({ length: 5_000 }, () => harness.connect());
    for (const socket of sockets) socket.send([SH_WATCH, 1, TOKEN, null]);
    for (let left = 5_000; left > 0;) {
      const requests = await taken();
      left -= requests.length;
      for (const request of requests) answerWatch(request);
    }
    await push(...set({ a: 1 }));
    await push('cleared', { id: ID });
    for (const socket of sockets) {
      expect(socket.replies.slice(1)).toEqual([
        [0, 'set', { id: ID, keys: { a: 1 } }],
        [0, 'cleared', { id: ID }],
      ]);
    }
    expect(harness.counter('pushesOut')).toBe(10_000);
  });

  test('is refused with 100 and 210 as the shard says, and then watches nothing', async () => {
    start();
    const socket = harness.connect();
    socket.send([SH_WATCH, 1, TOKEN, null], [SH_UNWATCH, 2, TOKEN, null]);
    for (const request of await taken()) {
      shard.answer(request, { status: 100, body: { m: 'why' } });
    }
    await push(...set({}));
    expect(socket.replies).toEqual([
      [1, 100, { m: 'why' }],
      [2, 100, { m: 'why' }],
    ]);
  });

  test('hears of nothing after the end, and its shard is told nothing', async () => {
    start();
    const socket = await watcher();
    await push('ended', { id: ID }, { meaning: PUSH_ENDED });
    await push(...set({ a: 1 }), { meaning: PUSH_ENDED });
    expect(socket.replies).toEqual([[0, 'ended', { id: ID }]]);
    expect(await taken()).toEqual([]);
    expect(socket.connection!.watches!.size).toBe(0);
  });

  test('is told under the new id what is lost after a rotation', async () => {
    start();
    const socket = await watcher();
    const newId = 'b2'.repeat(12);
    await push('rotated', { id: ID, newId }, { meaning: PUSH_ROTATED });
    await push('set', { id: newId, keys: {} }, { tokenAt: NOT_DURABLE });
    expect(socket.replies).toEqual([
      [0, 'rotated', { id: ID, newId }],
      [0, 'lost', { id: newId, reason: 'the write could not be made durable' }],
    ]);
  });

  test('whose push could not be logged is told so in its place, and watches no more', async () => {
    start({ ringBytes: 4_096 });
    const [one, other] = [await watcher(), await watcher()];
    await push(...set({ a: 'x'.repeat(5_000) }), { tokenAt: NOT_DURABLE });
    await push(...set({ a: 2 }));
    const lost = [0, 'lost', { id: ID, reason: 'the write could not be made durable' }];
    expect([one.replies, other.replies]).toEqual([[lost], [lost]]);
    expect(unwatchedIn(await taken())[0]).toEqual([ROW, WATCH]);
  });
});

describe('SH_UNWATCH', () => {
  test('ends the pushes with its reply', async () => {
    start();
    const [one, other] = [await watcher(), await watcher()];
    one.send([SH_UNWATCH, 5, TOKEN, null]);
    const [request] = await taken();
    shard.push({ watch: WATCH, row: ROW, event: 'set', body: { id: ID, keys: {} } });
    shard.answer(request!, { body: { row: ROW, watch: WATCH } });
    await push('cleared', { id: ID });
    expect(one.replies).toEqual([
      [0, 'set', { id: ID, keys: {} }],
      [5, 1, null],
    ]);
    expect(other.replies).toHaveLength(2);
    expect(await taken()).toEqual([]);
  });

  test('of the last watcher tells the shard', async () => {
    start();
    const socket = await watcher();
    socket.send([SH_UNWATCH, 5, TOKEN, null]);
    shard.answer((await taken())[0]!, { body: { row: ROW + 1, watch: WATCH } });
    expect(unwatchedIn(await taken())).toEqual([[ROW + 1, WATCH]]);
  });

  test('of a connection that does not watch is no mistake', async () => {
    start();
    await watcher();
    const socket = harness.connect();
    socket.send([SH_UNWATCH, 5, TOKEN, null]);
    shard.answer((await taken())[0]!, { body: { row: ROW, watch: WATCH } });
    expect(await taken()).toEqual([]);
    expect(socket.replies).toEqual([[5, 1, null]]);
  });
});

describe('a shard', () => {
  test('is told that nobody watches when a push finds nobody', async () => {
    start();
    const socket = await watcher();
    harness.io.onClose(socket.connection!);
    expect(await taken()).toEqual([]);
    await push(...set({}), { row: 99 });
    expect(await taken()).toMatchObject([
      { op: OP_UNWATCHED, digest: [99, WATCH, 0, 0], ticket: 0, body: new Uint8Array(0) },
    ]);
  });

  test('is not told so while a new watcher is on its way', async () => {
    start();
    const socket = await watcher();
    harness.io.onClose(socket.connection!);
    const late = harness.connect();
    late.send([SH_WATCH, 1, TOKEN, null]);
    const [request] = await taken();
    await push(...set({}));
    expect(await taken()).toEqual([]);
    answerWatch(request!);
    await push('cleared', { id: ID });
    expect(late.replies).toEqual([
      [1, 1, { id: ID }],
      [0, 'cleared', { id: ID }],
    ]);
  });

  test('is told so again after a watcher was refused or had gone when its answer came', async () => {
    start();
    const [gone, refused] = [harness.connect(), harness.connect()];
    gone.send([SH_WATCH, 1, TOKEN, null]);
    refused.send([SH_WATCH, 1, TOKEN, null]);
    const [first, second] = await taken();
    harness.io.onClose(gone.connection!);
    shard.answer(second!, { status: 100 });
    answerWatch(first!);
    expect(unwatchedIn(await taken())).toEqual([[ROW, WATCH]]);
  });

  test('is not told so by one of threads that share a bit', async () => {
    start({ ioThreads: 33 });
    await push(...set({}));
    expect(await taken()).toEqual([]);
  });

  test('is told so later where its ring is full now', async () => {
    start({ ringBytes: 4_096 });
    const socket = harness.connect();
    const large = { keys: { a: 'x'.repeat(900) } };
    for (let i = 0; i < 10; i += 1) socket.send([SH_SET, 1 + i, TOKEN, large]);
    await push(...set({}));
    for (let answered = 0; answered < 10;) {
      const requests = await taken();
      expect(unwatchedIn(requests)).toEqual([]);
      for (const request of requests) shard.answer(request);
      answered += requests.length;
    }
    await push(...set({}));
    expect(unwatchedIn(await taken())).toEqual([[ROW, WATCH]]);
  });
});

describe('limits', () => {
  test('a session has --max-watchers on a thread', async () => {
    start({ maxWatchers: 2 });
    const [one] = [await watcher(), await watcher()];
    const third = harness.connect();
    third.send([SH_WATCH, 9, TOKEN, null]);
    answerWatch((await taken())[0]!);
    await harness.turns();
    expect(third.replies).toEqual([
      [9, 203, { m: 'the session has --max-watchers watchers on this thread' }],
    ]);
    one.send([SH_WATCH, 2, TOKEN, null]);
    answerWatch((await taken())[0]!);
    await push(...set({}));
    expect(one.replies.map(([, what]) => what)).toEqual([1, 'set']);
    expect(third.replies).toHaveLength(1);
    expect(harness.counter('watchLimitHits')).toBe(1);
    expect(await taken()).toEqual([]);
  });

  test('a connection watches --max-watches sessions', async () => {
    start({ maxWatches: 2 });
    const socket = harness.connect();
    for (let i = 1; i <= 3; i += 1) socket.send([SH_WATCH, i, TOKEN, null]);
    const requests = await taken();
    for (const [index, request] of requests.entries()) answerWatch(request, 40 + index);
    expect(unwatchedIn(await taken())).toEqual([[ROW, 42]]);
    expect(socket.replies).toEqual([
      [1, 1, { id: ID }],
      [2, 1, { id: ID }],
      [3, 203, { m: 'the connection watches --max-watches sessions' }],
    ]);
    // A place is free again once a session has ended.
    await push('ended', { id: ID }, { watch: 40, meaning: PUSH_ENDED });
    socket.send([SH_WATCH, 4, TOKEN, null]);
    answerWatch((await taken())[0]!, 43);
    await harness.turns();
    expect(socket.replies.at(-1)).toEqual([4, 1, { id: ID }]);
    expect(harness.counter('watchLimitHits')).toBe(1);
  });

  test('a watcher that does not read is cut loose, others and its replies go on', async () => {
    start({ maxUnsent: 1_000 });
    const [slow, other] = [await watcher(), await watcher()];
    slow.unsentBytes = 501;
    await push(...set({ a: 1 }));
    await push(...set({ a: 2 }));
    expect(slow.replies).toEqual([[0, 'unwatched', { id: ID, reason: SLOW }]]);
    expect(other.replies).toHaveLength(2);
    expect(slow.closed).toBeUndefined();
    expect(harness.counter('watchersCutLoose')).toBe(1);
    slow.unsentBytes = 0;
    slow.send([SH_WATCH, 5, TOKEN, null]);
    answerWatch((await taken())[0]!);
    await push(...set({ a: 3 }));
    expect(slow.replies.slice(1)).toEqual([
      [5, 1, { id: ID }],
      [0, 'set', { id: ID, keys: { a: 3 } }],
    ]);
  });

  test('pushes in hand count as unread, too', async () => {
    start({ maxUnsent: 4_096 });
    const socket = await watcher();
    for (let i = 0; i < 20; i += 1) {
      const body = { id: ID, keys: { a: 'x'.repeat(500) } };
      shard.push({ watch: WATCH, row: ROW, event: 'set', body });
    }
    shard.publish();
    await harness.turns();
    const events = socket.replies.map(([, event]) => event);
    expect(events.length).toBeLessThan(8);
    expect(events).toEqual([...events.slice(1).map(() => 'set' as never), 'unwatched']);
    expect(unwatchedIn(await taken()).length).toBeGreaterThan(0);
  });

  test('watchers for whom a push would be copied to more than 32 MiB are cut loose', async () => {
    start();
    const sockets: FakeSocket[] = [];
    for (let number = 0; number < 5; number += 1) sockets.push(await watcher());
    const large = 'x'.repeat(10 * MIB);
    await push(...set({ large }));
    const kept = sockets.splice(0, 3);
    for (const { replies } of kept) expect(replies[0]).toEqual([0, ...set({ large })]);
    const reason = 'the change is too large for all who watch';
    for (const { replies } of sockets) {
      expect(replies).toEqual([[0, 'unwatched', { id: ID, reason }]]);
    }
    expect(harness.counter('watchersCutLoose')).toBe(2);
    await push('cleared', { id: ID });
    for (const { replies } of kept) expect(replies).toHaveLength(2);
    for (const { replies } of sockets) expect(replies).toHaveLength(1);
  });

  test('the last slow one leaves, and its shard is told', async () => {
    start({ maxUnsent: 1_000 });
    const socket = await watcher();
    socket.unsentBytes = 900;
    await push(...set({}));
    expect(unwatchedIn(await taken())).toEqual([[ROW, WATCH]]);
  });
});

describe('in the text dialect', () => {
  const text = tokenToText(TOKEN);

  async function textWatcher(): Promise<FakeSocket> {
    const socket = harness.connect();
    socket.sendJson(`{"id":1,"SH_WATCH":{"tkn":"${text}"}}`);
    answerWatch((await taken())[0]!);
    await harness.turns();
    expect(socket.messages).toEqual([`{"id":1,"SH_WATCH_RSP":{"st":1,"id":"${ID}"}}`]);
    socket.messages.length = 0;
    return socket;
  }

  test('pushes are JSON, one a message', async () => {
    start();
    const socket = await textWatcher();
    await push(...set({ 'ä"': [1.5, null, 2 ** 40] }));
    await push('removed', { id: ID, keys: ['a', 'b'] });
    await push('cleared', { id: ID, expired: true });
    expect(socket.messages).toEqual([
      `{"PUSH":{"event":"set","id":"${ID}","keys":{"ä\\"":[1.5,null,1099511627776]}}}`,
      `{"PUSH":{"event":"removed","id":"${ID}","keys":["a","b"]}}`,
      `{"PUSH":{"event":"cleared","id":"${ID}","expired":true}}`,
    ]);
  });

  test('they keep their place among the replies', async () => {
    start();
    const socket = await textWatcher();
    socket.sendJson(`{"SH_SET":{"tkn":"${text}","keys":{}}}`);
    socket.sendJson(`{"SV_PING":{}}`);
    const [request] = await taken();
    await push(...set({ a: 1 }));
    expect(socket.messages).toEqual([]);
    shard.answer(request!);
    await harness.turns();
    expect(socket.messages).toEqual([
      '{"SH_SET_RSP":{"st":1}}',
      '{"SV_PING_RSP":{"st":1}}',
      `{"PUSH":{"event":"set","id":"${ID}","keys":{"a":1}}}`,
    ]);
  });

  test('what waits behind a text reply counts as unread', async () => {
    start({ maxUnsent: 4_096 });
    const socket = await textWatcher();
    socket.sendJson(`{"SH_SET":{"tkn":"${text}","keys":{}}}`);
    const [request] = await taken();
    for (let i = 0; i < 6; i += 1) await push(...set({ a: 'x'.repeat(900) }));
    shard.answer(request!);
    await harness.turns();
    const events = socket.messages.slice(1).map((message) => {
      return (JSON.parse(message as string) as { PUSH: { event: string } }).PUSH.event;
    });
    expect(events).toEqual(['set', 'set', 'set', 'unwatched']);
  });

  test('a connection is told in the dialect of its last SH_WATCH', async () => {
    start();
    const socket = await watcher();
    socket.sendJson(`{"SH_WATCH":{"tkn":"${text}"}}`);
    answerWatch((await taken())[0]!);
    await push('cleared', { id: ID });
    expect(socket.messages.at(-1)).toBe(`{"PUSH":{"event":"cleared","id":"${ID}"}}`);
    socket.send([SH_WATCH, 3, TOKEN, null]);
    answerWatch((await taken())[0]!);
    await push('cleared', { id: ID });
    expect(socket.replies).toEqual([
      [3, 1, { id: ID }],
      [0, 'cleared', { id: ID }],
    ]);
  });

  test('lost and unwatched are told as text, too', async () => {
    start({ maxUnsent: 1_000 });
    const [one, other] = [await textWatcher(), await textWatcher()];
    one.unsentBytes = 600;
    await push(...set({}));
    await push(...set({}), { tokenAt: NOT_DURABLE });
    expect(one.messages).toEqual([
      `{"PUSH":{"event":"unwatched","id":"${ID}","reason":"${SLOW}"}}`,
    ]);
    expect(other.messages.at(-1)).toBe(
      `{"PUSH":{"event":"lost","id":"${ID}","reason":"the write could not be made durable"}}`,
    );
  });
});
