import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commandsPage, configurationPage, countersPage } from '../../../src/cli/reference.js';
import { environmentNameOf, flagOf, OPTION_NAMES } from '../../../src/config/options.js';
import { STATUSES } from '../../../src/core/statuses.js';
import { COMMAND_ENTRIES } from '../../../src/protocol/catalogue.js';

function pageOf(file: string): string {
  return readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
}

describe('reference pages', () => {
  test.each([
    ['COMMANDS.md', commandsPage],
    ['CONFIGURATION.md', configurationPage],
    ['COUNTERS.md', countersPage],
  ])('docs/%s is what the code says; npm run docs brings it up to date', (file, render) => {
    expect(pageOf(file)).toBe(render());
  });

  test.each([
    ['commands', commandsPage()],
    ['configuration', configurationPage()],
    ['counters', countersPage()],
  ])('the page of %s has one title and tables of even rows', (_, page) => {
    expect(page.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1);
    let columns = 0;
    for (const line of page.split('\n')) {
      const bars = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0;
      if (bars > 0 && columns > 0) expect(bars).toBe(columns);
      columns = bars;
    }
  });
});

describe('commandsPage', () => {
  const page = commandsPage();

  test.each(COMMAND_ENTRIES.map((entry) => [entry.name, entry]))(
    'has a row with the number of %s',
    (_, entry) => {
      const row = page.split('\n').find((line) => line.includes(`| \`${entry.command}\` |`));
      expect(row).toMatch(new RegExp(`\\| ${entry.op} \\|`));
    },
  );

  test.each(Object.entries(STATUSES))('has a row for status %s', (name, spec) => {
    expect(page).toContain(`| ${spec.code} | \`${name}\` | ${spec.class} | ${spec.help} |`);
  });
});

describe('configurationPage', () => {
  test.each(OPTION_NAMES)('names %s as flag, variable and member', (name) => {
    expect(configurationPage()).toContain(
      `| \`--${flagOf(name)}\` | \`${environmentNameOf(name)}\` | \`${name}\` |`,
    );
  });
});
