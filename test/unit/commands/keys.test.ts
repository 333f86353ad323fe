import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';
import { EDGE_KEYS } from '../../support/stored-values.js';

describe('SH_KEYS', () => {
  testMalformedBodies('SH_KEYS');
  testSessionIsNeeded('SH_KEYS', null);
  testExtension('SH_KEYS', null, 'read');
  testDefaultMap('SH_KEYS', null);

  test.each([0, 1, 15, 16, 32, 33, 70_000])('lists %i names in insertion order', (count) => {
    const shard = new ShardHarness();
    const names = Array.from({ length: count }, (_, i) => `k${(i * 7_919) % 70_001}`);
    shard.start(KEY, { keys: Object.fromEntries(names.map((name) => [name, null])) });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: names }]);
  });

  test.each([3, 40])('keeps the order through replacement, removal and return (of %i)', (count) => {
    const shard = new ShardHarness();
    const names = Array.from({ length: count }, (_, i) => `k${i}`);
    shard.start(KEY, { keys: Object.fromEntries(names.map((name) => [name, 1])) });
    shard.ask('SH_SET', KEY, { keys: { k1: 'a longer value', k2: null } });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: names }]);
    shard.ask('SH_RMV', KEY, { keys: ['k0'] });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: names.slice(1) }]);
    shard.ask('SH_ADD', KEY, { keys: { k0: 1 } });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: [...names.slice(1), 'k0'] }]);
  });

  test('keeps the order when a session grows big and when it shrinks again', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    const names: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      names.push(`k${i}`);
      shard.ask('SH_SET', KEY, { keys: { [`k${i}`]: i } });
    }
    while (names.length > 0) {
      expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: names }]);
      const [gone] = names.splice((names.length * 7) % names.length, 1);
      shard.ask('SH_RMV', KEY, { keys: [gone] });
    }
  });

  test('lists names of every length and width as they are', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: Object.fromEntries(EDGE_KEYS.map((name) => [name, name])) });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: EDGE_KEYS }]);
  });
});
