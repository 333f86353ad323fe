/**
 * Reads the settings, once: defaults < file < environment < flags. Every source is checked in full,
 * so that one start tells all that is wrong, by the name it was written under.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  DEFAULT_CONFIG,
  environmentNameOf,
  flagOf,
  OPTION_NAMES,
  specOf,
  type Config,
  type OptionName,
} from './options.js';
import { checkSettings, type Settings } from './values.js';

const ENVIRONMENT_PREFIX = 'SOJOURN_';
const CONFIG_FILE_BYTES_MAX = 1 << 20;
const SHOWN_LENGTH_MAX = 60;

/** Settings that no server can be started with: a line for each, and the exit code they deserve. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  /** 2 for settings that are wrong; 1 where the config file alone cannot be read. */
  readonly exitCode: 1 | 2;

  constructor(problems: readonly string[], exitCode: 1 | 2) {
    super(problems.join('\n'));
    this.problems = problems;
    this.exitCode = exitCode;
  }
}

/** What one source gave: values by option, and lines on what does not even name one. */
interface Source {
  readonly given: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
  /** How a setting is called there. */
  readonly nameOf: (name: string) => string;
  readonly place: string;
}

const optionByFlag = new Map<string, OptionName>(OPTION_NAMES.map((name) => [flagOf(name), name]));
const optionByEnvironmentName = new Map<string, OptionName>(
  OPTION_NAMES.map((name) => [environmentNameOf(name), name]),
);

/** The settings of this process. Throws ConfigError naming all that is wrong. */
export function loadConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const flags = sourceFromFlags(args);
  const variables = sourceFromEnvironment(environment);
  const sources = [variables, flags];
  const wrong: string[] = [];
  const path = flags.given['config'] ?? variables.given['config'];
  let unreadable: string | undefined;
  if (typeof path === 'string' && path !== '') {
    const file = sourceFromFile(path);
    if (typeof file === 'string') unreadable = file;
    else sources.unshift(file);
  }

  const merged: Settings = { ...DEFAULT_CONFIG };
  for (const source of sources) {
    wrong.push(...source.problems);
    const { settings, problems } = checkSettings(source.given);
    for (const { name, expected } of problems) {
      const value = Object.hasOwn(source.given, name) ? source.given[name] : undefined;
      wrong.push(`${source.nameOf(name)} ${shown(value)} (${source.place}): ${expected}`);
    }
    Object.assign(merged, settings);
  }
  if (unreadable !== undefined) {
    throw new ConfigError([unreadable, ...wrong], wrong.length === 0 ? 1 : 2);
  }
  if (wrong.length > 0) throw new ConfigError(wrong, 2);
  return Object.freeze(merged) as Config;
}

function sourceFromFlags(args: readonly string[]): Source {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  // parseArgs would take the next flag for the value, and so miss what is wrong with that one.
  const whole = args.filter((arg, index) => {
    const name = arg.startsWith('--') ? optionByFlag.get(arg.slice(2)) : undefined;
    if (name === undefined || flagTypeOf(name) === 'boolean') return true;
    if (args[index + 1]?.startsWith('--') === false) return true;
    problems.push(`${arg} (flag): needs a value`);
    return false;
  });
  const options = OPTION_NAMES.map((name) => [flagOf(name), { type: flagTypeOf(name) }] as const);
  const { tokens } = parseArgs({
    args: whole,
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      problems.push(`${shown(token.value)} (argument): expected flags only`);
      continue;
    }
    const name = optionByFlag.get(token.name);
    if (name === undefined || !token.rawName.startsWith('--')) {
      problems.push(`${token.rawName} (flag): no such flag, see --help`);
    } else {
      given[name] = token.value ?? true;
    }
  }
  return { given, problems, nameOf: (name) => `--${flagOf(name as OptionName)}`, place: 'flag' };
}

function flagTypeOf(name: OptionName): 'boolean' | 'string' {
  return specOf(name).kind === 'switch' ? 'boolean' : 'string';
}

function sourceFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue;
    const name = optionByEnvironmentName.get(variable);
    if (name === undefined) problems.push(`${variable} (environment): no such setting`);
    else given[name] = value;
  }
  const nameOf = (name: string): string => environmentNameOf(name as OptionName);
  return { given, problems, nameOf, place: 'environment' };
}

/** The settings of a file, or the line that says why it cannot be read. */
function sourceFromFile(path: string): Source | string {
  let members: unknown;
  try {
    const bytes = readFileSync(path);
    if (bytes.byteLength > CONFIG_FILE_BYTES_MAX) return `config file ${path}: over 1 MiB`;
    members = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return `config file ${path}: ${reasonOf(error)}`;
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    return `config file ${path}: expected a JSON object of settings`;
  }
  const given = { ...members } as Record<string, unknown>;
  const problems: string[] = [];
  if (Object.hasOwn(given, 'config')) {
    delete given['config'];
    problems.push(`config (file ${path}): a config file cannot name another`);
  }
  return { given, problems, nameOf: (name) => name, place: `file ${path}` };
}

/** Why a file cannot be read, in a few words without the path. */
function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  if (error instanceof SyntaxError) return `not JSON: ${firstLineOf(error.message)}`;
  return code ?? firstLineOf(String(error));
}

function firstLineOf(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** A value in an error line: short, on one line, its type visible. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}...`;
}
