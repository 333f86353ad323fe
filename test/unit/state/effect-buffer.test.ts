import { describe, expect, test } from 'vitest';
import { encode } from '@msgpack/msgpack';
import { EffectBuffer } from '../../../src/state/effect-buffer.js';
import type { ShardState } from '../../../src/state/shard-state.js';
import {
  CLEAR,
  entry,
  expiryEntry,
  pair,
  put,
  remove,
  sessionEntry,
  shortEntry,
} from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { entriesOf, takeEntries } from '../../support/replay.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

const KEY = sessionKey(700);
const AT = { slot: KEY.slot, digest: KEY.digest };
const IDLE = { duration: 10, deleteSession: true, extendOnSetAdd: true, extendOnGet: true };
const FLAGS_OF_IDLE = 1 | 2 | 4 | 16;

/** A shard that logs; what the start of its session left is taken away. */
class Logged {
  readonly shard = new ShardHarness();
  readonly effects = new EffectBuffer();

  constructor() {
    this.shard.sessions.effects = this.effects;
    this.shard.defaults.state.effects = this.effects;
  }

  start(body: unknown = null): this {
    this.shard.start(KEY, body);
    this.effects.clear();
    return this;
  }

  after(name: string, body: unknown = null): Uint8Array {
    const key = name.startsWith('KV_') ? undefined : KEY;
    this.shard.ask(name, key, body);
    return takeEntries(this.effects);
  }

  get state(): ShardState {
    return this.shard.sessions;
  }
}

const value = (content: unknown): Uint8Array => encode(content);
const NOTHING = new Uint8Array();

