/**
 * --max-sessions-per-owner where there are several shards. An owner's sessions lie on all of them, so
 * no shard can tell how many there are: each answers 206 to a command that would give the owner one
 * more, having changed nothing. Then it is decided here, while the stripe of the owner is locked for
 * all I/O threads:
 *
 *   1. every shard is asked how many sessions the owner has there, and which are the oldest; the
 *      session's own shard is asked the command once more, for another may have done it meanwhile
 *   2. at the limit: 206, or with end-oldest the oldest end, by SH_END_ID on their shards
 *   3. the command goes to its shard again, with word that there is a place (FLAG_OWNER_LOCKED)
 *
 * Sessions that go meanwhile only make room; none can be added past the lock. What the connection
 * sends after such a command waits for its answer, if it may concern the same session.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { assert } from '../core/errors.js';
import { STATUSES } from '../core/statuses.js';
import { CATALOGUE } from '../protocol/catalogue.js';
import { NativeCursor } from '../protocol/native-cursor.js';
import type { NativeCommand } from '../protocol/native-frame.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import { TOKEN_BYTES } from '../protocol/token.js';
import { FLAG_OWNER_LOCKED } from '../ring/records.js';
import { PartReader, type Caller, type FanOut } from './fan-out.js';
import { OwnerCensus, ownerBody, ownerIdBody } from './owner-census.js';
import { type OwnerLocks, stripeOf } from '../ring/owner-locks.js';
import { RequestHeader } from './shard-link.js';
import { NO_TICKET } from './tickets.js';
import type { Traffic } from './traffic.js';

/** What the commands that wait here may take, all together. */
const WAITING_BYTES_MAX = 64 * 1_024 * 1_024;
const COMMAND_BYTES = 1_024;
/** So often the oldest sessions may be gone, or have another id, before one of them could be ended. */
const ROUNDS_MAX = 64;

const OK = STATUSES.OK.code;
const OWNER_LIMIT = STATUSES.OWNER_LIMIT;
const OWNER_LIMIT_HITS = IO_COUNTER_INDEX.ownerLimitHits;
const LIST_OP = CATALOGUE.SH_LIST.op;
const END_ID_OP = CATALOGUE.SH_END_ID.op;

const cursor = new NativeCursor();

export class OwnerLimit {
  readonly traffic: Traffic;
  readonly locks: OwnerLocks;
  readonly sessionsMax: number;
  readonly endsOldest: boolean;
  /** Taken by the commands that wait here. */
  waitingBytes = 0;
  /** Called, not from within anything, when the connection of that name need not wait any more. */
  resume: (connection: number) => void = () => undefined;

  constructor(traffic: Traffic, locks: OwnerLocks) {
    this.traffic = traffic;
    this.locks = locks;
    this.sessionsMax = traffic.config.maxSessionsPerOwner;
    this.endsOldest = traffic.config.ownerLimit === 'end-oldest';
  }

  get isFull(): boolean {
    return this.waitingBytes > WAITING_BYTES_MAX;
  }

  /** The note for a command whose body names an owner; undefined for others. */
  noteFor(caller: Caller, space: ByteSpace, command: NativeCommand): LimitedCommand | undefined {
    const { bodyAt, bodyEnd } = command;
    cursor.open(space.view, bodyAt, bodyEnd);
    if (cursor.findMember('owner') !== 1) return undefined;
    const itemAt = cursor.at;
    const bytes = cursor.strLength();
    // Of another type: nil is no owner, and all else is refused by the shard.
    if (bytes < 0) return undefined;
    const ownerItem = space.bytes.slice(itemAt, cursor.at + bytes);
    const stripe = stripeOf(space.bytes.subarray(cursor.at, cursor.at + bytes));
    const body = new ByteSpace(space.bytes.slice(bodyAt, bodyEnd).buffer);
    return new LimitedCommand({ limit: this, caller, ownerItem, stripe, body });
  }
}

interface LimitedCommandParts {
  readonly limit: OwnerLimit;
  readonly caller: Caller;
  /** The owner's name as msgpack. */
  readonly ownerItem: Uint8Array;
  readonly stripe: number;
  /** A copy: the frame is gone when it is sent again. */
  readonly body: ByteSpace;
}

