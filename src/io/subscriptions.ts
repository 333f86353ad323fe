/**
 * SV_EVENTS: connections of this thread that want to hear what happens to sessions, on all shards.
 * Each has its place in the ring of events (ring/event-ring.ts) and is sent what is new there with
 * every turn of this thread and, while it has nothing else to do, 50 times a second. Whoever falls
 * behind the ring is told of the gap; whoever does not read what it is sent is cut loose with
 * `unsubscribed`, and may go on from there.
 */
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { STATUSES } from '../core/statuses.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { encodeTextPush } from '../protocol/text-push.js';
import { sessionIdText } from '../protocol/token.js';
import { EVENT_KINDS, type EventRingReader, ROTATED } from '../ring/event-ring.js';
import type { Connection } from './connection.js';
import type { ServerRequest } from './server-commands.js';
import type { Traffic } from './traffic.js';
import { SLOW_REASON } from './watches.js';

const LOOK_MS = 20;
/** Looked at for one connection at a time: bounds a turn and the size of a message. */
const EVENTS_PER_LOOK_MAX = 1_024;
const ALL_KINDS = (1 << EVENT_KINDS.length) - 1;
const ID_BYTES = 12;
const FLOAT64 = 0xcb;

const PUSHES_OUT = IO_COUNTER_INDEX.pushesOut;
const CUT_LOOSE = IO_COUNTER_INDEX.watchersCutLoose;
const EVENT_GAPS = IO_COUNTER_INDEX.eventGaps;

const FROM_NO_UINT = 'from must be an integer that is not negative';
const FROM_AHEAD = 'from is beyond the next event';
const KINDS_NO_LIST = 'kinds must be a list of strings';
const NO_SUCH_KIND = `kinds may hold ${EVENT_KINDS.join(', ')}`;

export class Subscription {
  readonly connection: Connection;
  readonly isText: boolean;
  /** Bits of the kinds wanted. */
  readonly kinds: number;
  /** Number of the next event to be looked at; negative before the first of this server. */
  next: number;
  /** Whether a look at what is left is on its way. */
  goesOn = false;

  constructor(connection: Connection, isText: boolean, kinds: number, next: number) {
    this.connection = connection;
    this.isText = isText;
    this.kinds = kinds;
    this.next = next;
  }
}

interface Wanted {
  readonly from: number | undefined;
  readonly kinds: number;
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
}

export class Subscriptions {
  readonly #traffic: Traffic;
  readonly #ring: EventRingReader;
  readonly #all = new Set<Subscription>();
  readonly #writer = new NativeWriter();
  readonly #cursor = new NativeCursor();
  readonly #idBytes: Uint8Array;
  #timer: NodeJS.Timeout | undefined;

  constructor(traffic: Traffic, ring: EventRingReader) {
    this.#traffic = traffic;
    this.#ring = ring;
    this.#idBytes = new Uint8Array(ring.ids.buffer);
  }

  /** Answers SV_EVENTS. What it has asked for follows later. */
  answer({ connection, space, command, text }: ServerRequest, writer: NativeWriter): void {
    const next = this.#ring.next;
    const wanted = this.#read(space, command.bodyAt, command.bodyEnd);
    if ('status' in wanted) {
      writer.refusal(command.id, wanted.status, wanted.reason);
      return;
    }
    const { firstSequence } = this.#ring;
    if (wanted.from !== undefined && wanted.from > firstSequence + next) {
      writer.refusal(command.id, STATUSES.WRONG_VALUE.code, FROM_AHEAD);
      return;
    }
    this.forget(connection);
    // Also of those who ask for the next number only: they may come back for what follows.
    this.#ring.want();
    if (wanted.kinds !== 0) {
      const from = wanted.from === undefined ? next : wanted.from - firstSequence;
      this.#add(new Subscription(connection, text !== undefined, wanted.kinds, from));
    }
    writer.beginReply(command.id, STATUSES.OK.code);
    writer.mapHead(1);
    writer.text('seq');
    writer.uint(firstSequence + next);
    writer.endReply();
  }

  /** Sends everyone what is new. Not while the reply pump has records in hand. */
  deliver(): void {
    if (this.#all.size === 0) return;
    for (const subscription of this.#all) this.#deliver(subscription);
  }

  /** A connection has closed, or wants something else. */
  forget(connection: Connection): void {
    if (connection.subscription === undefined) return;
    this.#all.delete(connection.subscription);
    connection.subscription = undefined;
    if (this.#all.size === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #add(subscription: Subscription): void {
    this.#all.add(subscription);
    subscription.connection.subscription = subscription;
    this.#timer ??= setInterval(() => {
      this.deliver();
    }, LOOK_MS).unref();
  }

  #read(space: ByteSpace, at: number, end: number): Wanted | Refusal {
    const cursor = this.#cursor;
    cursor.open(space.view, at, end);
    let from: number | undefined;
    if (cursor.findMember('from') === 1) {
      from = cursor.uint();
      if (from === REFUSED) from = wholeFloatAt(space, cursor.at);
      if (from === REFUSED) return wrongType(FROM_NO_UINT);
    }
    cursor.open(space.view, at, end);
    if (cursor.findMember('kinds') !== 1) return { from, kinds: ALL_KINDS };
    const kinds = this.#readKinds(space);
    return typeof kinds === 'number' ? { from, kinds } : kinds;
  }

