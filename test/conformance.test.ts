/**
 * Every command of the catalogue is whole: one number, one execution, one unit test, one method of
 * the SDK and one row in docs/COMMANDS.md. Whoever adds a command is told here what is missing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { METHODS, methodOf } from '../src/client/methods.js';
import { commandByOp } from '../src/commands/table.js';
import {
  CATALOGUE,
  COMMAND_ENTRIES,
  KV_OFFSET,
  OP_MAX,
  commandEntryOf,
  entryByOp,
  type CommandName,
} from '../src/protocol/catalogue.js';

const ROOT = resolve(import.meta.dirname, '..');
const textOf = (path: string): string => readFileSync(resolve(ROOT, path), 'utf8');

const NAMES = Object.keys(CATALOGUE) as CommandName[];
const IO_NAMES = NAMES.filter((name) => CATALOGUE[name].place === 'io');
const MAIN_NAMES = NAMES.filter((name) => CATALOGUE[name].place === 'main');
const SHARD_NAMES = NAMES.filter((name) => !IO_NAMES.includes(name) && !MAIN_NAMES.includes(name));

/** SH_CLEAR_SET -> clear-set */
function fileOf(name: CommandName): string {
  return name.slice(3).toLowerCase().replaceAll('_', '-');
}

/** A file of src/commands says which command it executes as `name: 'SH_...'`. */
const EXECUTIONS = readdirSync(resolve(ROOT, 'src/commands')).flatMap((file) =>
  [...textOf(`src/commands/${file}`).matchAll(/^ {2}name: '(\w+)',$/gm)].map(([, name = '']) => ({
    name,
    file,
  })),
);

describe('the catalogue', () => {
  test('gives each number to one command, KV_ commands included', () => {
    const ops = COMMAND_ENTRIES.map((entry) => entry.op);
    expect(new Set(ops).size).toBe(ops.length);
    expect(ops.every((op) => Number.isInteger(op) && op > 0 && op <= OP_MAX)).toBe(true);
  });

  test('gives each name to one command', () => {
    const names = COMMAND_ENTRIES.map((entry) => entry.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^(SH|KV|SV)(_[A-Z]+)+$/.test(name))).toBe(true);
  });

  test.each(COMMAND_ENTRIES.map((entry) => [entry.name, entry]))(
    'finds %s again',
    (name, entry) => {
      expect(commandEntryOf(name)).toBe(entry);
      expect(entryByOp[entry.op]).toBe(entry);
      const kvName = `KV_${entry.command.slice(3)}`;
      expect(entry.name).toBe(entry.isDefaultMap ? kvName : entry.command);
      expect(entry.op).toBe(entry.spec.op + (entry.isDefaultMap ? KV_OFFSET : 0));
    },
  );

  test.each(NAMES)('lists the parameters of %s in the order they are checked in', (name) => {
    const params = Object.keys(CATALOGUE[name].params);
    expect(params).toEqual([...params].sort());
  });
});

describe('each command', () => {
  test.each(SHARD_NAMES)('%s is executed by one file', (name) => {
    const files = EXECUTIONS.filter((execution) => execution.name === name);
    expect(files.map(({ file }) => file)).toEqual([`${fileOf(name)}.ts`]);
    expect(commandByOp[CATALOGUE[name].op]?.name).toBe(name);
    if (!CATALOGUE[name].onDefaultMap) return;
    expect(commandByOp[CATALOGUE[name].op + KV_OFFSET]).toBe(commandByOp[CATALOGUE[name].op]);
  });

  test.each(SHARD_NAMES)('%s has a unit test', (name) => {
    expect(existsSync(resolve(ROOT, `test/unit/commands/${fileOf(name)}.test.ts`))).toBe(true);
  });

  test.each(IO_NAMES)('%s is answered by the I/O thread, and tested there', (name) => {
    expect(commandByOp[CATALOGUE[name].op]).toBeUndefined();
    expect(textOf('src/io/server-commands.ts')).toContain(`'${name}'`);
    const tests = readdirSync(resolve(ROOT, 'test/unit/io'));
    expect(tests.some((file) => textOf(`test/unit/io/${file}`).includes(name))).toBe(true);
  });

  test.each(MAIN_NAMES)('%s is answered by main, and tested on the way there', (name) => {
    expect(commandByOp[CATALOGUE[name].op]).toBeUndefined();
    expect(textOf('src/config/main-call.ts')).toContain(`'${name}'`);
    expect(textOf('test/unit/io/main-road.test.ts')).toContain(`'${name}'`);
  });

  test.each(NAMES)('%s has a method in the SDK', (name) => {
    expect(METHODS).toHaveProperty(name);
    expect(methodOf(name)).toBeTypeOf('function');
  });

  test.each(NAMES)('%s has a row in docs/COMMANDS.md', (name) => {
    const { op, onDefaultMap } = CATALOGUE[name];
    const head = onDefaultMap
      ? `| ${op} | ${op + KV_OFFSET} | \`${name}\` |`
      : `| ${op} | \`${name}\` |`;
    const rows = textOf('docs/COMMANDS.md').split('\n');
    expect(rows.filter((row) => row.startsWith(head))).toHaveLength(1);
    expect(rows.filter((row) => row.includes(`| \`${name}\` |`))).toHaveLength(1);
  });
});

describe('nothing is left over', () => {
  test('in the files that execute commands', () => {
    const names: readonly string[] = SHARD_NAMES;
    expect(EXECUTIONS.filter(({ name }) => !names.includes(name))).toEqual([]);
  });

  test("in the shard's table", () => {
    const ops = [...commandByOp.keys()].filter((op) => commandByOp[op] !== undefined);
    const known = COMMAND_ENTRIES.filter((entry) => SHARD_NAMES.includes(entry.command));
    expect(ops).toEqual(known.map((entry) => entry.op).sort((a, b) => a - b));
  });

  test("in the SDK's table: no method sends two commands", () => {
    expect(Object.keys(METHODS).sort()).toEqual([...NAMES].sort());
    expect(new Set(Object.values(METHODS)).size).toBe(NAMES.length);
  });
});