type Phase = 'asked' | 'counting' | 'ending' | 'granted';

/** One such command, from the first time it is sent to its reply. */
export class LimitedCommand implements FanOut {
  readonly caller: Caller;
  /** Whether the connection waits for the answer with what it sends next. */
  isDeferring = false;
  readonly #parts: LimitedCommandParts;
  readonly #header = new RequestHeader(new Int32Array(4));
  readonly #shards: number;
  /** The shard of the command's session. */
  #home = 0;
  /** The token minted for it, if one was. */
  #token: ByteSpace | undefined;
  #tokenBytes = 0;
  #phase: Phase = 'asked';
  #partsLeft = 0;
  #census = new OwnerCensus();
  /** Whether the command's own shard has answered the count: what it says next is about the command. */
  #hasHomeCounted = false;
  #ended = 0;
  /** Counts in a row that came to nothing. */
  #rounds = 0;
  #reply: ByteSpace | undefined;
  #status: number = OK;

  constructor(parts: LimitedCommandParts) {
    this.caller = parts.caller;
    this.#parts = parts;
    this.#shards = parts.limit.traffic.links.length;
  }

  /** Before the command is pushed for the first time: what it takes to send it again. */
  keep(header: RequestHeader, ticket: number): void {
    const own = this.#header;
    own.connection = header.connection;
    own.id = header.id;
    own.op = header.op;
    own.flags = header.flags;
    own.slot = header.slot;
    own.digest.set(header.digest);
    const { links, tickets } = this.#traffic;
    this.#home = links.indexOf(this.#traffic.linkOf(header.slot));
    if (ticket === NO_TICKET) return;
    this.#tokenBytes = tickets.tokenBytes[ticket]!;
    this.#token = new ByteSpace(new ArrayBuffer(TOKEN_BYTES));
    copyBytes(this.#token, 0, tickets.tokens, tickets.tokenAt(ticket), this.#tokenBytes);
  }

  /** The router pushes the command itself. */
  start(): number {
    return 0;
  }

  get #traffic(): Traffic {
    return this.#parts.limit.traffic;
  }

  absorb(shard: number, space: ByteSpace, start: number, end: number): boolean {
    const reader = new PartReader();
    reader.open(space, start, end);
    switch (this.#phase) {
      case 'asked':
        if (reader.status === OWNER_LIMIT.code) return this.#lock();
        return this.#finishWith(space, start, end);
      case 'counting':
        return this.#absorbCount(shard, reader, { space, start, end });
      case 'ending':
        return this.#absorbEnd(reader.status);
      case 'granted':
        return this.#finishWith(space, start, end);
    }
  }

