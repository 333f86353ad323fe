/**
 * What a command is. One file in this folder defines one command; table.ts lists them all. Names,
 * numbers, parameters and results stand in protocol/command-rows.ts.
 *
 * The steps, in the order they run on the shard, each synchronous:
 *
 *   decode     Body.decode, by the catalogue       26, 41, 42
 *   validate   what the types do not say           42, 26
 *   find       the session, by digest              100
 *   execute    reads or changes the state, and encodes the reply as it goes
 *
 * Nothing is thrown for what a client can cause. A value stays msgpack bytes from the request to the
 * arena and back.
 */
import { type ByteSpace } from '../core/copy.js';
import type { CommandName } from '../protocol/catalogue.js';
import type { ShardState } from '../state/shard-state.js';
import type { Body } from './body.js';
import type { Limits } from './limits.js';
import type { ReplyWriter } from './reply.js';

export interface Command {
  readonly name: CommandName;
  /** session: runs on a live session or is refused with 100. none: there is no session to find. */
  readonly needs: 'session' | 'none';
  /** Whether the session can grow by it, and so it is refused with 205 when there is no memory. */
  readonly grows: boolean;
  /**
   * Whether it changes what is to last, beside what deadlines do by themselves: while the log fails
   * it is refused with 210. To start: only where it starts a session, and refusesStart() sees to it.
   */
  readonly changes: boolean | 'to start';
  /** @returns OK or the status to refuse with, its reason in body.detail. */
  readonly validate?: (context: CommandContext) => number;
  /** @param row the live session; NIL where none is needed. */
  execute(context: CommandContext, row: number): void;
}

/** What a command works on; one object a shard, filled anew for each command. */
export interface CommandContext {
  readonly body: Body;
  readonly reply: ReplyWriter;
  readonly limits: Limits;
  /** The sessions, or the default map's state. */
  state: ShardState;
  /** Digest of the token, four words from digestAt on, and its slot. */
  digest: Int32Array;
  digestAt: number;
  slot: number;
  /** The body as it came: for commands whose body the I/O thread has already decoded. */
  raw: ByteSpace;
  rawStart: number;
  rawEnd: number;
  /** The digest that the I/O thread has sent before the body, four words; see FLAG_MINTED. */
  readonly minted: Int32Array;
  hasMinted: boolean;
  /** Whether the I/O thread holds the owner's lock; see FLAG_OWNER_LOCKED. */
  isOwnerLocked: boolean;
  /** Whether nothing may change, because it could not be made to last. */
  isReadOnly(): boolean;
  /** Makes room for one more session with the body's keys: '' if there is, else why not. */
  makeRoom(): string;
  /**
   * Makes room for so many bytes; false if there is none. Sessions may have ended for it, even the
   * one that the command works on.
   */
  admits(bytes: number): boolean;
  /** Counts an SH_FIND that was stopped at one of its limits. */
  countFindLimit(): void;
  /** Counts a session that was ended for its owner's limit. */
  countOwnerLimit(): void;
  countRotation(): void;
}
