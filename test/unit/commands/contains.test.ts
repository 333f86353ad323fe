import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyList,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_CONTAINS', () => {
  const body = { keys: ['second', 'third', 'first'] };
  testMalformedBodies('SH_CONTAINS');
  testSessionIsNeeded('SH_CONTAINS', body);
  testExtension('SH_CONTAINS', body, 'read');
  testDefaultMap('SH_CONTAINS', body);
  testKeyList('SH_CONTAINS');

  test.each([2, 40])(
    'names those that exist, in request order, duplicates repeated (of %i)',
    (count) => {
      const shard = new ShardHarness();
      const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, null]));
      shard.start(KEY, { keys });
      expect(shard.ask('SH_CONTAINS', KEY, { keys: ['k1', 'x', 'k0', 'k1', 'K1', ''] })).toEqual([
        1,
        { contains: ['k1', 'k0', 'k1'] },
      ]);
    },
  );

  test('answers an empty list with an empty list', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_CONTAINS', KEY, { keys: [] })).toEqual([1, { contains: [] }]);
  });

  test('answers for 70,000 keys at once', () => {
    const shard = new ShardHarness();
    const names = Array.from({ length: 70_000 }, (_, i) => `key ${i}`);
    shard.start(KEY, { keys: Object.fromEntries(names.map((name) => [name, 1])) });
    const asked = names.flatMap((name, i) => (i % 3 === 0 ? [name, `no ${i}`] : [name]));
    expect(shard.ask('SH_CONTAINS', KEY, { keys: asked })).toEqual([1, { contains: names }]);
  });
});
