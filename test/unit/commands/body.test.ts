import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Body } from '../../../src/commands/body.js';
import { parametersOf } from '../../../src/commands/parameters.js';
import { commandByOp } from '../../../src/commands/table.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { statusNameOf } from '../../../src/core/statuses.js';
import { CATALOGUE, entryByOp } from '../../../src/protocol/catalogue.js';
import { FLAG_DEFAULT_MAP, FLAG_LENIENT } from '../../../src/ring/records.js';
import { bytes, str } from '../../support/msgpack-bytes.js';
import { LIMITS, sessionKey, ShardHarness } from '../../support/shard-harness.js';

const KEY = sessionKey(1);
const VICTIM = sessionKey(2);
const STORED = { a: 1, b: 'two', long: 'v'.repeat(5_000) };
const RUNS = { numRuns: 300 };

function decodeStatus(command: keyof typeof CATALOGUE, body: unknown): number {
  const content = encode(body);
  const space = new ByteSpace(new ArrayBuffer(content.length));
  space.bytes.set(content);
  return new Body(LIMITS, space).decode(parametersOf(command), space, 0, content.length);
}

/** Bodies that are right for some command, to be damaged. */
const SAMPLES: readonly unknown[] = [
  null,
  { keys: ['a', 'b', 'x'.repeat(40)] },
  { keys: { a: 1, b: [1, { c: null }], ['k'.repeat(300)]: 'v'.repeat(300) } },
  { keys: { a: 1 }, name: 'n', shared: true, expiry: { duration: 60, deleteSession: true } },
  { name: 'n', create: true, expiry: { maxAge: 5, extendOnGet: true, extendOnSetAdd: false } },
  { expiry: null, version: true },
];

/** A sample with some bytes replaced, taken out or put in. */
const damaged = fc
  .tuple(
    fc.constantFrom(...SAMPLES),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 })), { maxLength: 6 }),
  )
  .map(([sample, damages]) => {
    let content: Uint8Array = encode(sample);
    for (const [place, byte, kind] of damages) {
      const at = place % (content.length + 1);
      const [before, after] = [content.subarray(0, at), content.subarray(at)];
      if (kind === 0) content = bytes(before, byte, after.subarray(1));
      else if (kind === 1) content = bytes(before, after.subarray(1));
      else content = bytes(before, byte, after);
    }
    return content;
  });

describe('Body', () => {
  const ops = entryByOp.flatMap((entry) =>
    entry === undefined || commandByOp[entry.op] === undefined
      ? []
      : [[entry.name, entry] as const],
  );

  test.each(ops)('lets no bytes hurt anything when %s decodes them', (_, { op, isDefaultMap }) => {
    const shard = new ShardHarness({ limits: { keysMax: 5, keyBytesMax: 50, valueDepthMax: 3 } });
    shard.start(VICTIM, { keys: STORED });
    const flags = isDefaultMap ? FLAG_DEFAULT_MAP : 0;
    const check = (body: Uint8Array, isLenient: boolean): void => {
      const { status } = shard.callRaw(op, KEY, body, flags | (isLenient ? FLAG_LENIENT : 0));
      expect(statusNameOf(status)).toBeDefined();
      // 1000 is right for SH_NEW alone: the same minted token comes again and again here.
      if (op !== CATALOGUE.SH_NEW.op) expect(status).not.toBe(1000);
      if (op === CATALOGUE.SH_END_ALL.op) return;
      const [found, victim] = shard.ask('SH_GET_ALL', VICTIM);
      expect(found).toBe(1);
      expect(victim).toEqual({ keys: STORED });
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), check), RUNS);
    fc.assert(fc.property(damaged, fc.boolean(), check), RUNS);
  });

  test('reports the alphabetically first fault, wherever it lies in the body', () => {
    const members = { expiry: 1, keys: 2, name: 3, shared: 4 };
    for (const names of [Object.keys(members), Object.keys(members).reverse()]) {
      const body = Object.fromEntries(names.map((name) => [name, 5]));
      const content = encode(body);
      const space = new ByteSpace(new ArrayBuffer(content.length));
      space.bytes.set(content);
      const decoder = new Body(LIMITS, space);
      expect(decoder.decode(parametersOf('SH_NEW'), space, 0, content.length)).toBe(41);
      expect(decoder.detail).toMatch(/^expiry/);
    }
  });

  test('reports a missing parameter before a mistyped one that follows in the alphabet', () => {
    expect(decodeStatus('SH_GET', { version: 7 })).toBe(26);
    expect(decodeStatus('SH_OPEN', { create: 7 })).toBe(41);
    expect(decodeStatus('SH_OPEN', {})).toBe(26);
  });

  test('reports types before sizes and sizes before nothing', () => {
    const long = 'k'.repeat(513);
    expect(decodeStatus('SH_GET', { keys: [long], version: 1 })).toBe(41);
    expect(decodeStatus('SH_GET', { keys: [long], version: true })).toBe(42);
    expect(decodeStatus('SH_GET', { keys: ['k'], version: true })).toBe(1);
  });

  test('reports malformed bytes before everything else', () => {
    const shard = new ShardHarness();
    const cut = bytes(0x82, str('keys'), 0x07, str('version'), 0xa5, 'cu');
    expect(shard.callRaw(CATALOGUE.SH_GET.op, KEY, cut).status).toBe(2);
  });

  test('takes parameters by their whole name only', () => {
    for (const name of ['key', 'keyz', 'Keys', 'keys\u0000', '\u0000keys', ' keys']) {
      expect(decodeStatus('SH_SET', { [name]: { a: 1 } })).toBe(26);
    }
  });

  test('forgets the parameters of the body before', () => {
    const first = encode({ keys: { a: 1 }, name: 'n', shared: true, expiry: { duration: 5 } });
    const second = encode({});
    const space = new ByteSpace(new ArrayBuffer(first.length));
    const body = new Body(LIMITS, space);
    space.bytes.set(first);
    expect(body.decode(parametersOf('SH_NEW'), space, 0, first.length)).toBe(1);
    expect([0, 1, 2, 4].map((index) => body.has(index))).toEqual([true, true, true, true]);
    expect(body.keys.count).toBe(1);
    space.bytes.set(second);
    expect(body.decode(parametersOf('SH_NEW'), space, 0, second.length)).toBe(1);
    expect([0, 1, 2, 4].map((index) => body.has(index))).toEqual([false, false, false, false]);
    expect(body.keys.count).toBe(0);
  });

  test('says in a refusal what was expected, without a value of the client', () => {
    const shard = new ShardHarness();
    const secret = 'correct horse battery staple';
    for (const body of [{ keys: secret }, { keys: [secret, 1] }, { keys: { [secret]: 1 } }]) {
      const [status, answer] = shard.ask('SH_GET', KEY, body);
      expect([status, typeof answer?.m]).toEqual([41, 'string']);
      expect(answer?.m).not.toContain(secret);
    }
  });
});
