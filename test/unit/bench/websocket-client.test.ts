import { describe, expect, test } from 'vitest';
import {
  clientFrame,
  ServerFrames,
  UPGRADE_REQUEST,
  upgradeEnd,
} from '../../../native-free-bench/websocket-client.js';

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536];

function serverFrame(payload: Buffer): Buffer {
  const frame = clientFrame(payload);
  const maskAt = frame.length - payload.length - 4;
  const header = Buffer.from(frame.subarray(0, maskAt));
  header[1]! &= 0x7f;
  return Buffer.concat([header, payload]);
}

function framesIn(chunks: readonly Buffer[]): Buffer[] {
  const seen: Buffer[] = [];
  const frames = new ServerFrames((bytes, start, end) => {
    seen.push(Buffer.from(bytes.subarray(start, end)));
  });
  for (const chunk of chunks) {
    // What comes after `end` is left from an earlier read and must not be looked at.
    const reused = Buffer.concat([chunk, Buffer.alloc(16, 0xff)]);
    frames.read(reused, chunk.length);
    reused.fill(0xee);
  }
  return seen;
}

describe('clientFrame', () => {
  test.each([
    [5, [0x82, 0x85]],
    [125, [0x82, 0xfd]],
    [126, [0x82, 0xfe, 0, 126]],
    [65_535, [0x82, 0xfe, 0xff, 0xff]],
    [65_536, [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])(
    'gives a payload of %i bytes its header, a zero mask key and no other change',
    (size, header) => {
      const payload = Buffer.alloc(size, 7);
      const frame = clientFrame(payload);
      expect([...frame.subarray(0, header.length)]).toEqual(header);
      expect(frame.readUInt32BE(header.length)).toBe(0);
      expect(frame.subarray(header.length + 4).equals(payload)).toBe(true);
    },
  );
});

describe('ServerFrames', () => {
  test.each(SIZES)('gives back a payload of %i bytes', (size) => {
    const payload = Buffer.alloc(size, 3);
    const [seen, ...more] = framesIn([serverFrame(payload)]);
    expect(seen!.equals(payload)).toBe(true);
    expect(more).toEqual([]);
  });

  test('finds the same frames wherever the bytes are cut in two', () => {
    const payloads = ['first', 'x'.repeat(200), '', 'last'].map((text) => Buffer.from(text));
    const bytes = Buffer.concat(payloads.map(serverFrame));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(framesIn([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(payloads);
    }
  });

  test('finds the same frames when every byte comes alone', () => {
    const payloads = [Buffer.from('one'), Buffer.alloc(66_000, 1), Buffer.from('three')];
    const bytes = Buffer.concat([payloads[0]!, payloads[2]!].map(serverFrame));
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(framesIn(single)).toEqual([payloads[0], payloads[2]]);
  });

  test('says why the server closed', () => {
    const close = Buffer.concat([Buffer.from([0x88, 6, 0x03, 0xe9]), Buffer.from('stop')]);
    expect(() => framesIn([close])).toThrow('closed by the server: 1001 stop');
  });

  test('refuses a text frame', () => {
    expect(() => framesIn([Buffer.from([0x81, 0])])).toThrow('unexpected frame');
  });
});

describe('upgradeEnd', () => {
  const answer = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n');

  test('is the length of a whole answer and leaves what follows', () => {
    expect(upgradeEnd(Buffer.concat([answer, Buffer.from([0x82, 0])]))).toBe(answer.length);
  });

  test('is 0 while the answer is incomplete', () => {
    expect(upgradeEnd(answer.subarray(0, -1))).toBe(0);
  });

  test('throws with the status line when the server refuses', () => {
    expect(() => upgradeEnd(Buffer.from('HTTP/1.1 404 Not Found\r\n\r\n'))).toThrow('404');
  });
});

test('the upgrade request ends as HTTP wants it', () => {
  expect(UPGRADE_REQUEST.toString()).toMatch(/^GET \/ HTTP\/1\.1\r\n(\S+: \S+\r\n)+\r\n$/);
});
