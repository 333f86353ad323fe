/** An I/O thread that runs turns of a shard asleep. When it may not, and logs that fail: lending.test.ts. */
import { afterEach, describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { CREATED, ENDED, EXPIRED } from '../../../src/ring/event-ring.js';
import { FLAG_MINTED } from '../../../src/ring/records.js';
import type { LendingIo } from '../../support/lending-io.js';
import { LentShard, type LentShardOptions } from '../../support/lending-shard.js';
import { mintedBody, sibling } from '../../support/owner-shard.js';
import { sessionKey } from '../../support/shard-harness.js';

const KEY = sessionKey(1);
const OK = 1;
const NO_SESSION = 100;

const open: LentShard[] = [];
afterEach(() => {
  for (const shard of open.splice(0)) shard.close();
});

function lentShard(options: LentShardOptions = {}): { shard: LentShard; io: LendingIo } {
  const shard = new LentShard(options);
  open.push(shard);
  return { shard, io: shard.ios[0]! };
}

/** A value of so many bytes. */
const text = (bytes: number): string => 'v'.repeat(bytes);

describe('Borrower', () => {
  test('runs turns in the place of the shard, and the shard goes on from there', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => {
      expect(io.ask('SH_NEW', KEY, { keys: { a: 1 } }).status).toBe(OK);
      expect(io.ask('SH_SET', KEY, { keys: { b: 2 } }).status).toBe(OK);
    });
    expect(shard.ask(io, 'SH_GET_ALL', KEY).body).toEqual({ keys: { a: 1, b: 2 } });
    expect(shard.ask(io, 'SH_RMV', KEY, { keys: ['a'] }).body).toEqual({ cnt: 1 });
    shard.sleep(() => expect(io.ask('SH_GET_ALL', KEY).body).toEqual({ keys: { b: 2 } }));
    expect(shard.counter('lentTurns')).toBe(3);
  });

  test('counts what it has done before anyone can know of it', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => {
      io.ask('SH_NEW', KEY, { keys: { a: 1, b: 2 } });
      const { sessions, defaults } = shard.states;
      const bytes = sessions.bytes + defaults!.state.bytes;
      expect(shard.counter('memoryBytes')).toBe(bytes);
      expect([shard.counter('sessions'), shard.counter('keys')]).toEqual([1, 2]);
      expect([shard.counter('commands'), shard.counter('sessionsCreated')]).toEqual([1, 1]);
    });
  });

  test('takes pages of many kinds and gives them back, in turn with the shard', () => {
    const { shard, io } = lentShard();
    const keys = Array.from({ length: 120 }, (_, size) => `k${size}`);
    for (let round = 0; round < 4; round += 1) {
      const isOwn = round % 2 === 0;
      const set = (from: number): void =>
        keys.forEach((key, index) => {
          const body = { keys: { [key]: text(from + index * 270) } };
          if (isOwn) shard.ask(io, 'SH_SET', KEY, body);
          else io.ask('SH_SET', KEY, body);
        });
      if (round === 0) shard.ask(io, 'SH_NEW', KEY);
      if (isOwn) set(round);
      else shard.sleep(() => set(round));
      const read = (): unknown => Object.values(allOf(shard.ask(io, 'SH_GET_ALL', KEY).body));
      expect(read()).toEqual(keys.map((_, index) => text(round + index * 270)));
    }
    shard.sleep(() => io.ask('SH_END', KEY));
    shard.settle();
    // Owned by nobody: pages of one cell each at most.
    expect(shard.states.sessions.arena.bytes).toBe(0);
  });

  test('goes round the rings in turn with the shard', () => {
    const { shard, io } = lentShard({ config: { ringBytes: 4_096 } });
    shard.ask(io, 'SH_NEW', KEY);
    for (let round = 0; round < 300; round += 1) {
      const key = [`${round % 7}`];
      const body = { keys: { [key[0]!]: text(round) } };
      if (round % 3 === 0) expect(shard.ask(io, 'SH_SET', KEY, body).status).toBe(OK);
      shard.sleep(() => {
        if (round % 3 !== 0) expect(io.ask('SH_SET', KEY, body).status).toBe(OK);
        expect(io.ask('SH_GET', KEY, { keys: key }).body).toEqual(body);
      });
    }
  });

  test('serves the default map', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => expect(io.ask('KV_SET', undefined, { keys: { a: 1 } }).status).toBe(OK));
    expect(shard.ask(io, 'KV_SET', undefined, { keys: { b: text(50_000) } }).status).toBe(OK);
    shard.sleep(() => {
      expect(io.ask('KV_GET_ALL', undefined).body).toEqual({ keys: { a: 1, b: text(50_000) } });
      expect(io.ask('KV_CLEAR', undefined).body).toEqual({ cnt: 2 });
    });
    expect(shard.ask(io, 'KV_COUNT', undefined).body).toEqual({ cnt: 0 });
  });

  test('takes turns with other borrowers while the shard sleeps on', () => {
    const { shard } = lentShard({ config: { ioThreads: 3 } });
    shard.sleep(() => {
      shard.ios.forEach((io, index) => {
        for (let size = 0; size < 100; size += 1) {
          const key = sessionKey(size * 3 + index);
          expect(io.ask('SH_NEW', key, { keys: { size: text(size * 300) } }).status).toBe(OK);
        }
      });
      for (let number = 0; number < 300; number += 1) {
        const io = shard.ios[(number + 1) % 3]!;
        const { body } = io.ask('SH_GET_ALL', sessionKey(number));
        expect(body).toEqual({ keys: { size: text(Math.floor(number / 3) * 300) } });
      }
    });
    expect(shard.counter('sessions')).toBe(300);
  });

  test('sees that the shard has ended all sessions at once', () => {
    const { shard, io } = lentShard();
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    shard.sleep(() => {
      for (const number of numbers)
        io.ask('SH_NEW', sessionKey(number), { keys: { a: text(9_000) } });
      io.ask('KV_SET', undefined, { keys: { a: 1 } });
    });
    shard.ask(io, 'SH_END_ALL', undefined);
    shard.sleep(() => {
      for (const number of numbers) {
        expect(io.ask('SH_COUNT', sessionKey(number)).status).toBe(NO_SESSION);
      }
      expect(io.ask('SH_NEW', KEY, { keys: { b: 2 } }).status).toBe(OK);
      expect(io.ask('KV_COUNT', undefined).body).toEqual({ cnt: 1 });
    });
    expect(shard.ask(io, 'SH_GET_ALL', KEY).body).toEqual({ keys: { b: 2 } });
    expect(shard.ask(io, 'SH_INFO_ALL', undefined).body).toEqual({
      totalSessions: 1,
      totalKeys: 1,
    });
  });

  test('may empty an extent', () => {
    const { shard, io } = lentShard();
    const { memory } = shard.states.sessions;
    const pairs = Array.from({ length: 2_200 }, (_, n) => [sessionKey(n % 10), `k${n}`] as const);
    for (let n = 0; n < 10; n += 1) shard.ask(io, 'SH_NEW', sessionKey(n));
    for (const value of [1, text(31_500)]) {
      for (const [key, name] of pairs) shard.ask(io, 'SH_SET', key, { keys: { [name]: value } });
    }
    shard.settle();
    expect(memory.pageCount).toBeGreaterThan(256);
    shard.sleep(() => {
      // The blocks of one size class, all that there is in the second extent, go at once.
      for (const [key, name] of pairs) io.ask('SH_SET', key, { keys: { [name]: 1 } });
      expect(memory.pageCount).toBeLessThan(100);
    });
    expect(shard.ask(io, 'SH_COUNT', sessionKey(3)).body).toEqual({ cnt: 220 });
    shard.sleep(() => expect(io.ask('SH_COUNT', sessionKey(4)).body).toEqual({ cnt: 220 }));
  });
});

