/**
 * One request record in, one reply out: finds the command, runs its steps in order, and sees to
 * what is common to all of them (order of checks, extension of deadlines, limits).
 */
import { Body } from '../commands/body.js';
import type { Command, CommandContext } from '../commands/command.js';
import type { Limits } from '../commands/limits.js';
import { growthBound } from '../commands/storing.js';
import { parametersByOp } from '../commands/parameters.js';
import { type ReplyWriter } from '../commands/reply.js';
import { commandByOp } from '../commands/table.js';
import { ByteSpace } from '../core/copy.js';
import { SHARD_COUNTER_INDEX } from '../core/counters.js';
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { entryByOp } from '../protocol/catalogue.js';
import { SHORT_TOKEN_BYTES, TOKEN_BYTES } from '../protocol/token.js';
import {
  FLAG_DEFAULT_MAP,
  FLAG_LENIENT,
  FLAG_MINTED,
  FLAG_NO_TOKEN,
  FLAG_OWNER_LOCKED,
  FLAG_SHORT_TOKEN,
  FLAG_SIDE_ROAD,
  MINTED_BYTES,
  OP_UNWATCHED,
  REQUEST_HEADER_BYTES,
} from '../ring/records.js';
import type { SideRoad } from '../ring/side-road.js';
import type { RingConsumer } from '../ring/spsc-ring.js';
import { wordAtOf } from '../state/session-rows.js';
import type { ShardState } from '../state/shard-state.js';
import type { Admission } from './admission.js';
import type { ShardCounters } from './shard-counters.js';
import type { EventFeed } from './event-feed.js';
import type { TokenReuses } from './token-reuses.js';
import type { TurnLog } from './turn-log.js';

const OK = STATUSES.OK.code;
const WRONG_VALUE = STATUSES.WRONG_VALUE.code;
const TOO_LARGE = STATUSES.TOO_LARGE.code;
const NOT_DURABLE = STATUSES.NOT_DURABLE.code;
const TOKEN_REUSED = STATUSES.TOKEN_REUSED.code;
const OWNER_LIMIT = STATUSES.OWNER_LIMIT.code;
const MEMORY_REFUSAL = 'the memory limit is reached';
const EXISTS_OP = 5;
/** What few records have; one test keeps the others from asking for each. */
const RARE_FLAGS = FLAG_SIDE_ROAD | FLAG_MINTED | FLAG_SHORT_TOKEN | FLAG_OWNER_LOCKED;
const COMMANDS = SHARD_COUNTER_INDEX.commands;

/** By op: 1 where the command extends as a read, 2 as a write, 0 never. */
const EXTENSION = Uint8Array.from(entryByOp, (entry) => {
  const access = entry?.spec.access ?? 'none';
  return access === 'read' ? 1 : access === 'write' ? 2 : 0;
});

export interface DispatchParts {
  readonly limits: Limits;
  readonly sessions: ShardState;
  /** On the first shard: the default map, and its row. */
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  readonly admission: Admission;
  readonly counters: ShardCounters;
  /** Undefined where nothing is kept on disk. */
  readonly log?: TurnLog | undefined;
  /** Told of each command that is answered 110. */
  readonly reuses?: TokenReuses | undefined;
  /** The same, for SV_EVENTS. */
  readonly events?: EventFeed | undefined;
}

export class Dispatcher {
  readonly #parts: DispatchParts;
  readonly #context: CommandContext & { reply: ReplyWriter };
  readonly #body: Body;
  /** Where the session of the command in hand may be. */
  #guess = NIL;

