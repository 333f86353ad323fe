import { describe, expect, test } from 'vitest';
import { encode } from '@msgpack/msgpack';
import { applyEntries } from '../../../src/state/apply.js';
import {
  CLEAR,
  entry,
  lastUsedAttribute,
  ownerAttribute,
  ownerEntry,
  pair,
  put,
  rotateEntry,
  type SessionEntry,
  sessionEntry,
  supersededAttribute,
} from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { apply, describeStates, emptyStates, spaceOf, type States } from '../../support/replay.js';

const NOW_MS = 1_800_000_000_000;
const AT = { slot: 700, digest: [1, -2, 3, -4] };
const SESSION: SessionEntry = { ...AT, kind: 1, version: 5, createdMs: NOW_MS - 7 };

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

describe('entries of owners and tokens', () => {
  const NEW = { slot: 700, digest: [9, 8, 7, 6] };
  const ADA = bytes(ownerAttribute('ada'), lastUsedAttribute(NOW_MS - 3));
  const owned = (digest: readonly number[], attributes = ADA, version = 5): Uint8Array =>
    sessionEntry({ ...SESSION, digest, attributes, version }, pair('a', value(version)));
  const owner = (name: string, version = 5): Uint8Array =>
    ownerEntry({ ...AT, kind: 7, version }, NOW_MS - 1, name);
  const rotate = (version = 5, from = AT, to = NEW): Uint8Array =>
    rotateEntry({ ...from, kind: 8, version }, to.digest, NOW_MS + 50);
  const lines = (...entries: Uint8Array[]): string[] =>
    describeStates(after(...entries), NOW_MS).slice(1);
  const rowOf = ({ sessions }: States, digest: readonly number[]): number =>
    sessions.rows.find(Int32Array.from(digest), 0, 700);

  test('start a session with its owner, its last use and the tokens it had', () => {
    const had = supersededAttribute([[1, 1, 1, 1], 0], [[2, 2, 2, 2], NOW_MS + 9]);
    const states = after(owned(AT.digest, bytes(ADA, had, 77, 1, 0, 0)));
    expect(describeStates(states, NOW_MS)[1]).toContain(
      `owner ada was 2,2,2,2 until ${NOW_MS + 9} was 1,1,1,1 until 0 \xa1a`,
    );
    expect(states.sessions.lastUsedMsOf(0)).toBe(NOW_MS - 3);
    expect(states.sessions.find(Int32Array.of(2, 2, 2, 2), 0, 700)).toBe(0);
  });

  test('replace an owner and tokens by those that the session has', () => {
    const had = bytes(ADA, supersededAttribute([[1, 1, 1, 1], 0]));
    expect(lines(owned(AT.digest, had), session('a'))).toEqual(lines(session('a')));
    const { sessions } = after(owned(AT.digest, had), session('a'));
    expect([sessions.owners.pool.live, sessions.superseded.pool.live]).toEqual([0, 0]);
  });

  test('give a session to another owner, to nobody, and pass over what is older', () => {
    expect(lines(session('a'), owner('eve'))[0]).toContain('owner eve');
    expect(after(session('a'), owner('eve')).sessions.lastUsedMsOf(0)).toBe(NOW_MS - 1);
    expect(lines(owned(AT.digest), owner('eve'), owner('bob'))[0]).toContain('owner bob');
    expect(lines(owned(AT.digest), owner(''))[0]).not.toContain('owner');
    expect(lines(owned(AT.digest), owner('eve', 4))[0]).toContain('owner ada');
  });

  test('of a log say when a session with an owner was used', () => {
    const used = (log: Uint8Array, writtenMs: number, attributes = ADA): number => {
      const { sessions, defaults } = after(owned(AT.digest, attributes));
      const target = { sessions, defaults, ownsSlot: () => true };
      const { problem } = applyEntries(target, spaceOf(log), 0, log.length, writtenMs);
      expect(problem).toBeUndefined();
      return sessions.lastUsedMsOf(0);
    };
    const put1 = change(6, put('b', value(2)));
    const moved = entry({ ...AT, kind: 4, version: 5, deadlineMs: NOW_MS + 9 });
    expect([used(put1, NOW_MS), used(moved, NOW_MS)]).toEqual([NOW_MS, NOW_MS]);
    expect(used(put1, NOW_MS - 50)).toBe(NOW_MS - 3);
    // It may have been a deadline that cleared it.
    expect(used(change(6, CLEAR), NOW_MS)).toBe(NOW_MS - 3);
    expect(used(change(6, CLEAR, put('b', value(2))), NOW_MS)).toBe(NOW_MS);
    expect(used(put1, NOW_MS, bytes())).toBe(0);
  });

  test('give a session another token', () => {
    const states = after(owned(AT.digest), rotate(), rotate());
    expect(describeStates(states, NOW_MS).slice(1)).toEqual([
      expect.stringMatching(`^9,8,7,6 700 .*owner ada was 1,-2,3,-4 until ${NOW_MS + 50}`),
    ]);
    expect(rowOf(states, AT.digest)).toBe(-1);
    // Older than the session.
    expect(lines(session('a'), rotate(4))).toEqual(lines(session('a')));
  });

  test('leave a session as a snapshot has it that was taken after the rotation', () => {
    const snapshot = owned(NEW.digest, supersededAttribute([AT.digest, NOW_MS + 50]), 7);
    const log = [session('a'), change(6, put('b', value(2))), rotate(6)];
    expect(lines(snapshot, ...log)).toEqual(lines(snapshot));
    expect(lines(snapshot, ...log, ...log)).toEqual(lines(snapshot));
    const { sessions } = after(snapshot, ...log);
    expect([sessions.sessionCount, sessions.superseded.pool.live]).toEqual([1, 1]);
  });

  test('are nothing to the default map', () => {
    const map = { flags: 1, version: 3 };
    const states = after(
      sessionEntry({ ...map, kind: 1, createdMs: NOW_MS, attributes: ADA }),
      ownerEntry({ ...map, kind: 7 }, NOW_MS, 'ada'),
      rotateEntry({ ...map, kind: 8 }, NEW.digest, 0),
    );
    expect(describeStates(states, NOW_MS)[0]).not.toContain('owner');
    expect(states.defaults.state.rows.word(0, 0)).toBe(0);
  });
});
