/**
 * Builds a shard from its plan and runs it: its state, what it recovers from the data directory, its
 * end of the rings, its loop.
 */
import { randomFillSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { ReplyWriter } from '../commands/reply.js';
import type { Config } from '../config/options.js';
import type { ShardReport } from '../config/shard-messages.js';
import type { LinkPlan, ShardPlan } from '../config/thread-plan.js';
import { clockFrom, type Clock } from '../core/clock.js';
import { assert } from '../core/errors.js';
import { Doorbell } from '../ring/doorbell.js';
import { EventRingWriter } from '../ring/event-ring.js';
import { SideRoad } from '../ring/side-road.js';
import { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { type SessionObserver, ShardState, type ShardStateOptions } from '../state/shard-state.js';
import { NodeFiles } from '../storage/files.js';
import { Admission } from './admission.js';
import { Dispatcher } from './dispatch.js';
import { EventFeed } from './event-feed.js';
import { Loads } from './loads.js';
import { ShardOrders } from './orders.js';
import { Pushes } from './pushes.js';
import { RingSink } from './ring-sink.js';
import { NO_OBSERVER, observerOf, ShardCounters } from './shard-counters.js';
import {
  REQUESTS_PER_SYNCED_TURN_MAX,
  REQUESTS_PER_TURN_MAX,
  type ShardLink,
  ShardLoop,
} from './shard-loop.js';
import { openShardStorage, type ShardStorage } from './shard-storage.js';
import { TokenReuses } from './token-reuses.js';
import type { TurnLog } from './turn-log.js';
import { Walks } from './walk.js';

const SPINS = 20;
const SPINS_WITH_CORES_TO_SPARE = 200;
/**
 * The compiler puts callees into their callers up to so many bytes of bytecode, 920 by itself, and a
 * command's road through a shard is longer (one shard in one thread, SET, 100k sessions, medians of
 * five interleaved runs: without a log 714 ns and 649, with one 955 and 780). Holds for the whole
 * process, so for I/O threads, too.
 */
const INLINED_BYTECODE_MAX = 5_000;
/** A shard that could not start looks at its stop word so often, should no bell ring. */
const STOP_LOOK_MS = 100;

/** Runs until the plan's stop word is set. Blocks the thread. */
export function runShard(plan: ShardPlan): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODE_MAX}`);
  const clock = clockFrom(plan.clock);
  const counters = new ShardCounters(plan.counters);
  const bell = new Doorbell(plan.bell);
  const stopWord = new Int32Array(plan.stopWord);
  const isStopped = (): boolean => Atomics.load(stopWord, 0) !== 0;
  const sessions = newState(clock.nowMs(), observerOf(counters), {
    supersededMax: plan.config.maxSuperseded,
  });
  const defaults = plan.index === 0 ? newDefaultMap(clock.nowMs()) : undefined;
  const shard = { plan, clock, counters, bell, isStopped, sessions, defaults };
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

interface Shard {
  readonly plan: ShardPlan;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly bell: Doorbell;
  readonly isStopped: () => boolean;
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
}

function newLoop(shard: Shard, storage?: ShardStorage): ShardLoop {
  const { plan, clock, counters, bell, isStopped, sessions, defaults } = shard;
  const { config } = plan;
  const states = defaults === undefined ? [sessions] : [sessions, defaults.state];
  const limits = {
    keysMax: config.maxKeys,
    keyBytesMax: config.maxKeyBytes,
    valueDepthMax: config.maxDepth,
    sessionBytesMax: config.maxSessionBytes,
    ownerSessionsMax: config.maxSessionsPerOwner,
    endsOldest: config.ownerLimit === 'end-oldest',
    isOneOfSeveral: config.shards > 1,
    findBytesMax: config.maxFindBytes,
    findMsMax: config.maxFindSeconds * 1_000,
  };
  const admission = new Admission(admissionLimits(config), sessions, states, counters);
  const log = storage?.turnLog;
  const links = plan.links.map((link, io) =>
    newLink(link, { io, bells: { io: plan.ioBells[io]!, shard: plan.bell } }, counters, log),
  );
  const events = newEvents(shard);
  return new ShardLoop({
    links,
    bell,
    clock,
    dispatcher: new Dispatcher({
      ...{ limits, sessions, defaults, admission, counters, log },
      reuses: new TokenReuses(clock, report),
      events,
    }),
    states,
    counters,
    log,
    pushes: new Pushes({ sessions, sinks: links.map((link) => link.sink), counters }),
    events,
    orders: storage === undefined ? undefined : newOrders(shard, admission, storage),
    requestsPerTurnMax:
      log !== undefined && config.fsync === 'always'
        ? REQUESTS_PER_SYNCED_TURN_MAX
        : REQUESTS_PER_TURN_MAX,
    spins: spinsOf(availableParallelism(), config),
    isStopped,
    onIdle: newCollector(states),
  });
}

/** From here on: what was recovered happened long ago. */
function newEvents({ plan, sessions }: Shard): EventFeed {
  const events = new EventFeed(new EventRingWriter(plan.events));
  sessions.lifecycle = events;
  return events;
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

function newState(
  nowMs: number,
  observer: SessionObserver,
  options: Pick<ShardStateOptions, 'isDefaultMap' | 'supersededMax'>,
): ShardState {
  const seed = randomFillSync(new Int32Array(2));
  return new ShardState({ nowMs, seed: [seed[0]!, seed[1]!], observer, ...options });
}

/** The one session that always exists. It has a state of its own, so that SH_END_ALL passes it by. */
function newDefaultMap(nowMs: number): { readonly state: ShardState; readonly row: number } {
  const state = newState(nowMs, NO_OBSERVER, { isDefaultMap: true });
  return { state, row: state.create(new Int32Array(4), 0, 0, false) };
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
  const sink = new RingSink({
    ring: new RingProducer(plan.replies),
    sideRoad,
    ioBell: new Doorbell(bells.io),
    shardBell: new Doorbell(bells.shard),
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

/** Limits for all shards together, dealt out. */
function admissionLimits(config: Config): ConstructorParameters<typeof Admission>[0] {
  return {
    sessionsMax: Math.ceil(config.maxSessions / config.shards),
    memoryBytesMax: Math.ceil(config.maxMemory / config.shards),
    evictsSoonest: config.evict === 'soonest',
  };
}

/**
 * Extents given up are unmapped when the garbage collector finds them, and a shard that makes no
 * garbage may not run it for hours: so it is run when extents have gone and there is nothing to do.
 */
function newCollector(states: readonly ShardState[]): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let extentsSeen = 0;
  return () => {
    let extents = 0;
    for (const state of states) extents += state.memory.extentCount;
    if (extents < extentsSeen) collect();
    extentsSeen = extents;
  };
}
