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
import type { Clock } from '../core/clock.js';
import type { Doorbell } from '../ring/doorbell.js';
import type { ShardState } from '../state/shard-state.js';
import type { Lending } from './lending.js';
import type { ShardOrders } from './orders.js';
import { Turn, type TurnParts } from './turn.js';

/** Rows removed or re-filed in one slice, about 0.2 ms; a turn takes slices until it has lasted so long. */
const SWEEP_ROWS = 256;
const SWEEP_MS = 1;
/**
 * Where there were requests or some have come: others wait for the next turn. (A million due in a
 * second at half load, by an open loop: with 1 ms it fell a quarter of a second behind and gave up, with
 * 0.25 it went on, p99 102 ms.)
 */
const BUSY_SWEEP_MS = 0.25;
/** Cells moved in one step of tidying, well under a millisecond. */
const TIDY_CELLS = 256;
/** Requests and rows swept after which freed cells may be worth looking for, which costs about 2 µs. */
const CHANGES_PER_TIDY = 1_024;
/** A shard that is never idle takes one step of tidying all the same after so many. */
const CHANGES_PER_BUSY_TIDY = 32_768;
/**
 * Where so many rows come due in a turn, more will, and holes will be larger: tidying waits. (1M sessions
 * due in one second at half load: of 1.0 s that the shard took, 0.3 s moved rows, most of them due soon.)
 */
const SWEPT_MANY = 64;
const TIDY_PAUSE_MS = 25;
/** The longest sleep, should no bell ring and nothing be due. */
const SLEEP_MS_MAX = 100;

export interface ShardLoopParts extends TurnParts {
  readonly bell: Doorbell;
  readonly clock: Clock;
  readonly orders?: ShardOrders | undefined;
  /** Undefined where I/O threads may not borrow the shard. */
  readonly lending?: Lending | undefined;
  /** How often to look at the rings again before going to sleep. */
  readonly spins: number;
  readonly isStopped: () => boolean;
  /** Called before a sleep: memory that was given up can be collected now. */
  readonly onIdle: () => void;
}

export class ShardLoop {
  readonly #parts: ShardLoopParts;
  readonly #turn: Turn;
  readonly #sessions: ShardState;
  #isTidy = true;
  #changesSinceTidy = 0;
  /** No idle turn tidies before that. */
  #tidyFromMs = 0;

  constructor(parts: ShardLoopParts) {
    this.#parts = parts;
    this.#turn = new Turn(parts);
    this.#sessions = parts.states[0]!;
  }

  /** Runs until stopped. */
  run(): void {
    const { bell, isStopped } = this.#parts;
    let idleTurns = 0;
    // What was recovered counts from the start.
    this.#turn.publishFigures();
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
      this.#sleep(rung);
    }
  }

  /** While nobody rings, I/O threads may borrow the shard. */
  #sleep(rung: number): void {
    const { bell, clock, lending } = this.#parts;
    const sleepMs = this.#sleepMs();
    lending?.lend(clock.nowMs() + sleepMs);
    bell.wait(rung, sleepMs);
    const served = lending?.takeBack() ?? 0;
    if (served === 0) return;
    // Who borrows does not tidy.
    this.#changesSinceTidy += served;
    if (this.#changesSinceTidy >= CHANGES_PER_TIDY || this.#hasGarbage()) this.#isTidy = false;
  }

  /**
   * Until the next session may be due, or an order or tidying goes on, so that an idle shard costs
   * nothing and is still on time.
   */
  #sleepMs(): number {
    let nextMs = this.#parts.orders?.resumeMs ?? Infinity;
    if (!this.#isTidy) nextMs = Math.min(nextMs, this.#tidyFromMs);
    for (const state of this.#parts.states) nextMs = Math.min(nextMs, state.wheel.nextMs());
    const untilNextMs = Math.ceil(nextMs - this.#parts.clock.nowMs());
    return Math.max(1, Math.min(untilNextMs, SLEEP_MS_MAX));
  }

  /** @returns whether there was anything to do. */
  runTurn(): boolean {
    const nowMs = this.#parts.clock.nowMs();
    const { orders } = this.#parts;
    this.#turn.begin(nowMs);
    orders?.receive();
    // Before the sweep: a reply need not wait for what is due elsewhere.
    const requests = this.#turn.serve();
    const swept = this.#sweep(nowMs, requests > 0 ? BUSY_SWEEP_MS : SWEEP_MS);
    const isOrdered = orders !== undefined && orders.slice(requests > 0);
    this.#changesSinceTidy += requests + swept;
    if (this.#changesSinceTidy >= CHANGES_PER_TIDY || this.#hasGarbage()) this.#isTidy = false;
    // A walk keeps rows in place; once it is over, there may be many holes.
    if (isOrdered) this.#isTidy = false;
    if (swept >= SWEPT_MANY) this.#tidyFromMs = nowMs + TIDY_PAUSE_MS;
    const isIdle = requests + swept === 0 && nowMs >= this.#tidyFromMs;
    const isDue = isIdle ? !this.#isTidy : this.#isTidyOverdue();
    const isTidying = isDue && this.#tidy();
    // What no reply waited for: changes by deadlines and orders.
    const isDurable = this.#turn.end();
    orders?.flushed(isDurable);
    if (requests + swept > 0 || isOrdered) {
      this.#parts.counters.add('turns', 1);
      if (swept > 0 || isOrdered) this.#turn.publishFigures();
    }
    return requests + swept > 0 || isOrdered || isTidying;
  }

  /** Slices until nothing is due or the time for it is up. A frozen clock gets one slice a turn. */
  #sweep(nowMs: number, sweepMs: number): number {
    const { clock } = this.#parts;
    let swept = this.#sessions.advance(SWEEP_ROWS);
    if (swept < SWEEP_ROWS) return swept;
    let sinceMs = clock.nowMs() - nowMs;
    while (sinceMs < sweepMs && (sinceMs < BUSY_SWEEP_MS || !this.#hasRequests())) {
      const more = this.#sessions.advance(SWEEP_ROWS);
      swept += more;
      sinceMs = clock.nowMs() - nowMs;
      if (more < SWEEP_ROWS || sinceMs === 0) break;
    }
    this.#isTidy = false;
    return swept;
  }

  #hasRequests(): boolean {
    for (const { requests } of this.#parts.links) if (!requests.isEmpty()) return true;
    return false;
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
}
