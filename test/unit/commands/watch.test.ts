import { encode, ExtData } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import {
  KEY,
  testExtension,
  testMalformedBodies,
  testSessionIsNeeded,
} from '../../support/command-tests.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { sessionKey, ShardHarness, type SessionKey } from '../../support/shard-harness.js';

const OTHER = sessionKey(2);
const UNWATCHED = 255;

/** The public id that follows from a key's digest. */
function idOf({ digest }: SessionKey): string {
  return Buffer.from(Int32Array.from(digest.slice(0, 3)).buffer).toString('hex');
}
const ID = idOf(KEY);

/** A shard whose session KEY holds these keys and is watched. */
function watched(keys: object = {}, options: object = {}, more: object = {}): ShardHarness {
  const shard = new ShardHarness(options);
  shard.start(KEY, { keys, ...more });
  expect(shard.statusOf('SH_WATCH', KEY)).toBe(1);
  expect(shard.pushed()).toEqual([]);
  return shard;
}

/** Tells the shard that its one I/O thread has no watcher left. */
function unwatch(shard: ShardHarness, row: number, watch: number): void {
  shard.pushRaw(UNWATCHED, { digest: [row, watch, 0, 0], slot: 0 }, new Uint8Array(0));
  shard.loop.runTurn();
  expect(shard.replies()).toEqual([]);
}

describe('SH_WATCH', () => {
  testMalformedBodies('SH_WATCH');
  testSessionIsNeeded('SH_WATCH', null);
  testExtension('SH_WATCH', null, 'none');

  test('gives id, row and watch number, the same each time', () => {
    const shard = new ShardHarness();
    shard.start(OTHER);
    shard.start(KEY);
    const first = shard.ask('SH_WATCH', KEY);
    expect(first).toEqual([1, { id: ID, row: 1, watch: 1 }]);
    expect(shard.ask('SH_WATCH', KEY, { other: 1 })).toEqual(first);
    expect(shard.ask('SH_WATCH', OTHER)).toEqual([1, { id: idOf(OTHER), row: 0, watch: 2 }]);
  });

  test('leaves data, version and deadline alone', () => {
    const expiry = { duration: 9, maxAge: 20, deleteSession: true };
    const shard = new ShardHarness();
    shard.start(KEY, { keys: { a: 1 }, expiry });
    const before = shard.ask('SH_INFO', KEY);
    shard.ask('SH_WATCH', KEY);
    expect(shard.ask('SH_INFO', KEY)).toEqual(before);
    shard.clock.advance(9_000);
    expect(shard.statusOf('SH_INFO', KEY)).toBe(100);
  });
});

