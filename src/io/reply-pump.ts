/**
 * From the reply rings to the sockets. A pump has two passes: the first takes records from all
 * rings and links those of one connection into a list; the second puts each list together in one
 * buffer and sends it as one message. Only then does the rings' space go back.
 */
import { ByteSpace, copyBytes } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { STATUSES } from '../core/statuses.js';
import { NativeWriter } from '../protocol/native-writer.js';
import {
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  PUSH,
  PUSH_HEADER_BYTES,
  REPLY_HEADER_BYTES,
  SIDE_ROAD,
} from '../ring/records.js';
import { RING_EMPTY } from '../ring/spsc-ring.js';
import { NO_RECORD, type Connection } from './connection.js';
import { CLOSE_TRY_AGAIN_LATER } from './outgoing.js';
import { PartReader, type Caller } from './fan-out.js';
import type { ShardLink } from './shard-link.js';
import { LANE_REPLIES_MAX, TextLane, TextRequest } from './text-lane.js';
import { NO_TICKET } from './tickets.js';
import type { Traffic } from './traffic.js';
import type { PushOut, Watches } from './watches.js';

/** Records, and pushes made of them, in one pump: bounds its time and the memory of its lists. */
const RECORDS_PER_PUMP_MAX = 4_096;
/** A message grows to this size; one larger reply is a message of its own. */
const MESSAGE_BYTES_MAX = 256 * 1_024;

interface TicketRecord {
  readonly shard: number;
  readonly ticket: number;
  /** 0 where no token is to be filled in. */
  readonly tokenAt: number;
}

const REPLIES_DROPPED = IO_COUNTER_INDEX.repliesDropped;
const NOWHERE = new ByteSpace(new ArrayBuffer(0));

export class ReplyPump implements PushOut {
  readonly #traffic: Traffic;
  readonly #counters: Float64Array;
  readonly #message = new ByteSpace(new ArrayBuffer(MESSAGE_BYTES_MAX));
  /** For replies made here: of fan-outs, and of refusals that were held. */
  readonly #writer = new NativeWriter();
  // The records of this pump: where each reply lies, and the next one of its connection.
  readonly #spaces = new Array<ByteSpace>(RECORDS_PER_PUMP_MAX).fill(NOWHERE);
  readonly #starts = new Int32Array(RECORDS_PER_PUMP_MAX);
  readonly #lengths = new Int32Array(RECORDS_PER_PUMP_MAX);
  readonly #next = new Int32Array(RECORDS_PER_PUMP_MAX);
  /** 1 for a reply, 0 for a push. */
  readonly #replies = new Uint8Array(RECORDS_PER_PUMP_MAX);
  #records = 0;
  /** Records of this pump that hold memory of their own. */
  #ownMemory = 0;
  readonly #touched: Connection[] = [];
  readonly #watches: Watches;
  /** Pushes made of the records of this pump; one record may be for many. */
  #pushes = 0;
  /** Which ring comes first, in turn, so that a busy one cannot starve the others. */
  #firstLink = 0;

  constructor(traffic: Traffic, watches: Watches) {
    this.#traffic = traffic;
    this.#watches = watches;
    this.#counters = traffic.counters;
  }

