/**
 * What main and a shard say to each other about walks: a walk encodes the sessions of a shard, a
 * slice at a time, and sends them to main in chunks.
 *
 * Main counts the chunks it is done with on the shard's board; a shard never has more than
 * CHUNKS_AHEAD_MAX under way, all its walks together.
 */

/** Chunks sent to main and not counted as done, at most. */
export const CHUNKS_AHEAD_MAX = 4;

/** Words of one session in a list: the four of its digest, then its slot. */
export const SELECTED_WORDS = 5;

/**
 * All: the sessions and, on the first shard, the default map. Default: that map alone. A list names
 * sessions by SELECTED_WORDS words each; those that the shard does not have are passed over.
 */
export type WalkSelection = 'all' | 'sessions' | 'default' | Int32Array;

/** Main to a shard. */
export type WalkOrder = WalkStart | WalkCancel;

/** A shard to main. */
export type WalkReport = WalkChunk | WalkEnd;

/** A walk for a snapshot begins a segment of the log, a walk for a save does not. */
export interface WalkStart {
  readonly type: 'walk';
  readonly id: number;
  readonly purpose: 'snapshot' | 'save';
  readonly what: WalkSelection;
}

/** What the walk would still send is not wanted: it reports `walked` at once. */
export interface WalkCancel {
  readonly type: 'cancel-walk';
  readonly id: number;
}

/** Where the log begins that, replayed over what a walk gave, gives the present. Zeros for a save. */
export interface LogStart {
  readonly segment: number;
  /** Of the first batch in that segment. */
  readonly sequence: number;
}

export interface WalkChunk {
  readonly type: 'chunk';
  readonly id: number;
  readonly logStart: LogStart;
  /**
   * SESSION entries, the default map's among them. Shared memory, which is the receiver's until it
   * counts the chunk as done.
   */
  readonly bytes: Uint8Array;
  /** In it, without the default map. */
  readonly sessions: number;
  /** In it, with those of the default map. */
  readonly keys: number;
}

/** All chunks of the walk have been sent. Sums of the chunks. */
export interface WalkEnd {
  readonly type: 'walked';
  readonly id: number;
  readonly logStart: LogStart;
  /** Of the last batch written by then. What commands changed up to it is what the walk may have seen. */
  readonly lastSequence: number;
  readonly sessions: number;
  readonly keys: number;
}