describe('replies of a borrowed turn', () => {
  test('are whole and in order, also those too large for the ring', () => {
    const { shard, io } = lentShard({ config: { ringBytes: 64 << 10 } });
    shard.ask(io, 'SH_NEW', KEY);
    const sizes = [10, 100_000, 20, 40_000, 30_000, 5];
    const bodies = sizes.map((size, n) => ({ keys: { [n]: `${n}${text(size)}` } }));
    for (const keys of bodies) shard.ask(io, 'SH_SET', KEY, keys);
    const push = (): number[] => sizes.map((_, n) => io.push('SH_GET', KEY, { keys: [`${n}`] }));
    for (let round = 0; round < 3; round += 1) {
      shard.sleep(() => {
        const ids = push();
        expect(io.flush()).toBe(true);
        const replies = io.replies();
        expect(replies.map(({ id }) => id)).toEqual(ids);
        expect(replies.map(({ body }) => body)).toEqual(bodies);
      });
      // And the shard's own again, which take the port.
      const ids = push();
      io.publish();
      shard.turn();
      const replies = io.replies();
      expect(replies.map(({ id }) => id)).toEqual(ids);
      expect(replies.map(({ body }) => body)).toEqual(bodies);
    }
    expect(shard.counter('sideRoadOut')).toBe(18);
  });

  test('make room for themselves in a ring that is full', () => {
    const { shard, io } = lentShard({ config: { ringBytes: 16 << 10 } });
    const value = { keys: { a: text(1_000) } };
    shard.ask(io, 'SH_NEW', KEY, value);
    shard.sleep(() => {
      const ids = Array.from({ length: 120 }, () => io.push('SH_GET', KEY, { keys: ['a'] }));
      expect(io.flush()).toBe(true);
      const replies = io.replies();
      expect(replies.map(({ id }) => id)).toEqual(ids);
      for (const { body } of replies) expect(body).toEqual(value);
    });
    expect(io.pumped).toBeGreaterThan(5);
    expect(shard.counter('replyRingWaits')).toBe(io.pumped);
    expect(shard.ask(io, 'SH_GET', KEY, { keys: ['a'] }).body).toEqual(value);
  });

  test('are accompanied by pushes to the watchers of this thread', () => {
    const { shard, io } = lentShard();
    shard.ask(io, 'SH_NEW', KEY, { keys: { a: 1 } });
    shard.ask(io, 'SH_WATCH', KEY);
    shard.sleep(() => {
      io.ask('SH_SET', KEY, { keys: { b: 2 } });
      io.ask('SH_RMV', KEY, { keys: ['a'] });
      io.ask('SH_END', KEY);
      io.ask('SH_NEW', sessionKey(2));
      io.ask('SH_WATCH', sessionKey(2));
    });
    shard.ask(io, 'SH_SET', sessionKey(2), { keys: { c: 3 } });
    expect(io.pushes.map(({ event, body }) => [event, body['keys']])).toEqual([
      ['set', { b: 2 }],
      ['removed', ['a']],
      ['ended', undefined],
      ['set', { c: 3 }],
    ]);
    // Unwatched again, nothing is noted any more.
    shard.ask(io, 'SH_END', sessionKey(2));
    shard.sleep(() => io.ask('SH_NEW', KEY));
    expect(shard.states.sessions.effects).toBeUndefined();
  });

  test('are accompanied by pushes, whatever the number of this thread', () => {
    const { shard } = lentShard({ config: { ioThreads: 34 } });
    // Threads 1 and 33 share a bit of the masks of watchers.
    const io = shard.ios[33]!;
    shard.sleep(() => {
      io.ask('SH_NEW', KEY);
      io.push('SH_WATCH', KEY);
      io.push('SH_SET', KEY, { keys: { a: 1 } });
      expect(io.flush()).toBe(true);
      expect(io.replies().map(({ status }) => status)).toEqual([OK, OK]);
      expect(io.pushes.map(({ event }) => event)).toEqual(['set']);
    });
  });

  test('tell main of tokens that were used again, under the number of the shard', () => {
    const { shard, io } = lentShard();
    shard.ask(io, 'SH_NEW', KEY);
    shard.sleep(() => {
      const minted = mintedBody(sibling(KEY, 2), null);
      io.pushRaw(CATALOGUE.SH_ROTATE.op, KEY, minted, FLAG_MINTED);
      expect(io.flush()).toBe(true);
      expect(io.only().status).toBe(OK);
      shard.clock.advance(60_000);
      expect(io.ask('SH_COUNT', KEY).status).toBe(110);
      expect(io.reports).toMatchObject([{ type: 'token-reused', shard: 0, count: 1 }]);
    });
    expect(shard.reports).toEqual([]);
    expect(shard.ask(io, 'SH_COUNT', sibling(KEY, 2)).status).toBe(OK);
  });

  test('find the lives of sessions in the feed of events, in order', () => {
    const { shard, io } = lentShard();
    shard.ask(io, 'SH_NEW', sessionKey(0), { expiry: { duration: 1, deleteSession: true } });
    shard.sleep(() => {
      io.ask('SH_NEW', KEY);
      expect(shard.eventKinds()).toEqual([CREATED, CREATED]);
      shard.clock.advance(1_000);
      io.ask('SH_COUNT', sessionKey(0));
      io.ask('SH_END', KEY);
      expect(shard.eventKinds()).toEqual([EXPIRED, ENDED]);
    });
    expect(shard.counter('sessionsExpired')).toBe(1);
  });
});

