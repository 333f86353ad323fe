import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { entryTextAt, instantText } from '../../../src/storage/entry-text.js';

const DIGEST = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
const ID = 'a0a1a2a3a4a5a6a7a8a9aaab';
const CREATED_MS = Date.UTC(2026, 1, 3);

const le = (bytes: number, put: (view: DataView) => void): number[] => {
  const view = new DataView(new ArrayBuffer(bytes));
  put(view);
  return [...new Uint8Array(view.buffer)];
};
const u16 = (value: number): number[] => le(2, (view) => view.setUint16(0, value, true));
const u32 = (value: number): number[] => le(4, (view) => view.setUint32(0, value, true));
const f64 = (value: number): number[] => le(8, (view) => view.setFloat64(0, value, true));
const str = (text: string): number[] => [0xa0 | text.length, ...Buffer.from(text)];
const pair = (key: string, value: readonly number[]): number[] => [
  key.length + 1 + value.length,
  ...str(key),
  ...value,
];

/** An entry as docs/STORAGE.md draws it, made without any code of the project. */
function entry(kind: number, rest: readonly number[], { flags = 0, slot = 5 } = {}): number[] {
  const bytes = [...u32(24 + rest.length), kind, flags, ...u16(slot), ...DIGEST, ...rest];
  return [...bytes, ...new Array<number>(-bytes.length & 3).fill(0)];
}

/** The line itself, where its order or its digits matter. */
function lineOf(bytes: readonly number[]): string {
  const read = entryTextAt(new ByteSpace(Uint8Array.from(bytes).buffer), 0, bytes.length);
  return 'problem' in read ? read.problem : read.text;
}

function textOf(bytes: readonly number[]): unknown {
  const space = new ByteSpace(Uint8Array.from(bytes).buffer);
  const read = entryTextAt(space, 0, bytes.length);
  return 'problem' in read ? read.problem : JSON.parse(read.text);
}

const session = (flags: number, keys: number, pairs: readonly number[]): number[] => [
  ...[...u32(7), ...f64(CREATED_MS + 60_000.5)],
  ...[...f64(60_000), ...f64(Infinity), ...f64(CREATED_MS), ...u32(flags), ...u32(keys), ...u32(0)],
  ...pairs,
];

