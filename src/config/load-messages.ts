/**
 * What main and a shard say to each other about loads of saved sets: main sends the entries of one
 * set in pieces, each with those of this shard's slots only; the shard answers each once what it
 * has changed is in its log.
 */
import type { SetKind } from '../core/set-name.js';

/** Main to a shard. */
export interface LoadOrder {
  readonly type: 'load';
  readonly id: number;
  readonly kind: SetKind;
  /** SESSION entries, one after another; transferred. */
  readonly entries: ArrayBuffer;
}

export interface LoadProblem {
  /** limit: --max-sessions, --max-memory or --max-session-bytes. not-durable: the log is failing. */
  readonly kind: 'limit' | 'not-durable' | 'damaged';
  /** For people, one line. */
  readonly text: string;
}

/** A shard to main. */
export interface LoadReport {
  readonly type: 'loaded';
  readonly id: number;
  /** Sessions of the piece that are there now and were not before, and the keys in them. */
  readonly sessions: number;
  readonly keys: number;
  /** Why the rest of the piece was not loaded. */
  readonly problem: LoadProblem | undefined;
}
