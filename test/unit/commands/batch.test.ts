import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/protocol/catalogue.js';
import { FLAG_LENIENT, FLAG_NO_TOKEN, NOT_DURABLE } from '../../../src/ring/records.js';
import {
  KEY,
  testDefaultMap,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { bytes, nested, str } from '../../support/msgpack-bytes.js';
import { Random } from '../../support/random.js';
import { recordedShard } from '../../support/recorded-shard.js';
import { describeStates, entriesOf } from '../../support/replay.js';
import { sessionKey, ShardHarness } from '../../support/shard-harness.js';

type Item = readonly [op: number, body: object | null];

const [SET, ADD, GET, GET_ALL, RMV, CONTAINS, LIST_KEYS, COUNT, CLEAR, CLEAR_SET] = [
  32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
];
const [INC, TAKE, CAS, UPDATE, FIND, BATCH] = [42, 43, 44, 45, 46, 47];
/** Fails in any session. */
const FAILING: Item = [UPDATE, { key: 'no such key', path: '', value: 1 }];

function nameOf(op: number): string {
  return Object.entries(CATALOGUE).find(([, spec]) => spec.op === op)?.[0] ?? '';
}

function batch(shard: ShardHarness, ...cmds: Item[]): readonly [number, unknown] {
  return shard.ask('SH_BATCH', KEY, { cmds });
}

function start(keys: Record<string, unknown> = {}, options = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY, { keys });
  return shard;
}

function content(shard: ShardHarness): unknown {
  return shard.ask('SH_GET_ALL', KEY)[1]?.keys;
}

function manyKeys(count: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
}

