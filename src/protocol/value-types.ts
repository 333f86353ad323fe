/**
 * The vocabulary of the command catalogue: what a parameter or a result member may be. The SDK's
 * types, the validation on the shard and the tables of docs/COMMANDS.md all follow from it.
 */

/** JSON or msgpack value of a key. */
export type Value = unknown;

/** An expiry as a client states it. Seconds throughout, fractions allowed. */
export interface Expiry {
  /** Idle time in seconds after which the session expires; 0 or absent: no idle limit. */
  readonly duration?: number;
  /** At the deadline: true ends the session, false removes its data and keeps it. Default false. */
  readonly deleteSession?: boolean;
  /** Every writing command restarts the idle clock. Default false. */
  readonly extendOnSetAdd?: boolean;
  /** Every reading command restarts the idle clock. Default false. */
  readonly extendOnGet?: boolean;
  /** Seconds after its creation at which the session ends, whatever else. */
  readonly maxAge?: number;
}

/** An expiry as the server reports it. */
export interface ExpiryState extends Required<Omit<Expiry, 'maxAge'>> {
  /** As stated; absent: no limit. */
  readonly maxAge?: number;
  /** Seconds until the deadline, never negative. */
  readonly remaining: number;
}

/** What SH_LIST tells of a session. Instants in Unix seconds. */
export interface ListedSession {
  /** Its public id. */
  readonly id: string;
  /** When it was started. */
  readonly created: number;
  /** When a command last reached it; kept for sessions with an owner. */
  readonly lastUsed: number;
  /** Seconds until the deadline; absent: never. */
  readonly remaining?: number;
  /** Keys it holds. */
  readonly keyCnt: number;
}

/** The figures of one thread by name. */
export type ThreadFigures = Readonly<Record<string, number>>;

/** The durations that one thread has counted: so many were shorter than that, and no shorter than the last. */
export type ThreadDurations = readonly (readonly [endMs: number, count: number])[];

/** One data command of a batch, by number (or by name in the text dialect), and its body. */
export type BatchCommand = readonly [command: number | string, body: object | null];
/** What one data command of a batch answered. */
export type BatchReply = readonly [status: number, body: Readonly<Record<string, Value>> | null];

/** TypeScript's view of each wire type, on the client's side. Tokens are text there. */
export interface TypeOf {
  str: string;
  /** A text, or nil for none. */
  strOrNil: string | null;
  bool: boolean;
  uint: number;
  /** An integer of up to 64 bits or a float. */
  number: number | bigint;
  any: Value;
  seconds: number;
  map: Record<string, Value>;
  keys: readonly string[];
  token: string;
  tokens: readonly string[];
  expiry: Expiry;
  /** An expiry, or nil to remove it. */
  expiryOrNil: Expiry | null;
  expiryState: ExpiryState;
  sessions: readonly ListedSession[];
  /** Key names, or keys and values. */
  found: readonly string[] | Record<string, Value>;
  cmds: readonly BatchCommand[];
  rsps: readonly BatchReply[];
  stats: readonly ThreadFigures[];
  durations: readonly ThreadDurations[];
}

export type ValueType = keyof TypeOf;

export interface Member {
  readonly type: ValueType;
  readonly optional?: true;
  readonly help: string;
}

export type Members = Readonly<Record<string, Member>>;

type RequiredNames<M extends Members> = {
  [Name in keyof M]: M[Name] extends { readonly optional: true } ? never : Name;
}[keyof M];

/** The object type that a table of members describes. */
export type ObjectOf<M extends Members> = {
  readonly [Name in RequiredNames<M>]: TypeOf[M[Name]['type']];
} & {
  readonly [Name in Exclude<keyof M, RequiredNames<M>>]?: TypeOf[M[Name]['type']];
};
