/**
 * The I/O thread's end of its link to one shard: pushes commands, holds back those that find the
 * ring full, and wakes the shard.
 *
 * Publishing: at the end of each event-loop turn, by flush(). A shard that sleeps then is borrowed if
 * there is little to do: this thread runs the turn itself. Once there is more, the shard gets it in
 * portions as it comes, so that it works while the rest of the turn is still being read.
 */
import type { LinkPlan } from '../config/thread-plan.js';
import { copyBytes, type ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { DIGEST_WORDS } from '../core/siphash.js';
import { Doorbell } from '../ring/doorbell.js';
import { FLAG_SIDE_ROAD, REQUEST_HEADER_BYTES } from '../ring/records.js';
import { SideRoad } from '../ring/side-road.js';
import { RING_FULL, RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { Arrivals } from './arrivals.js';
import type { BorrowedShard } from './borrowed-shard.js';
import { ParkedCommands } from './parked-commands.js';
import { IS_SLOW } from './routes.js';

/** Commands parked for one shard: a bound on memory that no sound client comes near. */
const PARKED_BYTES_MAX = 256 * 1_024 * 1_024;

/**
 * For more commands or bytes than that a shard is woken rather than borrowed: about there two threads
 * begin to be worth a wake-up. (2 cores, ratios to Redis' HGET and HSET with 32, 64, 128 and 256: 1 in
 * flight 0.87, 0.96, 0.96, 0.97 and 0.91, 0.96, 0.97, 0.96; 16 per frame 1.29, 1.35, 1.53, 1.53 and 1.30,
 * 1.28, 1.33, 1.27; 64 per frame 2.1, 2.5, 2.6, 2.4 and 2.0, 2.1, 2.0, 1.8. Again, 16 per frame with 96,
 * 128, 192 and 320: 1.34, 1.32, 1.41, 1.39 and 1.24, 1.24, 1.31, 1.27.)
 */
const LENT_COMMANDS_MAX = 192;
const LENT_BYTES_MAX = 256 * 1_024;
/**
 * A portion, in commands. (2 cores, medians of 13 rounds, ratios to Redis with all at once, 32 and 16:
 * SET, 16 in flight, 1.20 to 1.25, 1.50, 1.47; GET, 16 per frame, 1.69 to 1.74, 1.78, 1.75; else no
 * difference. 96 and 256: as all at once.)
 */
const PORTION_COMMANDS = 32;

const SIDE_ROAD_IN = IO_COUNTER_INDEX.sideRoadIn;
/** More bytes than any shard is borrowed for. */
const SLOW = LENT_BYTES_MAX + 1;
const HEADER_WORDS = REQUEST_HEADER_BYTES / 4;
const OP_WORD = 3;
const DIGEST_WORD = 4;

/** The fixed part of a request record, filled anew for every command. */
export class RequestHeader {
  connection = 0;
  ticket = 0;
  id = 0;
  op = 0;
  flags = 0;
  slot = 0;
  readonly digest: Int32Array;

  /** @param digest four words, shared with whoever computes digests. */
  constructor(digest: Int32Array) {
    this.digest = digest;
  }
}

export class ShardLink {
  readonly replies: RingConsumer;
  readonly sideRoad: SideRoad;
  readonly arrivals = new Arrivals();
  readonly #counters: Float64Array;
  readonly #requests: RingProducer;
  readonly #bell: Doorbell;
  readonly #parked = new ParkedCommands();
  /** Set where the shard may be borrowed while it sleeps. */
  borrowed: BorrowedShard | undefined = undefined;
  /** Of this turn: commands pushed, their bytes, and at how many commands the next portion is full. */
  #commands = 0;
  #bytes = 0;
  #portionEnd = 0;

  constructor(plan: LinkPlan, shardBell: SharedArrayBuffer, counters: Float64Array) {
    this.#counters = counters;
    this.#requests = new RingProducer(plan.requests);
    this.replies = new RingConsumer(plan.replies);
    this.sideRoad = new SideRoad(plan.port);
    this.#bell = new Doorbell(shardBell);
  }

  /** Whether a command pushed now would have to wait for earlier ones. */
  get isBlocked(): boolean {
    return !this.#parked.isEmpty;
  }

  /** Whether so much is parked that nothing should be added, whoever sends it. */
  get isOverfull(): boolean {
    return this.#parked.bytes > PARKED_BYTES_MAX;
  }

  /**
   * Hands a command to the shard; its body is copied.
   *
   * @param mayPark whether it may wait here if the ring is full.
   * @returns false if it was not taken.
   */
  push(
    header: RequestHeader,
    from: ByteSpace,
    bodyAt: number,
    bodyBytes: number,
    mayPark: boolean,
  ): boolean {
    const ring = this.#requests;
    const bytes = REQUEST_HEADER_BYTES + bodyBytes;
    if (!this.#parked.isEmpty || bytes > ring.payloadBytesMax) {
      return this.#pushSlowly(header, from, bodyAt, bodyBytes, mayPark);
    }
    const at = ring.reserve(bytes);
    if (at === RING_FULL) return this.#park(header, from, bodyAt, bodyBytes, mayPark);
    const words = ring.words;
    const word = at >>> 2;
    words[word] = header.connection;
    words[word + 1] = header.ticket;
    words[word + 2] = header.id;
    words[word + OP_WORD] = header.op | (header.flags << 8) | (header.slot << 16);
    for (let i = 0; i < DIGEST_WORDS; i += 1) words[word + DIGEST_WORD + i] = header.digest[i]!;
    copyBytes(ring.space, at + REQUEST_HEADER_BYTES, from, bodyAt, bodyBytes);
    this.arrivals.came += 1;
    this.#pushed(IS_SLOW[header.op] === 1 ? SLOW : bytes);
    return true;
  }

  #pushSlowly(
    header: RequestHeader,
    from: ByteSpace,
    bodyAt: number,
    bodyBytes: number,
    mayPark: boolean,
  ): boolean {
    // What is too large for the ring goes by the parking place, most of it straight through.
    const mayPass = mayPark || this.#parked.isEmpty;
    if (!this.#park(header, from, bodyAt, bodyBytes, mayPass)) return false;
    this.unpark();
    return true;
  }

  #park(
    header: RequestHeader,
    from: ByteSpace,
    bodyAt: number,
    bodyBytes: number,
    mayPark: boolean,
  ): boolean {
    if (!mayPark) return false;
    this.arrivals.came += 1;
    const { space, at } = this.#parked.add(REQUEST_HEADER_BYTES + bodyBytes);
    const view = space.view;
    view.setInt32(at, header.connection, true);
    view.setInt32(at + 4, header.ticket, true);
    view.setInt32(at + 8, header.id, true);
    view.setInt32(at + OP_WORD * 4, header.op | (header.flags << 8) | (header.slot << 16), true);
    for (let i = 0; i < DIGEST_WORDS; i += 1) {
      view.setInt32(at + (DIGEST_WORD + i) * 4, header.digest[i]!, true);
    }
    copyBytes(space, at + REQUEST_HEADER_BYTES, from, bodyAt, bodyBytes);
    return true;
  }

  /** Moves parked commands into the ring as far as there is room; whether any moved. */
  unpark(): boolean {
    let hasMoved = false;
    while (!this.#parked.isEmpty && this.#moveFirst()) {
      this.#parked.dropFirst();
      hasMoved = true;
    }
    if (hasMoved) this.#pushed(SLOW);
    return hasMoved;
  }

  #moveFirst(): boolean {
    const ring = this.#requests;
    const { firstSpace: space, firstAt: from, firstBytes: bytes } = this.#parked;
    const isTooLarge = bytes > ring.payloadBytesMax;
    const at = ring.reserve(isTooLarge ? REQUEST_HEADER_BYTES : bytes);
    if (at === RING_FULL) return false;
    if (!isTooLarge) {
      copyBytes(ring.space, at, space, from, bytes);
      return true;
    }
    for (let i = 0; i < HEADER_WORDS; i += 1) {
      ring.words[(at >>> 2) + i] = space.view.getInt32(from + i * 4, true);
    }
    ring.words[(at >>> 2) + OP_WORD]! |= FLAG_SIDE_ROAD << 8;
    // Before the stub can be seen: see side-road.ts.
    this.sideRoad.postCopy(space.bytes, from + REQUEST_HEADER_BYTES, from + bytes);
    this.#counters[SIDE_ROAD_IN]! += 1;
    return true;
  }

  /** A command is in the ring. Once there is too much to borrow the shard for, it gets portions. */
  #pushed(bytes: number): void {
    this.#commands += 1;
    this.#bytes += bytes;
    if (this.#commands < this.#portionEnd || this.#isLittle) return;
    this.#portionEnd = this.#commands + PORTION_COMMANDS;
    this.#requests.publish();
    this.#bell.ring();
  }

  /** Whether the commands of this turn are few enough to borrow the shard for them. */
  get #isLittle(): boolean {
    if (this.borrowed === undefined) return false;
    return this.#commands <= LENT_COMMANDS_MAX && this.#bytes <= LENT_BYTES_MAX;
  }

  /** Whether there are commands that flush() has not seen. */
  get hasUnpublished(): boolean {
    return this.#requests.hasUnpublished;
  }

  /**
   * Once per event-loop turn: makes what was pushed visible to the shard, or runs it here if the shard
   * sleeps and it is little.
   */
  flush(): void {
    if (this.#requests.hasUnpublished) {
      // Earlier commands, of which the shard has been told, may be anything: it is about to wake.
      const mayBorrow = this.#isLittle && this.#requests.isDrained();
      this.#requests.publish();
      if (!mayBorrow || !this.borrowed!.tryTurn()) this.#bell.ring();
    }
    this.#portionEnd = 0;
    this.#commands = 0;
    this.#bytes = 0;
  }

  /** Nothing of the shard's is taken any more; it may have pushes for this thread at any time. */
  close(): void {
    this.replies.close();
    if (this.replies.isRoomWanted()) this.#bell.ring();
  }

  /** Gives the space of the replies taken back, and wakes a shard that waits for it. */
  releaseReplies(): void {
    this.replies.release();
    if (this.replies.isRoomWanted()) this.#bell.ring();
  }
}
