import { describe, expect, test } from 'vitest';
import {
  DEFAULT_CONFIG,
  environmentNameOf,
  flagOf,
  OPTION_NAMES,
  specOf,
} from '../../../src/config/options.js';
import { checkSettings } from '../../../src/config/values.js';

describe('OPTIONS', () => {
  test('names a flag and a variable after each option', () => {
    expect(flagOf('maxInFlight')).toBe('max-in-flight');
    expect(environmentNameOf('maxInFlight')).toBe('SOJOURN_MAX_IN_FLIGHT');
    expect(flagOf('port')).toBe('port');
    expect(environmentNameOf('ioThreads')).toBe('SOJOURN_IO_THREADS');
  });

  test('gives no two options one flag or one variable', () => {
    expect(new Set(OPTION_NAMES.map(flagOf)).size).toBe(OPTION_NAMES.length);
    expect(new Set(OPTION_NAMES.map(environmentNameOf)).size).toBe(OPTION_NAMES.length);
  });

  test('has defaults that pass their own check', () => {
    expect(checkSettings({ ...DEFAULT_CONFIG })).toEqual({
      settings: { ...DEFAULT_CONFIG },
      problems: [],
    });
  });

  test.each(OPTION_NAMES)('takes the limits of %s and nothing beyond them', (name) => {
    const spec = specOf(name);
    if (!('min' in spec)) return;
    const problemsOf = (value: number): number => checkSettings({ [name]: value }).problems.length;
    expect(problemsOf(spec.min)).toBe(0);
    expect(problemsOf(spec.max)).toBe(0);
    expect(problemsOf(spec.min - 1)).toBe(1);
    expect(problemsOf(spec.max + 1)).toBe(1);
  });

  test('holds the settings that the rest of the server relies on', () => {
    expect(DEFAULT_CONFIG).toMatchObject({
      host: '127.0.0.1',
      port: 1987,
      shards: 0,
      ioThreads: 0,
      maxPayload: 1_048_576,
      maxInFlight: 1_024,
      ringBytes: 1_048_576,
    });
    expect(Object.isFrozen(DEFAULT_CONFIG)).toBe(true);
  });
});
