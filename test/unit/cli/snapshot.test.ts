import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/cli/exit.js';
import { snapshotLine, snapshotUrlFrom } from '../../../src/cli/snapshot.js';

describe('snapshotUrlFrom', () => {
  test('names the usual server unless told otherwise', () => {
    expect(snapshotUrlFrom([])).toBe('ws://127.0.0.1:1987');
    expect(snapshotUrlFrom(['--url', 'wss://db.example:7'])).toBe('wss://db.example:7');
  });

  test('gives way to help', () => {
    expect(snapshotUrlFrom(['--help'])).toBeUndefined();
    expect(snapshotUrlFrom(['-h'])).toBeUndefined();
  });

  test.each([
    [['--url', 'http://localhost'], '--url must be'],
    [['--url', 'localhost:1987'], '--url must be'],
    [['--url'], '--url'],
    [['--colour', 'red'], "Unknown option '--colour'"],
    [['now'], "Unexpected argument 'now'"],
  ])('refuses %j in one line', (args, text) => {
    const attempt = (): unknown => snapshotUrlFrom(args);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(text);
    expect(attempt).not.toThrow('\n');
  });
});

describe('snapshotLine', () => {
  test('says in one line what is in the snapshot', () => {
    expect(snapshotLine({ sessions: 3, keys: 7, bytes: 1_572_864, duration: 1_234 })).toBe(
      'snapshot: 3 sessions, 7 keys, 1.5 MiB in 1.2 s',
    );
  });
});
