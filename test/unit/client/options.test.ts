import { describe, expect, test } from 'vitest';
import { resolveOptions, type ClientOptions } from '../../../src/client/options.js';

describe('resolveOptions', () => {
  test('fills in the defaults', () => {
    expect(resolveOptions({})).toMatchObject({
      timeoutMs: 10_000,
      connectTimeoutMs: 5_000,
      reconnect: { initialMs: 50, maxMs: 5_000, attemptsMax: Infinity },
      maxInFlight: 1_000,
      maxWaiting: 1_000_000,
      maxFrameBytes: 1_044_480,
    });
  });

  test('stays below what a server allows by default', () => {
    const { maxInFlight, maxFrameBytes } = resolveOptions({});
    expect(maxInFlight).toBeLessThan(1_024);
    expect(maxFrameBytes).toBeLessThan(1_024 * 1_024);
  });

  test('takes reconnect: false as no attempt at all', () => {
    expect(resolveOptions({ reconnect: false }).reconnect.attemptsMax).toBe(0);
  });

  test.each([
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['connectTimeoutMs', { connectTimeoutMs: -1 }],
    ['maxInFlight', { maxInFlight: 0 }],
    ['maxInFlight', { maxInFlight: 1.5 }],
    ['maxWaiting', { maxWaiting: -1 }],
    ['maxFrameBytes', { maxFrameBytes: 63 }],
    ['reconnect.initialMs', { reconnect: { initialMs: -1 } }],
    ['reconnect.attemptsMax', { reconnect: { attemptsMax: 0.5 } }],
    ['auth', { auth: { user: 'mia' } as { user: string; secret: string } }],
    ['onConnect', { onConnect: 5 as unknown as () => void }],
    ['random', { random: '4' as unknown as () => number }],
  ] satisfies [string, ClientOptions][])('refuses a bad %s by name: %o', (name, options) => {
    expect(() => resolveOptions(options)).toThrow(TypeError);
    expect(() => resolveOptions(options)).toThrow(name);
  });
});
