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
  readonly maxAge?: number;
  /** Seconds until the deadline, never negative. */
  readonly remaining: number;
}

/** TypeScript's view of each wire type, on the client's side. Tokens are text there. */
export interface TypeOf {
  str: string;
  bool: boolean;
  uint: number;
  seconds: number;
  map: Record<string, Value>;
  keys: readonly string[];
  token: string;
  tokens: readonly string[];
  expiry: Expiry;
  /** An expiry, or nil to remove it. */
  expiryOrNil: Expiry | null;
  expiryState: ExpiryState;
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