describe('an entry', () => {
  test.each([0, 1, 30, 40])('of a start holds the whole session of %i keys', (count) => {
    const keys = Array.from({ length: count }, (_, at) => [`k${at}`, 'v'.repeat(at * 10)] as const);
    const logged = new Logged();
    const expiry = { ...IDLE, maxAge: 100 };
    const entries = logged.after('SH_NEW', { keys: Object.fromEntries(keys), expiry });
    const session = {
      ...AT,
      kind: 1,
      deadlineMs: START_MS + 10_000,
      createdMs: START_MS,
      expiry: { idleMs: 10_000, maxAgeMs: 100_000, flags: FLAGS_OF_IDLE },
    };
    const pairs = keys.map(([key, text]) => pair(key, value(text)));
    expect(entries).toEqual(sessionEntry(session, ...pairs));
    expect(logged.effects.entries).toBe(0);
  });

  test('of a shared start says so, once', () => {
    const logged = new Logged();
    const body = { name: 'n', create: true };
    const expiry = { idleMs: 0, maxAgeMs: Infinity, flags: 8 };
    const expected = sessionEntry({ ...AT, kind: 1, createdMs: START_MS, expiry });
    expect(logged.after('SH_OPEN', body)).toEqual(expected);
    expect(logged.after('SH_OPEN', body)).toEqual(NOTHING);
  });

  test('of a change holds the operations in their order, and the version after it', () => {
    const logged = new Logged().start({ keys: { a: 1, b: 2, c: 3 } });
    const change = (version: number, ...operations: Uint8Array[]): Uint8Array =>
      entry({ ...AT, kind: 2, version }, ...operations);
    expect(logged.after('SH_SET', { keys: { a: 'x', d: 4 } })).toEqual(
      change(1, put('a', value('x')), put('d', value(4))),
    );
    expect(logged.after('SH_ADD', { keys: { a: 5, e: 6 } })).toEqual(change(2, put('e', value(6))));
    expect(logged.after('SH_RMV', { keys: ['z', 'b', 'a'] })).toEqual(
      change(3, remove('b'), remove('a')),
    );
    expect(logged.after('SH_CLEAR_SET', { keys: { f: 7 } })).toEqual(
      change(4, CLEAR, put('f', value(7))),
    );
    expect(logged.after('SH_CLEAR')).toEqual(change(5, CLEAR));
    expect(logged.after('SH_CLEAR_SET', { keys: { g: 8 } })).toEqual(change(6, put('g', value(8))));
    expect(logged.after('SH_SET', { keys: {} })).toEqual(change(7));
  });

  test.each([1, 93, 94, 16_378, 16_379, 70_000])(
    'of a change holds a value of %i bytes',
    (size) => {
      const logged = new Logged().start();
      const content = value('v'.repeat(size));
      const long = 'k'.repeat(300);
      const entries = logged.after('SH_SET', { keys: { k: 'v'.repeat(size), [long]: true } });
      const operations = [put('k', content), put(long, value(true))];
      expect(entries).toEqual(entry({ ...AT, kind: 2, version: 1 }, ...operations));
    },
  );

  test('of the default map has no digest', () => {
    const logged = new Logged();
    expect(logged.after('KV_SET', { keys: { a: 1 } })).toEqual(
      entry({ kind: 2, flags: 1, version: 1 }, put('a', value(1))),
    );
    expect(logged.after('KV_GET', { keys: ['a'] })).toEqual(NOTHING);
  });

  test.each(['SH_GET', 'SH_SET', 'SH_RMV', 'SH_ADD'])(
    'is left by no %s that does nothing',
    (name) => {
      const logged = new Logged().start({ keys: { a: 1 } });
      const keys = { SH_GET: ['a'], SH_SET: 'none', SH_RMV: ['z'], SH_ADD: { a: 2 } }[name];
      expect(logged.after(name, { keys })).toEqual(NOTHING);
    },
  );

  test('of a deadline that has moved is left by reads, touches and refused writes, once a tick', () => {
    const logged = new Logged().start({ keys: { a: 1 }, expiry: IDLE });
    const moved = (): Uint8Array =>
      entry({ ...AT, kind: 4, deadlineMs: logged.shard.clock.nowMs() + 10_000 });
    for (const [name, keys] of [
      ['SH_GET', ['a']],
      ['SH_TOUCH', undefined],
      ['SH_ADD', { a: 2 }],
      ['SH_RMV', ['z']],
    ] as const) {
      expect(logged.after(name, { keys })).toEqual(NOTHING);
      logged.shard.clock.advance(1);
      expect(logged.after(name, { keys })).toEqual(moved());
    }
    logged.shard.clock.advance(1);
    logged.state.mayExtendOnRead = false;
    expect(logged.after('SH_GET', { keys: ['a'] })).toEqual(NOTHING);
    expect(logged.after('SH_TOUCH')).toEqual(moved());
  });

  test('of a change takes the moved deadline in', () => {
    const logged = new Logged().start({ expiry: IDLE });
    logged.shard.clock.advance(3);
    const entries = logged.after('SH_SET', { keys: { a: 1 } });
    const header = { ...AT, kind: 2, version: 1, deadlineMs: START_MS + 10_003 };
    expect(entries).toEqual(entry(header, put('a', value(1))));
  });

  test('of a refused write is not that of the next one', () => {
    const logged = new Logged();
    const small = new ShardHarness({ limits: { sessionBytesMax: 100 } });
    small.sessions.effects = logged.effects;
    small.start(KEY, { expiry: IDLE });
    small.start(sessionKey(3), null);
    logged.effects.clear();
    small.clock.advance(1);
    expect(small.statusOf('SH_SET', KEY, { keys: { a: 'v'.repeat(200) } })).toBe(204);
    expect(small.statusOf('SH_SET', sessionKey(3), { keys: { a: 1 } })).toBe(1);
    const { slot, digest } = sessionKey(3);
    expect(takeEntries(logged.effects)).toEqual(
      bytes(
        entry({ ...AT, kind: 4, deadlineMs: START_MS + 10_001 }),
        entry({ kind: 2, slot, digest, version: 1 }, put('a', value(1))),
      ),
    );
  });

  test('of an expiry holds all of it', () => {
    const logged = new Logged().start();
    const header = { ...AT, kind: 3, deadlineMs: START_MS + 5_000 };
    const expiry = { duration: 20, maxAge: 5, extendOnGet: true };
    expect(logged.after('SH_EXPIRE', { expiry })).toEqual(
      expiryEntry(header, { idleMs: 20_000, maxAgeMs: 5_000, flags: 4 | 16 }),
    );
    expect(logged.after('SH_EXPIRE', { expiry: null })).toEqual(
      expiryEntry({ ...AT, kind: 3 }, { idleMs: 0, maxAgeMs: Infinity, flags: 0 }),
    );
  });

  test('of an end is left by commands, by an expiry that is over at once, and by eviction', () => {
    const logged = new Logged().start({ keys: { a: 1 } });
    const end = shortEntry({ ...AT, kind: 5 });
    expect(logged.after('SH_END')).toEqual(end);
    logged.start();
    logged.shard.clock.advance(2_000);
    expect(logged.after('SH_EXPIRE', { expiry: { maxAge: 1 } })).toEqual(end);
    logged.start({ keys: { a: 1 }, expiry: IDLE });
    expect(logged.state.evictSoonest()).toBe(true);
    expect(takeEntries(logged.effects)).toEqual(end);
  });

  test('of the end of all is one, whatever is due', () => {
    const logged = new Logged().start({ keys: { a: 1 }, expiry: { duration: 1 } });
    logged.shard.clock.advance(5_000);
    expect(logged.after('SH_END_ALL')).toEqual(shortEntry({ kind: 6 }));
  });

  test('is not left by sessions that end by their deadline, or that never really started', () => {
    const logged = new Logged().start({ keys: { a: 1 }, expiry: IDLE });
    logged.shard.clock.advance(10_000);
    expect(logged.after('SH_GET', { keys: ['a'] })).toEqual(NOTHING);
    logged.start({ keys: { a: 1 }, expiry: IDLE });
    logged.shard.clock.advance(10_000);
    logged.shard.settle();
    expect([logged.effects.isEmpty, logged.state.sessionCount]).toEqual([true, 0]);
    expect(logged.after('SH_NEW', { expiry: { maxAge: 1e-9 } })).toEqual(NOTHING);
    expect(logged.after('SH_SET', { keys: { a: 1 } })).toEqual(NOTHING);
  });

  test.each(['a look-up', 'the sweep'])(
    'of cleared data is left by %s, and none where there is none',
    (by) => {
      const logged = new Logged().start({ keys: { a: 1 }, expiry: { duration: 1 } });
      const pass = (ms: number): Uint8Array => {
        logged.shard.clock.advance(ms);
        if (by === 'the sweep') logged.shard.settle();
        return logged.after('SH_COUNT');
      };
      const header = { ...AT, kind: 2, version: 1, deadlineMs: START_MS + 3_000 };
      expect(pass(2_500)).toEqual(entry(header, CLEAR));
      expect(pass(1_000)).toEqual(NOTHING);
    },
  );

  test('of cleared data comes before that of the command that found it', () => {
    const logged = new Logged().start({ keys: { a: 1 }, expiry: { duration: 1 } });
    logged.shard.clock.advance(1_500);
    const deadlineMs = START_MS + 2_000;
    expect(logged.after('SH_SET', { keys: { b: 2 } })).toEqual(
      bytes(
        entry({ ...AT, kind: 2, version: 1, deadlineMs }, CLEAR),
        entry({ ...AT, kind: 2, version: 2, deadlineMs }, put('b', value(2))),
      ),
    );
  });
});

