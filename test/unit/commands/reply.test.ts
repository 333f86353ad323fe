import { decode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { type ReplySink, ReplyWriter } from '../../../src/commands/reply.js';
import { ByteSpace } from '../../../src/core/copy.js';
import { constantStr } from '../../../src/protocol/msgpack-put.js';

class FakeSink implements ReplySink {
  readonly space = new ByteSpace(new ArrayBuffer(200_000));
  readonly begun: number[][] = [];
  tokenOffset = 0;
  ends = 0;

  begin(connection: number, ticket: number, replyBytes: number): number {
    this.begun.push([connection, ticket, replyBytes]);
    return 5;
  }

  tokenAt(offset: number): void {
    this.tokenOffset = offset;
  }

  end(): void {
    this.ends += 1;
  }

  /** The reply as told: a bin, and in it [id, st, body]. */
  decoded(): unknown {
    const bytes = this.space.bytes.slice(5, 5 + this.begun.at(-1)![2]!);
    return decode(decode(bytes) as Uint8Array);
  }
}

function newWriter(id: number): { sink: FakeSink; reply: ReplyWriter } {
  const sink = new FakeSink();
  const reply = new ReplyWriter(sink);
  reply.address(11, 22, id);
  return { sink, reply };
}

describe('ReplyWriter', () => {
  test.each([0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295])(
    'addresses the reply to connection, ticket and id %i',
    (id) => {
      const { sink, reply } = newWriter(id);
      reply.bare(1);
      expect(sink.begun[0]!.slice(0, 2)).toEqual([11, 22]);
      expect(sink.decoded()).toEqual([id, 1, null]);
      expect([sink.ends, reply.status]).toEqual([1, 1]);
    },
  );

  test('refuses with a line for people, or without', () => {
    const { sink, reply } = newWriter(7);
    reply.refuse(1000, '');
    expect(sink.decoded()).toEqual([7, 1000, null]);
    reply.refuse(42, `naïve ${'x'.repeat(300)}`);
    expect(sink.decoded()).toEqual([7, 42, { m: `naïve ${'x'.repeat(300)}` }]);
    expect(reply.status).toBe(42);
  });

  test.each([0, 200, 70_000, 5e9])('answers one number (%d)', (value) => {
    const { sink, reply } = newWriter(7);
    reply.single(1, constantStr('cnt'), value);
    expect(sink.decoded()).toEqual([7, 1, { cnt: value }]);
  });

  test('leaves room for a token and tells where', () => {
    const { sink, reply } = newWriter(7);
    reply.begin(1, 1 + constantStr('tkn').bytes.length + 26);
    reply.map(1);
    reply.constant(constantStr('tkn'));
    reply.token();
    reply.end();
    sink.space.bytes.fill(9, 5 + sink.tokenOffset, 5 + sink.tokenOffset + 24);
    expect(sink.decoded()).toEqual([7, 1, { tkn: new Uint8Array(24).fill(9) }]);
  });

  test('fails if the body is not as long as it was said to be', () => {
    const { reply } = newWriter(7);
    reply.begin(1, 2);
    reply.nil();
    expect(() => reply.end()).toThrow('as long as');
  });
});
