import { decode, decodeMulti } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { NativeWriter } from '../../../src/protocol/native-writer.js';

function replies(writer: NativeWriter): unknown[] {
  return Array.from(decodeMulti(writer.written()), (bin) => decode(bin as Uint8Array));
}

describe('NativeWriter', () => {
  test('writes replies one after another that any decoder reads', () => {
    const writer = new NativeWriter();
    const bytes = new ByteSpace(Uint8Array.of(9, 8, 7).buffer);
    writer.status(0xffff_ffff | 0, 203);
    writer.refusal(5, 1_000, 'x'.repeat(200));
    writer.beginReply(6, 1);
    writer.mapHead(6);
    for (const value of [127, 128, 65_536, 2 ** 32, 2 ** 53 - 1]) {
      writer.text(String(value));
      writer.uint(value);
    }
    writer.text('list');
    writer.arrayHead(4);
    writer.bin(bytes, 1, 2);
    writer.bool(true);
    writer.float(1.5);
    writer.nil();
    writer.endReply();
    expect(replies(writer)).toEqual([
      [0xffff_ffff, 203, null],
      [5, 1_000, { m: 'x'.repeat(200) }],
      [
        6,
        1,
        {
          127: 127,
          128: 128,
          65536: 65_536,
          [2 ** 32]: 2 ** 32,
          [2 ** 53 - 1]: 2 ** 53 - 1,
          list: [Uint8Array.of(8, 7), true, 1.5, null],
        },
      ],
    ]);
  });

  test('grows and starts over', () => {
    const writer = new NativeWriter();
    for (let id = 0; id < 10_000; id += 1) writer.status(id, 1);
    expect(replies(writer)).toHaveLength(10_000);
    writer.clear();
    expect(writer.written()).toHaveLength(0);
  });
});
