/** SV_EVENTS and SV_STATS on an I/O thread. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import { IO_COUNTERS, SHARD_COUNTERS } from '../../../src/core/counters.js';
import { CLEARED, CREATED, ENDED, EXPIRED, REUSED, ROTATED } from '../../../src/ring/event-ring.js';
import { type FakeSocket, type IoHarness, startIo, tokenOnShard } from '../../support/ring-io.js';

const [SV_STATS, SV_EVENTS] = [131, 132];
const IDS = Int32Array.of(0x04030201, 0x08070605, 0x0c0b0a09, -1, -1, -1);
const ID = '0102030405060708090a0b0c';
const NEW_ID = 'ff'.repeat(12);

let harness: IoHarness;
function start(overrides: Partial<Config> = {}): FakeSocket {
  harness = startIo({ maxEvents: 64, ...overrides });
  return harness.connect();
}
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  harness.close();
  vi.useRealTimers();
});

/** Events of these kinds, as a shard tells of them; the n-th at n seconds. */
function happen(...kinds: number[]): void {
  const first = harness.events.claim(kinds.length);
  for (const [index, kind] of kinds.entries()) {
    if (index < kinds.length - harness.events.slots) continue;
    harness.events.put(first + index, kind, (first + index) * 1_000, IDS, 0);
  }
}

/** The thread looks at the ring. */
const look = (): void => void vi.advanceTimersByTime(20);

const event = (seq: number, kind: string, more: object = {}): unknown => [
  0,
  'event',
  { seq, kind, id: ID, time: seq, ...more },
];

