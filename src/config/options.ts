/**
 * Every setting of the server, once. Flags (--max-in-flight), environment names
 * (SOJOURN_MAX_IN_FLIGHT), members of the JSON config file (maxInFlight), --help, the check of every
 * value and docs/CONFIGURATION.md are all made from this table. Order and defaults are read here
 * only; where the values come from is in load.ts.
 */
const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;

/** A piece of text of 1 to 4,096 characters; empty only where the default is. */
export interface TextSpec {
  readonly kind: 'text';
  readonly default: string;
  readonly help: string;
}

/** True or false; as a flag it takes no value. */
export interface SwitchSpec {
  readonly kind: 'switch';
  readonly default: boolean;
  readonly help: string;
}

export interface ChoiceSpec {
  readonly kind: 'choice';
  readonly default: string;
  readonly choices: readonly string[];
  readonly help: string;
}

/** A whole number, a size (1048576, 64KiB, 1.5MiB), a time in seconds or a ratio, between two limits. */
export interface NumberSpec {
  readonly kind: 'count' | 'bytes' | 'seconds' | 'ratio';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly isPowerOfTwo?: true;
  readonly help: string;
}

export type OptionSpec = TextSpec | SwitchSpec | ChoiceSpec | NumberSpec;

// One entry a line where it fits, so that the columns can be read.
export const OPTIONS = {
  host: { kind: 'text', default: '127.0.0.1', help: 'address to listen at' },
  port: { kind: 'count', default: 1987, min: 0, max: 65_535, help: 'TCP port; 0 = any free one' },
  shards: { kind: 'count', default: 0, min: 0, max: 64, help: 'shard threads; 0 = by core count' },
  ioThreads: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 64,
    help: 'I/O threads sharing the port; 0 = by core count',
  },
  lend: {
    kind: 'choice',
    default: 'auto',
    choices: ['auto', 'never'],
    help: "auto = an I/O thread runs a sleeping shard's turn itself where few commands wait for it",
  },
  dataDir: { kind: 'text', default: './data', help: 'directory of the log and the snapshots' },
  memory: {
    kind: 'switch',
    default: false,
    help: 'keep nothing on disk: sessions end with the process; --data-dir is not touched',
  },
  fsync: {
    kind: 'choice',
    default: 'everysec',
    choices: ['always', 'everysec', 'no'],
    help: 'when the log reaches the disk: before each reply, once a second, when the system likes',
  },
  segmentBytes: {
    kind: 'bytes',
    default: 64 * MIB,
    min: 64 * KIB,
    max: GIB,
    help: 'a log file that has grown to this is followed by a new one',
  },
  snapshotLogRatio: {
    kind: 'ratio',
    default: 1,
    min: 0.1,
    max: 1_000,
    help: 'a snapshot is due when the log since the last one is so many times the data',
  },
  snapshotMinBytes: {
    kind: 'bytes',
    default: 64 * MIB,
    min: 64 * KIB,
    max: 1_024 * GIB,
    help: 'but not before the log has grown to this, all shards together',
  },
  loadName: { kind: 'text', default: '', help: 'saved set to load before listening' },
  tokenForm: {
    kind: 'choice',
    default: 'text',
    choices: ['text', 'uint64'],
    help: "tokens minted for text requests; uint64 = integers of 8 random bytes, below today's recommendations",
  },
  users: {
    kind: 'text',
    default: '',
    help: 'JSON file of users; empty = everyone may do everything',
  },
  transport: {
    kind: 'choice',
    default: 'auto',
    choices: ['auto', 'uws', 'ws'],
    help: 'WebSocket server; auto = uws where its binary fits, else ws',
  },
  drainSeconds: {
    kind: 'seconds',
    default: 10,
    min: 0,
    max: 3_600,
    help: 'most a stop waits for commands in flight',
  },
  logLevel: {
    kind: 'choice',
    default: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    help: 'least severe line to log',
  },
  maxPayload: {
    kind: 'bytes',
    default: MIB,
    min: 64,
    max: 64 * MIB,
    help: 'one WebSocket message; larger: status 204',
  },
  maxInFlight: {
    kind: 'count',
    default: 1_024,
    min: 1,
    max: 1_000_000,
    help: 'unanswered commands of one connection beyond which a full ring means status 203',
  },
  maxUnsent: {
    kind: 'bytes',
    default: 16 * MIB,
    min: 4 * KIB,
    max: GIB,
    help: 'replies a connection has not read; more: it is closed',
  },
  maxConnections: {
    kind: 'count',
    default: 65_536,
    min: 1,
    max: 1_000_000,
    help: 'open connections; more are refused',
  },
  maxKeys: {
    kind: 'count',
    default: 131_072,
    min: 1,
    max: 16_777_216,
    help: 'keys in one command; more: status 204',
  },
  maxKeyBytes: {
    kind: 'bytes',
    default: 512,
    min: 1,
    max: 512,
    help: 'length of a key; longer: status 42',
  },
  maxDepth: {
    kind: 'count',
    default: 64,
    min: 1,
    max: 1_024,
    help: 'nesting of a value; deeper: status 42',
  },
  maxSessions: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    help: 'live sessions, all shards together; 0 = no limit; more: status 205',
  },
  maxSessionBytes: {
    kind: 'bytes',
    default: 16 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    help: 'keys and values of one session; more: status 204',
  },
  maxSessionsPerOwner: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    help: 'live sessions of one owner; 0 = no limit; at it, see --owner-limit',
  },
  ownerLimit: {
    kind: 'choice',
    default: 'reject',
    choices: ['reject', 'end-oldest'],
    help: 'at --max-sessions-per-owner: reject = status 206, end-oldest = end the one started first',
  },
  maxSuperseded: {
    kind: 'count',
    default: 8,
    min: 1,
    max: 1_000,
    help: 'replaced tokens remembered per session; older ones are answered 100, not 110',
  },
  maxWatchers: {
    kind: 'count',
    default: 1_024,
    min: 1,
    max: 1_000_000,
    help: 'connections of one I/O thread that watch one session; more: status 203',
  },
  maxWatches: {
    kind: 'count',
    default: 4_096,
    min: 1,
    max: 16_777_216,
    help: 'sessions that one connection watches, some 500 bytes each; more: status 203',
  },
  maxEvents: {
    kind: 'count',
    default: 65_536,
    min: 64,
    max: 16_777_216,
    isPowerOfTwo: true,
    help: 'lifecycle events kept for SV_EVENTS, 48 bytes each; a power of two',
  },
  eventsFromStart: {
    kind: 'switch',
    default: false,
    help: 'keep events from the start, not only from the first SV_EVENTS on',
  },
  maxFindBytes: {
    kind: 'bytes',
    default: MIB,
    min: KIB,
    max: 64 * MIB,
    help: 'values that one SH_FIND looks into; more: status 204',
  },
  maxFindSeconds: {
    kind: 'seconds',
    default: 0.1,
    min: 0.001,
    max: 10,
    help: 'longest run of one SH_FIND, which holds its shard up; longer: status 204',
  },
  maxMemory: {
    kind: 'bytes',
    default: 0,
    min: 0,
    max: 1_024 * GIB,
    help: 'all sessions, all shards together; 0 = no limit; at it, see --evict',
  },
  evict: {
    kind: 'choice',
    default: 'no',
    choices: ['no', 'soonest'],
    help: 'at --max-memory: no = status 205, soonest = end the sessions nearest their deadline',
  },
  ringBytes: {
    kind: 'bytes',
    default: MIB,
    min: 4 * KIB,
    max: 64 * MIB,
    isPowerOfTwo: true,
    help: 'each ring between two threads; a power of two',
  },
  config: { kind: 'text', default: '', help: 'JSON file of settings, named as in maxInFlight' },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

type ValueOf<Spec> = Spec extends { readonly kind: 'text' }
  ? string
  : Spec extends { readonly kind: 'switch' }
    ? boolean
    : Spec extends { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] }
      ? Choice
      : number;

/** The settings of one server: sizes in bytes, times in seconds. Frozen. */
export type Config = { readonly [Name in OptionName]: ValueOf<(typeof OPTIONS)[Name]> };

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** The row of an option, without its literal types. */
export function specOf(name: OptionName): OptionSpec {
  return OPTIONS[name];
}

export const DEFAULT_CONFIG: Config = Object.freeze(
  Object.fromEntries(OPTION_NAMES.map((name) => [name, OPTIONS[name].default])),
) as Config;

/** maxInFlight -> max-in-flight */
export function flagOf(name: OptionName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** maxInFlight -> SOJOURN_MAX_IN_FLIGHT */
export function environmentNameOf(name: OptionName): string {
  return `SOJOURN_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
