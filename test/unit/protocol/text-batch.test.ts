/** SH_BATCH in the text dialect: names and numbers, nested bodies, answers. */
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import {
  decodeTextFrame,
  encodeTextReply,
  type TextCommand,
} from '../../../src/protocol/text-dialect.js';

function commandOf(text: string): TextCommand {
  const decoded = decodeTextFrame(text);
  if (decoded.kind !== 'command') throw new Error(decoded.reply);
  return decoded;
}

function cmdsOf(cmds: string, name = 'SH_BATCH'): unknown {
  const { body } = commandOf(`{"${name}":{"cmds":${cmds}}}`);
  return (decode(body, { useBigInt64: true }) as { cmds: unknown }).cmds;
}

/** The JSON text of the reply to a native one. */
function replyOf(status: number, body: unknown, name = 'KV_BATCH'): string {
  const inner = encode([9, status, body], { useBigInt64: true });
  const bin = encode(inner);
  return encodeTextReply(commandOf(`{"${name}":{"cmds":[]}}`), bin, 0, bin.length);
}

describe('cmds in text', () => {
  test('go by name, of either prefix, or by number', () => {
    expect(cmdsOf('[["SH_SET",{"keys":{"a":1}}],["KV_COUNT",{}],[34,{"keys":["a"]}]]')).toEqual([
      [32, { keys: { a: 1 } }],
      [39, {}],
      [34, { keys: ['a'] }],
    ]);
    expect(cmdsOf('[["SH_INC",null]]', 'KV_BATCH')).toEqual([[42, null]]);
  });

  test.each(['SH_END', 'SV_INFO', 'sh_set', 'SET', '', 'SH_NOTHING', '__proto__'])(
    'have no number for %j, which no batch can hold',
    (name) => {
      expect(cmdsOf(`[[${JSON.stringify(name)},{}]]`)).toEqual([[0, {}]]);
    },
  );

  test.each([
    'null',
    '7',
    '{}',
    '"SH_SET"',
    '[7]',
    '[null]',
    '[[]]',
    '[[true,{}]]',
    '[{"SH_SET":1}]',
  ])('of another shape are left to be refused: %s', (cmds) => {
    expect(cmdsOf(cmds)).toEqual(JSON.parse(cmds));
  });

  test('of other lengths keep them', () => {
    expect(cmdsOf('[["SH_COUNT"],["SH_COUNT",{},1]]')).toEqual([[39], [39, {}, 1]]);
  });

  test('keep integers of 64 bits, floats and the order of keys in their bodies', () => {
    const { body } = commandOf(
      '{"SH_BATCH":{"cmds":[["SH_SET",{"keys":{"b":18446744073709551615,"10":1.0,"9":2}}]]}}',
    );
    const text = Buffer.from(body).toString('latin1');
    const float = Buffer.from([0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]).toString('latin1');
    expect(text).toContain(`\xa1b\xcf${'\xff'.repeat(8)}\xa210${float}\xa19\x02`);
  });

  test('may update by a JSONPath that names one place', () => {
    const cmds = '[["KV_UPDATE",{"key":"a","path":"$.b[0]","value":1}]]';
    expect(cmdsOf(cmds)).toEqual([[45, { key: 'a', path: '/b/0', value: 1 }]]);
  });

  test('hold no tokens: tkn in their bodies is a member like any other', () => {
    expect(cmdsOf('[["SH_GET",{"tkn":7,"keys":[]}]]')).toEqual([[34, { tkn: 7, keys: [] }]]);
  });
});

describe('rsps in text', () => {
  test('are [st, body] each, written as results are', () => {
    const rsps = [
      [1, null],
      [1, { keys: { a: 2n ** 63n, 'b"': [1.5, null], c: new Uint8Array([1, 2]) } }],
      [1, { value: -5 }],
      [1, { contains: ['x'] }],
      [1, { cnt: 3 }],
    ];
    expect(replyOf(1, { rsps })).toBe(
      '{"KV_BATCH_RSP":{"st":1,"rsps":[[1,null],' +
        '[1,{"keys":{"a":9223372036854775808,"b\\"":[1.5,null],"c":"AQI="}}],' +
        '[1,{"value":-5}],[1,{"contains":["x"]}],[1,{"cnt":3}]]}}',
    );
  });

  test('keep whole floats apart from integers', () => {
    const bin = Buffer.concat([
      Buffer.from([0xc4, 33, 0x93, 9, 1, 0x81, 0xa4]),
      Buffer.from('rsps'),
      Buffer.from([0x91, 0x92, 1, 0x81, 0xa5]),
      Buffer.from('value'),
      Buffer.from([0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    bin[1] = bin.length - 2;
    const context = commandOf('{"KV_BATCH":{"cmds":[]}}');
    const text = encodeTextReply(context, bin, 0, bin.length);
    expect(text).toBe('{"KV_BATCH_RSP":{"st":1,"rsps":[[1,{"value":2.0}]]}}');
  });

  test('hold no words for people, as no text reply does', () => {
    const rsps = [
      [1, { keys: { m: 'a key of this name stays' } }],
      [42, { m: 'the sum is beyond 64 bits' }],
    ];
    expect(replyOf(42, { rsps })).toBe(
      '{"KV_BATCH_RSP":{"st":42,"rsps":[[1,{"keys":{"m":"a key of this name stays"}}],[42,null]]}}',
    );
    expect(replyOf(42, { m: 'cmds is empty' })).toBe('{"KV_BATCH_RSP":{"st":42}}');
  });

  test('are none where none were executed', () => {
    expect(replyOf(100, null)).toBe('{"KV_BATCH_RSP":{"st":100}}');
    expect(replyOf(1, { rsps: [] })).toBe('{"KV_BATCH_RSP":{"st":1,"rsps":[]}}');
  });
});
