import { describe, expect, test } from 'vitest';
import { NOT_DURABLE, NOT_DURABLE_SIDE_ROAD, SIDE_ROAD } from '../../../src/ring/records.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testKeyList,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { recordedShard } from '../../support/recorded-shard.js';
import { ShardHarness } from '../../support/shard-harness.js';

describe('SH_TAKE', () => {
  const body = { keys: ['second', 'third', 'first'] };
  testMalformedBodies('SH_TAKE');
  testSessionIsNeeded('SH_TAKE', body);
  testExtension('SH_TAKE', body, 'write');
  testDefaultMap('SH_TAKE', body);
  testKeyList('SH_TAKE');

  test.each([4, 40])('gives those that exist and removes them (of %i)', (count) => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, [i, { i }]]));
    shard.start(KEY, { keys });
    const taken = { k2: [2, { i: 2 }], k0: [0, { i: 0 }] };
    const asked = { keys: ['k2', 'x', 'k0', 'k2'] };
    expect(shard.ask('SH_TAKE', KEY, asked)).toEqual([1, { keys: taken }]);
    const { k0: _k0, k2: _k2, ...rest } = keys;
    expect(shard.ask('SH_GET_ALL', KEY)).toEqual([1, { keys: rest }]);
    expect(shard.ask('SH_TAKE', KEY, asked)).toEqual([1, { keys: {} }]);
  });

  test('gives a value once, however often one command names it', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { code: '491 203' } });
    const keys = Array.from({ length: 50 }, () => 'code');
    const reply = shard.call('SH_TAKE', KEY, { keys });
    expect(reply.body).toEqual({ keys: { code: '491 203' } });
    expect(Buffer.from(reply.bytes).toString('latin1').split('491 203')).toHaveLength(2);
    expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: 0 }]);
  });

  test('is a write only if it took something', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 } });
    expect(shard.ask('SH_TAKE', KEY, { keys: [] })).toEqual([1, { keys: {} }]);
    shard.ask('SH_TAKE', KEY, { keys: ['b'] });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
    shard.ask('SH_TAKE', KEY, { keys: ['a'] });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 1, keyCnt: 0, bytes: 0 });
  });

  test('gives values of many blocks, and leaves no memory behind', () => {
    const shard = new ShardHarness();
    const keys = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`k${i}`, `${i % 10}`.repeat(60_000)]),
    );
    shard.start(KEY, { keys });
    expect(shard.ask('SH_TAKE', KEY, { keys: Object.keys(keys) })).toEqual([1, { keys }]);
    shard.settle();
    expect(shard.sessions.arena.bytes).toBe(0);
  });

  test.each([
    ['in the ring', 'c', NOT_DURABLE],
    ['beside it', 'c'.repeat(600_000), NOT_DURABLE_SIDE_ROAD],
  ])('gives nothing out whose removal could not be logged: a reply %s', (_, code, mark) => {
    const files = new MemoryFiles();
    const shard = new ShardHarness({ files });
    shard.start(KEY, { keys: { code, other: 1 } });
    files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    const reply = shard.call('SH_TAKE', KEY, { keys: ['code'] });
    expect(reply.tokenAt).toBe(mark);
    // From now on it is refused beforehand, and takes nothing.
    expect(shard.statusOf('SH_TAKE', KEY, { keys: ['other'] })).toBe(210);
    expect(shard.ask('SH_CONTAINS', KEY, { keys: ['other'] })[1]).toEqual({ contains: ['other'] });
    files.fault = () => undefined;
    shard.clock.advance(1_000);
    shard.loop.runTurn();
    expect(shard.ask('SH_TAKE', KEY, { keys: ['other'] })).toEqual([1, { keys: { other: 1 } }]);
  });

  test('leaves entries from which a replay gets the same', () => {
    const { shard, expectSameAfterReplay } = recordedShard();
    const keys = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, i]));
    shard.start(KEY, { keys, expiry: { duration: 10, extendOnSetAdd: true } });
    shard.ask('KV_SET', undefined, { keys });
    for (let i = 0; i < 60; i += 7) {
      shard.clock.advance(100);
      shard.ask('SH_TAKE', KEY, { keys: [`k${i}`, `k${(i * 3) % 60}`, 'x'] });
      shard.ask('KV_TAKE', undefined, { keys: [`k${59 - i}`] });
    }
    expectSameAfterReplay();
  });

  test('replies beside the ring where the values are many', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 'v'.repeat(400_000) } });
    expect(shard.call('SH_TAKE', KEY, { keys: ['a'] }).tokenAt).toBe(SIDE_ROAD);
  });
});
