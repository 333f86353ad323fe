/** What a shard checks commands against. Filled from the configuration, the same for every shard. */
import type { ExpiryPolicy } from '../state/deadlines.js';

export interface Limits {
  readonly keysMax: number; // in one command
  readonly keyBytesMax: number;
  readonly valueDepthMax: number;
  readonly sessionBytesMax: number;
  /** What one SH_FIND looks into, and how long it runs. */
  readonly findBytesMax: number;
  readonly findMsMax: number;
  /** Sessions of one owner; 0 for no limit. */
  readonly ownerSessionsMax: number;
  /** At that limit: whether the session started first ends instead of the command being refused. */
  readonly endsOldest: boolean;
  /** Whether an owner may have sessions on other shards, so that none can tell how many there are. */
  readonly isOneOfSeveral: boolean;
}

/** Names and owners: 1 to this many bytes. */
export const NAME_BYTES_MAX = 256;
/** 100 years of 365.25 days, in seconds. */
export const SECONDS_MAX = 100 * 31_557_600;

export function emptyPolicy(): ExpiryPolicy {
  return {
    idleMs: 0,
    maxAgeMs: Infinity,
    deletesSession: false,
    extendsOnWrite: false,
    extendsOnRead: false,
  };
}
