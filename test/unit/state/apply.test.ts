import { describe, expect, test } from 'vitest';
import { encode } from '@msgpack/msgpack';
import {
  attribute,
  CLEAR,
  entry,
  type EntryHeader,
  expiryEntry,
  lastUsedAttribute,
  ownerAttribute,
  ownerEntry,
  pair,
  put,
  remove,
  rotateEntry,
  type SessionEntry,
  sessionEntry,
  shortEntry,
  supersededAttribute,
} from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { apply, describeStates, emptyStates, type States } from '../../support/replay.js';

const NOW_MS = 1_800_000_000_000;
const AT = { slot: 700, digest: [1, -2, 3, -4] };
const OTHER = { slot: 3, digest: [1, -2, 3, -5] };
const SESSION: SessionEntry = { ...AT, kind: 1, version: 5, createdMs: NOW_MS - 7 };
const EXPIRY = { idleMs: 1_000, maxAgeMs: 60_000, flags: 1 | 2 | 4 | 16 };

type Moved = Omit<EntryHeader, 'kind'>;

const value = (content: unknown): Uint8Array => encode(content);
const session = (...keys: string[]): Uint8Array =>
  sessionEntry(SESSION, ...keys.map((key) => pair(key, value(1))));
const change = (version: number, ...operations: Uint8Array[]): Uint8Array =>
  entry({ ...AT, kind: 2, version }, ...operations);

/** The states after these entries, none of them bad. */
function after(...entries: Uint8Array[]): States {
  const states = emptyStates(NOW_MS);
  const joined = bytes(...entries);
  expect(apply(states, joined)).toEqual({ entries: entries.length, at: joined.length });
  return states;
}

/** What remains of the one session: its version and its keys and values, or nothing. */
function shown(states: States): string {
  const line = describeStates(states, NOW_MS)[1];
  if (line === undefined) return 'none';
  const version = / v(\d+) /.exec(line)?.[1];
  return `v${version} ${line.slice(line.indexOf('] ') + 2)}`.trim();
}

