import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyMap,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_ADD', () => {
  const body = { keys: { first: 'another', third: 3 } };
  testMalformedBodies('SH_ADD');
  testSessionIsNeeded('SH_ADD', body);
  testExtension('SH_ADD', body, 'write');
  testDefaultMap('SH_ADD', body);
  testKeyMap('SH_ADD', true);

  test.each([2, 40])('stores the absent keys and leaves the others (of %i)', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_ADD', KEY, { keys: { k1: 'x', new: 'y', k0: 'z' } })).toEqual([1, null]);
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: { ...keys, new: 'y' } }]);
  });

  test('is a write only if it stored something', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_ADD', KEY, { keys: { a: 2 } })).toEqual([1, null]);
    expect(shard.ask('SH_ADD', KEY, { keys: {} })).toEqual([1, null]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
    expect(shard.ask('SH_ADD', KEY, { keys: { a: 2, b: 3 } })).toEqual([1, null]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 1 });
  });

  test('answers 204 beyond the bytes of a session and adds nothing', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    shard.start(KEY, { keys: { a: 'v'.repeat(40_000) } });
    expect(shard.statusOf('SH_ADD', KEY, { keys: { b: 1, c: 'v'.repeat(30_000) } })).toBe(204);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['a'] }]);
  });

  test('counts what it leaves in place as it is, not as it was sent', () => {
    const shard = new ShardHarness({ limits: { sessionBytesMax: 65_536 } });
    shard.start(KEY, { keys: { a: 'v'.repeat(40_000) } });
    // The short value for `a` does not replace the long one, so there is no room for `b`.
    expect(shard.statusOf('SH_ADD', KEY, { keys: { a: 1, b: 'v'.repeat(40_000) } })).toBe(204);
    // And the long value for `a` is not stored, so it takes no room.
    expect(shard.statusOf('SH_ADD', KEY, { keys: { a: 'v'.repeat(60_000), b: 1 } })).toBe(1);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['a', 'b'] }]);
  });
});
