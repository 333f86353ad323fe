/** The command line of `npm run profile`. */
import { parseArgs } from 'node:util';
import type { ThreadKind } from './cpu-profile.js';
import { SHAPES, type LoadShape } from './load.js';
import { LOG_CHOICES, type LogChoice } from './options.js';
import type { Operation } from './protocol.js';

export interface ProfileOptions {
  readonly threads: readonly ThreadKind[];
  readonly seconds: number;
  readonly operation: Operation;
  readonly shape: LoadShape;
  readonly log: LogChoice;
  /** Functions listed for each thread. */
  readonly top: number;
  /** Whether the compiler puts callees into their callers, which then have their time. */
  readonly isInlining: boolean;
  readonly serverFlags: readonly string[];
  readonly isHelp: boolean;
}

const THREADS: Readonly<Record<string, readonly ThreadKind[]>> = {
  io: ['io'],
  shard: ['shard'],
  all: ['io', 'shard'],
};
const OPERATIONS: readonly Operation[] = ['get', 'set'];
const SECONDS = { initial: 5, min: 0.5, max: 120 };
const TOP = { initial: 20, min: 1, max: 1_000 };

/** As on the command line: 16-per-frame. */
const flagOf = ({ name }: LoadShape): string => name.replaceAll(' ', '-');
const SHAPE_FLAGS = SHAPES.map(flagOf);

export const PROFILE_HELP = [
  'npm run profile -- io|shard|all [flags]',
  '',
  'Drives a load at a server, and leaves flame graphs of its threads under profiles/.',
  '',
  `  --seconds         length of the load (${SECONDS.initial})`,
  `  --operation       ${OPERATIONS.join(' or ')} (get)`,
  `  --shape           one of ${SHAPE_FLAGS.join(', ')} (16-per-frame)`,
  `  --log             one of ${LOG_CHOICES.join(', ')}: how soon writes are on disk (none)`,
  `  --top             functions listed for each thread (${TOP.initial})`,
  '  --no-inlining     every function by itself: slower, but it shows which they are',
  '  --server-flags    flags for the server, such as "--shards 2"',
  '  --help            this text',
].join('\n');

/** Throws one error that names every mistake. */
export function parseProfileOptions(args: readonly string[]): ProfileOptions {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: text,
      operation: text,
      shape: text,
      log: text,
      top: text,
      'no-inlining': { type: 'boolean', default: false },
      'server-flags': text,
      help: { type: 'boolean', default: false },
    },
  });
  const problems: string[] = [];
  const oneOf = <Name extends string>(flag: string, all: readonly Name[], initial: Name): Name => {
    const given = values[flag as keyof typeof values] ?? initial;
    const found = all.find((name) => name === given);
    if (found === undefined) problems.push(`--${flag} must be one of ${all.join(', ')}`);
    return found ?? initial;
  };
  const numberOf = (flag: 'seconds' | 'top', spec: typeof SECONDS): number => {
    const value = Number(values[flag] ?? spec.initial);
    if (value >= spec.min && value <= spec.max) return value;
    problems.push(`--${flag} must be a number from ${spec.min} to ${spec.max}`);
    return spec.initial;
  };
  const threads = THREADS[positionals[0] ?? 'all'];
  if (threads === undefined || positionals.length > 1) problems.push('say io, shard or all');
  const shapeFlag = oneOf('shape', SHAPE_FLAGS, '16-per-frame');
  const options: ProfileOptions = {
    threads: threads ?? [],
    seconds: numberOf('seconds', SECONDS),
    operation: oneOf('operation', OPERATIONS, 'get'),
    shape: SHAPES.find((shape) => flagOf(shape) === shapeFlag)!,
    log: oneOf('log', LOG_CHOICES, 'none'),
    top: numberOf('top', TOP),
    isInlining: !values['no-inlining'],
    serverFlags: (values['server-flags'] ?? '').split(/\s+/).filter((word) => word !== ''),
    isHelp: values.help,
  };
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return options;
}