describe('SH_BATCH', () => {
  testMalformedBodies('SH_BATCH');
  testSessionIsNeeded('SH_BATCH', { cmds: [[GET, { keys: ['first'] }]] });
  testDefaultMap('SH_BATCH', {
    cmds: [
      [INC, { key: 'n' }],
      [RMV, { keys: ['first'] }],
      [GET_ALL, null],
    ],
  });
  describe('of reads', () => {
    testExtension('SH_BATCH', { cmds: [[COUNT, null]] }, 'read');
  });
  describe('of writes', () => {
    testExtension('SH_BATCH', { cmds: [[CLEAR, null]] }, 'write');
  });

  test.each<[string, unknown, number]>([
    ['no body', null, 26],
    ['no cmds', {}, 26],
    ['cmds: nil', { cmds: null }, 41],
    ['cmds: a map', { cmds: {} }, 41],
    ['a command that is no array', { cmds: [GET] }, 41],
    ['a command without a body', { cmds: [[COUNT]] }, 41],
    ['a command of three parts', { cmds: [[COUNT, null, null]] }, 41],
    ['an op that is a string', { cmds: [['SH_COUNT', null]] }, 41],
    ['a negative op', { cmds: [[-1, null]] }, 41],
    ['an op that is a fraction', { cmds: [[32.5, null]] }, 41],
    ['a body that is an array', { cmds: [[COUNT, []]] }, 41],
    ['a body that is a string', { cmds: [[COUNT, 'x']] }, 41],
    ['a wrong shape after a good one', { cmds: [[COUNT, null], 7] }, 41],
    ['no commands', { cmds: [] }, 42],
    ['129 commands', { cmds: Array.from({ length: 129 }, () => [COUNT, null]) }, 42],
    ['a batch within the batch', { cmds: [[BATCH, { cmds: [[COUNT, null]] }]] }, 42],
    ['SH_END', { cmds: [[3, null]] }, 42],
    ['SH_INFO', { cmds: [[6, null]] }, 42],
    ['a KV_ number', { cmds: [[SET + 64, { keys: {} }]] }, 42],
    ['an op beyond all', { cmds: [[2 ** 40, null]] }, 42],
  ])('refuses %s before it looks for the session', (_, wrong, status) => {
    expect(new ShardHarness().statusOf('SH_BATCH', KEY, wrong)).toBe(status);
  });

  test('refuses a list cut short or without end with 2', () => {
    const shard = start();
    for (const list of [bytes(0x91), bytes(0xdd, 0, 0, 0, 9, 0x92), bytes(0x91, 0x92, GET)]) {
      const body = bytes(0x81, str('cmds'), list);
      expect(shard.callRaw(BATCH, KEY, body).status).toBe(2);
    }
  });

  test('executes all data commands in order, each on what those before it left', () => {
    const shard = start({ a: 1, cart: { n: [1, 2] } });
    const answer = batch(
      shard,
      [SET, { keys: { b: 2 } }],
      [ADD, { keys: { b: 3, c: 3 } }],
      [GET, { keys: ['b', 'c', 'x'], version: true }],
      [INC, { key: 'b', by: 40 }],
      [UPDATE, { key: 'cart', path: '/n/1', value: 'two' }],
      [TAKE, { keys: ['c', 'x'] }],
      [CONTAINS, { keys: ['c', 'b'] }],
      [CAS, { version: 5, rmv: ['a'], set: { d: 4 } }],
      [LIST_KEYS, null],
      [COUNT, {}],
      [FIND, { path: '$.n[1]', rsp: 'kv' }],
      [RMV, { keys: ['d', 'x'] }],
      [GET_ALL, null],
      [CLEAR, null],
      [CLEAR_SET, { keys: { z: 1 } }],
    );
    expect(answer).toEqual([
      1,
      {
        rsps: [
          [1, null],
          [1, null],
          [1, { keys: { b: 2, c: 3 }, version: 2 }],
          [1, { value: 42 }],
          [1, { cnt: 1 }],
          [1, { keys: { c: 3 } }],
          [1, { contains: ['b'] }],
          [1, { version: 6 }],
          [1, { keys: ['cart', 'b', 'd'] }],
          [1, { cnt: 3 }],
          [1, { keys: { cart: { n: [1, 'two'] } } }],
          [1, { cnt: 1 }],
          [1, { keys: { cart: { n: [1, 'two'] }, b: 42 } }],
          [1, { cnt: 2 }],
          [1, { cnt: 0 }],
        ],
      },
    ]);
    expect(content(shard)).toEqual({ z: 1 });
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 9, keyCnt: 1 });
  });

  test('holds 128 commands', () => {
    const shard = start();
    const cmds = Array.from({ length: 128 }, () => [INC, { key: 'n' }] as const);
    const [status, body] = batch(shard, ...cmds);
    expect(status).toBe(1);
    expect((body as { rsps: unknown[] }).rsps).toHaveLength(128);
    expect(content(shard)).toEqual({ n: 128 });
  });

  test.each<[string, Item, number]>([
    ['no such key', FAILING, 22],
    ['another version', [CAS, { version: 77, set: {} }], 207],
    ['a number that is not finite', [INC, { key: 'n', by: Infinity }], 42],
    ['no pointer', [UPDATE, { key: 'a', path: 'a', value: 1 }], 4],
    ['no path', [FIND, { path: '$[', rsp: 'kv' }], 4],
    ['a form that is unknown', [FIND, { path: '$', rsp: 'x' }], 13],
    ['a parameter missing', [SET, {}], 26],
    ['no body', [GET, null], 26],
    ['a parameter of the wrong type', [GET, { keys: {} }], 41],
    ['an empty list', [RMV, { keys: [] }], 42],
    ['a session too large', [SET, { keys: { v: 'v'.repeat(70_000) } }], 204],
    ['a value too deep', [SET, { keys: { v: deep(65) } }], 42],
  ])('stops at the first failure, undoes all and has its status: %s', (_, item, status) => {
    const shard = start({ a: 1, text: 'x' }, { limits: { sessionBytesMax: 65_536 } });
    const answer = batch(shard, [INC, { key: 'a' }], [TAKE, { keys: ['text'] }], item, [CLEAR, {}]);
    expect(answer[0]).toBe(status);
    const { rsps } = answer[1] as { rsps: [number, unknown][] };
    expect(rsps.slice(0, 2)).toEqual([
      [1, { value: 2 }],
      [1, { keys: { text: 'x' } }],
    ]);
    expect(rsps).toHaveLength(3);
    expect(rsps[2]?.[0]).toBe(status);
    expect(content(shard)).toEqual({ a: 1, text: 'x' });
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['a', 'text'] }]);
    expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ version: 0 });
  });

  test('answers 208 for the whole where one adds to what is no number', () => {
    const shard = start({ text: 'x' });
    const answer = batch(shard, [SET, { keys: { a: 1 } }], [INC, { key: 'text' }]);
    expect(answer).toEqual([
      208,
      {
        rsps: [
          [1, null],
          [208, expect.anything()],
        ],
      },
    ]);
    expect(content(shard)).toEqual({ text: 'x' });
  });

  test('undoes the extension of the deadline, too', () => {
    for (const item of [COUNT, CLEAR]) {
      const shard = new ShardHarness();
      const flags = { extendOnGet: true, extendOnSetAdd: true, deleteSession: true };
      shard.start(KEY, { keys: { a: 1 }, expiry: { duration: 10, ...flags } });
      shard.clock.advance(6_000);
      expect(batch(shard, [item, null], FAILING)[0]).toBe(22);
      expect(shard.ask('SH_INFO', KEY)[1]).toMatchObject({ expiry: { remaining: 4 } });
      shard.clock.advance(3_999);
      expect(shard.statusOf('SH_INFO', KEY)).toBe(1);
      shard.clock.advance(1);
      expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
    }
  });

  test('passes over items of the wrong type in lists of a text request', () => {
    const shard = start({ a: 1 });
    const cmds = [[GET, { keys: [1, 'a', null] }]];
    const answer = [1, { rsps: [[1, { keys: { a: 1 } }]] }];
    expect(shard.ask('SH_BATCH', KEY, { cmds }, FLAG_LENIENT)).toEqual(answer);
    expect(shard.statusOf('SH_BATCH', KEY, { cmds })).toBe(41);
  });

  test.each([3, 60])('gives answers larger than the ring (session of %i keys)', (count) => {
    const value = 'v'.repeat(200_000);
    const shard = start(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])));
    const answer = batch(
      shard,
      [SET, { keys: { k0: value, k1: value } }],
      [GET, { keys: ['k0', 'k1', 'k2'] }],
      [COUNT, null],
    );
    const keys = { k0: value, k1: value, k2: 2 };
    expect(answer).toEqual([
      1,
      {
        rsps: [
          [1, null],
          [1, { keys }],
          [1, { cnt: count }],
        ],
      },
    ]);
  });

  test('answers 204 for answers too large together, and undoes what was done', () => {
    const shard = start({ a: 'v'.repeat(60_000) }, { limits: { sessionBytesMax: 65_536 } });
    const read: Item = [GET_ALL, null];
    expect(batch(shard, [INC, { key: 'n' }], read, read)[0]).toBe(1);
    const answer = batch(shard, [INC, { key: 'n' }], read, read, read);
    expect(answer).toEqual([204, { m: expect.any(String) as string }]);
    expect(shard.ask('SH_GET', KEY, { keys: ['n'] })).toEqual([1, { keys: { n: 1 } }]);
  });

  test('answers 205 where a command finds no memory, and undoes those before it', () => {
    const shard = start({ a: 1 }, { admission: { memoryBytesMax: 16_384 } });
    const big = { keys: { v: 'v'.repeat(20_000) } };
    expect(batch(shard, [INC, { key: 'a' }], [SET, big])[0]).toBe(205);
    expect(content(shard)).toEqual({ a: 1 });
    expect(batch(shard, [INC, { key: 'a' }])[0]).toBe(1);
  });

  test('answers 100 where making room has ended the session itself, and others stay whole', () => {
    const admission = { memoryBytesMax: 65_536, evictsSoonest: true };
    const { shard, expectSameAfterReplay } = recordedShard({ admission });
    shard.start(sessionKey(2), { keys: { v: 'v'.repeat(30_000) } });
    shard.start(KEY, { keys: { v: 'v'.repeat(20_000) }, expiry: { duration: 60 } });
    const answer = batch(
      shard,
      [INC, { key: 'n' }],
      [SET, { keys: { w: 'w'.repeat(30_000) } }],
      [GET_ALL, null],
    );
    expect(answer[0]).toBe(100);
    expect(shard.statusOf('SH_COUNT', KEY)).toBe(100);
    expect(shard.ask('SH_COUNT', sessionKey(2))).toEqual([1, { cnt: 1 }]);
    expectSameAfterReplay();
  });

  test('is refused where it holds more queries than milliseconds for them', () => {
    const value = deep(60);
    const shard = start({ value }, { limits: { findMsMax: 20 } });
    const query: Item = [FIND, { path: '$', rsp: 'keys' }];
    const many = Array.from({ length: 21 }, () => query);
    const refusal = [204, { m: 'a batch holds at most 20 SH_FIND' }];
    expect(batch(shard, [INC, { key: 'n' }], ...many)).toEqual(refusal);
    expect(content(shard)).toEqual({ value });
    expect(shard.counter('findLimitHits')).toBe(1);
  });

  test('holds all queries together to the time of one', () => {
    const path = '$..*..*..*..*..*';
    const value = deep(60);
    const shard = start({ value }, { limits: { findMsMax: 200 } });
    const cmds = Array.from({ length: 100 }, (): Item => [FIND, { path, rsp: 'paths' }]);
    expect(batch(shard, [INC, { key: 'n' }], ...cmds)).toEqual([
      204,
      {
        rsps: [
          [1, { value: 1 }],
          [204, { m: 'SH_FIND runs for at most 2 ms' }],
        ],
      },
    ]);
    expect(content(shard)).toEqual({ value });
    expect(shard.counter('findLimitHits')).toBe(1);
  });

  test('is refused with 210 beforehand while the log fails, and marked if the log fails under it', () => {
    const files = new MemoryFiles();
    const shard = new ShardHarness({ files });
    shard.start(KEY, { keys: { a: 1 } });
    files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    const body = { cmds: [[TAKE, { keys: ['a'] }]] };
    expect(shard.call('SH_BATCH', KEY, body).tokenAt).toBe(NOT_DURABLE);
    expect(shard.statusOf('SH_BATCH', KEY, body)).toBe(210);
    expect(shard.statusOf('SH_BATCH', KEY, { cmds: [[COUNT, null]] })).toBe(210);
  });

  test('is one batch in the log, which is whole or not there', () => {
    const shard = new ShardHarness({ files: new MemoryFiles(), ringBytes: 16 << 20 });
    shard.start(KEY);
    const value = 'v'.repeat(30_000);
    const cmds = Array.from({ length: 100 }, (_, i) => [SET, { keys: { [`k${i}`]: value } }]);
    const written = shard.counter('logBatches');
    expect(shard.statusOf('SH_BATCH', KEY, { cmds })).toBe(1);
    expect(shard.counter('logBatches')).toBe(written + 1);
  });

  test('works on the default map and undoes there', () => {
    const { shard, expectSameAfterReplay } = recordedShard();
    const ask = (...cmds: Item[]): unknown =>
      shard.ask('KV_BATCH', undefined, { cmds }, FLAG_NO_TOKEN);
    expect(ask([INC, { key: 'n' }], [GET_ALL, null])).toEqual([
      1,
      {
        rsps: [
          [1, { value: 1 }],
          [1, { keys: { n: 1 } }],
        ],
      },
    ]);
    expect(ask([CLEAR, null], FAILING)).toEqual([22, expect.anything()]);
    expect(shard.ask('KV_GET_ALL', undefined)).toEqual([1, { keys: { n: 1 } }]);
    expectSameAfterReplay();
  });

  test('takes values of any depth allowed', () => {
    const shard = start();
    const set = bytes(0x81, str('keys'), 0x81, str('v'), nested(64));
    const cmds = bytes(0x81, str('cmds'), 0x91, 0x92, SET, set);
    expect(shard.callRaw(BATCH, KEY, cmds).status).toBe(1);
    expect(shard.ask('SH_COUNT', KEY)).toEqual([1, { cnt: 1 }]);
  });
});

