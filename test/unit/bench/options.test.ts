import { describe, expect, test } from 'vitest';
import { helpText, parseOptions } from '../../../native-free-bench/options.js';

describe('parseOptions', () => {
  test('runs end to end by default, on all targets', () => {
    expect(parseOptions([])).toEqual({
      bench: 'end-to-end',
      rounds: 5,
      seconds: 1,
      connections: 50,
      sessions: 0,
      generators: 1,
      rate: 0.5,
      targets: ['sojourn', 'echo', 'redis', 'memcached'],
      logs: ['none', 'no', 'everysec', 'always'],
      only: [],
      passedOn: [],
      serverFlags: [],
      isJson: false,
      isHelp: false,
    });
  });

  test('takes a bench by name and every flag', () => {
    const options = parseOptions([
      'memory',
      ...['--rounds', '7', '--seconds', '0.5', '--sessions', '1000', '--targets', 'redis,sojourn'],
      ...['--server-flags', '--shards 2  --io-threads 1', '--json', '--rate', '5000'],
      ...['--logs', 'always,none', '--only', 'memory,expiry'],
    ]);
    expect(options).toMatchObject({
      bench: 'memory',
      rounds: 7,
      seconds: 0.5,
      sessions: 1_000,
      targets: ['sojourn', 'redis'],
      serverFlags: ['--shards', '2', '--io-threads', '1'],
      rate: 5_000,
      logs: ['none', 'always'],
      only: ['memory', 'expiry'],
      isJson: true,
    });
  });

  test('passes on what was given, and neither what was not nor what concerns the report', () => {
    const given = ['--rounds', '3', '--server-flags', '--shards 2', '--only', 'memory', '--json'];
    expect(parseOptions(['report', ...given]).passedOn).toEqual([
      '--rounds=3',
      '--server-flags=--shards 2',
    ]);
    expect(parseOptions(['memory', ...parseOptions(given).passedOn])).toMatchObject({
      rounds: 3,
      serverFlags: ['--shards', '2'],
    });
  });

  test('names every bad flag at once', () => {
    const args = [
      ...['--rounds', '0', '--connections', '1.5', '--seconds', 'x', '--targets', 'mysql'],
      ...['--rate', '0', '--logs', 'sometimes'],
    ];
    expect(() => parseOptions(args)).toThrow(
      /--rounds.*\n--seconds.*\n--connections.*\n--rate.*\n--targets.*\n--logs/s,
    );
  });

  test('refuses a flag that does not exist', () => {
    expect(() => parseOptions(['--speed', '9'])).toThrow('--speed');
  });
});

test('helpText names every bench and flag', () => {
  const text = helpText({ memory: 'bytes per session' });
  for (const part of ['memory', '--rounds', '--rate', '--logs', '--only', '--server-flags']) {
    expect(text).toContain(part);
  }
});