  #readKinds(space: ByteSpace): number | Refusal {
    const cursor = this.#cursor;
    const items = cursor.arrayCount();
    if (items === REFUSED) return wrongType(KINDS_NO_LIST);
    let kinds = 0;
    let isUnknown = false;
    for (let item = 0; item < items; item += 1) {
      const bytes = cursor.strLength();
      if (bytes === REFUSED) return wrongType(KINDS_NO_LIST);
      const kind = kindNumberOf(space, cursor.at, bytes);
      cursor.at += bytes;
      if (kind < 0) isUnknown = true;
      else kinds |= 1 << kind;
    }
    return isUnknown ? { status: STATUSES.WRONG_VALUE.code, reason: NO_SUCH_KIND } : kinds;
  }

  #deliver(subscription: Subscription): void {
    const { connection } = subscription;
    const ring = this.#ring;
    const { next } = ring;
    if (subscription.next === next || connection.isCondemned) return;
    const writer = this.#writer;
    writer.clear();
    if (this.#traffic.outgoing.isSlow(connection)) {
      this.#cutLoose(subscription);
      return;
    }
    let looks = 0;
    for (; subscription.next < next && looks < EVENTS_PER_LOOK_MAX; looks += 1) {
      if (subscription.next >= 0 && ring.read(subscription.next)) {
        if ((subscription.kinds & (1 << ring.kind)) !== 0) this.#putEvent(subscription);
        subscription.next += 1;
      } else if (subscription.next < ring.oldest) {
        this.#putGap(subscription, ring.oldest);
      } else {
        // A shard is about to write it.
        break;
      }
    }
    this.#send(subscription);
    if (looks < EVENTS_PER_LOOK_MAX || subscription.goesOn) return;
    subscription.goesOn = true;
    setImmediate(() => this.#goOn(subscription));
  }

  #goOn(subscription: Subscription): void {
    subscription.goesOn = false;
    if (this.#all.has(subscription)) this.#deliver(subscription);
  }

  #cutLoose(subscription: Subscription): void {
    this.#traffic.counters[CUT_LOOSE]! += 1;
    this.forget(subscription.connection);
    const writer = this.#writer;
    writer.beginPush('unsubscribed');
    writer.mapHead(2);
    writer.text('seq');
    writer.uint(this.#ring.firstSequence + subscription.next);
    writer.text('reason');
    writer.text(SLOW_REASON);
    this.#endPush(subscription);
    this.#send(subscription);
  }

  #putEvent(subscription: Subscription): void {
    const ring = this.#ring;
    const writer = this.#writer;
    writer.beginPush('event');
    writer.mapHead(ring.kind === ROTATED ? 5 : 4);
    writer.text('seq');
    writer.uint(ring.firstSequence + subscription.next);
    writer.text('kind');
    writer.text(EVENT_KINDS[ring.kind] ?? '');
    writer.text('id');
    writer.text(sessionIdText(this.#idBytes));
    writer.text('time');
    writer.number(ring.timeMs / 1_000);
    if (ring.kind === ROTATED) {
      writer.text('newId');
      writer.text(sessionIdText(this.#idBytes, ID_BYTES));
    }
    this.#endPush(subscription);
  }

  #putGap(subscription: Subscription, oldest: number): void {
    const { firstSequence } = this.#ring;
    const writer = this.#writer;
    this.#traffic.counters[EVENT_GAPS]! += 1;
    writer.beginPush('gap');
    writer.mapHead(2);
    writer.text('from');
    writer.uint(firstSequence + subscription.next);
    writer.text('to');
    writer.uint(firstSequence + oldest - 1);
    this.#endPush(subscription);
    subscription.next = oldest;
  }

  /** A push is complete. Native ones gather, text ones are messages of their own. */
  #endPush({ connection, isText }: Subscription): void {
    const writer = this.#writer;
    writer.endReply();
    this.#traffic.counters[PUSHES_OUT]! += 1;
    if (!isText) return;
    connection.lane?.push(encodeTextPush(writer.space.bytes, 0, writer.length));
    writer.clear();
  }

  #send({ connection }: Subscription): void {
    const { outgoing } = this.#traffic;
    const { lane } = connection;
    const bytes = this.#writer.written();
    if (bytes.length > 0) {
      if (lane !== undefined && lane.size > 0) lane.push(bytes.slice());
      else outgoing.sendBinary(connection, bytes, 0);
    }
    lane?.flush(connection, outgoing);
  }
}

function wrongType(reason: string): Refusal {
  return { status: STATUSES.WRONG_TYPE.code, reason };
}

function kindNumberOf(space: ByteSpace, at: number, bytes: number): number {
  // None is longer, and a name that is far too long needs no reading.
  if (bytes > 16) return -1;
  const name = String.fromCharCode(...space.bytes.subarray(at, at + bytes));
  return (EVENT_KINDS as readonly string[]).indexOf(name);
}

/** Some msgpack libraries write numbers of this size as doubles, though they are whole. */
function wholeFloatAt(space: ByteSpace, at: number): number {
  if (space.bytes[at] !== FLOAT64) return REFUSED;
  const value = space.view.getFloat64(at + 1);
  return Number.isInteger(value) && value >= 0 ? value : REFUSED;
}
