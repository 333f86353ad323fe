/**
 * The shard thread's whole life: one synchronous turn after another. Nothing in this folder is
 * async: the thread sleeps in Doorbell.wait, so a promise would never settle.
 *
 * A turn: read the clock, take what the rings hold (up to a bound), execute, write what has changed to
 * the log and publish the replies of each ring in one store, remove a slice of what is due, do a
 * slice of what main has ordered; what that has changed is logged, too, and then watchers and event
 * feeds hear of the turn. When there is nothing to do: repay fragmentation, spin briefly where cores
 * abound, then sleep until rung or until the next sweep.
 */
import type { ReplyWriter } from '../commands/reply.js';
import type { Clock } from '../core/clock.js';
import type { Doorbell } from '../ring/doorbell.js';
import { REQUEST_DIGEST_BYTE } from '../ring/records.js';
import type { SideRoad } from '../ring/side-road.js';
import { RING_EMPTY, type RingConsumer } from '../ring/spsc-ring.js';
import { READ_AHEAD_MAX, type ShardState } from '../state/shard-state.js';
import type { Dispatcher } from './dispatch.js';
import type { EventFeed } from './event-feed.js';
import type { ShardOrders } from './orders.js';
import type { Pushes } from './pushes.js';
import type { RingSink } from './ring-sink.js';
import type { ShardCounters } from './shard-counters.js';
import type { TurnLog } from './turn-log.js';

/** Requests taken from one ring in one turn: bounds how long a reply waits for its neighbours. */
export const REQUESTS_PER_TURN_MAX = 256;
/** The same where each turn waits for the disk, which then serves many. */
export const REQUESTS_PER_SYNCED_TURN_MAX = 4_096;
/** Rows removed or re-filed in one slice, about 0.2 ms; a turn takes slices for up to SWEEP_MS. */
const SWEEP_ROWS = 256;
const SWEEP_MS = 1;
/** Cells moved in one step of tidying, well under a millisecond. */
const TIDY_CELLS = 256;
/** Requests and rows swept after which freed cells may be worth looking for, which costs about 2 µs. */
const CHANGES_PER_TIDY = 1_024;
/** A shard that is never idle takes one step of tidying all the same after so many. */
const CHANGES_PER_BUSY_TIDY = 32_768;
/** The longest sleep, should no bell ring and nothing be due. */
const SLEEP_MS_MAX = 100;

/** The shard's side of its rings with one I/O thread. */
export interface ShardLink {
  readonly requests: RingConsumer;
  readonly ioBell: Doorbell;
  readonly sideRoad: SideRoad;
  readonly sink: RingSink;
  readonly reply: ReplyWriter;
}

export interface ShardLoopParts {
  readonly links: readonly ShardLink[];
  readonly bell: Doorbell;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  /** The sessions, and on the first shard the default map. */
  readonly states: readonly ShardState[];
  readonly counters: ShardCounters;
  /** Undefined where nothing is kept on disk. */
  readonly log?: TurnLog | undefined;
  readonly orders?: ShardOrders | undefined;
  /** For watchers. */
  readonly pushes?: Pushes | undefined;
  /** For SV_EVENTS. */
  readonly events?: EventFeed | undefined;
  readonly requestsPerTurnMax: number;
  /** How often to look at the rings again before going to sleep. */
  readonly spins: number;
  readonly isStopped: () => boolean;
  /** Called before a sleep: memory that was given up can be collected now. */
  readonly onIdle: () => void;
}

export class ShardLoop {
  readonly #parts: ShardLoopParts;
  readonly #sessions: ShardState;
  #isTidy = true;
  #changesSinceTidy = 0;
  readonly #offsets = new Int32Array(READ_AHEAD_MAX);
  readonly #places = new Int32Array(READ_AHEAD_MAX);

  constructor(parts: ShardLoopParts) {
    this.#parts = parts;
    this.#sessions = parts.states[0]!;
  }

