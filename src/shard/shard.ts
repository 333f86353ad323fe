/**
 * Builds a shard from its plan and runs it: its state, what it recovers from the data directory, its
 * end of the rings, its loop.
 */
import { availableParallelism } from 'node:os';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { ReplyWriter } from '../commands/reply.js';
import type { Config } from '../config/options.js';
import type { ShardReport } from '../config/shard-messages.js';
import type { LinkPlan, ShardPlan } from '../config/thread-plan.js';
import { clockFrom, type Clock } from '../core/clock.js';
import { assert } from '../core/errors.js';
import { Doorbell } from '../ring/doorbell.js';
import { Lease } from '../ring/lease.js';
import { SideRoad } from '../ring/side-road.js';
import { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { NodeFiles } from '../storage/files.js';
import type { Admission } from './admission.js';
import { newIdleCollector } from './collector.js';
import type { EventFeed } from './event-feed.js';
import { Lending } from './lending.js';
import { Loads } from './loads.js';
import { ShardOrders } from './orders.js';
import { RingSink } from './ring-sink.js';
import { ShardCounters } from './shard-counters.js';
import { ShardLoop } from './shard-loop.js';
import { openShardStorage, type ShardStorage } from './shard-storage.js';
import type { ShardLink } from './turn.js';
import type { TurnLog } from './turn-log.js';
import { newStates, newTurnParts, type ShardStates, statesOf } from './turn-parts.js';
import { Walks } from './walk.js';

const SPINS = 20;
const SPINS_WITH_CORES_TO_SPARE = 200;
/** How long a shard sleeps before it looks for room in a reply ring again, should no bell ring. */
const ROOM_WAIT_MS = 1;
/** A shard that could not start looks at its stop word so often, should no bell ring. */
const STOP_LOOK_MS = 100;

/** Runs until the plan's stop word is set. Blocks the thread. */
export function runShard(plan: ShardPlan): void {
  const clock = clockFrom(plan.clock);
  const counters = new ShardCounters(plan.counters);
  const bell = new Doorbell(plan.bell);
  const stopWord = new Int32Array(plan.stopWord);
  const isStopped = (): boolean => Atomics.load(stopWord, 0) !== 0;
  const { index, config } = plan;
  const states = newStates({ shard: index, config, counters, nowMs: clock.nowMs() });
  const shard = { plan, clock, counters, bell, isStopped, ...states };
  if (plan.storage === undefined) {
    newLoop(shard).run();
    return;
  }
  const { storage } = plan;
  const files = new NodeFiles();
  const open = openShardStorage({ ...shard, storage, files, report });
  if (open === undefined) {
    // Ending by itself would count as the thread's death; main ends it in its own time.
    while (!isStopped()) bell.wait(bell.count(), STOP_LOOK_MS);
    return;
  }
  newLoop(shard, open).run();
  open.turnLog.flush();
  open.log.close();
}

interface Shard extends ShardStates {
  readonly plan: ShardPlan;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly bell: Doorbell;
  readonly isStopped: () => boolean;
}

function newLoop(shard: Shard, storage?: ShardStorage): ShardLoop {
  const { plan, clock, counters, bell, isStopped, sessions, defaults } = shard;
  const { config, events, index } = plan;
  const log = storage?.turnLog;
  const links = plan.links.map((link, io) =>
    newLink(link, { io, bells: { io: plan.ioBells[io]!, shard: plan.bell } }, counters, log),
  );
  const sinks = links.map((link) => link.sink);
  const parts = newTurnParts({
    ...{ shard: index, config, clock, counters, sessions, defaults, log, links, sinks, events },
    report,
  });
  return new ShardLoop({
    ...parts,
    bell,
    clock,
    orders: storage === undefined ? undefined : newOrders(shard, parts.admission, storage),
    lending: newLending(shard, links, parts.events, storage),
    spins: spinsOf(availableParallelism(), config),
    isStopped,
    onIdle: newIdleCollector(
      statesOf(shard).map((state) => state.memory),
      { clock, commands: () => counters.get('commands') },
    ),
  });
}

function newLending(
  shard: Shard,
  links: readonly ShardLink[],
  events: EventFeed,
  storage: ShardStorage | undefined,
): Lending | undefined {
  const { lending } = shard.plan;
  if (lending === undefined) return undefined;
  const { ports } = lending;
  return new Lending({
    lease: new Lease(lending.lease),
    ...{ ports, links, events, states: statesOf(shard), log: storage },
  });
}

function newOrders(shard: Shard, admission: Admission, storage: ShardStorage): ShardOrders {
  const { plan, sessions, defaults, clock, counters } = shard;
  const { board, log, turnLog } = storage;
  const walks = new Walks({
    sessions,
    defaults,
    clock,
    log,
    chunksDone: () => board.chunksDone,
    commandsSoFar: () => counters.get('commands'),
    report,
  });
  const loads = new Loads({
    sessions,
    defaults,
    admission,
    sessionBytesMax: plan.config.maxSessionBytes,
    clock,
    isLogFailing: () => turnLog.isFailing,
    flushIfLarge: () => turnLog.flushIfLarge(),
    report,
  });
  return new ShardOrders({
    port: mainPort(),
    ordersPosted: () => board.ordersPosted,
    handlers: [walks, loads],
  });
}

function report(message: ShardReport): void {
  mainPort().postMessage(message);
}

function mainPort(): MessagePort {
  assert(parentPort !== null, 'a shard runs in a worker');
  return parentPort;
}

interface LinkEnds {
  /** Number of the I/O thread. */
  readonly io: number;
  readonly bells: { readonly io: SharedArrayBuffer; readonly shard: SharedArrayBuffer };
}

function newLink(
  plan: LinkPlan,
  { io, bells }: LinkEnds,
  counters: ShardCounters,
  log: TurnLog | undefined,
): ShardLink {
  const sideRoad = new SideRoad(plan.port);
  const shardBell = new Doorbell(bells.shard);
  const sink = new RingSink({
    ring: new RingProducer(plan.replies),
    sideRoad,
    ioBell: new Doorbell(bells.io),
    room: {
      isRungFor: true,
      look: () => shardBell.count(),
      wait: (count) => shardBell.wait(count, ROOM_WAIT_MS),
    },
    counters,
    log,
  });
  return {
    requests: new RingConsumer(plan.requests),
    ioBell: new Doorbell(bells.io),
    sideRoad,
    sink,
    reply: new ReplyWriter(sink, io),
  };
}

/**
 * Idle turns, about half a microsecond each, before a shard goes to sleep. A wake-up costs both sides
 * several microseconds, so a short look pays even where cores are scarce (2 cores, GET, 16 in flight:
 * medians of three runs 281k/s without, 308k/s with 20, 235k/s with 100; 64 per frame: 329k, 460k, 475k).
 * Where every busy thread has a core to itself, a longer one costs nobody anything.
 */
function spinsOf(cores: number, { shards, ioThreads }: Config): number {
  return cores > shards + ioThreads ? SPINS_WITH_CORES_TO_SPARE : SPINS;
}
