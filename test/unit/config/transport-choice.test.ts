import { describe, expect, test } from 'vitest';
import {
  canSharePort,
  hasReusePort,
  hasUwsBinary,
  isUwsChosen,
} from '../../../src/config/transport-choice.js';

describe('hasReusePort', () => {
  test.each([
    ['20.20.2', false],
    ['23.0.9', false],
    ['23.1.0', true],
    ['24.0.0', true],
  ])('of Node %s is %s', (version, expected) => {
    expect(hasReusePort(version)).toBe(expected);
  });
});

describe('isUwsChosen', () => {
  test('follows the flag, and with auto whether there is a binary', () => {
    expect(isUwsChosen('uws')).toBe(true);
    expect(isUwsChosen('ws')).toBe(false);
    expect(isUwsChosen('auto')).toBe(hasUwsBinary());
  });
});

describe('canSharePort', () => {
  test('is true on Linux for the native transport, and for ws where Node can ask for it', () => {
    const isLinux = process.platform === 'linux';
    expect(canSharePort('uws')).toBe(isLinux);
    expect(canSharePort('ws')).toBe(isLinux && hasReusePort());
  });
});