describe('SV_EVENTS', () => {
  test.each([null, { kinds: [] }, { kinds: ['ended'] }])('of %j has shards tell', (body) => {
    const socket = start();
    expect(harness.events.isWanted()).toBe(false);
    socket.send([SV_EVENTS, 7, null, { kinds: 5 }]);
    expect(harness.events.isWanted()).toBe(false);
    socket.send([SV_EVENTS, 8, null, body]);
    expect(harness.events.isWanted()).toBe(true);
  });

  test('pushes what happens from now on, in its order', () => {
    const socket = start();
    happen(CREATED, CREATED);
    socket.send([SV_EVENTS, 7, null, null]);
    happen(CREATED, EXPIRED, CLEARED);
    look();
    happen(ENDED, ROTATED, REUSED);
    look();
    expect(socket.replies).toEqual([
      [7, 1, { seq: 2 }],
      event(2, 'created'),
      event(3, 'expired'),
      event(4, 'cleared'),
      event(5, 'ended'),
      event(6, 'rotated', { newId: NEW_ID }),
      event(7, 'reused'),
    ]);
    expect(socket.messages).toHaveLength(3);
    expect([harness.counter('pushesOut'), harness.counter('repliesOut')]).toEqual([6, 1]);
  });

  test('goes on from a sequence number', () => {
    const socket = start();
    happen(CREATED, ENDED, CREATED);
    socket.send([SV_EVENTS, 7, null, { from: 1 }]);
    look();
    expect(socket.replies).toEqual([[7, 1, { seq: 3 }], event(1, 'ended'), event(2, 'created')]);
  });

  test('tells of a gap where that is no longer kept, and later where it falls behind', () => {
    const socket = start();
    happen(...Array<number>(100).fill(CREATED));
    socket.send([SV_EVENTS, 7, null, { from: 10 }]);
    look();
    expect(socket.replies[1]).toEqual([0, 'gap', { from: 10, to: 35 }]);
    expect(socket.replies.slice(2)).toHaveLength(64);
    expect(socket.replies[2]).toEqual(event(36, 'created'));
    happen(...Array<number>(70).fill(ENDED));
    look();
    expect(socket.replies[66]).toEqual([0, 'gap', { from: 100, to: 105 }]);
    expect(socket.replies.at(-1)).toEqual(event(169, 'ended'));
    expect(harness.counter('eventGaps')).toBe(2);
  });

  test('gives some kinds only; [] ends it; a later one replaces the earlier', () => {
    const socket = start();
    socket.send([SV_EVENTS, 1, null, { kinds: ['ended', 'reused'] }]);
    happen(CREATED, ENDED, REUSED, ROTATED);
    look();
    socket.send([SV_EVENTS, 2, null, { kinds: ['created'], from: 0 }]);
    look();
    socket.send([SV_EVENTS, 3, null, { kinds: [] }]);
    happen(CREATED, ENDED);
    look();
    expect(socket.replies).toEqual([
      ...[[1, 1, { seq: 0 }], event(1, 'ended'), event(2, 'reused')],
      ...[[2, 1, { seq: 4 }], event(0, 'created')],
      [3, 1, { seq: 4 }],
    ]);
  });

  test('waits for an event that is claimed and not yet written, and keeps the order', () => {
    const socket = start();
    socket.send([SV_EVENTS, 1, null, null]);
    const slow = harness.otherEvents.claim(1);
    happen(ENDED);
    look();
    expect(socket.replies).toHaveLength(1);
    harness.otherEvents.put(slow, CREATED, 0, IDS, 0);
    look();
    expect(socket.replies.slice(1)).toEqual([event(0, 'created'), event(1, 'ended')]);
  });

  test('gives many events over several turns, each once', async () => {
    const socket = start({ maxEvents: 16_384 });
    socket.send([SV_EVENTS, 1, null, null]);
    happen(...Array<number>(10_000).fill(CREATED));
    look();
    expect(socket.replies.length).toBeLessThan(2_000);
    for (let turn = 0; turn < 5; turn += 1) await harness.turns();
    expect(socket.replies).toHaveLength(10_001);
    for (const [index, reply] of socket.replies.slice(1).entries()) {
      expect(reply).toEqual(event(index, 'created'));
    }
  });

  test('goes on once a turn, however often it was looked at before', async () => {
    const socket = start({ maxEvents: 16_384 });
    socket.send([SV_EVENTS, 1, null, null]);
    happen(...Array<number>(10_000).fill(CREATED));
    for (let looks = 0; looks < 4; looks += 1) look();
    expect(socket.replies).toHaveLength(1 + 4 * 1_024);
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.replies).toHaveLength(1 + 5 * 1_024);
  });

  test.each([
    [{ from: -1 }, 41],
    [{ from: 1.5 }, 41],
    [{ from: 'a' }, 41],
    [{ from: null }, 41],
    [{ from: 'a', kinds: ['none'] }, 41],
    [{ from: 5 }, 42],
    [{ from: 2 ** 53 - 1 }, 42],
    [{ from: 2 ** 70 }, 42],
    [{ from: -(2 ** 70) }, 41],
    [{ from: Infinity }, 41],
    [{ kinds: 'created' }, 41],
    [{ kinds: null }, 41],
    [{ kinds: { created: 1 } }, 41],
    [{ kinds: ['none', 5] }, 41],
    [{ kinds: ['created', null] }, 41],
    [{ kinds: ['created', 'none'] }, 42],
    [{ kinds: ['x'.repeat(70_000)] }, 42],
    [[], 2],
    [5, 2],
  ])('refuses %j with %i, and nothing changes', (body, status) => {
    const socket = start();
    socket.send([SV_EVENTS, 1, null, null]);
    happen(CREATED);
    socket.send([SV_EVENTS, 2, null, body]);
    look();
    expect(socket.replies).toEqual([
      [1, 1, { seq: 0 }],
      [2, status, { m: expect.any(String) as string }],
      event(0, 'created'),
    ]);
  });

  test('is text where it was asked for as text, in its place among the replies', async () => {
    const socket = start({ ringBytes: 65_536 });
    socket.sendJson('{"SV_EVENTS":{"kinds":["rotated","created"]}}');
    socket.sendJson('{"SH_COUNT":{"tkn":0}}');
    socket.sendJson('{"SV_PING":{}}');
    happen(CREATED, ROTATED);
    look();
    expect(socket.messages).toEqual(['{"SV_EVENTS_RSP":{"st":1,"seq":0}}']);
    await harness.turns();
    const [request] = harness.shards[0]!.take();
    harness.shards[0]!.answer(request!, { status: 100 });
    await harness.turns();
    expect(socket.messages.slice(1)).toEqual([
      '{"SH_COUNT_RSP":{"st":100}}',
      '{"SV_PING_RSP":{"st":1}}',
      `{"PUSH":{"event":"event","seq":0,"kind":"created","id":"${ID}","time":0}}`,
      `{"PUSH":{"event":"event","seq":1,"kind":"rotated","id":"${ID}","time":1,"newId":"${NEW_ID}"}}`,
    ]);
  });

  test('ends for a connection that does not read, which is told where to go on', () => {
    const socket = start({ maxUnsent: 1_000 });
    const other = harness.connect();
    for (const each of [socket, other]) each.send([SV_EVENTS, 1, null, null]);
    happen(CREATED);
    look();
    socket.unsentBytes = 501;
    happen(ENDED);
    look();
    socket.unsentBytes = 0;
    happen(ENDED);
    look();
    const reason = 'pushes are read too slowly';
    expect(socket.replies.slice(1)).toEqual([
      event(0, 'created'),
      [0, 'unsubscribed', { seq: 1, reason }],
    ]);
    expect(other.replies).toHaveLength(4);
    expect(harness.counter('watchersCutLoose')).toBe(1);
    socket.send([SV_EVENTS, 2, null, { from: 1 }]);
    look();
    expect(socket.replies.slice(4)).toEqual([event(1, 'ended'), event(2, 'ended')]);
  });

  test('looks at no ring once nobody listens', () => {
    const socket = start();
    const other = harness.connect();
    for (const each of [socket, other]) each.send([SV_EVENTS, 1, null, null]);
    expect(vi.getTimerCount()).toBe(1);
    socket.terminate();
    other.send([SV_EVENTS, 2, null, { kinds: [] }]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('SV_STATS', () => {
  test('gives every figure of every thread by its name', async () => {
    const socket = start({ shards: 2 });
    harness.count(1, 'sessions', 12);
    harness.count(1, 'expiryLagMsMax', 0.5);
    harness.count(0, 'logBytes', 2 ** 40);
    socket.send([SV_STATS, 1, null, null], [32, 2, tokenOnShard(0, 2), null]);
    const [[, status, body]] = socket.replies as [[number, number, unknown]];
    expect(status).toBe(1);
    const { uptime, shards, io } = body as Record<string, Record<string, number>[]>;
    expect(uptime).toBe(0);
    expect(shards).toHaveLength(2);
    expect(Object.keys(shards![0]!)).toEqual(Object.keys(SHARD_COUNTERS));
    expect(shards![0]).toMatchObject({ sessions: 0, logBytes: 2 ** 40 });
    expect(shards![1]).toMatchObject({ sessions: 12, expiryLagMsMax: 0.5 });
    expect(io).toHaveLength(1);
    expect(Object.keys(io![0]!)).toEqual(Object.keys(IO_COUNTERS));
    expect(io![0]).toMatchObject({ connectionsOpened: 1, framesIn: 1, commandsIn: 1 });
    socket.sendJson('{"SV_STATS":{}}');
    const text = socket.messages.at(-1) as string;
    expect(text).toContain('"sessions":12');
    expect(text).toContain('"expiryLagMsMax":0.5');
  });

  test('gives how long replies took, from when a command could be read', async () => {
    const socket = start();
    const { clock, shards } = harness;
    socket.send([32, 2, tokenOnShard(0, 1), null], [32, 3, tokenOnShard(0, 1), null]);
    await harness.turns();
    clock.advance(8);
    const [first, second] = shards[0]!.take();
    shards[0]!.answer(first!);
    await harness.turns();
    clock.advance(24);
    shards[0]!.answer(second!);
    await harness.turns();
    socket.send([SV_STATS, 4, null, null]);
    const [, , body] = socket.replies.at(-1)!;
    const { io, replyTimes, expiryLags } = body as Record<string, unknown[]>;
    expect(io![0]).toMatchObject({ replyMsP50: 8.192, replyMsP99: 32.768, replyMsMax: 32 });
    expect(replyTimes).toEqual([
      [
        [8.192, 1],
        [32.768, 1],
      ],
    ]);
    expect(expiryLags).toEqual([[]]);
  });

  test('wants a body or none', () => {
    const socket = start();
    socket.send([SV_STATS, 1, null, []]);
    expect(socket.replies).toEqual([[1, 2, { m: expect.any(String) as string }]]);
  });
});
