/**
 * Writes replies into the reply ring of one I/O thread. They stay invisible until publish(), which
 * the shard loop calls once a turn. publish() flushes the log first: a reply is never seen before
 * the log has what it speaks of. Replies that the log has failed are marked, and the I/O thread
 * sends 210 in their place.
 *
 * A ring without room makes the shard wait: it publishes what it has, wakes the I/O thread and
 * looks again. That cannot deadlock, because I/O threads never wait for shards; one that has borrowed
 * the shard takes the replies itself.
 */
import { ByteSpace } from '../core/copy.js';
import {
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  PUSH,
  REPLY_HEADER_BYTES,
  SIDE_ROAD,
} from '../ring/records.js';
import { RING_FULL, type RingProducer } from '../ring/spsc-ring.js';
import type { ReplySink } from '../commands/reply.js';
import type { ShardCounters } from './shard-counters.js';
import type { TurnLog, WaitingReplies } from './turn-log.js';

/** Places for replies that wait for the log; doubled when they do not suffice. */
const FIRST_PLACES = 256;

/** How whoever runs the shard waits until the I/O thread has made room in the reply ring. */
export interface RoomWait {
  /** Whether the I/O thread must ring once there is room. */
  readonly isRungFor: boolean;
  /** Before the last look for room; its result is for wait(). */
  look(): number;
  wait(looked: number): void;
}

export interface RingSinkParts {
  readonly ring: RingProducer;
  /** Takes replies too large for the ring. */
  readonly sideRoad: { post(buffer: ArrayBuffer): void };
  /** Of the I/O thread. */
  readonly ioBell: { ring(): void };
  readonly room: RoomWait;
  readonly counters: ShardCounters;
  /** Undefined where nothing is kept on disk. */
  readonly log?: TurnLog | undefined;
}

export class RingSink implements ReplySink, WaitingReplies {
  space: ByteSpace;
  readonly #ring: RingProducer;
  readonly #sideRoad: RingSinkParts['sideRoad'];
  readonly #ioBell: RingSinkParts['ioBell'];
  readonly #room: RoomWait;
  readonly #counters: ShardCounters;
  readonly #log: TurnLog | undefined;
  /** Unpublished records that wait for the log: offsets in the ring, `#waitingCount` of them. */
  #waiting = new Int32Array(FIRST_PLACES);
  #waitingCount = 0;
  #recordAt = 0;
  #aside: ArrayBuffer | undefined;
  #connection = 0;
  #ticket = 0;

  constructor(parts: RingSinkParts) {
    this.#ring = parts.ring;
    this.#sideRoad = parts.sideRoad;
    this.#ioBell = parts.ioBell;
    this.#room = parts.room;
    this.#counters = parts.counters;
    this.space = parts.ring.space;
    this.#log = parts.log;
    parts.log?.covers(this);
  }

  /** Another thread has written to the ring meanwhile, and published all of it. */
  resume(): void {
    this.#ring.resume();
  }

  /** Whether the I/O thread has ended its work: it has its last reply, and must get no push. */
  get isClosed(): boolean {
    return this.#ring.isClosed();
  }

  begin(connection: number, ticket: number, replyBytes: number): number {
    if (REPLY_HEADER_BYTES + replyBytes > this.#ring.payloadBytesMax) {
      this.#connection = connection;
      this.#ticket = ticket;
      this.#aside = new ArrayBuffer(replyBytes);
      this.space = new ByteSpace(this.#aside);
      return 0;
    }
    this.#reserve(REPLY_HEADER_BYTES + replyBytes, connection, ticket, 0);
    return this.#recordAt + REPLY_HEADER_BYTES;
  }

  tokenAt(offset: number): void {
    this.#ring.words[(this.#recordAt >>> 2) + 2] = offset;
  }

  end(): void {
    if (this.#aside === undefined) return;
    // Posted before its stub is reserved, and so before anyone can see the stub.
    this.#sideRoad.post(this.#aside);
    this.#aside = undefined;
    this.space = this.#ring.space;
    this.#counters.add('sideRoadOut', 1);
    this.#reserve(REPLY_HEADER_BYTES, this.#connection, this.#ticket, SIDE_ROAD);
  }

  /** Flushes, makes the turn's replies visible and wakes the I/O thread; nothing without replies. */
  publish(): void {
    if (!this.#ring.hasUnpublished) return;
    this.#log?.flush();
    this.#waitingCount = 0;
    this.#ring.publish();
    this.#ioBell.ring();
  }

  waitForLog(): void {
    if (this.#waitingCount === this.#waiting.length) {
      const grown = new Int32Array(this.#waiting.length * 2);
      grown.set(this.#waiting);
      this.#waiting = grown;
    }
    this.#waiting[this.#waitingCount] = this.#recordAt;
    this.#waitingCount += 1;
  }

  logHasIt(): void {
    this.#waitingCount = 0;
  }

  logHasFailed(): number {
    const { words } = this.#ring;
    let replies = 0;
    for (let index = 0; index < this.#waitingCount; index += 1) {
      const word = (this.#waiting[index]! >>> 2) + 2;
      words[word] = words[word] === SIDE_ROAD ? NOT_DURABLE_SIDE_ROAD : NOT_DURABLE;
      if (words[word - 1] !== PUSH) replies += 1;
    }
    this.#waitingCount = 0;
    return replies;
  }

  #reserve(bytes: number, connection: number, ticket: number, tokenAt: number): void {
    let at = this.#ring.reserve(bytes);
    if (at === RING_FULL) at = this.#waitForRoom(bytes);
    this.#recordAt = at;
    const word = at >>> 2;
    this.#ring.words[word] = connection;
    this.#ring.words[word + 1] = ticket;
    this.#ring.words[word + 2] = tokenAt;
  }

  #waitForRoom(bytes: number): number {
    this.#counters.add('replyRingWaits', 1);
    for (;;) {
      const looked = this.#room.look();
      this.#ring.wantRoom(this.#room.isRungFor);
      this.publish();
      const at = this.#ring.reserve(bytes);
      if (at !== RING_FULL) {
        this.#ring.wantRoom(false);
        return at;
      }
      this.#room.wait(looked);
    }
  }
}
