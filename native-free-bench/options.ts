/** The bench's own command line: one bench by name, and flags. */
import { parseArgs } from 'node:util';
import { TARGET_KINDS, type TargetKind } from './generator-messages.js';

export interface BenchOptions {
  readonly bench: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** 0: as the bench has it by default. */
  readonly sessions: number;
  readonly generators: number;
  /** Of an open loop: up to 1 a part of the full rate, above it commands per second. */
  readonly rate: number;
  readonly targets: readonly TargetKind[];
  readonly logs: readonly LogChoice[];
  /** Benches that the report runs anew; empty: all. */
  readonly only: readonly string[];
  /** Flags that were given, for the benches that the report runs. */
  readonly passedOn: readonly string[];
  /** Passed on to `sojourn serve`. */
  readonly serverFlags: readonly string[];
  readonly isJson: boolean;
  readonly isHelp: boolean;
}

/** How changes are kept: not at all, or in a log that is synced as --fsync says. */
export const LOG_CHOICES = ['none', 'no', 'everysec', 'always'] as const;
export type LogChoice = (typeof LOG_CHOICES)[number];

export const DEFAULT_BENCH = 'end-to-end';

const NUMBERS = {
  rounds: { initial: 5, min: 1, max: 1_000, isWhole: true, help: 'rounds of every case' },
  seconds: { initial: 1, min: 0.05, max: 600, isWhole: false, help: 'length of one measurement' },
  connections: { initial: 50, min: 1, max: 10_000, isWhole: true, help: 'connections per server' },
  sessions: {
    initial: 0,
    min: 0,
    max: 20_000_000,
    isWhole: true,
    help: '0: 100000 end to end, 1000000 for the others',
  },
  generators: { initial: 1, min: 1, max: 64, isWhole: true, help: 'load generator processes' },
  rate: {
    initial: 0.5,
    min: 0.01,
    max: 10_000_000,
    isWhole: false,
    help: 'of an open loop: up to 1 a part of the full rate, above it commands/s',
  },
} as const;

type NumberName = keyof typeof NUMBERS;
const NUMBER_NAMES = Object.keys(NUMBERS) as NumberName[];

const PASSED_ON = [...NUMBER_NAMES, 'targets', 'logs', 'server-flags'] as const;

export function helpText(benches: Readonly<Record<string, string>>): string {
  const listed = Object.entries(benches).map(([name, help]) => `  ${name.padEnd(14)}${help}`);
  const numbers = NUMBER_NAMES.map(
    (name) => `  --${name.padEnd(16)}${NUMBERS[name].help} (${NUMBERS[name].initial})`,
  );
  return [
    'npm run bench -- [bench] [flags]',
    '',
    ...listed,
    '',
    ...numbers,
    `  --targets         some of ${TARGET_KINDS.join(',')} (all that are installed)`,
    `  --logs            durability: some of ${LOG_CHOICES.join(',')} (all)`,
    '  --only            report: benches to run anew, the others stay as they were stored (all)',
    '  --server-flags    flags for the server under test, such as "--shards 2"',
    '  --json            one JSON line a case on standard output, the tables on standard error',
    '  --help            this text',
  ].join('\n');
}

/** Throws one error that names every bad flag. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    args: joined(args),
    allowPositionals: true,
    options: {
      rounds: text,
      seconds: text,
      connections: text,
      sessions: text,
      generators: text,
      rate: text,
      targets: text,
      logs: text,
      only: text,
      'server-flags': text,
      json: flag,
      help: flag,
    },
  });
  const problems: string[] = [];
  const numberOf = (name: NumberName): number => {
    const spec = NUMBERS[name];
    const value = Number(values[name] ?? spec.initial);
    const isRight = value >= spec.min && value <= spec.max;
    if (isRight && (!spec.isWhole || Number.isInteger(value))) return value;
    problems.push(`--${name} must be a number from ${spec.min} to ${spec.max}`);
    return spec.initial;
  };
  const options: BenchOptions = {
    bench: positionals[0] ?? DEFAULT_BENCH,
    rounds: numberOf('rounds'),
    seconds: numberOf('seconds'),
    connections: numberOf('connections'),
    sessions: numberOf('sessions'),
    generators: numberOf('generators'),
    rate: numberOf('rate'),
    targets: someOf(TARGET_KINDS, '--targets', values.targets, problems),
    logs: someOf(LOG_CHOICES, '--logs', values.logs, problems),
    only: values.only?.split(',') ?? [],
    passedOn: PASSED_ON.flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [`--${name}=${value}`];
    }),
    serverFlags: (values['server-flags'] ?? '').split(/\s+/).filter((word) => word !== ''),
    isJson: values.json,
    isHelp: values.help,
  };
  if (positionals.length > 1) problems.push('one bench at a time');
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return options;
}

/** parseArgs takes a value that begins with a dash only behind an equals sign. */
function joined(args: readonly string[]): string[] {
  const at = args.indexOf('--server-flags');
  if (at === -1 || at === args.length - 1) return [...args];
  return [...args.slice(0, at), `--server-flags=${args[at + 1]}`, ...args.slice(at + 2)];
}

/** In the order of `all`, whatever the order of the list. */
function someOf<Name extends string>(
  all: readonly Name[],
  flag: string,
  list: string | undefined,
  problems: string[],
): readonly Name[] {
  if (list === undefined) return all;
  const names = list.split(',');
  const isKnown = names.every((name) => all.some((one) => one === name));
  if (!isKnown) problems.push(`${flag} must be some of ${all.join(',')}`);
  return all.filter((name) => names.includes(name));
}
