/** What a watch tells. */
import type { Members } from './results.js';
import type { Found, KeyOf } from './shapes.js';

/** Keys were stored; with the values they have now. */
export interface SetChange<Shape extends object> {
  /** What happened. */
  readonly event: 'set';
  /** Public id of the session. */
  readonly id: string;
  /** The keys that changed and their values. */
  readonly keys: Found<Shape, KeyOf<Shape>>;
}

/** Keys were removed. */
export interface RemovedChange<Shape extends object> {
  /** What happened. */
  readonly event: 'removed';
  /** Public id of the session. */
  readonly id: string;
  /** The keys that are gone. */
  readonly keys: readonly KeyOf<Shape>[];
}

/** All keys were removed; the session stays. */
export interface ClearedChange {
  /** What happened. */
  readonly event: 'cleared';
  /** Public id of the session. */
  readonly id: string;
  /** Present if a deadline did it, not a command. */
  readonly expired?: true;
}

/** The session has a new token, and so a new id. The watch goes on. */
export interface RotatedChange {
  /** What happened. */
  readonly event: 'rotated';
  /** Public id of the session until now. */
  readonly id: string;
  /** Public id of the session from now on. */
  readonly newId: string;
}

/** Changes may be missing here: read what matters anew. The watch goes on. */
export interface GapChange {
  /**
   * `lost`: the server could not make changes durable; whoever made them was told that they failed.
   * `resumed`: the watch is there again, after that or after a lost connection.
   */
  readonly event: 'resumed' | 'lost';
  /** Public id of the session. */
  readonly id: string;
  /** One line for people, if the server gave one. */
  readonly reason?: string;
}

/** The last change of a watch. */
export interface FinalChange {
  /**
   * `ended`: on command. `expired`: at its deadline. `unwatched`: the server ended the watch because
   * this client read too slowly; the session lives, and may be watched again.
   */
  readonly event: 'ended' | 'expired' | 'unwatched';
  /** Public id of the session. */
  readonly id: string;
  /** Why, with `unwatched`. */
  readonly reason?: string;
  /** Present if it was over when the connection came back: it may have ended in either way. */
  readonly isMissed?: true;
}

/** One change of a watched session, by its `event`. */
export type Change<Shape extends object = Record<string, unknown>> =
  SetChange<Shape> | RemovedChange<Shape> | ClearedChange | RotatedChange | GapChange | FinalChange;

/** How session.watch() watches. */
export interface WatchOptions {
  /**
   * Changes that may wait in the client until the loop takes them; one more ends it with
   * FeedOverflowError. Default 10,000.
   */
  readonly maxBuffered?: number;
}

/** All but `resumed`, which is the client's own. */
const EVENTS: ReadonlySet<string> = new Set<Change['event']>([
  ...(['set', 'removed', 'cleared', 'rotated', 'lost'] as const),
  ...(['ended', 'expired', 'unwatched'] as const),
]);

/** The change that a push tells of; undefined for one that this version does not know. */
export function changeOf(event: string, body: Members): Change | undefined {
  if (!EVENTS.has(event) || typeof body['id'] !== 'string') return undefined;
  return { event, ...body } as unknown as Change;
}

export function isFinal(change: Change): change is FinalChange {
  return change.event === 'ended' || change.event === 'expired' || change.event === 'unwatched';
}
