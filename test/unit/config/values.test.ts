import { describe, expect, test } from 'vitest';
import { specOf } from '../../../src/config/options.js';
import {
  bytesFrom,
  checkSettings,
  expectedOf,
  sizeText,
  valueText,
} from '../../../src/config/values.js';

describe('bytesFrom', () => {
  test.each([
    ['0', 0],
    ['1048576', 1_048_576],
    ['512B', 512],
    ['64KiB', 65_536],
    ['64 KiB', 65_536],
    ['1mib', 1_048_576],
    ['1.5MiB', 1_572_864],
    ['2GiB', 2_147_483_648],
  ])('reads %s as %i bytes', (text, bytes) => {
    expect(bytesFrom(text)).toBe(bytes);
  });

  test.each(['', 'KiB', '-1', '1e6', '1KB', '1M', '0x10', '1 2', '1KiBs', '9'.repeat(16)])(
    'takes %j for no size',
    (text) => {
      expect(bytesFrom(text)).toBeUndefined();
    },
  );
});

describe('sizeText', () => {
  test.each([
    [0, '0'],
    [1_000, '1000'],
    [1_024, '1KiB'],
    [1_536, '1536'],
    [16_777_216, '16MiB'],
    [1_099_511_627_776, '1024GiB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });

  test('is read back as the same size', () => {
    for (let bytes = 1; bytes < 2 ** 41; bytes *= 2) expect(bytesFrom(sizeText(bytes))).toBe(bytes);
  });
});

describe('checkSettings', () => {
  test.each([
    ['port', '0', 0],
    ['port', ' 1987 ', 1987],
    ['port', 65_535, 65_535],
    ['memory', 'true', true],
    ['memory', '0', false],
    ['memory', true, true],
    ['transport', 'ws', 'ws'],
    ['drainSeconds', '0.5', 0.5],
    ['ringBytes', '4KiB', 4_096],
    ['host', '::1', '::1'],
    ['config', '', ''],
  ])('takes %s %j as %j', (name, given, value) => {
    expect(checkSettings({ [name]: given })).toEqual({ settings: { [name]: value }, problems: [] });
  });

  test.each([
    ['port', ''],
    ['port', '1987x'],
    ['port', '1.0'],
    ['port', 1.5],
    ['port', -1],
    ['port', null],
    ['port', [1987]],
    ['port', Number.NaN],
    ['shards', '65'],
    ['ioThreads', '65'],
    ['memory', 'yes'],
    ['memory', 2],
    ['transport', 'tcp'],
    ['transport', 1],
    ['drainSeconds', '-1'],
    ['drainSeconds', '1e3'],
    ['maxPayload', '63'],
    ['maxPayload', '65MiB'],
    ['maxPayload', '100.5'],
    ['ringBytes', '5000'],
    ['ringBytes', '2KiB'],
    ['host', ''],
    ['host', 7],
    ['host', 'x'.repeat(4_097)],
  ])('refuses %s %j and says what it takes', (name, given) => {
    expect(checkSettings({ [name]: given })).toEqual({
      settings: {},
      problems: [{ name, expected: `expected ${expectedOf(specOf(name as 'port'))}` }],
    });
  });

  test('names every problem once, in one pass', () => {
    const { problems } = checkSettings({ port: 'x', shards: -1, colour: 'red', evict: 'all' });
    expect(problems.map((problem) => problem.name).sort()).toEqual([
      'colour',
      'evict',
      'port',
      'shards',
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString', 'Port'])('knows no setting %s', (name) => {
    const given = JSON.parse(`{${JSON.stringify(name)}: 1}`) as Record<string, unknown>;
    expect(checkSettings(given).problems).toEqual([{ name, expected: 'no such setting' }]);
  });
});

describe('expectedOf', () => {
  test.each([
    ['port', 'a whole number from 0 to 65535'],
    ['maxEvents', 'a whole number, a power of two, from 64 to 16777216'],
    ['evict', 'one of no, soonest'],
    ['memory', 'true or false'],
    ['maxPayload', 'a size from 64 to 64MiB, such as 1048576 or 1MiB'],
    ['maxMemory', 'a size from 0 to 1024GiB, such as 1048576 or 1MiB'],
    ['ringBytes', 'a size, a power of two, from 4KiB to 64MiB, such as 1048576 or 1MiB'],
    ['drainSeconds', 'a number of seconds from 0 to 3600'],
  ] as const)('says what %s takes', (name, text) => {
    expect(expectedOf(specOf(name))).toBe(text);
  });
});

describe('valueText', () => {
  test('writes sizes with a unit and all else as it is', () => {
    expect(valueText(specOf('maxUnsent'), 16_777_216)).toBe('16MiB');
    expect(valueText(specOf('port'), 1_024)).toBe('1024');
    expect(valueText(specOf('memory'), true)).toBe('true');
  });
});
