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

describe('SH_GET', () => {
  const body = { keys: ['second', 'third', 'first'] };
  testMalformedBodies('SH_GET');
  testSessionIsNeeded('SH_GET', body);
  testExtension('SH_GET', body, 'read');
  testDefaultMap('SH_GET', body);
  testKeyList('SH_GET');

  test.each([3, 40])('gives those that exist and leaves out the others (of %i)', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, [i, { i }]]));
    shard.start(KEY, { keys });
    expect(shard.ask('SH_GET', KEY, { keys: ['k2', 'x', 'k0', 'k'] })).toEqual([
      1,
      { keys: { k2: [2, { i: 2 }], k0: [0, { i: 0 }] } },
    ]);
    expect(shard.ask('SH_GET', KEY, { keys: [] })).toEqual([1, { keys: {} }]);
  });

  test.each([2, 20, 40])('gives a key once that is named twice (beside %i others)', (count) => {
    const shard = new ShardHarness();
    const names = Array.from({ length: count }, (_, i) => `k${i}`);
    shard.start(KEY, { keys: { a: 1, ...Object.fromEntries(names.map((name) => [name, name])) } });
    const reply = shard.call('SH_GET', KEY, { keys: ['a', ...names, 'a', ...names, 'a'] });
    const once = shard.call('SH_GET', KEY, { keys: ['a', ...names] });
    expect(Object.keys(reply.body?.keys as object)).toEqual(['a', ...names]);
    expect(reply.bytes.length).toBe(once.bytes.length);
  });

  test('gives the version with version: true only', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    const versionOf = (): unknown =>
      shard.ask('SH_GET', KEY, { keys: [], version: true })[1]?.version;
    expect(versionOf()).toBe(0);
    for (let writes = 1; writes <= 300; writes += 1) {
      shard.ask('SH_SET', KEY, { keys: { a: writes } });
      if (writes % 100 === 0) expect(versionOf()).toBe(writes);
    }
    expect(shard.ask('SH_GET', KEY, { keys: ['a'], version: true })).toEqual([
      1,
      { keys: { a: 300 }, version: 300 },
    ]);
    expect(shard.ask('SH_GET', KEY, { keys: ['a'], version: false })).toEqual([
      1,
      { keys: { a: 300 } },
    ]);
    expect(shard.statusOf('SH_GET', KEY, { keys: ['a'], version: 1 })).toBe(41);
    expect(shard.statusOf('SH_GET', KEY, { version: 1 })).toBe(26);
  });

  test('gives many large values in one reply', () => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`k${i}`, `${i}`.repeat(60_000)]),
    );
    shard.start(KEY, { keys });
    expect(shard.ask('SH_GET', KEY, { keys: Object.keys(keys) })).toEqual([1, { keys }]);
  });

  test('reads the default map without a session', () => {
    const shard = new ShardHarness();
    expect(shard.ask('KV_GET', undefined, { keys: ['a'] })).toEqual([1, { keys: {} }]);
  });
});
