import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { EXISTS_ITEM_BYTES } from '../../../src/ring/records.js';
import { KEY } from '../../support/command-tests.js';
import { sessionKey, ShardHarness, type SessionKey } from '../../support/shard-harness.js';

/** The body as the I/O thread makes it: digests and slots, not msgpack. */
function digests(keys: readonly SessionKey[]): Uint8Array {
  const body = new DataView(new ArrayBuffer(keys.length * EXISTS_ITEM_BYTES));
  keys.forEach((key, item) => {
    [...key.digest, key.slot].forEach((word, index) => {
      body.setInt32(item * EXISTS_ITEM_BYTES + index * 4, word, true);
    });
  });
  return new Uint8Array(body.buffer);
}

function existing(shard: ShardHarness, keys: readonly SessionKey[]): number[] {
  const { status, body } = shard.callRaw(CATALOGUE.SH_EXISTS.op, undefined, digests(keys));
  expect(status).toBe(1);
  return [...(body as { exist: Uint8Array }).exist];
}

describe('SH_EXISTS', () => {
  test('says of each digest whether its session lives, in order, duplicates repeated', () => {
    const shard = new ShardHarness();
    for (const number of [1, 3, 5]) shard.start(sessionKey(number));
    const asked = [1, 2, 3, 3, 4, 5, 1].map(sessionKey);
    expect(existing(shard, asked)).toEqual([1, 0, 1, 1, 0, 1, 1]);
    expect(existing(shard, [])).toEqual([]);
  });

  test('takes a digest for unknown if only its slot differs', () => {
    const shard = new ShardHarness();
    shard.start(KEY);
    expect(existing(shard, [KEY, { ...KEY, slot: KEY.slot ^ 1 }])).toEqual([1, 0]);
  });

  test('is exact at the deadline', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { expiry: { duration: 2, deleteSession: true } });
    shard.clock.advance(1_999);
    expect(existing(shard, [KEY])).toEqual([1]);
    shard.clock.advance(1);
    expect(existing(shard, [KEY])).toEqual([0]);
  });

  test('finds a session whose data has gone at its deadline', () => {
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 2 } });
    shard.clock.advance(2_000);
    expect(existing(shard, [KEY])).toEqual([1]);
  });

  test('never extends a session', () => {
    const shard = new ShardHarness();
    const flags = { extendOnGet: true, extendOnSetAdd: true, deleteSession: true };
    shard.start(KEY, { expiry: { duration: 2, ...flags } });
    shard.clock.advance(1_500);
    expect(existing(shard, [KEY])).toEqual([1]);
    shard.clock.advance(500);
    expect(existing(shard, [KEY])).toEqual([0]);
  });

  test('answers for 50,000 digests at once', () => {
    const shard = new ShardHarness();
    for (let number = 0; number < 50; number += 1) shard.start(sessionKey(number * 1_000));
    const answer = existing(
      shard,
      Array.from({ length: 50_000 }, (_, number) => sessionKey(number)),
    );
    expect(answer).toEqual(Array.from({ length: 50_000 }, (_, n) => (n % 1_000 === 0 ? 1 : 0)));
  });
});