  /** Delivers what the rings hold, up to a bound; how many records that were. */
  pump(): number {
    const links = this.#traffic.links;
    let taken = 0;
    this.#records = 0;
    this.#pushes = 0;
    for (let i = 0; i < links.length; i += 1) {
      const shard = (this.#firstLink + i) % links.length;
      taken += this.#takeFrom(links[shard]!, shard, RECORDS_PER_PUMP_MAX - taken);
    }
    if (taken === 0) return 0;
    this.#firstLink = (this.#firstLink + 1) % links.length;
    this.#settleAll();
    for (let i = 0; i < links.length; i += 1) links[i]!.releaseReplies();
    if (this.#ownMemory > 0) {
      this.#spaces.fill(NOWHERE, 0, this.#records);
      this.#ownMemory = 0;
    }
    return taken;
  }

  /** Delivers one reply that came from main, not from a ring. */
  deliver(caller: Caller, reply: NativeWriter): void {
    const connection = this.#traffic.connections.find(caller.connection);
    // Only now does it count there: what a save holds up must not be the connection's refusals.
    if (connection !== undefined) connection.inFlight += 1;
    this.#records = 0;
    if (caller.text === undefined) {
      this.#deliver(connection, reply.space, 0, reply.length);
    } else {
      this.#answerText(connection, caller.text, reply.space.bytes, 0, reply.length);
    }
    this.#traffic.inFlight -= 1;
    this.#settleAll();
    this.#spaces[0] = NOWHERE;
  }

  #takeFrom(link: ShardLink, shard: number, recordsMax: number): number {
    const ring = link.replies;
    const traffic = this.#traffic;
    let taken = 0;
    let pushes = 0;
    while (taken < recordsMax && this.#pushes < RECORDS_PER_PUMP_MAX) {
      const at = ring.next();
      if (at === RING_EMPTY) break;
      taken += 1;
      const word = at >>> 2;
      const ticket = ring.words[word + 1]!;
      const tokenAt = ring.words[word + 2]!;
      const connection = traffic.connections.find(ring.words[word]!);
      const start = at + REPLY_HEADER_BYTES;
      const length = ring.payloadBytes - REPLY_HEADER_BYTES;
      if (ticket === NO_TICKET && tokenAt >= 0) {
        this.#deliver(connection, ring.space, start, length);
      } else if (ticket === PUSH) {
        pushes += 1;
        this.#takePush(link, shard, at, start + length);
      } else if (tokenAt === NOT_DURABLE) {
        this.#refuse(connection, { shard, ticket, tokenAt: 0 }, ring.space, start, start + length);
      } else if (tokenAt === NOT_DURABLE_SIDE_ROAD) {
        const aside = new ByteSpace(link.sideRoad.take());
        this.#refuse(connection, { shard, ticket, tokenAt: 0 }, aside, 0, aside.bytes.length);
      } else if (tokenAt === SIDE_ROAD) {
        const space = new ByteSpace(link.sideRoad.take());
        this.#ownMemory += 1;
        this.#useTicket(connection, { shard, ticket, tokenAt: 0 }, space, 0, space.bytes.length);
      } else {
        this.#useTicket(connection, { shard, ticket, tokenAt }, ring.space, start, length);
      }
    }
    traffic.inFlight -= taken - pushes;
    link.arrivals.answered += taken - pushes;
    return taken;
  }

