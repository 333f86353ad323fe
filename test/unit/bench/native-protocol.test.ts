import { decode, decodeMultiStream, encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import {
  bodyOf,
  ID_OFFSET,
  nativeProtocol,
  replySample,
} from '../../../native-free-bench/native-protocol.js';
import { valueText } from '../../../native-free-bench/protocol.js';

const TOKEN = Buffer.from(Array.from({ length: 24 }, (_, index) => 200 + index));

const contentOf = (command: Buffer): unknown => decode(decode(command) as Uint8Array);

function inFrame(...replies: readonly unknown[]): Buffer {
  const payload = Buffer.concat(replies.map((reply) => encode(encode(reply))));
  const isShort = payload.length < 126;
  const header = isShort
    ? [0x82, payload.length]
    : [0x82, 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from(header), payload]);
}

describe('nativeProtocol requests', () => {
  test('get() asks for one key of the session', () => {
    expect(contentOf(nativeProtocol.get(TOKEN, 7, 2))).toEqual([
      34,
      ID_OFFSET + 7,
      TOKEN,
      { keys: ['k2'] },
    ]);
  });

  test('set() stores the value of generation 1', () => {
    expect(contentOf(nativeProtocol.set(TOKEN, 7, 2))).toEqual([
      32,
      ID_OFFSET + 7,
      TOKEN,
      { keys: { k2: valueText(7, 2, 1) } },
    ]);
  });

  test('create() gives three keys and an expiry', () => {
    expect(contentOf(nativeProtocol.create(TOKEN, 1, 1.5))).toEqual([
      1,
      ID_OFFSET + 1,
      null,
      {
        expiry: { deleteSession: true, duration: 1.5 },
        keys: { k1: valueText(1, 1, 0), k2: valueText(1, 2, 0), k3: valueText(1, 3, 0) },
      },
    ]);
  });

  test('countLive() and endAll() need no token', () => {
    expect(contentOf(nativeProtocol.countLive())).toEqual([7, ID_OFFSET, null, null]);
    expect(contentOf(nativeProtocol.endAll())).toEqual([4, ID_OFFSET, null, null]);
  });

  test('bodyOf() gives the body of a command with and without a token', () => {
    expect(decode(bodyOf(nativeProtocol.get(TOKEN, 7, 2)))).toEqual({ keys: ['k2'] });
    expect(decode(bodyOf(nativeProtocol.create(TOKEN, 7, 1)))).toHaveProperty('keys.k1');
  });

  test('message() puts all commands into one masked frame', async () => {
    const commands = [nativeProtocol.get(TOKEN, 1, 1), nativeProtocol.get(TOKEN, 2, 1)];
    const frame = nativeProtocol.message(commands);
    expect([...frame.subarray(0, 2)]).toEqual([0x82, 0x80 | (frame.length - 6)]);
    async function* payload(): AsyncGenerator<Uint8Array> {
      yield frame.subarray(6);
    }
    const ids: unknown[] = [];
    for await (const bin of decodeMultiStream(payload())) {
      ids.push((decode(bin as Uint8Array) as unknown[])[1]);
    }
    expect(ids).toEqual([ID_OFFSET + 1, ID_OFFSET + 2]);
  });

  test('requests of one kind have one size', () => {
    const sizes = [0, 9, 65_535, 999_999].map(
      (index) => nativeProtocol.set(TOKEN, index, 3).length,
    );
    expect(new Set(sizes).size).toBe(1);
  });
});

describe('nativeProtocol replies', () => {
  test.each([[1], [200], [70_000], [ID_OFFSET + 5], [300]])('counts a reply with id %i', (id) => {
    const reader = nativeProtocol.replyReader();
    const frame = inFrame([id, 1, null]);
    expect(reader.read(frame, frame.length)).toBe(1);
    expect(reader.failures).toBe(0);
  });

  test.each([[1], [200], [300], [70_000]])('counts a failing reply with id %i as one', (id) => {
    const reader = nativeProtocol.replyReader();
    const frame = inFrame([id, 100, { m: 'no' }]);
    expect(reader.read(frame, frame.length)).toBe(1);
    expect(reader.failures).toBe(1);
  });

  test('counts replies of any size, many to a frame, wherever the bytes are cut', () => {
    const bytes = Buffer.concat([
      inFrame([1, 1, null], [2, 1, { keys: { a: 'x'.repeat(300) } }]),
      inFrame([3, 22, null]),
    ]);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = nativeProtocol.replyReader();
      const first = reader.read(bytes.subarray(0, cut), cut);
      const second = reader.read(bytes.subarray(cut), bytes.length - cut);
      expect(first + second).toBe(3);
      expect(reader.failures).toBe(1);
    }
  });

  test('shows each reply to the visitor', () => {
    const seen: unknown[] = [];
    const reader = nativeProtocol.replyReader((bytes, start, end) => {
      seen.push(decode(bytes.subarray(start, end)));
    });
    const frame = inFrame([1, 1, { cnt: 4 }], [2, 10, null]);
    reader.read(frame, frame.length);
    expect(seen).toEqual([
      [1, 1, { cnt: 4 }],
      [2, 10, null],
    ]);
  });

  test('refuses what is no bin', () => {
    const reader = nativeProtocol.replyReader();
    expect(() => reader.read(Buffer.from([0x82, 1, 0x93]), 3)).toThrow('bin');
  });

  test('reads tokens, values and counts out of replies', () => {
    const created = Buffer.from(encode([ID_OFFSET + 9, 1, { tkn: TOKEN, id: 'x' }]));
    expect(nativeProtocol.created(created)).toEqual({ index: 9, token: TOKEN });
    expect(nativeProtocol.valueFrom(Buffer.from(encode([1, 1, { keys: { k1: 'v' } }])), 1)).toBe(
      'v',
    );
    expect(nativeProtocol.valueFrom(Buffer.from(encode([1, 1, { keys: {} }])), 1)).toBeUndefined();
    expect(nativeProtocol.liveFrom(Buffer.from(encode([1, 1, { totalSessions: 6 }])))).toBe(6);
  });

  test('throws the status of a refusal where an answer is needed', () => {
    const refused = Buffer.from(encode([1, 100, { m: 'no live session' }]));
    expect(() => nativeProtocol.valueFrom(refused, 1)).toThrow('status 100: no live session');
  });
});

test('the echo answers a read with a value of 32 bytes and a write with none', () => {
  const [id, status, body] = contentOf(replySample(34)) as [
    number,
    number,
    { keys: { k1: string } },
  ];
  expect([id, status, body.keys.k1.length]).toEqual([ID_OFFSET, 1, 32]);
  expect(contentOf(replySample(32))).toEqual([ID_OFFSET, 1, null]);
});
