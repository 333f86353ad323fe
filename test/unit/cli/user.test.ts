import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/cli/exit.js';
import { secretFrom, userRequestFrom } from '../../../src/cli/user.js';

describe('userRequestFrom', () => {
  test('takes a name, and rights if there are other than sessions', () => {
    expect(userRequestFrom(['shop'])).toEqual({
      name: 'shop',
      rights: ['sessions'],
      isRandom: false,
    });
    expect(userRequestFrom(['ops@x', '--random', '--rights', 'admin,owners,admin'])).toEqual({
      name: 'ops@x',
      rights: ['admin', 'owners'],
      isRandom: true,
    });
  });

  test('gives way to help', () => {
    expect(userRequestFrom(['--help'])).toBeUndefined();
  });

  test.each([
    [[], 'needs a NAME'],
    [['shop', 'open sesame'], 'the secret comes from standard input'],
    [['a:b'], 'NAME: expected'],
    [[''], 'NAME: expected'],
    [['shop', '--rights', 'root'], '"root" is none of sessions'],
    [['shop', '--rights', ''], '"" is none of sessions'],
    [['shop', '--secret', 'x'], "Unknown option '--secret'"],
  ])('refuses %j in one line', (args, text) => {
    const attempt = (): unknown => userRequestFrom(args);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(text);
    expect(attempt).not.toThrow('\n');
  });
});

describe('secretFrom', () => {
  test('takes the first line, spaces included', () => {
    expect(secretFrom(' open sesame \r\nmore')).toBe(' open sesame ');
    expect(secretFrom('x')).toBe('x');
    expect(secretFrom('ä'.repeat(512))).toHaveLength(512);
  });

  test('refuses nothing, and too much', () => {
    expect(() => secretFrom('\nx')).toThrow('no secret on standard input');
    expect(() => secretFrom('ä'.repeat(513))).toThrow('over 1024 bytes');
  });
});