describe('a shard that was borrowed is woken', () => {
  test.each([
    { duration: 0.05, isRung: true },
    { duration: 0.2, isRung: false },
    { duration: 3_600, isRung: false },
  ])('for a deadline in $duration s: $isRung, as it sleeps 0.1 s', ({ duration, isRung }) => {
    const { shard, io } = lentShard();
    shard.sleep((sleepMs) => {
      expect(sleepMs).toBe(100);
      const rung = shard.bell.count();
      io.ask('SH_NEW', KEY, { expiry: { duration, deleteSession: true } });
      expect(shard.bell.count() > rung).toBe(isRung);
    });
    shard.sleep((sleepMs) => expect(sleepMs).toBe(isRung ? 50 : 100));
  });

  test('if commands are left', () => {
    const { shard, io } = lentShard();
    shard.ask(io, 'SH_NEW', KEY);
    shard.sleep(() => {
      for (let n = 0; n < 300; n += 1) io.push('SH_COUNT', KEY);
      io.publish();
      const rung = shard.bell.count();
      expect(io.borrower!.tryTurn()).toBe(true);
      expect(shard.bell.count()).toBe(rung + 1);
      expect(io.replies()).toHaveLength(256);
    });
    shard.turn();
    expect(io.replies()).toHaveLength(44);
  });

  test('and not otherwise, not even by a full reply ring', () => {
    const { shard, io } = lentShard({ config: { ringBytes: 16 << 10 } });
    shard.sleep(() => {
      const rung = shard.bell.count();
      io.ask('SH_NEW', KEY, { keys: { a: text(1_000) } });
      for (let n = 0; n < 100; n += 1) io.push('SH_GET_ALL', KEY);
      expect(io.flush()).toBe(true);
      expect(io.replies()).toHaveLength(100);
      io.ask('SH_END', KEY);
      expect(shard.bell.count()).toBe(rung);
    });
    expect(io.pumped).toBeGreaterThan(1);
  });
});

function allOf(body: Record<string, unknown> | null): object {
  return body!['keys'] as object;
}
