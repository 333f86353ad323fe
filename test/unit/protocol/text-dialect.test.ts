/** Frames and replies of ../docs/PROTOCOL.md, section on the text dialect, one by one. */
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMAND_ENTRIES } from '../../../src/protocol/catalogue.js';
import {
  decodeTextFrame,
  encodeTextReply,
  encodeTextStatus,
  tooLargeTextReply,
  type TextCommand,
} from '../../../src/protocol/text-dialect.js';
import { tokenToText } from '../../../src/protocol/token.js';

const tokenBytes = Uint8Array.from({ length: 24 }, (_, index) => index * 10);
const T = tokenToText(tokenBytes);

function commandOf(frame: unknown): TextCommand {
  const decoded = decodeTextFrame(typeof frame === 'string' ? frame : JSON.stringify(frame));
  if (decoded.kind === 'refusal') throw new Error(`refused: ${decoded.reply}`);
  return decoded;
}

function bodyOf(frame: unknown): unknown {
  return decode(commandOf(frame).body, { useBigInt64: true });
}

/** A native reply that lies somewhere within shared memory, as in a ring. */
function replyTo(frame: unknown, status: number, body?: unknown): string {
  const native = encode(encode([0, status, body ?? null], { useBigInt64: true }));
  const shared = new Uint8Array(new SharedArrayBuffer(native.length + 20)).fill(0xff);
  shared.set(native, 7);
  return encodeTextReply(commandOf(frame), shared, 7, 7 + native.length);
}

