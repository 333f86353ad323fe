import { describe, expect, test } from 'vitest';
import {
  CALL_HELP,
  MAIN_HELP,
  REFERENCE_HELP,
  serveHelp,
  USER_HELP,
} from '../../../src/cli/help.js';
import { flagOf, OPTION_NAMES, specOf } from '../../../src/config/options.js';
import { sizeText, valueText } from '../../../src/config/values.js';

describe('serveHelp', () => {
  const lines = serveHelp().split('\n');

  test.each(OPTION_NAMES)('has one line that starts with the flag of %s', (name) => {
    const starts = lines.filter((line) => line.split(' ').includes(`--${flagOf(name)}`));
    expect(starts.filter((line) => line.startsWith('  --'))).toHaveLength(1);
  });

  test.each(OPTION_NAMES)('tells default and limits of %s', (name) => {
    const spec = specOf(name);
    const at = lines.findIndex((line) => line.startsWith(`  --${flagOf(name)} `));
    const text = `${lines[at]} ${(lines[at + 1] ?? '').trim()}`;
    if (spec.default !== '') expect(text).toContain(` ${valueText(spec, spec.default)} `);
    if (spec.kind === 'bytes') expect(text).toContain(sizeText(spec.max));
    else if ('max' in spec) expect(text).toContain(`${spec.min} to ${spec.max}`);
    if (spec.kind === 'choice') for (const choice of spec.choices) expect(text).toContain(choice);
  });

  test('starts every meaning in the same column', () => {
    const column = lines.find((line) => line.includes('meaning'))?.indexOf('meaning') ?? -1;
    expect(column).toBeGreaterThan(0);
    for (const line of lines.filter((text) => text.startsWith('  --'))) {
      expect(line.slice(column - 1, column + 1)).toMatch(/^ \S$/);
    }
  });
});

describe('help texts', () => {
  test.each([
    ['sojourn', MAIN_HELP],
    ['serve', serveHelp()],
    ['call', CALL_HELP],
    ['user', USER_HELP],
    ['reference', REFERENCE_HELP],
  ])('of %s fits 100 columns and ends with a line break', (_, text) => {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text.endsWith('\n')).toBe(true);
  });
});