  constructor(parts: DispatchParts) {
    const nowhere = new ByteSpace(new ArrayBuffer(0));
    this.#parts = parts;
    this.#body = new Body(parts.limits, nowhere);
    this.#context = {
      body: this.#body,
      reply: undefined as unknown as ReplyWriter,
      limits: parts.limits,
      state: parts.sessions,
      digest: new Int32Array(4),
      digestAt: 0,
      slot: 0,
      raw: nowhere,
      rawStart: 0,
      rawEnd: 0,
      minted: new Int32Array(MINTED_BYTES / 4),
      hasMinted: false,
      isOwnerLocked: false,
      isReadOnly: () => this.#isReadOnly(),
      makeRoom: () => this.#makeRoom(),
      admits: (bytes) => !parts.admission.isLimited || parts.admission.admit(bytes),
      countFindLimit: () => parts.counters.add('findLimitHits', 1),
      countRotation: () => parts.counters.add('tokensRotated', 1),
      countOwnerLimit: () => parts.counters.add('ownerLimitHits', 1),
    };
  }

  /**
   * Executes the record at an offset of the ring and writes its reply.
   *
   * @param guess where the session may be, see SessionRows.find().
   * @returns whether what it changed, if anything, must last before the reply may be seen.
   */
  dispatch(
    ring: RingConsumer,
    at: number,
    guess: number,
    sideRoad: SideRoad,
    reply: ReplyWriter,
  ): boolean {
    this.#guess = guess;
    const { words } = ring;
    const word = at >>> 2;
    const opWord = words[word + 3]!;
    const op = opWord & 255;
    const flags = (opWord >>> 8) & 255;
    const context = this.#context;
    context.reply = reply;
    context.digest = words;
    context.digestAt = word + 4;
    context.slot = opWord >>> 16;
    context.raw = ring.space;
    context.rawStart = at + REQUEST_HEADER_BYTES;
    context.rawEnd = at + ring.payloadBytesAt(at);
    if (op === OP_UNWATCHED) {
      this.#parts.sessions.unwatch(words[word + 4]!, words[word + 5]!, reply.io);
      return false;
    }
    const isRare = (flags & RARE_FLAGS) !== 0;
    if (isRare) this.#openRare(flags, sideRoad);
    reply.address(words[word]!, words[word + 1]!, words[word + 2]! >>> 0);
    const command = commandByOp[op];
    if (command === undefined) reply.bare(STATUSES.UNKNOWN_COMMAND.code);
    else this.#run(command, op, flags);
    this.#count(reply.status);
    if (isRare) this.#closeRare();
    return command !== undefined && command.changes !== false;
  }

  #openRare(flags: number, sideRoad: SideRoad): void {
    const context = this.#context;
    if ((flags & FLAG_SIDE_ROAD) !== 0) {
      context.raw = new ByteSpace(sideRoad.take());
      context.rawStart = 0;
      context.rawEnd = context.raw.bytes.length;
    }
    if ((flags & FLAG_SHORT_TOKEN) !== 0) context.reply.tokenBytes = SHORT_TOKEN_BYTES;
    context.isOwnerLocked = (flags & FLAG_OWNER_LOCKED) !== 0;
    if ((flags & FLAG_MINTED) === 0) return;
    const { minted, raw, rawStart } = context;
    for (let word = 0; word < minted.length; word += 1) {
      minted[word] = raw.view.getInt32(rawStart + word * 4, true);
    }
    context.hasMinted = true;
    context.rawStart += MINTED_BYTES;
  }

  #closeRare(): void {
    const context = this.#context;
    context.reply.tokenBytes = TOKEN_BYTES;
    context.isOwnerLocked = false;
    context.hasMinted = false;
  }

  /** A method, for a private getter is a call into the runtime each time. */
  #isReadOnly(): boolean {
    const { log } = this.#parts;
    return log !== undefined && log.isFailing;
  }

  #run(command: Command, op: number, flags: number): void {
    const context = this.#context;
    const body = this.#body;
    body.isLenient = (flags & FLAG_LENIENT) !== 0;
    // The tokens of SH_EXISTS were decoded where they could be digested: on the I/O thread.
    if (op !== EXISTS_OP) {
      const { raw, rawStart, rawEnd } = context;
      let status = body.decode(parametersByOp[op]!, raw, rawStart, rawEnd);
      if (status === OK && command.validate !== undefined) status = command.validate(context);
      if (status !== OK) {
        context.reply.refuse(status, body.detail);
        return;
      }
    }
    const row = this.#findRow(command, flags);
    if (row === NIL && command.needs === 'session') {
      this.#refuseAbsent(flags);
      return;
    }
    if (command.changes === true && this.#isReadOnly()) {
      context.reply.refuse(NOT_DURABLE, STATUSES.NOT_DURABLE.help);
      return;
    }
    this.#execute(command, op, flags, row);
  }

  /** There is no session: 110 if that is because the token was replaced and its session lives. */
  #refuseAbsent(flags: number): void {
    const { reply, state } = this.#context;
    const isReused = (flags & FLAG_NO_TOKEN) === 0 && state.isSuperseded;
    reply.bare(isReused ? TOKEN_REUSED : STATUSES.NO_SUCH_SESSION.code);
  }

  #execute(command: Command, op: number, flags: number, found: number): void {
    const { admission } = this.#parts;
    const context = this.#context;
    let row = found;
    if (command.grows && admission.isLimited) {
      if (!admission.admit(growthBound(context, row))) {
        context.reply.refuse(STATUSES.MEMORY_LIMIT.code, MEMORY_REFUSAL);
        return;
      }
      // Making room may have ended the very session.
      if (command.needs === 'session') row = this.#findRow(command, flags);
      if (row === NIL && command.needs === 'session') {
        this.#refuseAbsent(flags);
        return;
      }
    }
    const extension = EXTENSION[op]!;
    if (extension === 1) context.state.touchForRead(row);
    else if (extension === 2) context.state.touchForWrite(row);
    else if (command.needs === 'session') context.state.used(row);
    command.execute(context, row);
  }

  #makeRoom(): string {
    const { admission } = this.#parts;
    if (!admission.mayCreate()) return 'the session limit is reached';
    const isAdmitted = !admission.isLimited || admission.admit(growthBound(this.#context, NIL));
    return isAdmitted ? '' : MEMORY_REFUSAL;
  }

  #findRow(command: Command, flags: number): number {
    const context = this.#context;
    const { defaults, sessions } = this.#parts;
    if ((flags & FLAG_DEFAULT_MAP) !== 0 && defaults !== undefined) {
      context.state = defaults.state;
      return defaults.row;
    }
    context.state = sessions;
    if (command.needs === 'none' || (flags & FLAG_NO_TOKEN) !== 0) return NIL;
    return sessions.find(context.digest, context.digestAt, context.slot, this.#guess);
  }

  #count(status: number): void {
    const { counters } = this.#parts;
    counters.addAt(COMMANDS, 1);
    if (status === OK) return;
    counters.add('refusals', 1);
    if (status === TOKEN_REUSED) this.#noteReuse();
    // Of several shards none decides: this was a question to the I/O thread.
    if (status === OWNER_LIMIT && !this.#parts.limits.isOneOfSeveral) {
      counters.add('ownerLimitHits', 1);
    }
    if (status === NOT_DURABLE) counters.add('notDurable', 1);
    if (status === TOO_LARGE || status === WRONG_VALUE) counters.add('sizeLimitHits', 1);
  }

  #noteReuse(): void {
    const { counters, events, reuses, sessions } = this.#parts;
    const { rows, supersededRow } = sessions;
    counters.add('tokensReused', 1);
    reuses?.note(rows, supersededRow);
    if (supersededRow !== NIL) events?.reused(rows.wordsOf(supersededRow), wordAtOf(supersededRow));
  }
}
