import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedReplyError } from '../../../src/client/errors.js';
import { ReplyReader } from '../../../src/client/reply-reader.js';
import { frameOf } from './fake-network.js';

function repliesOf(frame: Uint8Array): { id: number; status: number; body: Uint8Array }[] {
  const reader = new ReplyReader();
  reader.open(frame);
  const replies = [];
  while (reader.next()) {
    const body = frame.slice(reader.bodyStart, reader.bodyEnd);
    replies.push({ id: reader.id, status: reader.status, body });
  }
  return replies;
}

describe('ReplyReader', () => {
  test.each([1, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff])('reads the id %i', (id) => {
    expect(repliesOf(frameOf([id, 1]))[0]).toMatchObject({ id, status: 1 });
  });

  test.each([1, 100, 203, 1_000])('reads the status %i', (status) => {
    expect(repliesOf(frameOf([5, status]))[0]).toMatchObject({ id: 5, status });
  });

  test.each([0, 200, 250, 300, 65_530, 70_000])('reads bins with bodies of %i bytes', (size) => {
    const body = 'x'.repeat(size);
    const replies = repliesOf(frameOf([1, 1, body], [2, 1, body]));
    expect(replies.map((reply) => reply.id)).toEqual([1, 2]);
    expect(replies[1]!.body).toEqual(encode(body));
  });

  test('finds nothing in an empty frame', () => {
    expect(repliesOf(new Uint8Array(0))).toEqual([]);
  });

  test('tells a body from none', () => {
    const reader = new ReplyReader();
    reader.open(frameOf([1, 1], [2, 1, {}]));
    reader.next();
    expect(reader.hasNoBody).toBe(true);
    reader.next();
    expect(reader.hasNoBody).toBe(false);
  });

  test.each([
    ['a value that is no bin', [0x93, 1, 1, 0xc0]],
    ['a bin cut short', [0xc4, 4, 0x93, 1, 1]],
    ['a header cut short', [0xc5, 0]],
    ['an array of two', [0xc4, 3, 0x92, 1, 1]],
    ['an id that is text', [0xc4, 4, 0x93, 0xa0, 1, 0xc0]],
    ['a negative status', [0xc4, 4, 0x93, 1, 0xff, 0xc0]],
    ['a reply without body', [0xc4, 3, 0x93, 1, 1]],
    ['an id cut short by the end of the frame', [0xc4, 2, 0x93, 0xce]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => repliesOf(Uint8Array.from(bytes))).toThrow(MalformedReplyError);
  });

  test('throws nothing but MalformedReplyError and always ends, whatever the bytes', () => {
    const bin = fc
      .uint8Array({ maxLength: 12 })
      .map((content) => [0xc4, content.length, ...content]);
    const frames = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(bin).map((bins) => Uint8Array.from(bins.flat())),
    );
    fc.assert(
      fc.property(frames, (frame) => {
        try {
          repliesOf(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReplyError);
        }
      }),
    );
  });
});
