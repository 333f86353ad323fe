import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/client/command-plan.js';
import { InFlightTable, PendingCommand } from '../../../src/client/in-flight.js';

function command(): PendingCommand {
  return new PendingCommand({
    plan: planOf('SV_PING'),
    token: undefined,
    body: {},
    convert: () => undefined,
    resolve: () => undefined,
    reject: () => undefined,
    tick: 0,
  });
}

describe('InFlightTable', () => {
  test('gives each command an id and finds it by that once', () => {
    const table = new InFlightTable(4);
    const [first, second] = [command(), command()];
    table.add(first);
    table.add(second);
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(table.take(2)).toBe(second);
    expect(table.take(2)).toBeUndefined();
    expect(table.take(1)).toBe(first);
  });

  test('is full at its limit and not after one is taken', () => {
    const table = new InFlightTable(2);
    const commands = [command(), command()];
    for (const each of commands) table.add(each);
    expect(table.isFull).toBe(true);
    table.take(commands[0]!.id);
    expect(table.isFull).toBe(false);
  });

  test('never gives an id that is in use, however long a command stays', () => {
    const table = new InFlightTable(3);
    const slow = command();
    table.add(slow);
    for (let n = 0; n < 100; n += 1) {
      const quick = command();
      table.add(quick);
      expect(table.take(quick.id)).toBe(quick);
    }
    expect(table.take(slow.id)).toBe(slow);
  });

  test('finds nothing for the id of an earlier command in the same slot', () => {
    const table = new InFlightTable(1);
    const old = command();
    table.add(old);
    table.take(old.id);
    for (let n = 0; n < 2; n += 1) {
      const next = command();
      table.add(next);
      expect(table.take(old.id)).toBeUndefined();
      table.take(next.id);
    }
  });

  test('lists its commands in the order sent', () => {
    const table = new InFlightTable(8);
    const slow = command();
    table.add(slow);
    for (let n = 0; n < 21; n += 1) {
      const quick = command();
      table.add(quick);
      table.take(quick.id);
    }
    const later = [command(), command(), command()];
    for (const each of later) table.add(each);
    expect(table.all()).toEqual([slow, ...later]);
  });

  test('forgets everything at once', () => {
    const table = new InFlightTable(1);
    const only = command();
    table.add(only);
    table.clear();
    expect(table.isFull).toBe(false);
    expect(table.all()).toEqual([]);
    expect(table.take(only.id)).toBeUndefined();
  });
});
