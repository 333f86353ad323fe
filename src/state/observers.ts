/** Who is told of what happens to a shard's sessions. */

/** For counters. */
export interface SessionObserver {
  sessionStarted(): void;
  /** Ended by command. */
  sessionsEnded(count: number): void;
  sessionExpired(lagMs: number): void;
  sessionCleared(lagMs: number): void;
}

export type LifecycleKind = 'created' | 'expired' | 'cleared' | 'ended';

/** For the feed of events. Digests are four words from `at` on, valid during the call. */
export interface LifecycleObserver {
  happened(kind: LifecycleKind, digest: Int32Array, at: number): void;
  /** The session of the old digest has the other one from now on. */
  rotated(old: Int32Array, oldAt: number, digest: Int32Array, at: number): void;
}