describe('random batches', () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'do as their commands one by one, or nothing at all (seed %i)',
    (seed) => {
      const random = new Random(seed);
      const { shard, effects, expectSameAfterReplay } = recordedShard();
      const single = new ShardHarness();
      const expiry = { duration: 1_000, extendOnSetAdd: true, extendOnGet: seed % 2 === 0 };
      const body = { keys: manyKeys(seed * 6), expiry };
      shard.start(KEY, body);
      single.start(KEY, body);
      for (let round = 0; round < 40; round += 1) {
        shard.clock.advance(100);
        single.clock.advance(100);
        const cmds = Array.from({ length: 1 + random.below(6) }, () => randomItem(random));
        if (random.below(3) === 0) {
          const before = describeStates(shard, shard.clock.nowMs());
          const entries = entriesOf(effects);
          expect(batch(shard, ...cmds, FAILING)[0]).toBe(22);
          expect(describeStates(shard, shard.clock.nowMs())).toEqual(before);
          expect(Buffer.compare(entriesOf(effects), entries)).toBe(0);
          continue;
        }
        const rsps = cmds.map(([op, each]) => [...single.ask(nameOf(op), KEY, each)]);
        expect(batch(shard, ...cmds)).toEqual([1, { rsps }]);
        const nowMs = shard.clock.nowMs();
        expect(describeStates(shard, nowMs)).toEqual(describeStates(single, nowMs));
      }
      shard.settle();
      expectSameAfterReplay();
    },
  );
});