describe('decodeTextFrame', () => {
  test.each([
    ['', '{"ERR":{"st":3}}'],
    ['{', '{"ERR":{"st":3}}'],
    ['{"SH_NEW":{}} x', '{"ERR":{"st":3}}'],
    ["{'SH_NEW':{}}", '{"ERR":{"st":3}}'],
    ['{"SH_NEW":{"a":01}}', '{"ERR":{"st":3}}'],
    ['\ufeff{"SH_NEW":{}}', '{"ERR":{"st":3}}'],
    ['[]', '{"ERR":{"st":13}}'],
    ['"SH_NEW"', '{"ERR":{"st":13}}'],
    ['null', '{"ERR":{"st":13}}'],
    ['7', '{"ERR":{"st":13}}'],
    ['{}', '{"ERR":{"st":13}}'],
    ['{"SH_NEW":{},"SH_END":{}}', '{"ERR":{"st":13}}'],
    ['{"id":1,"SH_NEW":{},"SH_END":{}}', '{"id":1,"ERR":{"st":13}}'],
    ['{"FOO":{}}', '{"FOO_RSP":{"st":13}}'],
    ['{"id":{}}', '{"id_RSP":{"st":13}}'],
    ['{"":{}}', '{"_RSP":{"st":13}}'],
    ['{"SH_NEW":[]}', '{"SH_NEW_RSP":{"st":13}}'],
    ['{"SH_NEW":null}', '{"SH_NEW_RSP":{"st":13}}'],
    ['{"SH_NEW":1}', '{"SH_NEW_RSP":{"st":13}}'],
    ['{"KV_SET":"x"}', '{"KV_SET_RSP":{"st":13}}'],
    ['{"SH_NOPE":{}}', '{"SH_NOPE_RSP":{"st":10}}'],
    ['{"KV_NOPE":{}}', '{"ERR":{"st":10}}'],
    ['{"KV_NEW":{"tkn":1}}', '{"ERR":{"st":10}}'],
    ['{"SV_NOPE":{}}', '{"SV_NOPE_RSP":{"st":10}}'],
    ['{"XX_NOPE":{}}', '{"XX_NOPE_RSP":{"st":10}}'],
    ['{"sh_new":{}}', '{"sh_new_RSP":{"st":10}}'],
    ['{"__proto__":{}}', '{"__proto___RSP":{"st":10}}'],
    ['{"a_\\"\\u0000":{}}', '{"a_\\"\\u0000_RSP":{"st":10}}'],
    ['{"SH_INFO":{}}', '{"SH_INFO_RSP":{"st":13}}'],
    [`{"id":"x","SH_INFO":{"tkn":"${T}","more":1}}`, '{"id":"x","SH_INFO_RSP":{"st":13}}'],
    [
      '{"id":[1.50, 18446744073709551615],"X_Y":{}}',
      '{"id":[1.50, 18446744073709551615],"X_Y_RSP":{"st":10}}',
    ],
  ])('answers %s itself', (frame, reply) => {
    expect(decodeTextFrame(frame)).toEqual({ kind: 'refusal', reply });
  });

  test('resolves every command of the catalogue by its name', () => {
    for (const entry of COMMAND_ENTRIES) {
      const body = entry.name === 'SH_INFO' ? { tkn: T } : {};
      expect(commandOf({ [entry.name]: body }).entry).toBe(entry);
    }
  });

  test('counts a duplicated command or member once, the last of them', () => {
    const frame = '{"SH_SET":[],"SH_SET":{"keys":{"a":1,"b":2,"a":3}}}';
    expect(bodyOf(frame)).toEqual({ keys: { a: 3, b: 2 } });
  });

  test('takes the token as text', () => {
    const command = commandOf({ SH_GET: { tkn: T, keys: ['a'] } });
    expect(command.token).toEqual(tokenBytes);
    expect(decode(command.body)).toEqual({ keys: ['a'] });
  });

  test.each([
    ['0', '0000000000000000'],
    ['1', '0000000000000001'],
    ['4294967296', '0000000100000000'],
    ['9007199254740993', '0020000000000001'],
    ['18446744073709551615', 'ffffffffffffffff'],
  ])('takes the token as the integer %s', (digits, hex) => {
    const { token } = commandOf(`{"SH_COUNT":{"tkn":${digits}}}`);
    expect(token && Buffer.from(token).toString('hex')).toBe(hex);
  });

  test.each([
    ['a short text', '"abc"'],
    ['plain base64', `"${T.slice(1)}+"`],
    ['a negative integer', '-1'],
    ['an integer with a fraction', '1.0'],
    ['an integer with an exponent', '1e3'],
    ['a negative zero', '-0'],
    ['an integer beyond 64 bits', '18446744073709551616'],
    ['null', 'null'],
    ['a bool', 'true'],
    ['an array', '[1]'],
    ['an object', '{}'],
  ])('takes %s as no token', (_, tkn) => {
    expect(commandOf(`{"SH_COUNT":{"tkn":${tkn}}}`).token).toBeUndefined();
    expect(commandOf('{"SH_COUNT":{}}').token).toBeUndefined();
  });

  test('reads a KV_ command with a token as the SH_ command', () => {
    expect(commandOf({ KV_GET: { keys: [] } }).entry.name).toBe('KV_GET');
    const command = commandOf({ KV_GET: { keys: [], tkn: T } });
    expect(command.entry.name).toBe('SH_GET');
    expect(command.token).toEqual(tokenBytes);
    expect(encodeTextStatus(command, 1)).toBe('{"KV_GET_RSP":{"st":1}}');
    expect(commandOf({ KV_GET: { keys: [], tkn: null } }).entry.name).toBe('SH_GET');
  });

  test('gives lists of tokens as bytes, leaving out what is no token', () => {
    const frame = `{"SH_EXISTS":{"tkns":["${T}",1,"short",-1,1.0,null,[2],18446744073709551615,"${T}"]}}`;
    expect(bodyOf(frame)).toEqual({
      tkns: [
        tokenBytes,
        new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1]),
        new Uint8Array(8).fill(255),
        tokenBytes,
      ],
    });
    expect(bodyOf({ SH_EXISTS: { tkns: 5 } })).toEqual({ tkns: 5 });
  });

  test('gives a parameter that is a token as bytes, and what is no token as it came', () => {
    const except = (value: unknown): unknown => bodyOf({ SH_END_ALL: { except: value } });
    expect(except(T)).toEqual({ except: tokenBytes });
    expect(except(258)).toEqual({ except: new Uint8Array([0, 0, 0, 0, 0, 0, 1, 2]) });
    expect(except('short')).toEqual({ except: 'short' });
    expect(except(-1)).toEqual({ except: -1 });
    expect(except(null)).toEqual({ except: null });
    expect(bodyOf({ SH_END_ALL: {} })).toEqual({});
  });

  test('gives a JSONPath to one place as a JSON pointer, to SH_UPDATE only', () => {
    const body = { key: 'k', path: "$.a['b'][0]", value: 1 };
    expect(bodyOf({ SH_UPDATE: { tkn: T, ...body } })).toEqual({ ...body, path: '/a/b/0' });
    expect(bodyOf({ KV_UPDATE: body })).toEqual({ ...body, path: '/a/b/0' });
    expect(bodyOf({ KV_UPDATE: { path: '$..a' } })).toEqual({ path: '$..a' });
    expect(bodyOf({ KV_UPDATE: { path: 5 } })).toEqual({ path: 5 });
    const find = { path: '$.a', rsp: 'keys' };
    expect(bodyOf({ KV_FIND: find })).toEqual(find);
  });

  test('keeps integers to 64 bits and the order of keys', () => {
    const frame = `{"KV_SET":{"keys":{"z":18446744073709551615,"10":-9223372036854775808,"9":1.0,"__proto__":1}}}`;
    const { body } = commandOf(frame);
    expect(Buffer.from(body).toString('hex')).toBe(
      '81a46b65797384a17acfffffffffffffffffa23130d38000000000000000a139cb3ff0000000000000a95f5f70726f746f5f5f01',
    );
  });

  test('passes deep nesting on to the shard, which has the limit, but not any', () => {
    const nested = (depth: number): string => '['.repeat(depth) + '1' + ']'.repeat(depth);
    const frame = (depth: number): string => `{"id":1,"KV_SET":{"keys":{"a":${nested(depth)}}}}`;
    expect(commandOf(frame(1_023)).body.length).toBeGreaterThan(1_023);
    const reply = '{"id":1,"KV_SET_RSP":{"st":42}}';
    expect(decodeTextFrame(frame(1_024))).toEqual({ kind: 'refusal', reply });
    expect(decodeTextFrame(frame(400_000))).toEqual({ kind: 'refusal', reply });
    for (const text of [nested(400_000), '['.repeat(400_000), '{"a":'.repeat(400_000)]) {
      expect(decodeTextFrame(text)).toEqual({ kind: 'refusal', reply: '{"ERR":{"st":3}}' });
    }
  });

  test('answers any text with a command or with JSON', () => {
    const names = fc.constantFrom('SH_SET', 'KV_GET', 'SH_INFO', 'SH_EXISTS', 'id', 'x');
    const frames = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.dictionary(names, fc.jsonValue()).map((frame) => JSON.stringify(frame)),
    );
    fc.assert(
      fc.property(frames, (text) => {
        const decoded = decodeTextFrame(text);
        if (decoded.kind === 'refusal') expect(JSON.parse(decoded.reply)).toBeTypeOf('object');
        else
          expect(decode(decoded.body, { mapKeyConverter: (key) => `_${String(key)}` })).toBeTypeOf(
            'object',
          );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('encodeTextReply', () => {
  test.each<[string, unknown, number, unknown, string]>([
    ['a success without result', { SH_SET: { keys: {} } }, 1, null, '{"SH_SET_RSP":{"st":1}}'],
    ['a failure, without its words', { SH_SET: {} }, 26, { m: 'keys' }, '{"SH_SET_RSP":{"st":26}}'],
    ['a count', { KV_COUNT: {} }, 1, { cnt: 3 }, '{"KV_COUNT_RSP":{"st":1,"cnt":3}}'],
    ['the id', { id: '7', SH_COUNT: {} }, 100, null, '{"id":"7","SH_COUNT_RSP":{"st":100}}'],
    ['null as id', { id: null, SV_PING: {} }, 1, null, '{"id":null,"SV_PING_RSP":{"st":1}}'],
    [
      'SH_NEW',
      { SH_NEW: {} },
      1,
      { tkn: tokenBytes, id: 'ab' },
      `{"SH_NEW_RSP":{"st":1,"tkn":"${T}","id":"ab"}}`,
    ],
    [
      'SH_NEW of a taken name, which repeats the name',
      { SH_NEW: { name: 's', shared: true } },
      103,
      { tkn: tokenBytes, m: 'taken' },
      `{"SH_NEW_RSP":{"st":103,"name":"s","tkn":"${T}"}}`,
    ],
    [
      'SH_OPEN of no session',
      { SH_OPEN: { name: 's' } },
      102,
      null,
      '{"SH_OPEN_RSP":{"st":102,"tkn":null}}',
    ],
    [
      'SH_END, which repeats the token',
      { SH_END: { tkn: T } },
      1,
      null,
      `{"SH_END_RSP":{"st":1,"tkn":"${T}"}}`,
    ],
    [
      'SH_END of no session',
      { SH_END: { tkn: 5 } },
      100,
      null,
      '{"SH_END_RSP":{"st":100,"tkn":5}}',
    ],
    ['SH_END without a token', { SH_END: {} }, 100, null, '{"SH_END_RSP":{"st":100}}'],
    [
      'SH_END with a mistyped token',
      { SH_END: { tkn: [] } },
      100,
      null,
      '{"SH_END_RSP":{"st":100}}',
    ],
    [
      'SH_INFO of no session',
      { SH_INFO: { tkn: T } },
      100,
      null,
      `{"SH_INFO_RSP":{"st":100,"tkn":"${T}","shared":null,"keyCnt":null}}`,
    ],
    [
      'SH_INFO with a mistyped token',
      { SH_INFO: { tkn: -1 } },
      100,
      null,
      '{"SH_INFO_RSP":{"st":100}}',
    ],
    [
      'SH_INFO, whose seconds may be whole',
      { SH_INFO: { tkn: T } },
      1,
      { shared: false, keyCnt: 0, expires: true, expiry: { duration: 60, remaining: 59.5 } },
      `{"SH_INFO_RSP":{"st":1,"tkn":"${T}","shared":false,"keyCnt":0,"expires":true,"expiry":{"duration":60,"remaining":59.5}}}`,
    ],
    [
      'SH_EXISTS, each token in its form',
      { SH_EXISTS: { tkns: [] } },
      1,
      { exist: [tokenBytes, new Uint8Array(8).fill(255), tokenBytes] },
      `{"SH_EXISTS_RSP":{"st":1,"exist":["${T}",18446744073709551615,"${T}"]}}`,
    ],
    [
      'an empty list of tokens',
      { SH_EXISTS: { tkns: [] } },
      1,
      { exist: [] },
      '{"SH_EXISTS_RSP":{"st":1,"exist":[]}}',
    ],
    [
      'values of other clients',
      { KV_GET_ALL: {} },
      1,
      { keys: { big: 2n ** 64n - 1n, bin: Uint8Array.of(1), half: 0.5 } },
      '{"KV_GET_ALL_RSP":{"st":1,"keys":{"big":18446744073709551615,"bin":"AQ==","half":0.5}}}',
    ],
    [
      'a key named like a token',
      { KV_GET: { keys: [] } },
      1,
      { keys: { tkn: tokenBytes } },
      `{"KV_GET_RSP":{"st":1,"keys":{"tkn":"${Buffer.from(tokenBytes).toString('base64')}"}}}`,
    ],
  ])('writes %s', (_, frame, status, body, reply) => {
    expect(replyTo(frame, status, body)).toBe(reply);
  });

  test('keeps floats apart from integers in values, not in results', () => {
    const whole = Uint8Array.from(Buffer.from('cb4008000000000000', 'hex'));
    const reply = (body: number[]): Uint8Array => encode(Uint8Array.of(0x93, 0, 1, ...body));
    const keys = reply([0x81, 0xa4, ...Buffer.from('keys'), 0x81, 0xa1, 0x61, ...whole]);
    const count = reply([0x81, 0xa3, ...Buffer.from('cnt'), ...whole]);
    const command = commandOf({ KV_GET_ALL: {} });
    expect(encodeTextReply(command, keys, 0, keys.length)).toBe(
      '{"KV_GET_ALL_RSP":{"st":1,"keys":{"a":3.0}}}',
    );
    expect(encodeTextReply(command, count, 0, count.length)).toBe(
      '{"KV_GET_ALL_RSP":{"st":1,"cnt":3}}',
    );
  });

  test.each([
    [60, 59],
    [59.999, 59],
    [59, 58],
    [1.001, 1],
    [1, 0],
    [0.25, 0],
  ])('says to an integer as token that of %s s remain %i', (remaining, whole) => {
    const expiry = { duration: 60, remaining, maxAge: 90.5 };
    expect(replyTo({ SH_INFO: { tkn: 7 } }, 1, { expiry })).toBe(
      `{"SH_INFO_RSP":{"st":1,"tkn":7,"expiry":{"duration":60,"remaining":${whole},"maxAge":90.5}}}`,
    );
    expect(replyTo({ SH_INFO: { tkn: T } }, 1, { expiry })).toBe(
      `{"SH_INFO_RSP":{"st":1,"tkn":"${T}","expiry":${JSON.stringify(expiry)}}}`,
    );
  });

  test('gives every value back as it was sent', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (keys) => {
        fc.pre(!/\d{19}/.test(JSON.stringify(keys)));
        // What SH_SET takes and what SH_GET_ALL gives are the same map.
        const { body } = commandOf({ KV_SET: { keys } });
        const native = encode(Uint8Array.of(0x93, 0, 1, ...body));
        const reply = encodeTextReply(commandOf({ KV_GET_ALL: {} }), native, 0, native.length);
        const expected = JSON.stringify({ KV_GET_ALL_RSP: { st: 1, keys } });
        expect(JSON.parse(reply)).toEqual(JSON.parse(expected));
      }),
    );
  });
});

describe('encodeTextStatus', () => {
  test.each([203, 209, 1000])('writes %i for any command', (status) => {
    expect(encodeTextStatus(commandOf({ id: 1, SH_END: { tkn: T } }), status)).toBe(
      `{"id":1,"SH_END_RSP":{"st":${status}}}`,
    );
  });
});

describe('tooLargeTextReply', () => {
  test.each([
    ['{"SH_SET":{"tkn":"abc', '{"SH_SET_RSP":{"st":204}}'],
    [' { "KV_SET" : {"keys', '{"KV_SET_RSP":{"st":204}}'],
    ['{"id":7,"SH_SET":{', '{"id":7,"SH_SET_RSP":{"st":204}}'],
    ['{"id":"a b","SH_SET":{', '{"id":"a b","SH_SET_RSP":{"st":204}}'],
    ['{"id":007,"SH_SET":{', '{"ERR":{"st":204}}'],
    ['{"id":"\u0001","SH_SET":{', '{"ERR":{"st":204}}'],
    ['{"id":[1],"SH_SET":{', '{"ERR":{"st":204}}'],
    ['{"SH_SE', '{"ERR":{"st":204}}'],
    ['[[[[', '{"ERR":{"st":204}}'],
    ['', '{"ERR":{"st":204}}'],
    [`{"${'A'.repeat(5000)}`, '{"ERR":{"st":204}}'],
  ])('answers %j', (prefix, reply) => {
    expect(tooLargeTextReply(prefix)).toBe(reply);
  });
});
