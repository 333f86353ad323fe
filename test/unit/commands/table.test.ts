import { describe, expect, test } from 'vitest';
import { parameterIndex, parametersByOp, parametersOf } from '../../../src/commands/parameters.js';
import { commandByOp } from '../../../src/commands/table.js';
import { CATALOGUE, COMMAND_ENTRIES } from '../../../src/protocol/catalogue.js';

describe('commandByOp', () => {
  test('has every command that a shard answers under its number, and no other', () => {
    for (let op = 0; op < 256; op += 1) {
      const entry = COMMAND_ENTRIES.find((each) => each.op === op);
      const isOnShard = entry !== undefined && entry.spec.place !== 'io';
      expect(commandByOp[op]?.name).toBe(isOnShard ? entry.command : undefined);
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