  /** Gives what a shard says to watchers to those that there are. */
  #takePush({ replies: ring, sideRoad }: ShardLink, shard: number, at: number, end: number): void {
    const meaning = ring.words[at >>> 2]!;
    const tokenAt = ring.words[(at >>> 2) + 2]!;
    const isAside = tokenAt === SIDE_ROAD || tokenAt === NOT_DURABLE_SIDE_ROAD;
    const space = isAside ? new ByteSpace(sideRoad.take()) : ring.space;
    if (isAside) this.#ownMemory += 1;
    const headAt = isAside ? 0 : at + REPLY_HEADER_BYTES;
    const push = {
      ...{ shard, meaning, space },
      watch: space.view.getInt32(headAt, true),
      row: space.view.getInt32(headAt + 4, true),
      isLost: tokenAt === NOT_DURABLE || tokenAt === NOT_DURABLE_SIDE_ROAD,
      start: headAt + PUSH_HEADER_BYTES,
      end: isAside ? space.bytes.length : end,
    };
    this.#pushes += this.#watches.deliver(push, this);
  }

  pushNative(connection: Connection, space: ByteSpace, start: number, bytes: number): void {
    this.#touch(connection);
    connection.pushBytes += bytes;
    this.#ownMemory += 1;
    this.#add(connection, space, start, bytes, 0);
  }

  pushText(connection: Connection, text: string): void {
    const lane = (connection.lane ??= new TextLane());
    this.#touch(connection);
    lane.push(text);
  }

  /** What the reply speaks of could not be logged: says so in its place, under its id. */
  #refuse(
    connection: Connection | undefined,
    record: TicketRecord,
    space: ByteSpace,
    start: number,
    end: number,
  ): void {
    const { code, help } = STATUSES.NOT_DURABLE;
    const reply = new PartReader();
    reply.open(space, start, end);
    const refusal = new NativeWriter();
    refusal.refusal(reply.id, code, help);
    this.#ownMemory += 1;
    this.#useTicket(connection, record, refusal.space, 0, refusal.length);
  }

  /** Does what the ticket of a reply asks for. */
  #useTicket(
    connection: Connection | undefined,
    record: TicketRecord,
    space: ByteSpace,
    start: number,
    length: number,
  ): void {
    const { shard, ticket, tokenAt } = record;
    if (ticket === NO_TICKET) {
      this.#deliver(connection, space, start, length);
      return;
    }
    const tickets = this.#traffic.tickets;
    const note = tickets.noteOf(ticket);
    if (tokenAt !== 0) {
      // The record is ours until its space is released, so the token goes right into it.
      const bytes = tickets.tokenBytes[ticket]!;
      copyBytes(space, start + tokenAt, tickets.tokens, tickets.tokenAt(ticket), bytes);
    }
    tickets.giveBack(ticket);
    if (note === undefined) {
      this.#deliver(connection, space, start, length);
    } else if (note instanceof TextRequest) {
      this.#answerText(connection, note, space.bytes, start, start + length);
    } else if (note.absorb(shard, space, start, start + length)) {
      const reply = new NativeWriter();
      note.writeReply(reply);
      const { text } = note.caller;
      if (text !== undefined) {
        this.#answerText(connection, text, reply.space.bytes, 0, reply.length);
      } else {
        this.#ownMemory += 1;
        this.#deliver(connection, reply.space, 0, reply.length);
      }
    }
  }

  #answerText(
    connection: Connection | undefined,
    request: TextRequest,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (connection === undefined || connection.isCondemned) {
      this.#drop(connection);
      return;
    }
    request.answer(bytes, start, end);
    this.#touch(connection);
    connection.inFlight -= 1;
  }

  #deliver(
    connection: Connection | undefined,
    space: ByteSpace,
    start: number,
    length: number,
  ): void {
    if (connection === undefined || connection.isCondemned) {
      this.#drop(connection);
      return;
    }
    this.#touch(connection);
    connection.inFlight -= 1;
    this.#add(connection, space, start, length, 1);
  }

  /** @param replies 1 for a reply, 0 for a push. */
  #add(
    connection: Connection,
    space: ByteSpace,
    start: number,
    length: number,
    replies: number,
  ): void {
    const lane = connection.lane;
    if (lane !== undefined && lane.size > 0) {
      lane.push(space.bytes.slice(start, start + length));
      return;
    }
    if (this.#records === RECORDS_PER_PUMP_MAX) {
      // Only pushes can be more than the records taken. What is sent now is not needed any more.
      this.#settleAll();
      this.#spaces.fill(NOWHERE);
      this.#records = 0;
      this.#touch(connection);
    }
    const record = this.#records;
    this.#records += 1;
    this.#replies[record] = replies;
    this.#spaces[record] = space;
    this.#starts[record] = start;
    this.#lengths[record] = length;
    this.#next[record] = NO_RECORD;
    if (connection.lastRecord === NO_RECORD) connection.firstRecord = record;
    else this.#next[connection.lastRecord] = record;
    connection.lastRecord = record;
  }

  #drop(connection: Connection | undefined): void {
    this.#counters[REPLIES_DROPPED]! += 1;
    if (connection !== undefined) connection.inFlight -= 1;
  }

  #touch(connection: Connection): void {
    if (connection.isTouched) return;
    connection.isTouched = true;
    this.#touched.push(connection);
  }

  /** The second pass. */
  #settleAll(): void {
    for (let i = 0; i < this.#touched.length; i += 1) this.#settle(this.#touched[i]!);
    this.#touched.length = 0;
  }

  /** The same for one connection. */
  #settle(connection: Connection): void {
    connection.isTouched = false;
    connection.pushBytes = 0;
    if (connection.firstRecord !== NO_RECORD) this.#sendRecords(connection);
    const outgoing = this.#traffic.outgoing;
    const { held, lane } = connection;
    if (held !== undefined && connection.inFlight === 0) {
      connection.held = undefined;
      const refusals = held.size;
      this.#writer.clear();
      held.writeTo(this.#writer);
      lane?.flush(connection, outgoing);
      if (this.#writer.length > 0) {
        outgoing.sendBinary(connection, this.#writer.written(), refusals);
      }
    } else {
      lane?.flush(connection, outgoing);
    }
    if (lane !== undefined && lane.size > LANE_REPLIES_MAX) {
      outgoing.condemn(connection, CLOSE_TRY_AGAIN_LATER, 'too many text replies are waiting');
    }
  }

  #sendRecords(connection: Connection): void {
    const message = this.#message;
    let used = 0;
    let replies = 0;
    let record = connection.firstRecord;
    connection.firstRecord = NO_RECORD;
    connection.lastRecord = NO_RECORD;
    for (; record !== NO_RECORD; record = this.#next[record]!) {
      const length = this.#lengths[record]!;
      const space = this.#spaces[record]!;
      const start = this.#starts[record]!;
      if (used + length > MESSAGE_BYTES_MAX && used > 0) {
        this.#send(connection, used, replies);
        used = 0;
        replies = 0;
      }
      if (length > MESSAGE_BYTES_MAX) {
        const reply = space.bytes.subarray(start, start + length);
        this.#traffic.outgoing.sendBinary(connection, reply, this.#replies[record]!);
        continue;
      }
      copyBytes(message, used, space, start, length);
      used += length;
      replies += this.#replies[record]!;
    }
    if (used > 0) this.#send(connection, used, replies);
  }

  #send(connection: Connection, bytes: number, replies: number): void {
    const whole = this.#message.bytes;
    this.#traffic.outgoing.sendBinary(connection, whole.subarray(0, bytes), replies);
  }
}
