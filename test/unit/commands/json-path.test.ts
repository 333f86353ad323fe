import { describe, expect, test } from 'vitest';
import { compilePath, runWithin } from '../../../src/commands/json-path.js';

describe('runWithin', () => {
  test('runs the work to its end', () => {
    let runs = 0;
    expect(runWithin(1_000, () => (runs += 1))).toBe('done');
    expect(runs).toBe(1);
  });

  test('ends what has no end, and runs the next as if nothing had been', () => {
    for (let round = 0; round < 3; round += 1) {
      expect(
        runWithin(2, () => {
          for (;;);
        }),
      ).toBe('late');
      expect(runWithin(1_000, () => undefined)).toBe('done');
    }
  });

  test('calls a stack without end late, and everything else that is thrown failed', () => {
    const endless = (): number => 1 + endless();
    expect(runWithin(5_000, endless)).toBe('late');
    const broken = (): void => {
      throw new TypeError('of the library');
    };
    expect(runWithin(1_000, broken)).toBe('failed');
  });
});

describe('compilePath', () => {
  test('gives a query, or says why there is none', () => {
    expect(compilePath('$.a')).toBeTypeOf('object');
    expect(compilePath('$.')).toBeTypeOf('string');
    expect(compilePath(`$[?${'('.repeat(100_000)}`)).toBeTypeOf('string');
  });
});