describe('applyEntries', () => {
  test('starts a session with all that the entry says', () => {
    const expiry = { ...EXPIRY, flags: EXPIRY.flags | 8 };
    const deadlineMs = NOW_MS + 900;
    const states = after(
      sessionEntry({ ...SESSION, expiry, deadlineMs }, pair('a', value(1)), pair('b', value('x'))),
    );
    const policy = '"deletesSession":true,"extendsOnWrite":true,"extendsOnRead":true';
    expect(describeStates(states, NOW_MS)[1]).toBe(
      `1,-2,3,-4 700 ${NOW_MS - 7} ${deadlineMs} v5 60000 ` +
        `[true,{"idleMs":1000,"maxAgeMs":60000,${policy}},true,2] \xa1a\x01|\xa1b\xa1x`,
    );
    expect(states.sessions.wheel.size).toBe(1);
    expect(states.sessions.keys.total).toBe(2);
  });

  test.each([0, 1, 32, 33, 500])('starts one of %i keys', (count) => {
    const keys = Array.from({ length: count }, (_, at) => `k${at}`);
    const states = after(session(...keys));
    expect(shown(states)).toBe(`v5 ${keys.map((key) => `${stored(key)}\x01`).join('|')}`.trim());
    expect(states.sessions.keys.big.maps.live).toBe(count > 32 ? 1 : 0);
  });

  test.each([4_000, 4_200, 20_000, 100_000])('starts one with a value of %i bytes', (size) => {
    const states = after(sessionEntry(SESSION, pair('a', value('v'.repeat(size)))));
    const { sessions } = states;
    expect(sessions.keys.bytesOf(0)).toBe(2 + value('v'.repeat(size)).length);
    expect(sessions.keys.isBig(0)).toBe(size > 4_090);
  });

  test('replaces whatever session is there', () => {
    const big = Array.from({ length: 100 }, (_, at) => `k${at}`);
    const before = sessionEntry(
      { ...SESSION, version: 9, expiry: { ...EXPIRY, flags: 31 }, deadlineMs: NOW_MS + 5 },
      ...big.map((key) => pair(key, value(key))),
    );
    expect(describeStates(after(before, session('a')), NOW_MS)).toEqual(
      describeStates(after(session('a')), NOW_MS),
    );
    expect(after(before, session('a')).sessions.wheel.size).toBe(0);
    expect(after(before, session('a')).sessions.keys.total).toBe(1);
  });

  test('passes over attributes that it does not know', () => {
    const attributes = bytes(200, 3, 0, 'abc', 7, 0, 0);
    const entries = sessionEntry({ ...SESSION, attributes }, pair('a', value(1)));
    expect(shown(after(entries))).toBe('v5 \xa1a\x01');
  });

  test('changes what a change says, in its order', () => {
    const long = 'k'.repeat(300);
    const operations = [put('c', value(3)), remove('a'), put('a', value(4)), put(long, value(5))];
    const changed = after(session('a', 'b'), change(6, ...operations, remove('z'), remove(long)));
    expect(shown(changed)).toBe('v6 \xa1b\x01|\xa1c\x03|\xa1a\x04');
    const cleared = after(
      session('a', 'b'),
      change(6, put('c', value(3)), CLEAR, put('d', value(4))),
    );
    expect(shown(cleared)).toBe('v6 \xa1d\x04');
    expect(shown(after(session('a'), change(6)))).toBe('v6 \xa1a\x01');
  });

  test('passes over changes that the session has had', () => {
    const changes = [change(4, CLEAR), change(5, remove('a')), change(6, put('b', value(2)))];
    const expected = 'v6 \xa1a\x01|\xa1b\x02';
    expect(shown(after(session('a'), ...changes))).toBe(expected);
    expect(shown(after(session('a'), ...changes, ...changes))).toBe(expected);
    // Versions wrap around.
    const last = { ...SESSION, version: 0xffff_ffff };
    const wrapped = after(sessionEntry(last, pair('a', value(1))), change(0, put('b', value(2))));
    expect(shown(wrapped)).toBe('v0 \xa1a\x01|\xa1b\x02');
  });

  test.each([
    ['DEADLINE', (header: Moved) => entry({ ...header, kind: 4 })],
    ['CHANGE', (header: Moved) => entry({ ...header, kind: 2, version: 6 })],
    ['EXPIRY', (header: Moved) => expiryEntry({ ...header, kind: 3 }, EXPIRY)],
  ])('moves the deadline both ways by a %s, and the session with it', (_, moved) => {
    const start = sessionEntry({ ...SESSION, expiry: EXPIRY, deadlineMs: NOW_MS + 500 });
    for (const deadlineMs of [NOW_MS + 100, NOW_MS + 900]) {
      const { sessions } = after(start, moved({ ...AT, version: 5, deadlineMs }));
      sessions.beginTurn(deadlineMs - 1);
      while (sessions.advance(10) > 0);
      expect(sessions.sessionCount).toBe(1);
      sessions.beginTurn(deadlineMs);
      while (sessions.advance(10) > 0);
      expect(sessions.sessionCount).toBe(0);
    }
    const { sessions } = after(start, moved({ ...AT, version: 5, deadlineMs: Infinity }));
    sessions.beginTurn(NOW_MS + 10_000);
    expect([sessions.advance(10), sessions.sessionCount, sessions.wheel.size]).toEqual([0, 1, 0]);
  });

  test('passes over older moves of deadline and expiry', () => {
    const start = sessionEntry({ ...SESSION, expiry: EXPIRY, deadlineMs: NOW_MS + 500 });
    const older = { ...AT, version: 4, deadlineMs: NOW_MS + 1 };
    const none = { idleMs: 0, maxAgeMs: Infinity, flags: 0 };
    const states = after(
      start,
      entry({ ...older, kind: 4 }),
      expiryEntry({ ...older, kind: 3 }, none),
    );
    expect(describeStates(states, NOW_MS)).toEqual(describeStates(after(start), NOW_MS));
  });

  test('replaces the expiry and keeps what is none of it', () => {
    const shared = { ...SESSION, expiry: { ...EXPIRY, flags: 8 | 16 }, deadlineMs: NOW_MS + 9 };
    const { sessions } = after(
      sessionEntry(shared, pair('a', value(1))),
      expiryEntry({ ...AT, kind: 3, version: 5 }, { idleMs: 0, maxAgeMs: Infinity, flags: 0 }),
    );
    expect([sessions.isShared(0), sessions.rows.maxAgeOf(0)]).toEqual([true, Infinity]);
    expect([sessions.remainingMsOf(0), sessions.keys.countOf(0)]).toEqual([Infinity, 1]);
  });

  test('ends one session, or all', () => {
    expect(shown(after(session('a'), shortEntry({ ...AT, kind: 5 })))).toBe('none');
    expect(shown(after(session('a'), shortEntry({ ...OTHER, kind: 5 })))).toBe('v5 \xa1a\x01');
    expect(shown(after(session('a'), shortEntry({ kind: 6 })))).toBe('none');
    expect(shown(after(shortEntry({ kind: 6 }), session('a')))).toBe('v5 \xa1a\x01');
  });

  test('ends by END_ALL the sessions of the shard that wrote it', () => {
    const states = after(session('a'), sessionEntry({ ...SESSION, ...OTHER }));
    apply(states, shortEntry({ kind: 6 }), { endAllSlots: (slot) => slot === OTHER.slot });
    expect(describeStates(states, NOW_MS).length).toBe(2);
    expect(shown(states)).toBe('v5 \xa1a\x01');
  });

  test('passes over sessions that are not there and slots of other shards', () => {
    const states = emptyStates(NOW_MS);
    const entries = [
      change(6, put('a', value(1))),
      entry({ ...AT, kind: 4 }),
      expiryEntry({ ...AT, kind: 3 }, EXPIRY),
      shortEntry({ ...AT, kind: 5 }),
    ];
    expect(apply(states, bytes(...entries)).entries).toBe(4);
    expect(shown(states)).toBe('none');
    const foreign = { ownsSlot: (slot: number): boolean => slot !== AT.slot };
    expect(apply(states, session('a'), foreign).entries).toBe(1);
    expect(shown(states)).toBe('none');
  });

  test('keeps the default map apart, if there is one', () => {
    const states = after(
      sessionEntry({ kind: 1, flags: 1, version: 3, createdMs: NOW_MS }, pair('a', value(1))),
      entry({ kind: 2, flags: 1, version: 4 }, put('b', value(2))),
      shortEntry({ kind: 6 }),
    );
    const { state, row } = states.defaults;
    expect([state.keys.countOf(row), state.versionOf(row)]).toEqual([2, 4]);
    expect(states.sessions.sessionCount).toBe(0);
    const without = { defaults: undefined };
    expect(apply(states, entry({ kind: 2, flags: 1, version: 5 }, CLEAR), without).entries).toBe(1);
    expect(state.keys.countOf(row)).toBe(2);
  });

  test('looks at no clock: what is long dead is there until the end of the recovery', () => {
    const expired: number[] = [];
    const observer = {
      sessionStarted: (): void => undefined,
      sessionsEnded: (): void => undefined,
      sessionExpired: (lagMs: number): number => expired.push(lagMs),
      sessionCleared: (lagMs: number): number => expired.push(lagMs),
    };
    const states = emptyStates(NOW_MS, observer);
    const start = (at: EntryHeader, flags: number): Uint8Array =>
      sessionEntry(
        { ...SESSION, ...at, kind: 1, expiry: { ...EXPIRY, flags }, deadlineMs: NOW_MS - 1_000 },
        pair('a', value(1)),
      );
    apply(states, bytes(start({ kind: 1, ...AT }, 1 | 16), start({ kind: 1, ...OTHER }, 16)));
    expect([states.sessions.sessionCount, states.sessions.keys.total]).toEqual([2, 2]);
    let slices = 0;
    states.sessions.endRecovery(NOW_MS + 100, () => (slices += 1));
    expect([states.sessions.sessionCount, states.sessions.keys.total]).toEqual([1, 0]);
    expect([slices, expired]).toEqual([1, []]);
    expect(
      states.sessions.remainingMsOf(states.sessions.rows.find(Int32Array.from(OTHER.digest), 0, 3)),
    ).toBe(900);
    states.sessions.beginTurn(NOW_MS + 100_000);
    apply(states, start({ kind: 1, ...AT }, 1 | 16));
    while (states.sessions.advance(10) > 0);
    expect(expired.length).toBe(2);
  });
});

