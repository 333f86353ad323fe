import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config/load.js';
import { DEFAULT_CONFIG } from '../../../src/config/options.js';

const folder = mkdtempSync(join(tmpdir(), 'sojourn-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(text: string): string {
  files += 1;
  const path = join(folder, `${files}.json`);
  writeFileSync(path, text);
  return path;
}

function errorOf(args: readonly string[], environment: Record<string, string> = {}): ConfigError {
  try {
    loadConfig(args, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('loadConfig', () => {
  test('gives the defaults, frozen, when nothing is set', () => {
    const config = loadConfig([], { PATH: '/bin', SOJOURNER: 'x' });
    expect(config).toEqual(DEFAULT_CONFIG);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('lets flags win over the environment, and that over the file', () => {
    const config = fileOf('{"port": 1, "shards": 2, "maxKeys": 3, "maxPayload": "2MiB"}');
    const loaded = loadConfig(['--config', config, '--port=5'], {
      SOJOURN_PORT: '4',
      SOJOURN_SHARDS: '6',
    });
    expect(loaded).toEqual({
      ...DEFAULT_CONFIG,
      config,
      port: 5,
      shards: 6,
      maxKeys: 3,
      maxPayload: 2_097_152,
    });
  });

  test('finds the file by its variable, and by the flag first', () => {
    const one = fileOf('{"shards": 1}');
    const two = fileOf('{"shards": 2}');
    expect(loadConfig([], { SOJOURN_CONFIG: one }).shards).toBe(1);
    expect(loadConfig(['--config', two], { SOJOURN_CONFIG: one }).shards).toBe(2);
  });

  test.each([
    [['--memory'], true],
    [['--memory=true'], true],
    [['--memory=false'], false],
    [['--memory', '--memory=false'], false],
  ])('takes the switch %j as %j', (args, value) => {
    expect(loadConfig(args, {}).memory).toBe(value);
  });

  test('takes a negative-looking value as a value', () => {
    expect(errorOf(['--port', '-1']).problems).toEqual([
      '--port "-1" (flag): expected a whole number from 0 to 65535',
    ]);
  });

  test('tells all that is wrong at once: name, value, source, what was expected', () => {
    const config = fileOf('{"maxKeys": 0, "colour": "red", "config": "other.json"}');
    const error = errorOf(
      ['--port', '70000', '--prot', '1', '--shards', '--evict=all', `--config=${config}`, 'now'],
      { SOJOURN_IO_THREADS: 'many', SOJOURN_THREADS: '2', SOJOURN_PORT: 'x' },
    );
    expect(error.exitCode).toBe(2);
    expect([...error.problems].sort()).toEqual(
      [
        `config (file ${config}): a config file cannot name another`,
        `maxKeys 0 (file ${config}): expected a whole number from 1 to 16777216`,
        `colour "red" (file ${config}): no such setting`,
        'SOJOURN_THREADS (environment): no such setting',
        'SOJOURN_IO_THREADS "many" (environment): expected a whole number from 0 to 64',
        'SOJOURN_PORT "x" (environment): expected a whole number from 0 to 65535',
        '--port "70000" (flag): expected a whole number from 0 to 65535',
        '--prot (flag): no such flag, see --help',
        '"1" (argument): expected flags only',
        '--shards (flag): needs a value',
        '--evict "all" (flag): expected one of no, soonest',
        '"now" (argument): expected flags only',
      ].sort(),
    );
  });

  test.each([['-p'], ['-port'], ['--Port'], ['--no-memory'], ['--maxKeys=1']])(
    'knows no flag %s',
    (flag) => {
      const error = errorOf([flag]);
      expect(error.exitCode).toBe(2);
      expect(error.problems.join()).toContain('no such flag');
    },
  );

  test('shows a long value cut, on one line', () => {
    const [problem = ''] = errorOf(['--port', `1\n${'9'.repeat(500)}`]).problems;
    expect(problem.length).toBeLessThan(150);
    expect(problem).not.toContain('\n');
  });

  test.each([
    ['{"port": 1', 'not JSON'],
    ['[1]', 'expected a JSON object'],
    ['null', 'expected a JSON object'],
    ['', 'not JSON'],
    [' '.repeat((1 << 20) + 1), 'over 1 MiB'],
  ])('says in one line, exit code 1, that a file cannot be read (%#)', (text, reason) => {
    const path = fileOf(text);
    const error = errorOf(['--config', path]);
    expect(error.exitCode).toBe(1);
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]).toContain(`config file ${path}: ${reason}`);
    expect(error.problems[0]).not.toContain('\n');
  });

  test('says so where there is no file, or a folder', () => {
    expect(errorOf(['--config', join(folder, 'none.json')]).problems[0]).toMatch(/no such file$/);
    expect(errorOf(['--config', folder]).problems[0]).toMatch(/it is a directory$/);
  });

  test('counts an unreadable file among wrong settings, exit code 2', () => {
    const error = errorOf(['--config', join(folder, 'none.json'), '--port', 'x']);
    expect(error.exitCode).toBe(2);
    expect(error.problems).toHaveLength(2);
  });
});
