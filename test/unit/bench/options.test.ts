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
      targets: ['sojourn', 'echo', 'redis'],
      serverFlags: [],
      isJson: false,
      isHelp: false,
    });
  });

  test('takes a bench by name and every flag', () => {
    const options = parseOptions([
      'memory',
      ...['--rounds', '7', '--seconds', '0.5', '--sessions', '1000', '--targets', 'redis,sojourn'],
      ...['--server-flags', '--shards 2  --io-threads 1', '--json'],
    ]);
    expect(options).toMatchObject({
      bench: 'memory',
      rounds: 7,
      seconds: 0.5,
      sessions: 1_000,
      targets: ['sojourn', 'redis'],
      serverFlags: ['--shards', '2', '--io-threads', '1'],
      isJson: true,
    });
  });

  test('names every bad flag at once', () => {
    const args = ['--rounds', '0', '--connections', '1.5', '--seconds', 'x', '--targets', 'mysql'];
    expect(() => parseOptions(args)).toThrow(
      /--rounds.*\n--seconds.*\n--connections.*\n--targets/s,
    );
  });

  test('refuses a flag that does not exist', () => {
    expect(() => parseOptions(['--speed', '9'])).toThrow('--speed');
  });
});

test('helpText names every bench and flag', () => {
  const text = helpText({ memory: 'bytes per session' });
  for (const part of ['memory', '--rounds', '--generators', '--server-flags', '--json']) {
    expect(text).toContain(part);
  }
});
