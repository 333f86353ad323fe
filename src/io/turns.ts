/**
 * When the I/O thread looks at its rings. While commands are in flight it polls from setImmediate,
 * once per turn of the event loop; when none is, it sleeps on its doorbell. Nothing blocks either way.
 *
 * A turn costs 2 µs, a wake-up from sleep 80 µs. So where cores abound it pays to poll for about as
 * long as a wake-up takes. Where they are scarce, whoever should answer may be waiting for this very
 * core: polling throughout cost 20 to 100 % more CPU a command on two busy cores.
 */
import { availableParallelism } from 'node:os';
import type { Clock } from '../core/clock.js';
import { IO_COUNTER_INDEX, replyDurations } from '../core/counters.js';
import type { Durations } from '../core/durations.js';
import { AsyncSleeper, Doorbell } from '../ring/doorbell.js';
import type { ReplyPump } from './reply-pump.js';
import type { Subscriptions } from './subscriptions.js';
import type { Traffic } from './traffic.js';

const IDLE_TURNS = IO_COUNTER_INDEX.idleTurns;
/** Turns without a reply after which even commands in flight are waited for asleep. */
const IDLE_TURNS_MAX = 4;
const IDLE_TURNS_MAX_WITH_CORES_TO_SPARE = 40;

export interface TurnsPlan {
  readonly bell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

export class Turns {
  readonly #traffic: Traffic;
  readonly #pump: ReplyPump;
  readonly #subscriptions: Subscriptions;
  readonly #bell: Doorbell;
  readonly #sleeper: AsyncSleeper;
  readonly #clock: Clock;
  readonly #replyDurations: Durations;
  /** When sockets could be read last: the end of the turn before, or of a sleep. */
  #readableMs = 0;
  #isPolling = false;
  #isStopped = false;
  #idleTurns = 0;
  readonly #idleTurnsMax: number;
  readonly #turn = (): void => {
    this.#runTurn();
  };

  constructor(
    traffic: Traffic,
    { pump, subscriptions }: { readonly pump: ReplyPump; readonly subscriptions: Subscriptions },
    { bell, counters }: TurnsPlan,
    clock: Clock,
  ) {
    this.#traffic = traffic;
    this.#subscriptions = subscriptions;
    this.#idleTurnsMax = idleTurnsMaxOf(traffic);
    this.#pump = pump;
    this.#clock = clock;
    this.#replyDurations = replyDurations(counters);
    this.#bell = new Doorbell(bell);
    this.#sleeper = new AsyncSleeper(bell, () => {
      this.start();
    });
  }

  /** Call after commands were pushed. */
  start(): void {
    this.#idleTurns = 0;
    if (this.#isPolling || this.#isStopped) return;
    this.#isPolling = true;
    this.#readableMs = this.#clock.nowMs();
    this.#sleeper.wake();
    setImmediate(this.#turn);
  }

  /** No turn runs from here on. */
  stop(): void {
    this.#isStopped = true;
    this.#sleeper.wake();
  }

  #runTurn(): void {
    if (this.#isStopped) return;
    const traffic = this.#traffic;
    const links = traffic.links;
    // Read before the rings are looked at, so that a ring after the look is not slept through.
    const count = this.#bell.count();
    for (let i = 0; i < links.length; i += 1) {
      links[i]!.arrivals.note(this.#readableMs);
      links[i]!.flush();
    }
    const taken = this.#pump.pump();
    this.#subscriptions.deliver();
    // Replies may have asked for something more of a shard: that is for the next turn.
    let hasMore = false;
    for (let i = 0; i < links.length; i += 1) {
      if (links[i]!.unpark()) links[i]!.flush();
      hasMore ||= links[i]!.hasUnpublished;
    }
    this.#countReplies();
    this.#idleTurns = taken > 0 ? 0 : this.#idleTurns + 1;
    // The first has sent what came in.
    if (this.#idleTurns > 1) traffic.counters[IDLE_TURNS]! += 1;
    // What shards were borrowed for has been answered, so that often nothing is in flight.
    const isPollWorthwhile = traffic.inFlight > 0 && this.#idleTurns < this.#idleTurnsMax;
    if (hasMore || isPollWorthwhile || !this.#sleeper.sleep(count)) setImmediate(this.#turn);
    else this.#isPolling = false;
  }

  /** What was answered in this turn has been sent. */
  #countReplies(): void {
    const nowMs = this.#clock.nowMs();
    this.#readableMs = nowMs;
    const links = this.#traffic.links;
    for (let i = 0; i < links.length; i += 1) {
      links[i]!.arrivals.settle(nowMs, this.#replyDurations);
    }
  }
}

function idleTurnsMaxOf({ config, links }: Traffic): number {
  const hasCoresToSpare = availableParallelism() > links.length + config.ioThreads;
  return hasCoresToSpare ? IDLE_TURNS_MAX_WITH_CORES_TO_SPARE : IDLE_TURNS_MAX;
}