describe('a watched session', () => {
  test.each([
    ['SH_SET', { keys: { a: 2, c: 3 } }, [['set', { a: 2, c: 3 }]]],
    ['SH_SET', { keys: {} }, []],
    ['SH_ADD', { keys: { a: 2, c: 3 } }, [['set', { c: 3 }]]],
    ['SH_ADD', { keys: { a: 2 } }, []],
    ['SH_RMV', { keys: ['x', 'b', 'a'] }, [['removed', ['b', 'a']]]],
    ['SH_RMV', { keys: ['x'] }, []],
    ['SH_CLEAR', null, [['cleared', undefined]]],
    [
      'SH_CLEAR_SET',
      { keys: { c: 3 } },
      [
        ['cleared', undefined],
        ['set', { c: 3 }],
      ],
    ],
    ['SH_CLEAR_SET', { keys: {} }, [['cleared', undefined]]],
    ['SH_INC', { key: 'a', by: 4 }, [['set', { a: 5 }]]],
    ['SH_INC', { key: 'b' }, []],
    ['SH_TAKE', { keys: ['b', 'x'] }, [['removed', ['b']]]],
    [
      'SH_CAS',
      { version: 0, set: { c: 3 }, rmv: ['a'] },
      [
        ['removed', ['a']],
        ['set', { c: 3 }],
      ],
    ],
    ['SH_CAS', { version: 7, set: { c: 3 } }, []],
    ['SH_UPDATE', { key: 'b', path: '/0', value: 'y' }, [['set', { b: ['y'] }]]],
    ['SH_UPDATE', { key: 'b', path: '/7', value: 'y' }, []],
    ['SH_GET', { keys: ['a'] }, []],
    ['SH_GET_ALL', null, []],
    ['SH_TOUCH', null, []],
    ['SH_EXPIRE', { expiry: { duration: 5 } }, []],
    ['SH_SET_OWNER', { owner: 'ann' }, []],
    ['SH_UNWATCH', null, []],
  ])('hears of %s %j', (name, body, expected) => {
    const shard = watched({ a: 1, b: ['x'] });
    const before = shard.ask('SH_INFO', KEY)[1]!['version'];
    shard.call(
      name,
      KEY,
      body && 'version' in body ? { ...body, version: body.version + Number(before) } : body,
    );
    const wanted = expected.map(([event, keys]) => [
      event,
      keys === undefined ? { id: ID } : { id: ID, keys },
    ]);
    expect(shard.pushed()).toEqual(wanted);
    expect(shard.counter('pushes')).toBe(wanted.length);
  });

  test('hears of its own changes only, and nothing of the default map', () => {
    const shard = watched();
    shard.start(OTHER, { keys: { a: 1 } });
    shard.ask('SH_SET', OTHER, { keys: { b: 1 } });
    shard.ask('KV_SET', undefined, { keys: { b: 1 } });
    shard.ask('KV_CLEAR', undefined);
    shard.ask('SH_END', OTHER);
    expect(shard.pushes()).toEqual([]);
    shard.ask('SH_SET', KEY, { keys: { b: 1 } });
    expect(shard.pushed()).toEqual([['set', { id: ID, keys: { b: 1 } }]]);
  });

  test('hears of a batch, in its order, if it succeeded', () => {
    const shard = watched({ a: 1 });
    const set = (keys: object): unknown => [32, { keys }];
    shard.call('SH_BATCH', KEY, { cmds: [set({ b: 1 }), [36, { keys: ['a'] }], set({ a: 3 })] });
    expect(shard.pushed()).toEqual([
      ['set', { id: ID, keys: { b: 1 } }],
      ['removed', { id: ID, keys: ['a'] }],
      ['set', { id: ID, keys: { a: 3 } }],
    ]);
    shard.call('SH_BATCH', KEY, { cmds: [set({ c: 1 }), [42, { key: 'c', by: 'x' }]] });
    expect(shard.pushed()).toEqual([]);
    expect(shard.ask('SH_KEYS', KEY)).toEqual([1, { keys: ['b', 'a'] }]);
    shard.call('SH_SET', KEY, { keys: { d: 1 } });
    expect(shard.pushed()).toEqual([['set', { id: ID, keys: { d: 1 } }]]);
  });

  test('hears of values with the bytes they came in', () => {
    const shard = watched();
    // 1 as a 64-bit integer, and an extension.
    const value = bytes(
      0x92,
      0xcf,
      ...Array<number>(7).fill(0),
      1,
      encode(new ExtData(5, bytes(9))),
    );
    shard.callRaw(32, KEY, bytes(0x81, str('keys'), 0x81, 0xd9, 3, 'key', value));
    const [push] = shard.pushes();
    expect(push!.body['keys']).toEqual({ key: [1, new ExtData(5, bytes(9))] });
    shard.callRaw(
      32,
      KEY,
      bytes(0x81, str('keys'), 0x81, str('k'), 0xcf, ...Array<number>(7).fill(255), 254),
    );
    expect(shard.pushed()).toHaveLength(1);
  });

  test('hears of many keys and of large values, by the side road, in order', () => {
    const shard = watched({}, { ringBytes: 64 << 10 });
    const keys = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key ${i}`, i]));
    const large = { large: 'x'.repeat(50_000) };
    for (const body of [{ keys }, { keys: large }, { keys: { small: 1 } }]) {
      expect(shard.statusOf('SH_SET', KEY, body)).toBe(1);
    }
    expect(shard.pushed()).toEqual([
      ['set', { id: ID, keys }],
      ['set', { id: ID, keys: large }],
      ['set', { id: ID, keys: { small: 1 } }],
    ]);
  });

  test('hears of commands of one turn in their order', () => {
    const shard = watched();
    for (let i = 0; i < 300; i += 1) shard.push('SH_SET', KEY, { keys: { n: i } });
    shard.settle();
    expect(shard.pushed()).toEqual(
      Array.from({ length: 300 }, (_, i) => ['set', { id: ID, keys: { n: i } }]),
    );
  });

  test('hears of its end, and of nothing after it', () => {
    const shard = watched({ a: 1 });
    shard.ask('SH_END', KEY);
    expect(shard.pushes()).toMatchObject([{ event: 'ended', body: { id: ID }, meaning: 1 }]);
    shard.start(KEY);
    shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    expect(shard.pushes()).toEqual([]);
  });

  test('hears of the end of all, among many that nobody watches', () => {
    const shard = watched({ a: 1 });
    for (let i = 10; i < 200; i += 1) shard.start(sessionKey(i), { expiry: { maxAge: 60 } });
    shard.ask('SH_WATCH', sessionKey(77));
    expect(shard.ask('SH_END_ALL', undefined)).toEqual([1, { cnt: 191 }]);
    const events = shard.pushed();
    expect(events).toHaveLength(2);
    expect(events).toContainEqual(['ended', { id: ID }]);
    expect(events).toContainEqual(['ended', { id: idOf(sessionKey(77)) }]);
  });

  test('hears of its expiry, found by a command or by the sweep', () => {
    for (const isSwept of [false, true]) {
      const shard = watched({ a: 1 }, {}, { expiry: { duration: 2, deleteSession: true } });
      shard.clock.advance(1_999);
      shard.loop.runTurn();
      expect(shard.pushes()).toEqual([]);
      shard.clock.advance(1);
      if (isSwept) shard.settle();
      else expect(shard.statusOf('SH_GET', KEY, { keys: [] })).toBe(100);
      expect(shard.pushes()).toMatchObject([{ event: 'expired', body: { id: ID }, meaning: 1 }]);
    }
  });

  test('hears that a deadline has cleared it, and what came after', () => {
    for (const isSwept of [false, true]) {
      const shard = watched({ a: 1 }, {}, { expiry: { duration: 2 } });
      shard.clock.advance(2_000);
      if (isSwept) shard.settle();
      shard.ask('SH_SET', KEY, { keys: { b: 1 } });
      expect(shard.pushed()).toEqual([
        ['cleared', { id: ID, expired: true }],
        ['set', { id: ID, keys: { b: 1 } }],
      ]);
      shard.ask('SH_CLEAR', KEY);
      shard.clock.advance(4_000);
      shard.settle();
      expect(shard.pushed()).toEqual([['cleared', { id: ID }]]);
    }
  });

  test('hears that SH_EXPIRE has ended it at once', () => {
    const shard = watched({ a: 1 });
    shard.clock.advance(5_000);
    shard.ask('SH_EXPIRE', KEY, { expiry: { maxAge: 1 } });
    expect(shard.pushed()).toMatchObject([
      [expect.stringMatching(/^(expired|ended)$/), { id: ID }],
    ]);
  });

  test('hears that it was evicted', () => {
    const admission = { memoryBytesMax: 100_000, evictsSoonest: true };
    const shard = watched({ a: 1 }, { admission }, { expiry: { duration: 5 } });
    shard.start(OTHER);
    const fill = { keys: { fill: 'x'.repeat(40_000) } };
    for (let i = 0; i < 4; i += 1) shard.ask('SH_SET', OTHER, { keys: { [`${i}`]: fill } });
    expect(shard.counter('sessionsEvicted')).toBe(1);
    expect(shard.pushed()).toEqual([['ended', { id: ID }]]);
  });

  test('stays watched through a move to another row', () => {
    const shard = new ShardHarness();
    const turn = (): void => {
      shard.settle();
      shard.replies();
    };
    const all = (name: string): void => {
      for (let i = 10; i < 10_000; i += 1) {
        shard.push(name, sessionKey(i), null);
        if (i % 500 === 0) turn();
      }
      turn();
    };
    all('SH_NEW');
    shard.start(KEY);
    const { row } = shard.ask('SH_WATCH', KEY)[1] as { row: number };
    all('SH_END');
    shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    const [push] = shard.pushes();
    expect(push).toMatchObject({ event: 'set', watch: 1 });
    expect(push!.row).toBeLessThan(row);
  });
});

describe('a session that nobody watches any more', () => {
  test('is not spoken of', () => {
    const shard = watched();
    unwatch(shard, 0, 1);
    shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    expect(shard.pushes()).toEqual([]);
    expect(shard.ask('SH_WATCH', KEY)[1]).toMatchObject({ watch: 2 });
    expect(shard.counter('commands')).toBe(4);
  });

  test.each([
    ['another number', 0, 2],
    ['number 0', 0, 0],
    ['another row', 1, 1],
    ['a row that never was', 5_000_000, 1],
    ['a negative row', -1, 1],
  ])('is one only under its row and number (%s)', (_, row, watch) => {
    const shard = watched();
    shard.start(OTHER);
    unwatch(shard, row, watch);
    shard.ask('SH_SET', KEY, { keys: { a: 1 } });
    expect(shard.pushes()).toHaveLength(1);
  });

  test('costs no memory: neither its changes nor those of others gather', () => {
    const shard = watched();
    for (let i = 0; i < 2_000; i += 1) {
      shard.ask('SH_SET', KEY, { keys: { a: 'x'.repeat(1_000) } });
      shard.pushes();
    }
    shard.start(OTHER);
    for (let i = 0; i < 2_000; i += 1) {
      shard.ask('SH_SET', OTHER, { keys: { a: 'x'.repeat(1_000) } });
    }
    expect(shard.sessions.effects?.bytes ?? 0).toBeLessThan(10_000);
    unwatch(shard, 0, 1);
    expect(shard.sessions.effects).toBeUndefined();
  });
});

describe('pushes and the log', () => {
  test('are seen only when the log has what they speak of, whatever changed it', () => {
    const files = new MemoryFiles();
    const expiry = { duration: 2, maxAge: 4 };
    const shard = watched({ a: 1 }, { files }, { expiry });
    const visible: number[] = [];
    files.fault = (operation) => {
      if (operation === 'write') visible.push(shard.pushes().length);
      return undefined;
    };
    shard.push('SH_SET', KEY, { keys: { b: 1 } });
    shard.loop.runTurn();
    expect(visible).toEqual([0]);
    expect(shard.pushed()).toHaveLength(1);
    shard.clock.advance(2_000);
    shard.loop.runTurn();
    expect(visible).toEqual([0, 0]);
    expect(shard.pushed()).toEqual([['cleared', { id: ID, expired: true }]]);
    shard.push('SH_END', KEY, null);
    shard.loop.runTurn();
    expect(visible).toEqual([0, 0, 0]);
    expect(shard.pushed()).toEqual([['ended', { id: ID }]]);
  });

  test('are marked if the log fails, and none are made of what is refused then', () => {
    const files = new MemoryFiles();
    const shard = watched({ a: 1 }, { files });
    files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    shard.push('SH_SET', KEY, { keys: { b: 1 } });
    shard.push('SH_SET', KEY, { keys: { b: 'x'.repeat(300_000) } });
    shard.loop.runTurn();
    expect(shard.pushes()).toMatchObject([
      { event: 'set', isLost: true, watch: 1 },
      { event: 'set', isLost: true, watch: 1 },
    ]);
    expect(shard.counter('notDurable')).toBe(2);
    expect(shard.statusOf('SH_SET', KEY, { keys: { b: 2 } })).toBe(210);
    expect(shard.pushes()).toEqual([]);
    files.fault = () => undefined;
    shard.clock.advance(200);
    shard.loop.runTurn();
    expect(shard.statusOf('SH_SET', KEY, { keys: { b: 3 } })).toBe(1);
    expect(shard.pushes()).toMatchObject([{ isLost: false, body: { keys: { b: 3 } } }]);
  });

  test('of a deadline that ends a session need no log', () => {
    const files = new MemoryFiles();
    const shard = watched({ a: 1 }, { files }, { expiry: { duration: 2, deleteSession: true } });
    shard.start(OTHER, { keys: { a: 1 }, expiry: { duration: 2 } });
    files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    shard.clock.advance(2_000);
    shard.loop.runTurn();
    expect(shard.pushes()).toMatchObject([{ event: 'expired', isLost: false }]);
  });
});
