/** What a shard tells event feeds of its sessions, and when. */
import { describe, expect, test } from 'vitest';
import { EVENT_KINDS } from '../../../src/ring/event-ring.js';
import { READ_AHEAD_MAX } from '../../../src/state/shard-state.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { idOf, rotate } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

const KEY = sessionKey(1);
const OTHER = sessionKey(2);
const ID = idOf(KEY);

interface Told {
  readonly kind: string;
  readonly id: string;
  readonly ms: number;
  readonly newId?: string;
}

/** The events from a number on; 'nothing' for one that is no longer kept. */
function told(shard: ShardHarness, from = 0): (Told | 'nothing')[] {
  const { events } = shard;
  return Array.from({ length: events.next - from }, (_, index) => {
    if (!events.read(from + index)) return 'nothing';
    const kind = EVENT_KINDS[events.kind]!;
    const hex = Buffer.from(events.ids.buffer).toString('hex');
    const both = { kind, id: hex.slice(0, 24), ms: events.timeMs - START_MS };
    return kind === 'rotated' ? { ...both, newId: hex.slice(24) } : both;
  });
}

const kindsOf = (shard: ShardHarness, from = 0): string[] =>
  told(shard, from).map((event) => (event === 'nothing' ? event : event.kind));

describe('the event feed of a shard', () => {
  test('tells of start and end, with the instant of the turn', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    shard.ask('SH_OPEN', OTHER, { name: 'n', create: true });
    shard.clock.advance(1_500);
    shard.ask('SH_SET', KEY, { keys: { b: 1 } });
    shard.ask('SH_CLEAR', KEY);
    shard.ask('SH_END', KEY);
    expect(told(shard)).toEqual([
      { kind: 'created', id: ID, ms: 0 },
      { kind: 'created', id: idOf(OTHER), ms: 0 },
      { kind: 'ended', id: ID, ms: 1_500 },
    ]);
  });

  test('tells nothing of what was refused, or did not start', () => {
    const shard = new ShardHarness();
    shard.ask('SH_NEW', KEY, { keys: 5 });
    shard.ask('SH_OPEN', KEY, { name: 'n' });
    shard.ask('SH_END', KEY);
    shard.ask('SH_GET', KEY, { keys: [] });
    shard.ask('KV_SET', undefined, { keys: { a: 1 } });
    expect(shard.events.next).toBe(0);
  });

  test('tells of deadlines, found by a command or by the sweep', () => {
    for (const isSwept of [false, true]) {
      const shard = new ShardHarness();
      shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 2, deleteSession: true } });
      shard.start(OTHER, { keys: { a: 1 }, expiry: { duration: 2 } });
      shard.clock.advance(2_000);
      if (isSwept) shard.settle();
      else for (const key of [KEY, OTHER]) shard.ask('SH_COUNT', key);
      const expected = [
        { kind: 'expired', id: ID, ms: 2_000 },
        { kind: 'cleared', id: idOf(OTHER), ms: 2_000 },
      ];
      expect(told(shard, 2)).toEqual(expect.arrayContaining(expected));
      expect(shard.events.next).toBe(4);
    }
  });

  test('tells of a rotation, and of the use of the token that it replaced', () => {
    const shard = new ShardHarness();
    const renewed = { ...sessionKey(3), slot: KEY.slot };
    shard.start(KEY);
    expect(rotate(shard, KEY, renewed).status).toBe(1);
    expect(shard.statusOf('SH_GET', KEY, { keys: [] })).toBe(110);
    shard.ask('SH_END', renewed);
    expect(shard.statusOf('SH_GET', KEY, { keys: [] })).toBe(100);
    expect(told(shard, 1)).toEqual([
      { kind: 'rotated', id: ID, newId: idOf(renewed), ms: 0 },
      { kind: 'reused', id: idOf(renewed), ms: 0 },
      { kind: 'ended', id: idOf(renewed), ms: 0 },
    ]);
  });

  test('tells of replaced tokens once a second for each session, however often they are used', () => {
    const shard = new ShardHarness();
    const renewed = [KEY, OTHER].map((key, index) => {
      shard.start(key);
      const token = { ...sessionKey(3 + index), slot: key.slot };
      rotate(shard, key, token);
      return token;
    });
    const first = shard.events.next;
    const use = (): void => {
      for (let time = 0; time < 3; time += 1) {
        for (const key of [KEY, OTHER]) expect(shard.statusOf('SH_COUNT', key)).toBe(110);
      }
    };
    use();
    shard.clock.advance(999);
    use();
    shard.clock.advance(1);
    use();
    const reused = [0, 1_000].flatMap((ms) =>
      renewed.map((token) => ({ kind: 'reused', id: idOf(token), ms })),
    );
    expect(told(shard, first)).toEqual(reused);
    expect(shard.counter('tokensReused')).toBe(18);
  });

  test('tells of each session when all end, and of those evicted', () => {
    const shard = new ShardHarness();
    for (const number of [1, 2, 3]) shard.start(sessionKey(number));
    shard.ask('SH_END_ALL', undefined);
    expect(kindsOf(shard, 3)).toEqual(['ended', 'ended', 'ended']);
    const ids = told(shard, 3).map((event) => (event as Told).id);
    expect(new Set(ids)).toEqual(new Set([1, 2, 3].map((number) => idOf(sessionKey(number)))));

    const full = new ShardHarness({ admission: { memoryBytesMax: 100_000, evictsSoonest: true } });
    full.start(KEY, { keys: { a: 1 }, expiry: { duration: 5 } });
    full.start(OTHER);
    for (const key of ['a', 'b', 'c', 'd']) {
      full.ask('SH_SET', OTHER, { keys: { [key]: 'x'.repeat(40_000) } });
    }
    expect(told(full, 2)).toEqual([{ kind: 'ended', id: ID, ms: 0 }]);
  });

  test('keeps the last of more than the ring holds at a time', () => {
    const shard = new ShardHarness();
    const { slots } = shard.events;
    const sessions = slots + 500;
    for (let number = 10; number < sessions + 10; number += 1) {
      shard.push('SH_NEW', sessionKey(number), null);
      if (number % 256 === 0) shard.settle();
      if (number % 256 === 0) shard.replies();
    }
    shard.settle();
    shard.replies();
    shard.ask('SH_END_ALL', undefined);
    expect(shard.events.next).toBe(2 * sessions);
    expect(shard.events.oldest).toBe(2 * sessions - slots);
    expect(kindsOf(shard, shard.events.oldest)).toEqual(Array(slots).fill('ended'));
  });

  test('tells nothing before anyone has asked for events', () => {
    const shard = new ShardHarness({ wantsEvents: false });
    shard.start(KEY, { expiry: { duration: 1, deleteSession: true } });
    shard.start(OTHER);
    rotate(shard, OTHER, sessionKey(3));
    shard.clock.advance(1_000);
    shard.settle();
    shard.ask('SH_END', sessionKey(3));
    expect(shard.events.next).toBe(0);
    shard.events.want();
    shard.start(KEY);
    expect(told(shard)).toEqual([{ kind: 'created', id: ID, ms: 1_000 }]);
  });

  test('tells of requests taken after that, also in a turn begun before', () => {
    const shard = new ShardHarness({ wantsEvents: false });
    const create = shard.sessions.create.bind(shard.sessions);
    let started = 0;
    shard.sessions.create = (...session) => {
      started += 1;
      if (started === 3) shard.events.want();
      return create(...session);
    };
    for (let number = 0; number < 100; number += 1) shard.push('SH_NEW', sessionKey(number), null);
    expect(shard.loop.runTurn()).toBe(true);
    expect(started).toBe(100);
    // All but those that were taken together with the third one.
    expect(kindsOf(shard)).toEqual(Array(100 - READ_AHEAD_MAX).fill('created'));
  });

  test('tells nothing before the log has it, and then all of it in order', () => {
    const files = new MemoryFiles();
    const shard = new ShardHarness({ files });
    const known: number[] = [];
    files.fault = (operation) => {
      if (operation === 'write') known.push(shard.events.next);
      return undefined;
    };
    shard.start(KEY, { expiry: { duration: 1, deleteSession: true } });
    expect(new Set(known)).toEqual(new Set([0]));
    expect(shard.events.next).toBe(1);
    files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    expect(shard.call('SH_NEW', OTHER, null).tokenAt).toBeLessThan(0);
    shard.clock.advance(1_000);
    shard.settle();
    expect(shard.events.next).toBe(1);
    files.fault = () => undefined;
    shard.clock.advance(1_000);
    shard.settle();
    expect(told(shard, 1)).toEqual([
      { kind: 'created', id: idOf(OTHER), ms: 0 },
      { kind: 'expired', id: ID, ms: 1_000 },
    ]);
  });
});
