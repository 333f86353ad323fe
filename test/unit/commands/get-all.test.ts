import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_GET_ALL', () => {
  testMalformedBodies('SH_GET_ALL');
  testSessionIsNeeded('SH_GET_ALL', null);
  testExtension('SH_GET_ALL', null, 'read');
  testDefaultMap('SH_GET_ALL', null);

  test.each([0, 1, 15, 16, 32, 33, 65_536])('gives %i keys in insertion order', (count) => {
    const shard = new ShardHarness();
    const pairs = Array.from({ length: count }, (_, i) => [`k${(i * 7_919) % 65_537}`, i] as const);
    shard.start(KEY, { keys: Object.fromEntries(pairs) });
    const [status, body] = shard.ask('SH_GET_ALL', KEY);
    expect(status).toBe(1);
    expect(Object.entries(body?.keys as object)).toEqual(pairs);
  });

  test('gives values longer than a block of the arena', () => {
    const shard = new ShardHarness();
    const keys = { a: 'x'.repeat(50_000), b: 1, c: 'y'.repeat(200_000), d: '' };
    shard.start(KEY, { keys });
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys }]);
  });
});
