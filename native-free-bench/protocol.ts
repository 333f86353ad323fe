/**
 * What the load generator knows of a server: how to build requests and how to count replies. The
 * generator is the same for all of them; only this differs.
 */

/** Sees one reply as bytes[start, end). The view is valid until the visitor returns. */
export type ReplyVisitor = (bytes: Buffer, start: number, end: number) => void;

/** Follows the bytes that come from one connection. Chunks may end anywhere. */
export interface ReplyReader {
  /** Takes bytes[0, end), valid in this call only; gives the number of replies they complete. */
  read(bytes: Buffer, end: number): number;
  /** Replies so far that were refusals, errors or empty. */
  readonly failures: number;
}

export type Operation = 'get' | 'set';

export interface Protocol {
  /** Sent first on each connection; empty: nothing, and no answer is waited for. */
  readonly greeting: Buffer;
  /** Length of the server's answer to the greeting; 0 while it is incomplete. */
  greetingEnd(bytes: Buffer): number;
  /** One message (a frame, a pipeline) of the commands. */
  message(commands: readonly Buffer[]): Buffer;
  replyReader(visit?: ReplyVisitor): ReplyReader;
  /**
   * The index that the command of this reply was built with; undefined where replies come in the
   * order of their commands and name nothing.
   */
  readonly replyIndex: ((bytes: Buffer, start: number) => number) | undefined;

  /** Starts session number `index` with three keys. @param seconds its life. */
  create(token: Buffer, index: number, seconds: number): Buffer;
  readonly repliesPerCreate: number;
  /** The session and token that a reply to create() names; undefined where the client chooses. */
  created(reply: Buffer): { readonly index: number; readonly token: Buffer } | undefined;

  get(token: Buffer, index: number, key: number): Buffer;
  /** Stores valueText(index, key, 1). */
  set(token: Buffer, index: number, key: number): Buffer;
  /** The value of that key in a reply to get(); undefined where there is none. */
  valueFrom(reply: Buffer, key: number): string | undefined;

  /** Asks for the number of live sessions. */
  countLive(): Buffer;
  liveFrom(reply: Buffer): number;
  endAll(): Buffer;
  /** Writes all data to disk as one snapshot; answered once it is there. Throws where there is none. */
  snapshot(): Buffer;
}

export const TOKEN_BYTES = 24;
export const KEY_COUNT = 3;
export const VALUE_BYTES = 32;

export function keyName(key: number): string {
  return `k${key}`;
}

/** 32 characters that tell whose they are. @param generation 0 as created, 1 as set later. */
export function valueText(index: number, key: number, generation: 0 | 1): string {
  return `v${generation}-${keyName(key)}-${String(index).padStart(26, '0')}`;
}
