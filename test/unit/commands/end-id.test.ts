import { describe, expect, test } from 'vitest';
import { FLAG_OWNER_LOCKED } from '../../../src/ring/records.js';
import { KEY, testMalformedBodies } from '../../support/command-tests.js';
import { idOf, rotate, sibling } from '../../support/owner-shard.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

const OTHER = sessionKey(2);

function started(): ShardHarness {
  const shard = new ShardHarness();
  shard.start(KEY, { owner: 'ann', keys: { a: 1 } });
  shard.start(OTHER, { owner: 'ann' });
  return shard;
}

describe('SH_END_ID', () => {
  testMalformedBodies('SH_END_ID');

  test('ends the session of the id and no other', () => {
    const shard = started();
    expect(shard.ask('SH_END_ID', undefined, { owner: 'ann', id: idOf(KEY) })).toEqual([1, null]);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
    expect(shard.statusOf('SH_COUNT', OTHER)).toBe(1);
    expect(shard.counter('sessionsEnded')).toBe(1);
    expect(shard.counter('ownerLimitHits')).toBe(0);
  });

  test('finds an id in capital letters, too', () => {
    const body = { owner: 'ann', id: idOf(KEY).toUpperCase() };
    expect(started().statusOf('SH_END_ID', undefined, body)).toBe(1);
  });

  test.each([
    ['an unknown id', { owner: 'ann', id: idOf(sessionKey(3)) }],
    ['the id of another owner\u2019s session', { owner: 'bob', id: idOf(KEY) }],
    ['the id of a session without an owner', { owner: 'ann', id: idOf(sessionKey(4)) }],
    ['an unknown owner', { owner: 'carl', id: idOf(KEY) }],
  ])('answers 100 for %s and ends nothing', (_, body) => {
    const shard = started();
    shard.start(sessionKey(3), { owner: 'bob' });
    shard.start(sessionKey(4));
    expect(shard.ask('SH_END_ID', undefined, body)).toEqual([100, null]);
    expect(shard.sessions.sessionCount).toBe(4);
  });

  test('answers 100 the second time, and for one that has just expired', () => {
    const shard = started();
    const body = { owner: 'ann', id: idOf(KEY) };
    shard.ask('SH_END_ID', undefined, body);
    expect(shard.statusOf('SH_END_ID', undefined, body)).toBe(100);
    shard.start(KEY, { owner: 'ann', expiry: { duration: 2, deleteSession: true } });
    shard.clock.advance(2_000);
    expect(shard.statusOf('SH_END_ID', undefined, body)).toBe(100);
    expect(shard.counter('sessionsExpired')).toBe(1);
  });

  test('knows a rotated session by its new id only', () => {
    const shard = started();
    rotate(shard, KEY, sibling(KEY, 5), { grace: 100 });
    expect(shard.statusOf('SH_END_ID', undefined, { owner: 'ann', id: idOf(KEY) })).toBe(100);
    const id = idOf(sibling(KEY, 5));
    expect(shard.statusOf('SH_END_ID', undefined, { owner: 'ann', id })).toBe(1);
  });

  test.each([
    ['no body', null, 26],
    ['no id', { owner: 'ann' }, 26],
    ['no owner', { id: idOf(KEY) }, 26],
    ['an id that is a number', { owner: 'ann', id: 7 }, 41],
    ['an owner that is nil', { owner: null, id: idOf(KEY) }, 41],
    ['an empty id', { owner: 'ann', id: '' }, 42],
    ['an id of 23 digits', { owner: 'ann', id: idOf(KEY).slice(1) }, 42],
    ['an id of 25 digits', { owner: 'ann', id: `${idOf(KEY)}0` }, 42],
    ['an id with a letter that is no digit', { owner: 'ann', id: `${idOf(KEY).slice(1)}g` }, 42],
    ['an id with a sign', { owner: 'ann', id: `${idOf(KEY).slice(1)}@` }, 42],
    ['an empty owner', { owner: '', id: idOf(KEY) }, 42],
  ])('refuses %s', (_, body, status) => {
    const shard = started();
    expect(shard.statusOf('SH_END_ID', undefined, body)).toBe(status);
    expect(shard.sessions.sessionCount).toBe(2);
  });

  test('counts a session that ends for its owner\u2019s limit', () => {
    const shard = started();
    shard.ask('SH_END_ID', undefined, { owner: 'ann', id: idOf(KEY) }, FLAG_OWNER_LOCKED);
    expect(shard.counter('ownerLimitHits')).toBe(1);
  });
});
