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
import {
  FLAG_DEFAULT_MAP,
  FLAG_LENIENT,
  FLAG_NO_TOKEN,
  FLAG_SIDE_ROAD,
  REQUEST_HEADER_BYTES,
} from '../ring/records.js';
import type { SideRoad } from '../ring/side-road.js';
import type { RingConsumer } from '../ring/spsc-ring.js';
import type { ShardState } from '../state/shard-state.js';
import type { Admission } from './admission.js';
import type { ShardCounters } from './shard-counters.js';
import type { TurnLog } from './turn-log.js';

const OK = STATUSES.OK.code;
const WRONG_VALUE = STATUSES.WRONG_VALUE.code;
const TOO_LARGE = STATUSES.TOO_LARGE.code;
const NOT_DURABLE = STATUSES.NOT_DURABLE.code;
const MEMORY_REFUSAL = 'the memory limit is reached';
const EXISTS_OP = 5;
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
}

export class Dispatcher {
  readonly #parts: DispatchParts;
  readonly #context: CommandContext & { reply: ReplyWriter };
  readonly #body: Body;

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
      isReadOnly: () => this.#isReadOnly(),
      makeRoom: () => this.#makeRoom(),
    };
  }

  /**
   * Executes the record at an offset of the ring and writes its reply.
   *
   * @returns whether what it changed, if anything, must last before the reply may be seen.
   */
  dispatch(ring: RingConsumer, at: number, sideRoad: SideRoad, reply: ReplyWriter): boolean {
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
    if ((flags & FLAG_SIDE_ROAD) !== 0) {
      context.raw = new ByteSpace(sideRoad.take());
      context.rawStart = 0;
      context.rawEnd = context.raw.bytes.length;
    }
    reply.address(words[word]!, words[word + 1]!, words[word + 2]! >>> 0);
    const command = commandByOp[op];
    if (command === undefined) reply.bare(STATUSES.UNKNOWN_COMMAND.code);
    else this.#run(command, op, flags);
    this.#count(reply.status);
    return command !== undefined && command.changes !== false;
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
      context.reply.bare(STATUSES.NO_SUCH_SESSION.code);
      return;
    }
    if (command.changes === true && this.#isReadOnly()) {
      context.reply.refuse(NOT_DURABLE, STATUSES.NOT_DURABLE.help);
      return;
    }
    this.#execute(command, op, flags, row);
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
        context.reply.bare(STATUSES.NO_SUCH_SESSION.code);
        return;
      }
    }
    const extension = EXTENSION[op]!;
    if (extension === 1) context.state.touchForRead(row);
    else if (extension === 2) context.state.touchForWrite(row);
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
    return sessions.find(context.digest, context.digestAt, context.slot);
  }

  #count(status: number): void {
    const { counters } = this.#parts;
    counters.addAt(COMMANDS, 1);
    if (status === OK) return;
    counters.add('refusals', 1);
    if (status === NOT_DURABLE) counters.add('notDurable', 1);
    if (status === TOO_LARGE || status === WRONG_VALUE) counters.add('sizeLimitHits', 1);
  }
}