test('an entry is left by a session that has moved to where another never really started', () => {
  const logged = new Logged();
  const { shard, effects } = logged;
  logged.state.keepsRowsInPlace = true;
  for (let number = 1; number <= 9_000; number += 1) shard.start(sessionKey(number));
  for (let number = 1; number <= 8_000; number += 1) shard.ask('SH_END', sessionKey(number));
  shard.ask('SH_NEW', sessionKey(1), { expiry: { maxAge: 1e-9 } });
  logged.state.keepsRowsInPlace = false;
  // The last row moves into the hole that came last.
  logged.state.tidy(1);
  logged.state.keepsRowsInPlace = true;
  effects.clear();
  for (let number = 8_001; number <= 9_000; number += 1) {
    shard.ask('SH_SET', sessionKey(number), { keys: { a: 1 } });
  }
  expect(effects.entries).toBe(1_000);
});

describe('EffectBuffer', () => {
  test('leaves room in front, counts its entries, and is empty once cleared', () => {
    const logged = new Logged().start();
    const { effects } = logged;
    expect([effects.start, effects.length, effects.bytes, effects.isEmpty]).toEqual([
      48,
      48,
      0,
      true,
    ]);
    logged.shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    logged.shard.ask('SH_TOUCH', KEY);
    logged.shard.ask('SH_END', KEY);
    // 36 of header, operation, prefix, key, value; rounded up to 4.
    expect([effects.entries, effects.bytes, effects.isEmpty]).toEqual([2, 44 + 24, false]);
    effects.clear();
    expect([effects.entries, effects.bytes, effects.isEmpty]).toEqual([0, 0, true]);
  });

  test('takes back what came after a mark', () => {
    const logged = new Logged().start({ expiry: IDLE });
    const { effects, shard } = logged;
    shard.ask('SH_SET', KEY, { keys: { abc: 1 } });
    const before = entriesOf(effects);
    const mark = effects.mark();
    shard.clock.advance(1);
    shard.ask('SH_SET', KEY, { keys: { a: 'v'.repeat(77) } });
    shard.ask('SH_ADD', KEY, { keys: { a: 1 } });
    shard.ask('SH_END', KEY);
    expect(effects.entries).toBe(3);
    effects.rewind(mark);
    expect(entriesOf(effects)).toEqual(before);
    expect(effects.entries).toBe(1);
  });

  test('grows as needed, and gives a large buffer back', () => {
    const logged = new Logged().start();
    const { effects, shard } = logged;
    const first = effects.space;
    const written: Uint8Array[] = [];
    for (let version = 1; version <= 10; version += 1) {
      const text = String(version).repeat(1_000_000);
      shard.ask('SH_SET', KEY, { keys: { k: text } });
      written.push(entry({ ...AT, kind: 2, version }, put('k', value(text))));
    }
    expect(Buffer.compare(entriesOf(effects), bytes(...written))).toBe(0);
    expect(effects.space.bytes.length).toBe(16 * 1024 * 1024);
    effects.clear();
    expect(effects.space.bytes.length).toBe(first.bytes.length);
    expect(logged.after('SH_END')).toEqual(shortEntry({ ...AT, kind: 5 }));
  });
});
