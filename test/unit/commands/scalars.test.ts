/** Parameters that are single values, as the commands that have them refuse wrong ones. */
import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { Body } from '../../../src/commands/body.js';
import { parameterIndex, parametersOf } from '../../../src/commands/parameters.js';
import { ByteSpace } from '../../../src/core/copy.js';
import type { CommandName } from '../../../src/protocol/catalogue.js';
import { bytes, nested, str } from '../../support/msgpack-bytes.js';
import { LIMITS } from '../../support/shard-harness.js';

const NIL = bytes(0xc0);
const INT64 = (sign: number): Uint8Array => bytes(0xd3, sign, 0, 0, 0, 0, 0, 0, 5);

/** Decodes {name: value}, the required others left out: 26 says that the value itself passed. */
function bodyOf(command: CommandName, name: string, value: Uint8Array): [number, Body] {
  const packed = bytes(0x81, str(name), value);
  const space = new ByteSpace(new ArrayBuffer(packed.length));
  space.bytes.set(packed);
  const body = new Body(LIMITS, space);
  return [body.decode(parametersOf(command), space, 0, packed.length), body];
}

describe('a parameter of type', () => {
  test.each<[string, CommandName, string, Uint8Array, number]>([
    ['seconds', 'SH_ROTATE', 'grace', bytes(0), 1],
    ['seconds', 'SH_ROTATE', 'grace', encode(0.25), 1],
    ['seconds', 'SH_ROTATE', 'grace', bytes(0xca, 0x3f, 0xc0, 0, 0), 1],
    ['seconds', 'SH_ROTATE', 'grace', encode(3_155_760_000), 1],
    ['seconds', 'SH_ROTATE', 'grace', encode(3_155_760_001), 42],
    ['seconds', 'SH_ROTATE', 'grace', encode(Infinity), 42],
    ['seconds', 'SH_ROTATE', 'grace', encode(-1), 41],
    ['seconds', 'SH_ROTATE', 'grace', encode(NaN), 41],
    ['seconds', 'SH_ROTATE', 'grace', encode('1'), 41],
    ['seconds', 'SH_ROTATE', 'grace', NIL, 41],
    ['uint', 'SH_CAS', 'version', bytes(0x7f), 1],
    ['uint', 'SH_CAS', 'version', bytes(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 1],
    ['uint', 'SH_CAS', 'version', INT64(0), 1],
    ['uint', 'SH_CAS', 'version', INT64(0xff), 41],
    ['uint', 'SH_CAS', 'version', bytes(0xff), 41],
    ['uint', 'SH_CAS', 'version', encode(1.5), 41],
    ['uint', 'SH_CAS', 'version', bytes(0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0), 41],
    ['uint', 'SH_CAS', 'version', str('1'), 41],
    ['strOrNil', 'SH_SET_OWNER', 'owner', NIL, 1],
    ['strOrNil', 'SH_SET_OWNER', 'owner', str('ada'), 1],
    ['strOrNil', 'SH_SET_OWNER', 'owner', str(Uint8Array.of(0xff)), 42],
    ['strOrNil', 'SH_SET_OWNER', 'owner', bytes(0xc4, 1, 'a'), 41],
    ['strOrNil', 'SH_SET_OWNER', 'owner', bytes(7), 41],
    ['token', 'SH_END_ALL', 'except', bytes(0xc4, 24, new Uint8Array(24)), 1],
    ['token', 'SH_END_ALL', 'except', bytes(0xc4, 8, new Uint8Array(8)), 1],
    ['token', 'SH_END_ALL', 'except', bytes(0xc5, 0, 24, new Uint8Array(24)), 1],
    ['token', 'SH_END_ALL', 'except', str('A'.repeat(32)), 1],
    ['token', 'SH_END_ALL', 'except', bytes(0xc4, 23, new Uint8Array(23)), 42],
    ['token', 'SH_END_ALL', 'except', bytes(0xc4, 0), 42],
    ['token', 'SH_END_ALL', 'except', str('A'.repeat(31)), 42],
    ['token', 'SH_END_ALL', 'except', NIL, 41],
    ['token', 'SH_END_ALL', 'except', bytes(7), 41],
    ['any', 'SH_UPDATE', 'value', NIL, 26],
    ['any', 'SH_UPDATE', 'value', nested(64), 26],
    ['any', 'SH_UPDATE', 'value', bytes(0xd4, 1, 2), 26],
    ['any', 'SH_UPDATE', 'value', nested(1_100), 42],
  ])('%s (%s.%s) decodes', (_, command, name, value, status) => {
    expect(bodyOf(command, name, value)[0]).toBe(status);
  });

  test.each<[CommandName, string]>([
    ['SH_ROTATE', 'grace'],
    ['SH_CAS', 'version'],
    ['SH_SET_OWNER', 'owner'],
    ['SH_END_ALL', 'except'],
    ['SH_UPDATE', 'value'],
    ['SH_BATCH', 'cmds'],
    ['SH_INC', 'by'],
  ])('is refused with 2 where its bytes are cut short: %s.%s', (command, name) => {
    expect(bodyOf(command, name, bytes(0xcf, 1))[0]).toBe(2);
    expect(bodyOf(command, name, bytes(0xc4, 24, 1))[0]).toBe(2);
    expect(bodyOf(command, name, bytes(0x92, 1))[0]).toBe(2);
    expect(bodyOf(command, name, bytes(0xc1))[0]).toBe(2);
  });

  test('names in its refusal the parameter and what it should be', () => {
    expect(bodyOf('SH_ROTATE', 'grace', NIL)[1].detail).toBe(
      'grace must be a number of seconds, not negative',
    );
    expect(bodyOf('SH_ROTATE', 'grace', encode(1e12))[1].detail).toBe('grace is beyond 100 years');
    expect(bodyOf('SH_INC', 'by', NIL)[1].detail).toBe('by must be a number');
  });

  test('gives its number, its bytes and whether it is nil', () => {
    const [, grace] = bodyOf('SH_ROTATE', 'grace', encode(2.5));
    expect(grace.numberOf(parameterIndex('SH_ROTATE', 'grace'))).toBe(2.5);
    const [, owner] = bodyOf('SH_SET_OWNER', 'owner', NIL);
    expect(owner.isNil(parameterIndex('SH_SET_OWNER', 'owner'))).toBe(true);
    const [, except] = bodyOf('SH_END_ALL', 'except', str('A'.repeat(32)));
    const index = parameterIndex('SH_END_ALL', 'except');
    expect(except.endOf(index) - except.startOf(index)).toBe(34);
    expect(except.textBytes(index)).toBe(32);
  });
});