  /** Until the lock is there the command counts as one record in flight, so that a drain waits. */
  #lock(): false {
    const { limit, stripe } = this.#parts;
    limit.waitingBytes += this.#bytes;
    this.#traffic.inFlight += 1;
    limit.locks.take(stripe, () => {
      this.#count();
      this.#traffic.inFlight -= 1;
      this.#traffic.wake();
    });
    return false;
  }

  get #bytes(): number {
    return COMMAND_BYTES + this.#parts.body.bytes.length;
  }

  #count(): void {
    this.#phase = 'counting';
    this.#census = new OwnerCensus();
    this.#hasHomeCounted = false;
    const body = ownerBody(this.#parts.ownerItem);
    for (let shard = 0; shard < this.#shards; shard += 1) this.#pushPart(shard, LIST_OP, body);
    this.#pushCommand(0);
  }

  #absorbCount(
    shard: number,
    reader: PartReader,
    reply: { readonly space: ByteSpace; readonly start: number; readonly end: number },
  ): boolean {
    this.#partsLeft -= 1;
    if (shard !== this.#home || !this.#hasHomeCounted) {
      if (shard === this.#home) this.#hasHomeCounted = true;
      if (reader.status === OK) this.#census.add(shard, reply.space, reader.cursor);
      else this.#status = reader.status;
    } else if (reader.status !== OWNER_LIMIT.code) {
      this.#reply = copyOf(reply.space, reply.start, reply.end);
    }
    if (this.#partsLeft > 0) return false;
    if (this.#reply !== undefined) return this.#finish();
    if (this.#status !== OK) return this.#finish();
    return this.#decide();
  }

  /** All have counted. */
  #decide(): boolean {
    const { limit } = this.#parts;
    const over = this.#census.count - limit.sessionsMax + 1;
    if (over <= 0) return this.#grant();
    if (!limit.endsOldest) {
      this.#traffic.counters[OWNER_LIMIT_HITS]! += 1;
      return this.#refuse(OWNER_LIMIT.code);
    }
    if (this.#rounds > ROUNDS_MAX) return this.#refuse(STATUSES.BUSY.code);
    this.#phase = 'ending';
    this.#ended = 0;
    const oldest = this.#census.oldest(over);
    assert(oldest.length > 0, 'shards name the oldest of the sessions that they count');
    for (const { shard, id } of oldest) {
      this.#pushPart(shard, END_ID_OP, ownerIdBody(id, this.#parts.ownerItem));
    }
    return false;
  }

  #absorbEnd(status: number): boolean {
    this.#partsLeft -= 1;
    if (status === OK) this.#ended += 1;
    else if (status !== STATUSES.NO_SUCH_SESSION.code) this.#status = status;
    if (this.#partsLeft > 0) return false;
    if (this.#status !== OK) return this.#finish();
    if (this.#census.count - this.#ended < this.#parts.limit.sessionsMax) return this.#grant();
    this.#rounds = this.#ended > 0 ? 0 : this.#rounds + 1;
    this.#count();
    return false;
  }

  #grant(): false {
    this.#phase = 'granted';
    this.#pushCommand(FLAG_OWNER_LOCKED);
    return false;
  }

  #pushPart(shard: number, op: number, body: ByteSpace): void {
    const header = new RequestHeader(this.#header.digest);
    header.connection = this.#header.connection;
    header.op = op;
    header.flags = FLAG_OWNER_LOCKED;
    this.#push(shard, header, body);
  }

  #pushCommand(flags: number): void {
    const header = this.#header;
    const { flags: own } = header;
    header.flags = own | flags;
    this.#push(this.#home, header, this.#parts.body);
    header.flags = own;
  }

  #push(shard: number, header: RequestHeader, body: ByteSpace): void {
    const { links, tickets } = this.#traffic;
    const ticket = tickets.take(this);
    header.ticket = ticket;
    if (this.#token !== undefined) {
      tickets.tokenBytes[ticket] = this.#tokenBytes;
      copyBytes(tickets.tokens, tickets.tokenAt(ticket), this.#token, 0, this.#tokenBytes);
    }
    links[shard]!.push(header, body, 0, body.bytes.length, true);
    this.#partsLeft += 1;
    this.#traffic.inFlight += 1;
  }

  #finishWith(space: ByteSpace, start: number, end: number): true {
    this.#reply = copyOf(space, start, end);
    return this.#finish();
  }

  #refuse(status: number): true {
    this.#status = status;
    return this.#finish();
  }

  #finish(): true {
    const { limit, stripe } = this.#parts;
    if (this.isDeferring) setImmediate(limit.resume, this.caller.connection);
    if (this.#phase === 'asked') return true;
    limit.waitingBytes -= this.#bytes;
    limit.locks.release(stripe);
    return true;
  }

  writeReply(writer: NativeWriter): void {
    const reply = this.#reply;
    if (reply !== undefined) {
      writer.raw(reply, 0, reply.bytes.length);
      return;
    }
    const { help } = Object.values(STATUSES).find(({ code }) => code === this.#status)!;
    writer.refusal(this.caller.id, this.#status, help);
  }
}

function copyOf(space: ByteSpace, start: number, end: number): ByteSpace {
  // The space may be a ring, whose memory is shared; a copy is not.
  const copy = new ByteSpace(new ArrayBuffer(end - start));
  copy.bytes.set(space.bytes.subarray(start, end));
  return copy;
}
