import { describe, expect, test } from 'vitest';
import { FLAG_LENIENT, FLAG_NO_TOKEN } from '../../../src/ring/records.js';
import {
  KEY,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { recordedShard } from '../../support/recorded-shard.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

function start(keys: Record<string, unknown>, options = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY, { keys });
  return shard;
}

function content(shard: ShardHarness): unknown {
  return shard.ask('SH_GET_ALL', KEY)[1]?.keys;
}

describe('SH_CAS', () => {
  testMalformedBodies('SH_CAS');
  testSessionIsNeeded('SH_CAS', { version: 0, set: { a: 1 } }, 207);
  testExtension('SH_CAS', { version: 0, set: { a: 1 }, rmv: ['second'] }, 'write');

  test.each([
    ['no body', null, 26],
    ['no version', { set: {} }, 26],
    ['rmv: a map, before a missing version', { rmv: {} }, 41],
    ['rmv: an item that is no string', { rmv: [1], version: 0 }, 41],
    ['set: an array', { set: [], version: 0 }, 41],
    ['set: nil', { set: null, version: 0 }, 41],
    ['version: -1', { version: -1 }, 41],
    ['version: 1.5', { version: 1.5 }, 41],
    ['version: a string', { version: '0' }, 41],
    ['version: nil', { version: null }, 41],
    ['a key of 513 bytes to store', { version: 0, set: { ['k'.repeat(513)]: 1 } }, 42],
    ['a key of 513 bytes to remove', { version: 0, rmv: ['k'.repeat(513)] }, 42],
  ])('refuses %s before it looks for the session', (_, wrong, status) => {
    expect(new ShardHarness().statusOf('SH_CAS', KEY, wrong)).toBe(status);
  });

  test('answers 204 for more keys than allowed, in either list', () => {
    const shard = start({}, { limits: { keysMax: 2 } });
    const three = ['a', 'b', 'c'];
    expect(shard.statusOf('SH_CAS', KEY, { version: 0, rmv: three })).toBe(204);
    const set = Object.fromEntries(three.map((key) => [key, 1]));
    expect(shard.statusOf('SH_CAS', KEY, { version: 0, set })).toBe(204);
    const both = { version: 0, rmv: ['a', 'b'], set: { c: 1, d: 2 } };
    expect(shard.statusOf('SH_CAS', KEY, both)).toBe(1);
  });

  test('passes over items of the wrong type to remove in a text request', () => {
    const shard = start({ a: 1, b: 2 });
    expect(shard.statusOf('SH_CAS', KEY, { version: 0, rmv: [1, 'a', null] }, FLAG_LENIENT)).toBe(
      1,
    );
    expect(content(shard)).toEqual({ b: 2 });
  });

  test.each([3, 40])('removes and stores in one step at the version given (%i keys)', (count) => {
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    const shard = start(keys);
    const body = { version: 0, rmv: ['k1', 'x', 'k1'], set: { k2: 'new', added: [1] } };
    expect(shard.ask('SH_CAS', KEY, body)).toEqual([1, { version: 1 }]);
    const { k1: _k1, ...rest } = keys;
    expect(content(shard)).toEqual({ ...rest, k2: 'new', added: [1] });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: [...Object.keys(rest), 'added'] }]);
  });

  test('changes nothing at another version and tells the one that is', () => {
    const shard = start({ a: 1 });
    for (let i = 0; i < 300; i += 1) shard.ask('SH_SET', KEY, { keys: { a: i } });
    const body = { rmv: ['a'], set: { b: 1 } };
    for (const version of [0, 299, 301, 2 ** 32 + 300, 2 ** 53 - 1]) {
      expect(shard.ask('SH_CAS', KEY, { ...body, version })).toEqual([207, { version: 300 }]);
    }
    expect(content(shard)).toEqual({ a: 299 });
    expect(shard.ask('SH_CAS', KEY, { ...body, version: 300 })).toEqual([1, { version: 301 }]);
    expect(content(shard)).toEqual({ b: 1 });
  });

  test.each<[string, object, number]>([
    ['neither list', {}, 0],
    ['empty lists', { rmv: [], set: {} }, 0],
    ['a key to remove that is not there', { rmv: ['x'] }, 0],
    ['a key to remove', { rmv: ['a'] }, 1],
    ['a key to store as it is', { set: { a: 1 } }, 1],
  ])('is a write only if it changed something: %s', (_, lists, version) => {
    const shard = start({ a: 1 });
    expect(shard.ask('SH_CAS', KEY, { version: 0, ...lists })).toEqual([1, { version }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version });
  });

  test('forgets what the command before removed', () => {
    const shard = start({ a: 1, b: 2 });
    shard.ask('SH_CAS', KEY, { version: 0, rmv: ['a'] });
    shard.ask('SH_SET', KEY, { keys: { a: 3 } });
    expect(shard.ask('SH_CAS', KEY, { version: 2, set: { c: 4 } })).toEqual([1, { version: 3 }]);
    expect(content(shard)).toEqual({ b: 2, a: 3, c: 4 });
  });

  test('moves a key to the end that it removes and stores', () => {
    const shard = start({ a: 1, b: 2 });
    shard.ask('SH_CAS', KEY, { version: 0, rmv: ['a'], set: { a: 3 } });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['b', 'a'] }]);
    expect(content(shard)).toEqual({ b: 2, a: 3 });
  });

  test('counts what goes against the bytes of a session, each key once', () => {
    const limits = { sessionBytesMax: 65_536 };
    const big = 'v'.repeat(60_000);
    const body = (rmv: string[], set: object): object => ({ version: 0, rmv, set });
    const statusOf = (rmv: string[], set: object): number =>
      start({ a: big, b: 1 }, { limits }).statusOf('SH_CAS', KEY, body(rmv, set));
    expect(statusOf([], { c: big })).toBe(204);
    expect(statusOf(['a'], { c: big })).toBe(1);
    expect(statusOf(['b'], { a: big })).toBe(1);
    expect(statusOf(['a', 'a', 'a'], { c: big, d: big })).toBe(204);
    expect(statusOf(['a'], { a: big, d: big })).toBe(204);
    const shard = start({ a: big, b: 1 }, { limits });
    expect(shard.statusOf('SH_CAS', KEY, body(['b'], { c: big }))).toBe(204);
    expect(content(shard)).toEqual({ a: big, b: 1 });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
  });

  test('may make a session that is too full smaller', () => {
    const shard = start({ a: 'v'.repeat(60_000) }, { limits: { sessionBytesMax: 1_000_000 } });
    const small = new ShardHarness({ attachTo: shard, limits: { sessionBytesMax: 50_000 } });
    expect(small.statusOf('SH_CAS', KEY, { version: 0, set: { b: 1 } })).toBe(204);
    expect(small.statusOf('SH_CAS', KEY, { version: 0, rmv: ['a'], set: { b: 1 } })).toBe(1);
  });

  test('answers 205 where there is no memory, and changes nothing', () => {
    const shard = start({ a: 1 }, { admission: { memoryBytesMax: 8_192 } });
    const body = { version: 0, rmv: ['a'], set: { b: 'v'.repeat(20_000) } };
    expect(shard.statusOf('SH_CAS', KEY, body)).toBe(205);
    expect(content(shard)).toEqual({ a: 1 });
  });

  test('works on the default map by its own version', () => {
    const shard = start({ a: 1 });
    const ask = (body: object): unknown => shard.ask('KV_CAS', undefined, body, FLAG_NO_TOKEN);
    expect(ask({ version: 0, set: { a: 5, b: 6 } })).toEqual([1, { version: 1 }]);
    expect(ask({ version: 0, rmv: ['a'] })).toEqual([207, { version: 1 }]);
    expect(shard.ask('KV_GET_ALL', undefined)).toEqual([1, { keys: { a: 5, b: 6 } }]);
    expect(content(shard)).toEqual({ a: 1 });
  });

  test('leaves entries from which a replay gets the same', () => {
    const { shard, expectSameAfterReplay } = recordedShard();
    const other = sessionKey(5);
    shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 10, extendOnSetAdd: true } });
    shard.start(other, { keys: { a: 1 } });
    for (let version = 0; version < 60; version += 1) {
      shard.clock.advance(100);
      const body = {
        version,
        rmv: [`k${version % 7}`, `k${version % 5}`],
        set: { [`k${(version * 3) % 50}`]: 'v'.repeat(version * 7), [`k${version}`]: version },
      };
      expect(shard.statusOf('SH_CAS', KEY, body)).toBe(1);
      expect(shard.statusOf('SH_CAS', other, { ...body, version: 7_777 })).toBe(207);
    }
    expectSameAfterReplay();
  });
});
