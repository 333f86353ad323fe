import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planOf, type WireName } from '../../../src/client/command-plan.js';
import type { Body } from '../../../src/client/body-writer.js';
import { CommandWriter } from '../../../src/client/command-writer.js';
import { commandsOf, TOKEN, TOKEN_BYTES } from './fake-network.js';

function bytesOf(name: WireName, body: Body, token?: Uint8Array): Uint8Array {
  const writer = new CommandWriter();
  writer.append(planOf(name), 7, token, body);
  return writer.view().slice();
}

describe('CommandWriter', () => {
  test('writes op, id, token and body in one bin', () => {
    const [command] = commandsOf(bytesOf('SH_GET', { keys: ['a', 'b'] }, TOKEN_BYTES));
    expect(command).toEqual({ op: 34, id: 7, token: TOKEN_BYTES, body: { keys: ['a', 'b'] } });
  });

  test('writes nil for no token and no body', () => {
    const [command] = commandsOf(bytesOf('SV_PING', {}));
    expect(command).toEqual({ op: 129, id: 7, token: null, body: null });
  });

  test('writes the number of the KV_ command for the default map', () => {
    expect(commandsOf(bytesOf('KV_GET', { keys: [] }))[0]!.op).toBe(98);
  });

  test('leaves out what is undefined', () => {
    const body = { expiry: undefined, keys: { a: 1, b: undefined }, name: 'n', shared: undefined };
    expect(commandsOf(bytesOf('SH_NEW', body))[0]!.body).toEqual({ keys: { a: 1 }, name: 'n' });
  });

  test('writes an expiry, and nil to remove one', () => {
    const expiry = { duration: 1.5, deleteSession: true, maxAge: 86_400 };
    expect(commandsOf(bytesOf('SH_EXPIRE', { expiry }))[0]!.body).toEqual({ expiry });
    expect(commandsOf(bytesOf('SH_EXPIRE', { expiry: null }))[0]!.body).toEqual({ expiry: null });
  });

  test('writes the tokens of a body as bytes', () => {
    const [command] = commandsOf(bytesOf('SH_EXISTS', { tkns: [TOKEN] }));
    expect(command!.body).toEqual({ tkns: [TOKEN_BYTES] });
  });

  test('writes values of every kind', () => {
    const keys = {
      text: 'é',
      whole: 2 ** 40,
      part: 0.1,
      large: 2n ** 60n,
      yes: true,
      none: null,
      binary: Uint8Array.of(1, 2),
      list: [1, { deep: [null] }],
    };
    expect(commandsOf(bytesOf('SH_SET', { keys }))[0]!.body).toMatchObject({
      keys: { ...keys, whole: BigInt(2 ** 40) },
    });
  });

  test('writes the key __proto__ like any other', () => {
    const keys = JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":2}}') as object;
    const bytes = bytesOf('SH_SET', { keys });
    const text = Buffer.from(bytes).toString('latin1');
    expect(text.split('__proto__')).toHaveLength(3);
  });

  test('writes a batch of commands by name or number, with their numbers', () => {
    const cmds = [
      ['SH_SET', { keys: { a: 1 } }],
      [42, { key: 'n', by: 2n ** 60n }],
      ['SH_COUNT', null],
    ];
    expect(commandsOf(bytesOf('KV_BATCH', { cmds }))[0]).toMatchObject({
      op: 111,
      body: {
        cmds: [
          [32, { keys: { a: 1 } }],
          [42, { key: 'n', by: 2n ** 60n }],
          [39, null],
        ],
      },
    });
  });

  test('writes the token of a body as bytes, an owner as text or nil, seconds as they are', () => {
    const body = { except: TOKEN, owner: 'o' };
    expect(commandsOf(bytesOf('SH_END_ALL', body))[0]!.body).toEqual({
      ...body,
      except: TOKEN_BYTES,
    });
    expect(commandsOf(bytesOf('SH_SET_OWNER', { owner: null }))[0]!.body).toEqual({ owner: null });
    expect(commandsOf(bytesOf('SH_ROTATE', { grace: 0.5 }))[0]!.body).toEqual({ grace: 0.5 });
  });

  // 255 and 65,535 are the largest contents of bin 8 and bin 16; 48 bytes surround the value.
  test.each([100, 190, 200, 207, 208, 209, 260, 65_480, 65_490, 65_500, 70_000])(
    'widens the header for a value of %i bytes',
    (size) => {
      const writer = new CommandWriter();
      writer.append(planOf('SV_PING'), 1, undefined, {});
      const keys = { a: 'x'.repeat(size) };
      writer.append(planOf('SH_SET'), 2, TOKEN_BYTES, { keys });
      writer.append(planOf('SV_PING'), 3, undefined, {});
      const commands = commandsOf(writer.view());
      expect(commands.map(({ id }) => id)).toEqual([1, 2, 3]);
      expect(commands[1]!.body).toEqual({ keys });
    },
  );

  test('gives a command that was encoded before its id', () => {
    const names = ['SV_PING', 'SH_COUNT'] as const;
    for (const name of names) {
      for (const size of [0, 300, 70_000]) {
        const encoded = bytesOf('SH_SET', { keys: { a: 'x'.repeat(size) } }, TOKEN_BYTES);
        const writer = new CommandWriter();
        writer.appendEncoded(bytesOf(name, {}), 5);
        writer.appendEncoded(encoded, 0xffff_fffe);
        expect(commandsOf(writer.view()).map(({ id }) => id)).toEqual([5, 0xffff_fffe]);
      }
    }
  });

  test.each([
    ['SH_GET', {}, 'keys is missing'],
    ['SH_GET', { keys: 'a' }, 'keys must be an array of strings'],
    ['SH_GET', { keys: [1] }, 'keys must hold strings only'],
    ['SH_SET', { keys: ['a'] }, 'keys must be an object'],
    ['SH_SET', { keys: null }, 'keys must be an object'],
    ['SH_SET', { keys: { a: () => 1 } }, 'the value of key "a" is a function'],
    ['SH_SET', { keys: { a: Symbol('s') } }, 'the value of key "a" is a symbol'],
    ['SH_SET', { keys: { a: [Symbol('s')] } }, 'the value of key "a" cannot be sent'],
    ['SH_SET', { keys: { a: 2n ** 70n } }, 'the value of key "a" cannot be sent'],
    ['SH_NEW', { name: 5 }, 'name must be a string'],
    ['SH_NEW', { shared: 1 }, 'shared must be true or false'],
    ['SH_NEW', { expiry: 60 }, 'expiry must be an object'],
    ['SH_NEW', { expiry: { duration: '60' } }, 'expiry.duration must be a number'],
    ['SH_NEW', { expiry: { duration: Number.NaN } }, 'expiry.duration must be a number'],
    ['SH_NEW', { expiry: { ttl: 60 } }, 'expiry has no member "ttl"'],
    ['SH_EXISTS', { tkns: TOKEN }, 'tkns must be an array of tokens'],
    ['SH_EXISTS', { tkns: ['short'] }, 'tkns must hold tokens'],
    ['SH_END_ALL', { except: 'short' }, 'except must be a token'],
    ['SH_SET_OWNER', {}, 'owner is missing'],
    ['SH_SET_OWNER', { owner: 5 }, 'owner must be a string, or null'],
    ['SH_ROTATE', { grace: '5' }, 'grace must be a number'],
    ['SH_INC', { key: 'a', by: 2n ** 64n }, 'by must be an integer of at most 64 bits'],
    ['SH_CAS', { version: -1 }, 'version must be a whole number from 0'],
    ['SH_UPDATE', { key: 'a', path: '', value: () => 1 }, 'the value of key "value" is a function'],
    ['SH_BATCH', { cmds: {} }, 'cmds must be an array of [op, body]'],
    ['SH_BATCH', { cmds: ['SH_GET'] }, 'cmds may hold data commands only'],
    ['SH_BATCH', { cmds: [['SH_END', null]] }, 'cmds may hold data commands only'],
    ['SH_BATCH', { cmds: [[47, { cmds: [] }]] }, 'cmds may hold data commands only'],
    ['SH_BATCH', { cmds: [['SH_GET', []]] }, 'the body of SH_GET must be an object'],
    ['SH_BATCH', { cmds: [['SH_GET', null]] }, 'keys is missing'],
  ] as [WireName, Body, string][])('refuses %s with %o: %s', (name, body, message) => {
    expect(() => bytesOf(name, body)).toThrow(TypeError);
    expect(() => bytesOf(name, body)).toThrow(message);
  });

  test('never quotes a value or a token in its error', () => {
    const secret = 2n ** 70n;
    expect(() => bytesOf('SH_SET', { keys: { a: secret } })).toThrow(/^((?!1180591620).)*$/);
    expect(() => bytesOf('SH_EXISTS', { tkns: ['secret'] })).toThrow(/^((?!secret).)*$/);
  });

  test('leaves the buffer as it was when it throws', () => {
    const writer = new CommandWriter();
    writer.append(planOf('SV_PING'), 1, undefined, {});
    const before = writer.view().slice();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const body = { keys: { ok: 'x'.repeat(100_000), circular } };
    expect(() => writer.append(planOf('SH_SET'), 2, TOKEN_BYTES, body)).toThrow(TypeError);
    expect(writer.view()).toEqual(before);
  });

  test('is read back by another msgpack library, whatever the keys and values', () => {
    const keys = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(keys, (values) => {
        fc.pre(!JSON.stringify(values).includes('__proto__'));
        const [command] = commandsOf(bytesOf('SH_SET', { keys: values }, TOKEN_BYTES));
        expect(JSON.stringify(numbersOf(command!.body))).toBe(JSON.stringify({ keys: values }));
      }),
    );
  });
});

/** The reader of the test gives 64-bit integers as bigint. */
function numbersOf(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(numbersOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, numbersOf(item)]));
}