function stored(key: string): string {
  return String.fromCharCode(0xa0 | key.length) + key;
}

describe('damaged entries', () => {
  const good = session('a');
  /** A copy with bytes at an offset replaced. */
  const patched = (whole: Uint8Array, at: number, ...values: number[]): Uint8Array => {
    const copy = Uint8Array.from(whole);
    copy.set(values, at);
    return copy;
  };
  const NAN = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
  const MINUS_ONE = [0, 0, 0, 0, 0, 0, 0xf0, 0xbf];
  const HUGE = [0, 0, 0, 0, 0, 0, 0xf0, 0x7e];
  const expiry = expiryEntry({ ...AT, kind: 3 }, EXPIRY);
  const owner = ownerEntry({ ...AT, kind: 7 }, NOW_MS, 'ada');
  const rotation = rotateEntry({ ...AT, kind: 8 }, [1, 2, 3, 4], NOW_MS);
  const attributed = (...attributes: Uint8Array[]): Uint8Array =>
    sessionEntry({ ...SESSION, attributes: bytes(...attributes) });
  test.each([
    ['a kind of 0', patched(good, 4, 0), 'unknown kind 0'],
    ['an unknown kind', patched(good, 4, 9), 'unknown kind 9'],
    ['unknown flags', patched(good, 5, 2), 'unknown flags 2'],
    ['a slot that is none', patched(good, 6, 0, 4), 'slot 1024'],
    ['fewer bytes than its header', patched(good, 0, 71, 0), 'cannot have 71 bytes'],
    ['more bytes than an END has', patched(shortEntry({ ...AT, kind: 5 }), 0, 25), '25 bytes'],
    ['more bytes than there are', patched(good, 0, 200), 'of 200 bytes is cut short'],
    ['a deadline that is no number', patched(good, 28, ...NAN), 'deadline NaN'],
    ['a deadline beyond the wheel', patched(good, 28, ...HUGE), 'deadline'],
    ['a creation that is no number', patched(good, 52, ...NAN), 'created at NaN'],
    ['a negative idle duration', patched(good, 36, ...MINUS_ONE), 'durations -1'],
    ['a maxAge that is no number', patched(good, 44, ...NAN), 'durations 0 and NaN'],
    ['unknown expiry flags', patched(good, 60, 32), 'unknown flags 32'],
    ['the same in an EXPIRY', patched(expiry, 52, 0, 1), 'unknown flags 256'],
    ['a negative maxAge in an EXPIRY', patched(expiry, 44, ...MINUS_ONE), 'durations'],
    ['another number of keys', patched(good, 64, 2), 'a session of 2 keys has 1'],
    ['attributes that are cut short', patched(good, 68, 1), 'attributes'],
    ['attributes beyond its end', patched(good, 68, 5), 'attributes'],
    ['an owner without a name', attributed(ownerAttribute('')), 'attributes'],
    ['an owner of 257 bytes', attributed(ownerAttribute('o'.repeat(257))), 'attributes'],
    ['a last use of 4 bytes', attributed(attribute(2, bytes(1, 2, 3, 4))), 'attributes'],
    ['a last use at no time', attributed(lastUsedAttribute(NaN)), 'attributes'],
    ['former tokens without one', attributed(attribute(3)), 'attributes'],
    ['half a former token', attributed(attribute(3, bytes('x'.repeat(36)))), 'attributes'],
    ['a former token for ever', attributed(supersededAttribute([[1], Infinity])), 'attributes'],
    ['an OWNER of 257 bytes', ownerEntry({ ...AT, kind: 7 }, 0, 'o'.repeat(257)), '257 bytes'],
    ['an OWNER used at no time', patched(owner, 36, ...NAN), 'never used'],
    ['an OWNER cut short', patched(owner, 0, 43), 'cannot have 43 bytes'],
    ['a ROTATE longer than it is', patched(rotation, 0, 61), 'cannot have 61 bytes'],
    ['a ROTATE with a grace for ever', patched(rotation, 52, ...NAN), 'grace'],
    ['a pair beyond its end', patched(good, 72, 4), 'keys of a session'],
    ['a pair without a value', patched(good, 72, 2), 'keys of a session'],
    ['a key that is none', patched(good, 73, 0xc0), 'keys of a session'],
    ['an operation that is none', change(6, bytes(4)), 'unknown operation 4'],
    ['an operation that is cut short', change(6, bytes(2)), 'keys of a change'],
    ['a prefix longer than it need be', change(6, bytes(1, 0x80, 3, 0xa1, 'a', 1)), 'keys of a'],
    ['a long prefix that is cut short', change(6, bytes(1, 0xc0, 3)), 'keys of a change'],
    ['a prefix that is none', change(6, bytes(1, 0xc1, 3, 0, 0, 0, 0xa1, 'a', 1)), 'keys of a'],
    ['a key header longer than need be', change(6, bytes(2, 0xd9, 1, 'a')), 'keys of a change'],
    ['a key header that is cut short', change(6, bytes(2, 0xda, 1)), 'keys of a change'],
    ['a key of 513 bytes', change(6, bytes(2, 0xda, 2, 1, 'k'.repeat(513))), 'keys of a change'],
  ])('are found out: %s', (_, bad, problem) => {
    const states = emptyStates(NOW_MS);
    const before = session('b');
    const result = apply(states, bytes(before, bad, session('c')));
    expect(result.problem).toContain(problem);
    expect([result.entries, result.at]).toEqual([1, before.length]);
    expect(shown(states)).toBe('v5 \xa1b\x01');
  });

  test('that contradict themselves leave a session that can live on', () => {
    const states = emptyStates(NOW_MS);
    // A deadline, but nothing that would set one.
    const expiry = { idleMs: 0, maxAgeMs: Infinity, flags: 16 };
    const odd = sessionEntry({ ...SESSION, expiry, deadlineMs: NOW_MS - 1 }, pair('a', value(1)));
    expect(apply(states, odd).problem).toBeUndefined();
    const { sessions } = states;
    const row = sessions.find(Int32Array.from(AT.digest), 0, AT.slot);
    expect([sessions.keys.countOf(row), sessions.remainingMsOf(row)]).toEqual([0, Infinity]);
    expect(sessions.wheel.size).toBe(0);
    sessions.endRecovery(NOW_MS + 1_000);
    expect(sessions.sessionCount).toBe(1);
  });

  test('are found out wherever the bytes are cut', () => {
    const entries = bytes(session('a'), change(6, put('b', value('v'.repeat(200)))), expiry);
    const whole = apply(emptyStates(NOW_MS), entries);
    expect(whole.problem).toBeUndefined();
    for (let end = 0; end < entries.length; end += 1) {
      const states = emptyStates(NOW_MS);
      const { at, problem, entries: count } = apply(states, entries.subarray(0, end));
      expect(problem === undefined).toBe(at === end);
      expect(count).toBeLessThan(3);
    }
  });
});