  /** Runs until stopped. */
  run(): void {
    const { bell, isStopped } = this.#parts;
    let idleTurns = 0;
    // What was recovered counts from the start.
    this.#publishFigures();
    while (!isStopped()) {
      const rung = bell.count();
      if (this.runTurn()) {
        idleTurns = 0;
        continue;
      }
      if (idleTurns < this.#parts.spins) {
        idleTurns += 1;
        this.#parts.counters.add('idleTurns', 1);
        continue;
      }
      this.#parts.onIdle();
      this.#parts.counters.add('sleeps', 1);
      bell.wait(rung, this.#sleepMs());
    }
  }

  /**
   * Until the next session may be due, or an order goes on, so that an idle shard costs nothing and
   * is still on time.
   */
  #sleepMs(): number {
    let nextMs = this.#parts.orders?.resumeMs ?? Infinity;
    for (const state of this.#parts.states) nextMs = Math.min(nextMs, state.wheel.nextMs());
    const untilNextMs = Math.ceil(nextMs - this.#parts.clock.nowMs());
    return Math.max(1, Math.min(untilNextMs, SLEEP_MS_MAX));
  }

  /** @returns whether there was anything to do. */
  runTurn(): boolean {
    const nowMs = this.#parts.clock.nowMs();
    const { events, log, orders } = this.#parts;
    for (const state of this.#parts.states) state.beginTurn(nowMs);
    events?.beginTurn(nowMs);
    log?.beginTurn(nowMs);
    orders?.receive();
    const requests = this.#takeRequests();
    // Who has a reply finds it counted, and in the feed of events.
    if (requests > 0) this.#publishFigures();
    if (requests > 0 && events !== undefined && events.hasAny) {
      if (log === undefined || log.flush()) events.write();
    }
    // Before the sweep: a reply need not wait for what is due elsewhere.
    for (const link of this.#parts.links) link.sink.publish();
    const swept = this.#sweep(nowMs);
    const isOrdered = orders !== undefined && orders.slice(requests > 0);
    this.#changesSinceTidy += requests + swept;
    if (this.#changesSinceTidy >= CHANGES_PER_TIDY || this.#hasGarbage()) this.#isTidy = false;
    // A walk keeps rows in place; once it is over, there may be many holes.
    if (isOrdered) this.#isTidy = false;
    const isDue = requests + swept === 0 ? !this.#isTidy : this.#isTidyOverdue();
    const isTidying = isDue && this.#tidy();
    this.#endTurn(log, orders);
    if (requests + swept > 0 || isOrdered) {
      this.#parts.counters.add('turns', 1);
      if (swept > 0 || isOrdered) this.#publishFigures();
    }
    return requests + swept > 0 || isOrdered || isTidying;
  }

  /** What no reply waited for: changes by deadlines and orders. */
  #endTurn(log: TurnLog | undefined, orders: ShardOrders | undefined): void {
    const { events, links, pushes } = this.#parts;
    if (pushes !== undefined && pushes.hasNotices) pushes.send();
    const isDurable = log === undefined || log.flush();
    orders?.flushed(isDurable);
    for (const link of links) link.sink.publish();
    if (isDurable) events?.write();
  }

  #takeRequests(): number {
    let taken = 0;
    for (const link of this.#parts.links) {
      const { requests } = link;
      let here = 0;
      while (here < this.#parts.requestsPerTurnMax) {
        const batch = this.#takeBatch(link);
        here += batch;
        if (batch < READ_AHEAD_MAX) break;
      }
      if (here === 0) continue;
      requests.release();
      if (requests.isRoomWanted()) link.ioBell.ring();
      taken += here;
    }
    return taken;
  }

  /**
   * A few requests at a time: first a look at what all of them will look up, then each in its turn
   * (engine bench, 1M sessions, medians of three pairs of runs: GET 4 % more a second, SET 5 %).
   */
  #takeBatch({ requests, sideRoad, reply, sink }: ShardLink): number {
    const offsets = this.#offsets;
    const places = this.#places;
    let count = 0;
    while (count < READ_AHEAD_MAX) {
      const at = requests.next();
      if (at === RING_EMPTY) break;
      offsets[count] = at;
      places[count] = (at + REQUEST_DIGEST_BYTE) >>> 2;
      count += 1;
    }
    if (count > 1) this.#sessions.readAhead(requests.words, places, count);
    const { dispatcher, log, pushes } = this.#parts;
    for (let index = 0; index < count; index += 1) {
      const changes = dispatcher.dispatch(requests, offsets[index]!, sideRoad, reply);
      if (log !== undefined) log.executed(sink, changes);
      if (pushes !== undefined && pushes.hasNotices) pushes.send();
    }
    return count;
  }

  /** Slices until nothing is due or the time for it is up. A frozen clock gets one slice a turn. */
  #sweep(nowMs: number): number {
    const { clock } = this.#parts;
    let swept = this.#sessions.advance(SWEEP_ROWS);
    if (swept < SWEEP_ROWS) return swept;
    while (clock.nowMs() - nowMs < SWEEP_MS) {
      const more = this.#sessions.advance(SWEEP_ROWS);
      swept += more;
      if (more < SWEEP_ROWS || clock.nowMs() === nowMs) break;
    }
    this.#isTidy = false;
    return swept;
  }

  /** One big session that has gone may be most of the memory. */
  #hasGarbage(): boolean {
    for (const state of this.#parts.states) if (state.keys.big.hasGarbage) return true;
    return false;
  }

  #isTidyOverdue(): boolean {
    return this.#changesSinceTidy >= CHANGES_PER_BUSY_TIDY;
  }

  #tidy(): boolean {
    let isBusy = false;
    this.#changesSinceTidy = 0;
    for (const state of this.#parts.states) isBusy = state.tidy(TIDY_CELLS) || isBusy;
    this.#isTidy = !isBusy;
    return isBusy;
  }

  #publishFigures(): void {
    const { counters, states } = this.#parts;
    let bytes = 0;
    for (const state of states) bytes += state.bytes;
    counters.set('sessions', this.#sessions.sessionCount);
    counters.set('keys', this.#sessions.keys.total);
    counters.set('memoryBytes', bytes);
  }
}
