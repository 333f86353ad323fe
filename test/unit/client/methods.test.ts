import { describe, expect, test } from 'vitest';
import { METHODS, methodOf } from '../../../src/client/methods.js';
import { CATALOGUE, type CommandName } from '../../../src/protocol/catalogue.js';

describe('METHODS', () => {
  test('names one method for each command of the catalogue', () => {
    expect(Object.keys(METHODS).sort()).toEqual(Object.keys(CATALOGUE).sort());
    expect(new Set(Object.values(METHODS)).size).toBe(Object.keys(METHODS).length);
  });

  test.each(Object.keys(METHODS) as CommandName[])('names a method that is there: %s', (name) => {
    expect(methodOf(name)).toBeTypeOf('function');
  });
});
