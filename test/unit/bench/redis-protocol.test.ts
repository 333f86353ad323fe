import { describe, expect, test } from 'vitest';
import { valueText } from '../../../native-free-bench/protocol.js';
import { redisProtocol } from '../../../native-free-bench/redis-protocol.js';

const TOKEN = Buffer.alloc(24, 1);
const NAME = TOKEN.toString('base64url');

describe('redisProtocol requests', () => {
  test('get() is HGET of one field of the session', () => {
    expect(redisProtocol.get(TOKEN, 5, 2).toString()).toBe(
      `*3\r\n$4\r\nHGET\r\n$32\r\n${NAME}\r\n$2\r\nk2\r\n`,
    );
  });

  test('set() is HSET of the value of generation 1', () => {
    const text = redisProtocol.set(TOKEN, 5, 2).toString();
    expect(text).toContain('HSET');
    expect(text).toContain(`$32\r\n${valueText(5, 2, 1)}\r\n`);
  });

  test('create() is HSET of three fields and an expiry in milliseconds', () => {
    const text = redisProtocol.create(TOKEN, 5, 1.5).toString();
    expect(text).toMatch(/^\*8\r\n\$4\r\nHSET\r\n/);
    expect(text).toContain(`*3\r\n$7\r\nPEXPIRE\r\n$32\r\n${NAME}\r\n$4\r\n1500\r\n`);
  });
});

describe('redisProtocol replies', () => {
  const bytes = Buffer.from(':1\r\n$5\r\na\r\nbc\r\n+OK\r\n$0\r\n\r\n$-1\r\n-ERR no\r\n:12345\r\n');

  test('counts replies, and errors and nil as failures, wherever the bytes are cut', () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = redisProtocol.replyReader();
      const first = reader.read(bytes.subarray(0, cut), cut);
      const second = reader.read(bytes.subarray(cut), bytes.length - cut);
      expect(first + second).toBe(7);
      expect(reader.failures).toBe(2);
    }
  });

  test('looks at nothing beyond the end that it is given', () => {
    const reader = redisProtocol.replyReader();
    expect(reader.read(bytes, 4)).toBe(1);
  });

  test('shows each reply to the visitor', () => {
    const seen: string[] = [];
    const reader = redisProtocol.replyReader((chunk, start, end) => {
      seen.push(chunk.toString('latin1', start, end));
    });
    reader.read(bytes, bytes.length);
    expect(seen.slice(0, 3)).toEqual([':1\r\n', '$5\r\na\r\nbc\r\n', '+OK\r\n']);
  });

  test('reads values and counts out of replies', () => {
    expect(redisProtocol.valueFrom(Buffer.from('$2\r\nab\r\n'), 1)).toBe('ab');
    expect(redisProtocol.valueFrom(Buffer.from('$-1\r\n'), 1)).toBeUndefined();
    expect(redisProtocol.liveFrom(Buffer.from(':42\r\n'))).toBe(42);
  });
});
