import { describe, expect, test } from 'vitest';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_COUNT', () => {
  testMalformedBodies('SH_COUNT');
  testSessionIsNeeded('SH_COUNT', null);
  testExtension('SH_COUNT', null, 'read');
  testDefaultMap('SH_COUNT', null);

  test('counts keys through growth, replacement and removal', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    const counted = (): unknown => shard.ask('SH_COUNT', KEY)[1]?.cnt;
    expect(counted()).toBe(0);
    for (let count = 1; count <= 70; count += 1) {
      shard.ask('SH_SET', KEY, { keys: { [`k${count}`]: count, k1: 0 } });
      expect(counted()).toBe(count);
    }
    for (let count = 70; count > 0; count -= 1) {
      shard.ask('SH_RMV', KEY, { keys: [`k${count}`, 'never there'] });
      expect(counted()).toBe(count - 1);
    }
  });
});