/** Commands that never fail, on keys enough for a session to become big and small again. */
function randomItem(random: Random): Item {
  const key = (): string => `k${random.below(60)}`;
  const value = (): unknown =>
    random.below(8) === 0 ? 'v'.repeat(random.below(3_000)) : random.below(1_000);
  const keys = (): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: random.below(12) }, () => [key(), value()]));
  const names = (): string[] => Array.from({ length: 1 + random.below(12) }, key);
  const items: (() => Item)[] = [
    () => [SET, { keys: keys() }],
    () => [ADD, { keys: keys() }],
    () => [RMV, { keys: names() }],
    () => [TAKE, { keys: names() }],
    () => [GET, { keys: names(), version: true }],
    () => [LIST_KEYS, null],
    () => [INC, { key: `n${random.below(3)}`, by: random.below(100) }],
    () => (random.below(5) === 0 ? [CLEAR, null] : [GET_ALL, null]),
    () => (random.below(5) === 0 ? [CLEAR_SET, { keys: keys() }] : [COUNT, null]),
  ];
  return items[random.below(items.length)]!();
}

/** Arrays inside one another. */
function deep(levels: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

test('a batch of one command costs no more room than its answer', () => {
  const shard = start();
  const alone = shard.call('SH_COUNT', KEY, null).bytes.length;
  const body = encode({ cmds: [[COUNT, null]] });
  const whole = shard.callRaw(BATCH, KEY, body).bytes.length;
  expect(whole - alone).toBeLessThan(16);
});
