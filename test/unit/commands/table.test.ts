import { describe, expect, test } from 'vitest';
import { parameterIndex, parametersByOp, parametersOf } from '../../../src/commands/parameters.js';
import { commandByOp } from '../../../src/commands/table.js';
import { CATALOGUE, COMMAND_ENTRIES } from '../../../src/protocol/catalogue.js';

describe('commandByOp', () => {
  test('has every command that a shard answers under its number, and no other', () => {
    for (let op = 0; op < 256; op += 1) {
      const entry = COMMAND_ENTRIES.find((each) => each.op === op);
      const isOnShard = entry !== undefined && !['io', 'main'].includes(entry.spec.place);
      expect(commandByOp[op]?.name).toBe(isOnShard ? entry.command : undefined);
    }
  });
});

describe('changes', () => {
  const CHANGING_LIVES = [
    ...['SH_NEW', 'SH_END', 'SH_END_ALL', 'SH_END_ID', 'SH_TOUCH', 'SH_EXPIRE'],
    ...['SH_ROTATE', 'SH_SET_OWNER'],
    // What it holds may write.
    'SH_BATCH',
  ];

  test('is set for what writes data and for what changes the life of sessions, and for no other', () => {
    for (const { op, spec, command } of COMMAND_ENTRIES) {
      const entry = commandByOp[op];
      if (entry === undefined || command === 'SH_OPEN') continue;
      const expected = spec.access === 'write' || CHANGING_LIVES.includes(command);
      expect([command, entry.changes]).toEqual([command, expected]);
    }
  });
});

describe('parametersOf', () => {
  test.each(Object.keys(CATALOGUE) as (keyof typeof CATALOGUE)[])('orders those of %s', (name) => {
    const parameters = parametersOf(name);
    const names = parameters.map((parameter) => parameter.name);
    expect(names).toEqual(Object.keys(CATALOGUE[name].params).sort());
    expect(parametersByOp[CATALOGUE[name].op]).toBe(parameters);
    names.forEach((parameter, index) => expect(parameterIndex(name, parameter)).toBe(index));
    expect(() => parameterIndex(name, 'no such')).toThrow('no parameter');
  });
});