describe('entryTextAt', () => {
  test('shows a whole session', () => {
    const pairs = [...pair('b', [1]), ...pair('10', [0xc4, 2, 0xff, 0xfe]), ...pair('a', [0xc0])];
    expect(textOf(entry(1, session(1 | 4 | 8 | 16, 3, pairs)))).toEqual({
      entry: 'SESSION',
      id: ID,
      slot: 5,
      version: 7,
      deadline: '2026-02-03T00:01:00.000Z',
      created: '2026-02-03T00:00:00.000Z',
      shared: true,
      expiry: { duration: 60, deleteSession: true, extendOnSetAdd: false, extendOnGet: true },
      keys: { b: 1, 10: '//4=', a: null },
    });
  });

  test('keeps the order of keys, whatever they look like', () => {
    const bytes = entry(1, session(0, 2, [...pair('b', [1]), ...pair('1', [2])]));
    expect(lineOf(bytes)).toContain('"keys":{"b":1,"1":2}');
  });

  test('keeps all digits of large integers', () => {
    const bytes = entry(1, session(0, 1, pair('n', [0xcf, ...new Array(8).fill(0xff)])));
    expect(lineOf(bytes)).toContain('"n":18446744073709551615');
  });

  test('shows a session without expiry', () => {
    const bytes = [...u32(7), ...f64(Infinity), ...f64(0), ...f64(Infinity), ...f64(CREATED_MS)];
    const read = textOf(entry(1, [...bytes, ...u32(0), ...u32(0), ...u32(0)]));
    expect(read).toMatchObject({ deadline: null, expiry: null, shared: false, keys: {} });
  });

  test('shows whose a session is and which tokens it had', () => {
    const bytes = [...u32(7), ...f64(Infinity), ...f64(0), ...f64(Infinity), ...f64(CREATED_MS)];
    const tokens = [...DIGEST, ...f64(0), ...DIGEST.map((byte) => byte + 1), ...f64(CREATED_MS)];
    const attributes = [
      ...[1, ...u16(4), ...Buffer.from('é"a'), 2, ...u16(8), ...f64(CREATED_MS + 1)],
      ...[3, ...u16(48), ...tokens],
    ];
    const rest = [...u32(0), ...u32(0), ...u32(attributes.length), ...attributes];
    expect(textOf(entry(1, [...bytes, ...rest]))).toMatchObject({
      owner: 'é"a',
      lastUsed: '2026-02-03T00:00:00.001Z',
      superseded: [
        { id: ID, graceUntil: '1970-01-01T00:00:00.000Z' },
        { id: 'a1a2a3a4a5a6a7a8a9aaabac', graceUntil: '2026-02-03T00:00:00.000Z' },
      ],
      keys: {},
    });
  });

  const MOVED = [...u32(7), ...f64(Infinity)];
  test.each([
    [
      'of an owner',
      [...Buffer.from('ada')],
      { owner: 'ada', lastUsed: '2026-02-03T00:00:00.000Z' },
    ],
    ['of nobody', [], { owner: null }],
  ])('shows a session that is from now on %s', (_, name, members) => {
    const read = textOf(entry(7, [...MOVED, ...f64(CREATED_MS), ...name]));
    const whole = { entry: 'OWNER', id: ID, slot: 5, version: 7, deadline: null };
    expect(read).toEqual({ ...whole, ...members });
  });

  test('shows a rotation', () => {
    const digest = DIGEST.map((byte) => byte + 1);
    expect(textOf(entry(8, [...MOVED, ...digest, ...f64(CREATED_MS)]))).toMatchObject({
      entry: 'ROTATE',
      id: ID,
      newId: 'a1a2a3a4a5a6a7a8a9aaabac',
      graceUntil: '2026-02-03T00:00:00.000Z',
    });
  });

  test('passes attributes over', () => {
    const bytes = [...u32(7), ...f64(Infinity), ...f64(0), ...f64(Infinity), ...f64(CREATED_MS)];
    const rest = [...u32(0), ...u32(1), ...u32(5), 9, ...u16(2), 1, 2, ...pair('k', [3])];
    expect(textOf(entry(1, [...bytes, ...rest]))).toMatchObject({ keys: { k: 3 } });
  });

  test('shows the operations of a change in their order', () => {
    const ops = [3, 1, ...pair('k', [...encode([1, 'x'])]), 2, ...str('gone')];
    expect(textOf(entry(2, [...u32(9), ...f64(Infinity), ...ops]))).toEqual({
      entry: 'CHANGE',
      id: ID,
      slot: 5,
      version: 9,
      deadline: null,
      ops: [{ clear: true }, { put: 'k', value: [1, 'x'] }, { remove: 'gone' }],
    });
  });

  test('says of the default map that it is', () => {
    const read = textOf(entry(2, [...u32(1), ...f64(Infinity), 3], { flags: 1 }));
    expect(read).toEqual({
      entry: 'CHANGE',
      defaultMap: true,
      version: 1,
      deadline: null,
      ops: [{ clear: true }],
    });
  });

  test('shows an expiry, with the names and units of SH_INFO', () => {
    const rest = [...u32(1), ...f64(CREATED_MS), ...f64(1_500), ...f64(90_000), ...u32(2 | 16)];
    expect(textOf(entry(3, rest))).toMatchObject({
      entry: 'EXPIRY',
      expiry: {
        duration: 1.5,
        deleteSession: false,
        extendOnSetAdd: true,
        extendOnGet: false,
        maxAge: 90,
      },
    });
  });

  test.each([
    ['DEADLINE', entry(4, [...u32(2), ...f64(CREATED_MS)]), { id: ID, version: 2 }],
    ['END', entry(5, []), { id: ID, slot: 5 }],
    ['END_ALL', entry(6, []), {}],
  ])('shows %s', (kind, bytes, members) => {
    expect(textOf(bytes)).toMatchObject({ entry: kind, ...members });
  });

  test('finds the next entry at a multiple of 4', () => {
    const bytes = [...entry(2, [...u32(1), ...f64(0), 3]), ...entry(5, [])];
    const space = new ByteSpace(Uint8Array.from(bytes).buffer);
    expect(entryTextAt(space, 0, bytes.length)).toMatchObject({ next: 40 });
    expect(entryTextAt(space, 40, bytes.length)).toMatchObject({ next: bytes.length });
  });

  test.each([
    ['fewer bytes than any entry', [1, 0, 0, 0, 5], 'an entry is cut short'],
    ['more bytes than there are', [25, ...entry(5, []).slice(1)], 'cannot have 25 bytes'],
    [
      'fewer bytes than its kind needs',
      entry(4, [...u32(1), ...f64(0)]).slice(0, 32),
      'an entry of 36 bytes is cut short',
    ],
    ['an unknown kind', entry(9, []), 'unknown kind 9'],
    ['an unknown operation', entry(2, [...u32(1), ...f64(0), 4]), 'unknown operation 4'],
    ['a pair that is cut', entry(2, [...u32(1), ...f64(0), 1, 9, 0xa1]), 'damaged'],
    ['a key that is cut', entry(2, [...u32(1), ...f64(0), 2, 0xa4, 0x61]), 'damaged'],
    ['a value that is cut', entry(1, session(0, 1, pair('k', [0x92, 1]))), 'value of "k"'],
    ['a value and more', entry(1, session(0, 1, pair('k', [1, 1]))), 'value of "k"'],
    [
      'another number of keys',
      entry(1, session(0, 2, pair('k', [1]))),
      'a session of 2 keys has 1',
    ],
  ])('says what is wrong with %s', (_, bytes, problem) => {
    expect(textOf(bytes)).toEqual(expect.stringContaining(problem));
  });
});

describe('instantText', () => {
  test.each([
    [0, '"1970-01-01T00:00:00.000Z"'],
    [Infinity, 'null'],
    [NaN, 'null'],
    [1e300, '1e+300'],
  ])('writes %s as %s', (ms, text) => {
    expect(instantText(ms)).toBe(text);
  });
});
