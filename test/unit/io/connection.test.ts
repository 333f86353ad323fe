import { describe, expect, test } from 'vitest';
import { ConnectionTable, type Connection } from '../../../src/io/connection.js';
import type { Socket } from '../../../src/io/transport.js';
import { Random } from '../../support/random.js';

const SOCKET: Socket = {
  bufferedBytes: () => 0,
  sendBinary: () => undefined,
  sendText: () => undefined,
  end: () => undefined,
  terminate: () => undefined,
};

describe('ConnectionTable', () => {
  test('finds a connection by its name until it closes', () => {
    const table = new ConnectionTable(2);
    const connection = table.open(SOCKET);
    expect(table.find(connection.name)).toBe(connection);
    table.close(connection);
    expect(table.find(connection.name)).toBeUndefined();
    expect(connection.isOpen).toBe(false);
  });

  test('is full at its limit and has room again after a close', () => {
    const table = new ConnectionTable(2);
    const first = table.open(SOCKET);
    table.open(SOCKET);
    expect(table.isFull).toBe(true);
    expect(() => table.open(SOCKET)).toThrow('room');
    table.close(first);
    expect(table.isFull).toBe(false);
    expect(table.size).toBe(1);
  });

  // Goal: a reply under way never finds the connection that came after its own.
  // Method: open and close at random, remember every name ever given, look all of them up.
  test.each([1, 2])('never finds another connection under an old name (seed %i)', (seed) => {
    const random = new Random(seed);
    const table = new ConnectionTable(20);
    const open: Connection[] = [];
    const gone: number[] = [];
    for (let call = 0; call < 20_000; call += 1) {
      if (!table.isFull && random.below(2) === 0) {
        const connection = table.open(SOCKET);
        open.push(connection);
      } else if (open.length > 0) {
        const [connection] = open.splice(random.below(open.length), 1);
        table.close(connection!);
        gone.push(connection!.name);
      }
      const old = gone[gone.length - 1 - random.below(Math.min(gone.length, 5_000))];
      if (old !== undefined) expect(table.find(old)).toBeUndefined();
    }
    for (const connection of open) expect(table.find(connection.name)).toBe(connection);
    expect(table.all()).toHaveLength(open.length);
    expect(new Set(open.map((connection) => connection.name)).size).toBe(open.length);
  });
});
