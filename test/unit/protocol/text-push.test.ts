import { encode, ExtData } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { encodeTextPush } from '../../../src/protocol/text-push.js';
import { bytes, str } from '../../support/msgpack-bytes.js';

/** The text of a push, whose bytes lie in the midst of others. */
function textOf(event: string, body: Uint8Array): string {
  const push = encode(bytes(0x93, 0, str(event), body));
  const space = bytes(1, 2, 3, push, 4, 5);
  return encodeTextPush(space, 3, 3 + push.length);
}

describe('encodeTextPush', () => {
  test('puts the members of the body behind the event', () => {
    const body = encode({ id: 'ab', keys: ['a', 'ü"'], expired: true });
    expect(textOf('removed', body)).toBe(
      '{"PUSH":{"event":"removed","id":"ab","keys":["a","ü\\""],"expired":true}}',
    );
  });

  test('writes values as replies do: whole floats stay floats, large integers whole', () => {
    const large = bytes(0xcf, ...Array<number>(8).fill(255));
    const float = bytes(0xcb, 0x40, ...Array<number>(7).fill(0));
    const ext = encode(new ExtData(5, bytes(9)));
    const keys = bytes(0x83, str('n'), large, str('f'), float, str('e'), ext);
    expect(textOf('set', bytes(0x81, str('keys'), keys))).toBe(
      '{"PUSH":{"event":"set","keys":{"n":18446744073709551615,"f":2.0,"e":{"ext":5,"bytes":"CQ=="}}}}',
    );
    // The server's own numbers are not a client's values.
    expect(textOf('event', bytes(0x81, str('time'), float))).toBe(
      '{"PUSH":{"event":"event","time":2}}',
    );
  });

  test('reads shared memory, too', () => {
    const push = encode(encode([0, 'cleared', { id: 'ab' }]));
    const shared = new Uint8Array(new SharedArrayBuffer(push.length));
    shared.set(push);
    expect(encodeTextPush(shared, 0, push.length)).toBe('{"PUSH":{"event":"cleared","id":"ab"}}');
  });
});
