/** What a shard checks commands against. Filled from the configuration, the same for every shard. */
import type { ExpiryPolicy } from '../state/deadlines.js';

export interface Limits {
  readonly keysMax: number; // in one command
  readonly keyBytesMax: number;
  readonly valueDepthMax: number;
  readonly sessionBytesMax: number;
}

/** 1 to this many bytes. */
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
