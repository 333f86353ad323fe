import { describe, expect, test } from 'vitest';
import { memcachedProtocol } from '../../../native-free-bench/memcached-protocol.js';
import { valueText } from '../../../native-free-bench/protocol.js';

const TOKEN = Buffer.alloc(24, 1);
const NAME = TOKEN.toString('base64url');

/** The body of a set command, by the size that its first line names. */
function storedIn(command: Buffer): unknown {
  const text = command.toString();
  const [line = '', rest = ''] = text.split(/\r\n(.*)/s);
  const size = Number(line.split(' ').at(-1));
  expect(rest.slice(size)).toBe('\r\n');
  return JSON.parse(rest.slice(0, size));
}

describe('memcachedProtocol requests', () => {
  test('get() asks for the whole session', () => {
    expect(memcachedProtocol.get(TOKEN, 5, 2).toString()).toBe(`get ${NAME}\r\n`);
  });

  test('create() stores three values, with a life in whole seconds', () => {
    const command = memcachedProtocol.create(TOKEN, 5, 1.5);
    expect(command.toString()).toMatch(new RegExp(`^set ${NAME} 0 2 \\d+\r\n`));
    expect(storedIn(command)).toEqual({
      k1: valueText(5, 1, 0),
      k2: valueText(5, 2, 0),
      k3: valueText(5, 3, 0),
    });
  });

  test('set() stores the whole session with one value changed', () => {
    expect(storedIn(memcachedProtocol.set(TOKEN, 5, 2))).toEqual({
      k1: valueText(5, 1, 0),
      k2: valueText(5, 2, 1),
      k3: valueText(5, 3, 0),
    });
  });

  test('has no snapshots', () => {
    expect(() => memcachedProtocol.snapshot()).toThrow('no snapshots');
  });
});

describe('memcachedProtocol replies', () => {
  const replies = [
    'STORED\r\n',
    'VALUE abc 0 6\r\nEND\r\n!\r\nEND\r\n',
    'END\r\n',
    'STAT pid 7\r\nSTAT curr_items 42\r\nEND\r\n',
    'OK\r\n',
    'SERVER_ERROR out of memory\r\n',
    'NOT_STORED\r\n',
    'VALUE abc 0 0\r\n\r\nEND\r\n',
  ];
  const bytes = Buffer.from(replies.join(''));

  test('counts replies, and misses and errors as failures, wherever the bytes are cut', () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = memcachedProtocol.replyReader();
      const first = reader.read(bytes.subarray(0, cut), cut);
      const second = reader.read(bytes.subarray(cut), bytes.length - cut);
      expect(first + second).toBe(replies.length);
      expect(reader.failures).toBe(3);
    }
  });

  test('shows each reply to the visitor, and nothing beyond the end that it is given', () => {
    const seen: string[] = [];
    const reader = memcachedProtocol.replyReader((chunk, start, end) => {
      seen.push(chunk.toString('latin1', start, end));
    });
    reader.read(bytes, bytes.length - 1);
    expect(seen).toEqual(replies.slice(0, -1));
  });

  test('reads the value of a key, and counts, out of replies', () => {
    const session = JSON.stringify({ k1: 'one', k2: 'two' });
    const reply = Buffer.from(`VALUE abc 0 ${session.length}\r\n${session}\r\nEND\r\n`);
    expect(memcachedProtocol.valueFrom(reply, 2)).toBe('two');
    expect(memcachedProtocol.valueFrom(reply, 3)).toBeUndefined();
    expect(memcachedProtocol.valueFrom(Buffer.from('END\r\n'), 1)).toBeUndefined();
    expect(memcachedProtocol.liveFrom(Buffer.from(replies[3]!))).toBe(42);
  });
});
