import { describe, expect, test } from 'vitest';
import {
  KEY,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_UNWATCH', () => {
  testMalformedBodies('SH_UNWATCH');
  testSessionIsNeeded('SH_UNWATCH', null);
  testExtension('SH_UNWATCH', null, 'none');

  test('gives row and watch number, which stay until the thread has no watcher', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(shard.ask('SH_UNWATCH', KEY)).toEqual([1, { row: 0, watch: 0 }]);
    shard.ask('SH_WATCH', KEY);
    expect(shard.ask('SH_UNWATCH', KEY)).toEqual([1, { row: 0, watch: 1 }]);
    expect(shard.ask('SH_UNWATCH', KEY)).toEqual([1, { row: 0, watch: 1 }]);
    shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    expect(shard.pushes()).toHaveLength(1);
  });
});
