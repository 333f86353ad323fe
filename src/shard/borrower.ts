/**
 * An I/O thread's hold on one shard. While the shard's own thread sleeps, the I/O thread takes the
 * lease and runs a turn with its own requests: no wake-up, no hop to another core, and the shard's
 * thread goes on sleeping. It sees the same state, log and rings as the shard, each by an object of
 * its own that is brought up to date before every turn.
 *
 * Not always can a shard be borrowed; then tryTurn() says no, and the requests go the usual way:
 *
 *   the shard is awake, or another thread has it
 *   pages might be needed for which there is no extent
 *   the log fails, a file of it would have to be begun or ended, main is syncing it (then a write may
 *   wait for the disk) or has told the shard of a sync that failed
 *   each batch is synced (--fsync always), and the disk takes its time
 *   replies of the shard's wait in the ring
 *   sessions are watched, and there are other I/O threads that would have to hear of it
 */
import { receiveMessageOnPort } from 'node:worker_threads';
import { ReplyWriter } from '../commands/reply.js';
import type { Config } from '../config/options.js';
import type { ReuseReport } from '../config/shard-messages.js';
import type { BorrowPlan, BorrowedLogPlan, IoThreadPlan, LinkPlan } from '../config/thread-plan.js';
import { clockFrom, type Clock } from '../core/clock.js';
import type { MemoryHandles } from '../memory/shared-memory.js';
import { Doorbell } from '../ring/doorbell.js';
import { Lease } from '../ring/lease.js';
import type { SideRoad } from '../ring/side-road.js';
import { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import type { ShardState } from '../state/shard-state.js';
import { NodeFiles } from '../storage/files.js';
import { ShardBoard } from '../storage/shard-board.js';
import { ShardLog } from '../storage/shard-log.js';
import { Collector } from './collector.js';
import type { EventFeed } from './event-feed.js';
import type { BorrowerReport, LenderReport } from './lending.js';
import { RingSink } from './ring-sink.js';
import { ShardCounters } from './shard-counters.js';
import { Turn, type ShardLink } from './turn.js';
import { TurnLog } from './turn-log.js';
import { newStates, newTurnParts, statesOf } from './turn-parts.js';

/** Pages that one turn may need, and more: one of each size class, and what its commands bring. */
const TURN_FRAMES = 176;
/** Bytes of log that one turn may make, and more. */
const TURN_LOG_BYTES = 2 * 1024 * 1024;
/**
 * With --fsync always a turn waits for the disk: an I/O thread may do so as long as it would for a turn.
 * Where there is one shard, what comes meanwhile would wait for the same sync or the next.
 */
const TURN_SYNC_MS = 0.25;
const ONLY_TURN_SYNC_MS = 2;
/** A nearer deadline is worth waking the shard for if it is nearer by that. */
const EARLIER_MS = 1;
/** How often to look whether this is a good moment to collect garbage that is owed. */
const COLLECT_LOOK_MS = 200;

export interface BorrowerParts {
  readonly plan: BorrowPlan;
  readonly shard: number;
  /** Number of the I/O thread. */
  readonly io: number;
  readonly config: Config;
  readonly clock: Clock;
  readonly link: LinkPlan;
  readonly shardBell: SharedArrayBuffer;
  /** The shard's. */
  readonly counters: SharedArrayBuffer;
  readonly events: SharedArrayBuffer;
  /** The I/O thread's end of the side road, which takes what is put there. */
  readonly sideRoad: SideRoad;
  /** The I/O thread's end of the reply ring. */
  readonly replies: { isEmpty(): boolean };
  /** Takes replies from the ring, so that there is room for more. */
  readonly pump: () => void;
  readonly report: (report: ReuseReport) => void;
}

type Thread = Pick<BorrowerParts, 'sideRoad' | 'replies' | 'pump' | 'report'>;

/** For the thread of a plan: what makes its borrower of a shard, if shards are lent. */
export function borrowFrom(
  plan: IoThreadPlan,
): (shard: number, thread: Thread) => Borrower | undefined {
  const { allCounters, borrowing, config, events, index, links, shardBells } = plan;
  const clock = clockFrom(plan.clock);
  return (shard, thread) => {
    if (borrowing === undefined) return undefined;
    return new Borrower({
      plan: borrowing[shard]!,
      ...{ shard, io: index, config, clock, events, ...thread },
      link: links[shard]!,
      shardBell: shardBells[shard]!,
      counters: allCounters.shards[shard]!,
    });
  };
}

/** All that runs a turn; made once the shard has said where its memory is. */
interface Engine {
  readonly states: readonly ShardState[];
  readonly link: ShardLink;
  readonly log: { readonly log: ShardLog; readonly turnLog: TurnLog } | undefined;
  readonly turn: Turn;
  readonly events: EventFeed;
}

export class Borrower {
  readonly #parts: BorrowerParts;
  readonly #lease: Lease;
  readonly #bell: Doorbell;
  readonly #counters: ShardCounters;
  readonly #board: ShardBoard | undefined;
  readonly #handles: (MemoryHandles | undefined)[];
  readonly #collector: Collector;
  #timer: NodeJS.Timeout | undefined;
  #engine: Engine | undefined;

  constructor(parts: BorrowerParts) {
    const { plan, shard } = parts;
    this.#parts = parts;
    this.#lease = new Lease(plan.lease);
    this.#bell = new Doorbell(parts.shardBell);
    this.#counters = new ShardCounters(parts.counters);
    this.#board = plan.log && new ShardBoard(plan.log.board);
    this.#handles = new Array<MemoryHandles | undefined>(shard === 0 ? 2 : 1).fill(undefined);
    this.#collector = new Collector({
      clock: parts.clock,
      commands: () => this.#counters.get('commands'),
    });
    plan.port.on('message', (report: LenderReport) => this.#learn(report));
    // It must not keep the thread alive.
    plan.port.unref();
  }

  /**
   * Runs one turn with what the I/O thread has published. Its replies are in the ring then.
   *
   * @returns false, and nothing has happened, if the shard cannot be borrowed.
   */
  tryTurn(): boolean {
    const lease = this.#lease;
    if (!lease.borrow()) return false;
    const engine = this.#readyEngine();
    if (engine === undefined) {
      lease.giveBack();
      return false;
    }
    const { link, log, turn } = engine;
    turn.begin(this.#parts.clock.nowMs());
    const served = turn.serve();
    const isDurable = turn.end();
    if (log !== undefined && !isDurable) this.#handOver(log.log, engine.events);
    lease.countServed(served);
    this.#counters.add('lentTurns', 1);
    const isNeeded = !isDurable || !link.requests.isEmpty() || this.#hasEarlierDeadline(engine);
    lease.giveBack();
    if (isNeeded) this.#bell.ring();
    return true;
  }

  /** Up to date and fit for a turn, or undefined. */
  #readyEngine(): Engine | undefined {
    const { config, replies } = this.#parts;
    // Those of the shard's own thread come first, and what they left beside the ring: see SideRoad.
    if (!replies.isEmpty()) return undefined;
    const isBehind = this.#engine?.states.some(({ memory }) => !memory.knowsExtents) === true;
    if (isBehind) this.#receive();
    const engine = this.#engine ?? this.#newEngine();
    if (engine === undefined) return undefined;
    const { states, link, log } = engine;
    const board = this.#board;
    if (log !== undefined && board !== undefined) {
      if (board.isFailing || board.isSyncing) return undefined;
      if (board.syncFailures !== this.#lease.syncFailures) return undefined;
      const syncMsMax = config.shards === 1 ? ONLY_TURN_SYNC_MS : TURN_SYNC_MS;
      if (config.fsync === 'always' && board.syncMs > syncMsMax) return undefined;
      log.log.resume();
      if (!log.log.isSteady(TURN_LOG_BYTES)) return undefined;
      log.turnLog.resume();
    }
    for (const { memory } of states) {
      if (!memory.knowsExtents || memory.freeFrames < TURN_FRAMES) return undefined;
    }
    for (const state of states) state.refresh();
    if (config.ioThreads > 1 && states[0]!.notices.watched > 0) return undefined;
    link.requests.resume();
    link.sink.resume();
    return engine;
  }

  #newEngine(): Engine | undefined {
    this.#receive();
    const handles = this.#handles.filter((known) => known !== undefined);
    if (handles.length < this.#handles.length) return undefined;
    const { plan, shard, io, config, clock, events, report } = this.#parts;
    const counters = this.#counters;
    const states = newStates({ shard, config, counters, nowMs: clock.nowMs(), handles });
    const log = plan.log && this.#newLog(plan.log, statesOf(states));
    const link = this.#newLink(log?.turnLog);
    const sinks = new Array<RingSink | undefined>(config.ioThreads).fill(undefined);
    sinks[io] = link.sink;
    const parts = newTurnParts({
      ...{ shard, config, clock, counters, ...states, sinks, events, report },
      ...{ links: [link], log: log?.turnLog },
    });
    const turn = new Turn(parts);
    this.#engine = { states: statesOf(states), link, log, turn, events: parts.events };
    return this.#engine;
  }

  #newLog(
    { directory, recovery }: BorrowedLogPlan,
    states: readonly ShardState[],
  ): NonNullable<Engine['log']> {
    const { fsync, segmentBytes } = this.#parts.config;
    const log = new ShardLog({
      ...{ files: new NodeFiles(), directory, ...recovery, fsync, segmentBytes },
      begin: undefined,
      board: this.#board!,
      clock: this.#parts.clock,
      // It neither begins segments nor ends them, but one that could not be synced, of which nobody
      // is told.
      onSegment: () => undefined,
    });
    for (const state of states) state.effects = log.effects;
    const counters = this.#counters;
    const report = (): void => undefined;
    return { log, turnLog: new TurnLog({ log, board: undefined, states, counters, report }) };
  }

  #newLink(log: TurnLog | undefined): ShardLink {
    const { io, link, sideRoad, pump } = this.#parts;
    // It is awake.
    const ioBell = { ring: (): void => undefined };
    const sink = new RingSink({
      ring: new RingProducer(link.replies),
      sideRoad: { post: (buffer) => sideRoad.keep(buffer) },
      ioBell,
      room: { isRungFor: false, look: () => 0, wait: pump },
      counters: this.#counters,
      log,
    });
    const requests = new RingConsumer(link.requests);
    return { requests, ioBell, sideRoad, sink, reply: new ReplyWriter(sink, io) };
  }

  /** Takes what the shard has said about its memory and the event loop has not taken yet. */
  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#parts.plan.port) as
        { readonly message: LenderReport } | undefined;
      if (received === undefined) return;
      this.#learn(received.message);
    }
  }

  /** At once, so that memory that the shard has given up does not stay because of this thread. */
  #learn({ state, handles }: LenderReport): void {
    const isLost = this.#hasLost(state, handles);
    this.#handles[state] = handles;
    this.#engine?.states[state]!.adoptExtents(handles);
    if (!isLost) return;
    this.#collector.owe();
    this.#collectSoon();
  }

  /** The event loop may have nothing else to do for hours. */
  #collectSoon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      if (this.#collector.tick()) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, COLLECT_LOOK_MS).unref();
  }

  /** Whether extents have gone that were there before. */
  #hasLost(state: number, now: MemoryHandles): boolean {
    const before = this.#handles[state];
    if (before === undefined) return false;
    return before.extents.some((extent, at) => {
      const isThere = now.extents[at] !== undefined && now.made[at] === before.made[at];
      return extent !== undefined && !isThere;
    });
  }

  /** The shard wakes up in time for the deadlines it knows. */
  #hasEarlierDeadline({ states }: Engine): boolean {
    const wakeMs = this.#lease.wakeMs - EARLIER_MS;
    for (const { wheel } of states) if (wheel.nextMs() < wakeMs) return true;
    return false;
  }

  /** The log has failed: what it could not write is for the shard, which will try again. */
  #handOver({ effects, failure }: ShardLog, events: EventFeed): void {
    const report: BorrowerReport = {
      effects: effects.space.bytes.slice(effects.start, effects.length),
      entries: effects.entries,
      failure,
      events: events.take(),
    };
    this.#parts.plan.port.postMessage(report);
    this.#lease.countHeldBatch();
    effects.clear();
  }
}
