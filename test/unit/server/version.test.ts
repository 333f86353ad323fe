import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SERVER_VERSION } from '../../../src/server/version.js';

test('SERVER_VERSION is that of package.json', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  expect(SERVER_VERSION).toBe((JSON.parse(text) as { version: string }).version);
});
