/**
 * Open connections by name. A name is 32 bits that travel with every command to a shard and come
 * back with its reply:
 *
 *   bits 0-19   place in the table
 *   bits 20-31  generation: how many connections had the place before
 *
 * so a reply whose connection has gone finds nothing, not the next one. Places are reused in the
 * order they were freed, which keeps a generation from coming round while a reply is under way.
 */
import { assert } from '../core/errors.js';
import { ALL_RIGHTS } from '../core/rights.js';
import type { DeferredFrames } from './deferred-frames.js';
import type { HeldRefusals } from './held-refusals.js';
import type { Subscription } from './subscriptions.js';
import type { TextLane } from './text-lane.js';
import type { Socket } from './transport.js';
import type { WatchedSession } from './watches.js';

const PLACE_BITS = 20;
const PLACE_MASK = (1 << PLACE_BITS) - 1;
export const CONNECTIONS_MAX = 1 << PLACE_BITS;

export const NO_RECORD = -1;

export class Connection {
  readonly name: number;
  readonly socket: Socket;
  isOpen = true;
  /** Nothing more is read from it or sent to it: it is being closed. */
  isCondemned = false;
  closeCode = 0;
  closeReason = '';
  /** Commands under way to shards or parked, whose replies are still to come. */
  inFlight = 0;
  /** Set while commands are refused and their refusals wait for earlier replies. */
  held: HeldRefusals | undefined = undefined;
  /** Set while what it sends waits for the answer to a command. */
  deferred: DeferredFrames | undefined = undefined;
  /** Set from the first text command on. */
  lane: TextLane | undefined = undefined;
  /** The reply pump's list of this connection's records; see reply-pump.ts. */
  firstRecord = NO_RECORD;
  lastRecord = NO_RECORD;
  isTouched = false;
  /** What its user may do, as bits; see core/rights.ts. */
  rights = ALL_RIGHTS;
  /** Wrong secrets since the last right one. */
  authFailures = 0;
  /** Sessions that it watches; see watches.ts. */
  watches: Set<WatchedSession> | undefined = undefined;
  /** Its event feed; see subscriptions.ts. */
  subscription: Subscription | undefined = undefined;
  /** Bytes of pushes that the reply pump has in hand for it. */
  pushBytes = 0;

  constructor(name: number, socket: Socket) {
    this.name = name;
    this.socket = socket;
  }
}

export class ConnectionTable {
  readonly #connectionsMax: number;
  readonly #byPlace: (Connection | undefined)[] = [];
  readonly #generations: number[] = [];
  /** A queue in an array: freed places from #freeFrom on. */
  #free: number[] = [];
  #freeFrom = 0;
  #size = 0;

  constructor(connectionsMax: number) {
    assert(connectionsMax <= CONNECTIONS_MAX, 'every connection has a place');
    this.#connectionsMax = connectionsMax;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= this.#connectionsMax;
  }

  open(socket: Socket): Connection {
    assert(!this.isFull, 'room for one more connection');
    const place = this.#takePlace();
    const name = place | ((this.#generations[place] ?? 0) << PLACE_BITS);
    const connection = new Connection(name, socket);
    this.#byPlace[place] = connection;
    this.#size += 1;
    return connection;
  }

  /** The connection of that name; undefined once it has gone. */
  find(name: number): Connection | undefined {
    const connection = this.#byPlace[name & PLACE_MASK];
    return connection !== undefined && connection.name === name ? connection : undefined;
  }

  close(connection: Connection): void {
    assert(connection.isOpen, 'a connection closes once');
    connection.isOpen = false;
    const place = connection.name & PLACE_MASK;
    this.#byPlace[place] = undefined;
    this.#generations[place] = (this.#generations[place] ?? 0) + 1;
    this.#free.push(place);
    this.#size -= 1;
  }

  /** Every open connection, as of now. */
  all(): Connection[] {
    return this.#byPlace.filter((connection) => connection !== undefined);
  }

  #takePlace(): number {
    // A place rests until others have been used, unless the table could not grow any more.
    const free = this.#free.length - this.#freeFrom;
    if (free === 0 || (free < REST_PLACES && this.#byPlace.length < CONNECTIONS_MAX)) {
      this.#byPlace.push(undefined);
      this.#generations.push(0);
      return this.#byPlace.length - 1;
    }
    const place = this.#free[this.#freeFrom]!;
    this.#freeFrom += 1;
    if (this.#freeFrom > 1_024 && this.#freeFrom * 2 > this.#free.length) {
      this.#free = this.#free.slice(this.#freeFrom);
      this.#freeFrom = 0;
    }
    return place;
  }
}

/** So many freed places wait before one is used again. */
const REST_PLACES = 256;
