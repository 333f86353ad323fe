/**
 * Builds a shard from its plan and runs it: its state, its end of the rings, its loop.
 */
import { randomFillSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ReplyWriter } from '../commands/reply.js';
import type { Config } from '../config/options.js';
import type { LinkPlan, ShardPlan } from '../config/thread-plan.js';
import { clockFrom } from '../core/clock.js';
import { Doorbell } from '../ring/doorbell.js';
import { SideRoad } from '../ring/side-road.js';
import { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { type SessionObserver, ShardState } from '../state/shard-state.js';
import { Admission } from './admission.js';
import { Dispatcher } from './dispatch.js';
import { RingSink } from './ring-sink.js';
import { NO_OBSERVER, observerOf, ShardCounters } from './shard-counters.js';
import { type ShardLink, ShardLoop } from './shard-loop.js';

const SPINS = 20;
const SPINS_WITH_CORES_TO_SPARE = 200;

/** Runs until the plan's stop word is set. Blocks the thread. */
export function runShard(plan: ShardPlan): void {
  const { config } = plan;
  const clock = clockFrom(plan.clock);
  const counters = new ShardCounters(plan.counters);
  const bell = new Doorbell(plan.bell);
  const sessions = newState(clock.nowMs(), observerOf(counters));
  const defaults = plan.index === 0 ? newDefaultMap(clock.nowMs()) : undefined;
  const states = defaults === undefined ? [sessions] : [sessions, defaults.state];
  const limits = {
    keysMax: config.maxKeys,
    keyBytesMax: config.maxKeyBytes,
    valueDepthMax: config.maxDepth,
    sessionBytesMax: config.maxSessionBytes,
  };
  const admission = new Admission(admissionLimits(config), sessions, states, counters);
  const stopWord = new Int32Array(plan.stopWord);
  const loop = new ShardLoop({
    links: plan.links.map((link, io) => newLink(link, plan.ioBells[io]!, plan.bell, counters)),
    bell,
    clock,
    dispatcher: new Dispatcher({ limits, sessions, defaults, admission, counters }),
    states,
    counters,
    spins: spinsOf(availableParallelism(), config),
    isStopped: () => Atomics.load(stopWord, 0) !== 0,
    onIdle: newCollector(states),
  });
  loop.run();
}

function newState(nowMs: number, observer: SessionObserver): ShardState {
  const seed = randomFillSync(new Int32Array(2));
  return new ShardState({ nowMs, seed: [seed[0]!, seed[1]!], observer });
}

/** The one session that always exists. It has a state of its own, so that SH_END_ALL passes it by. */
function newDefaultMap(nowMs: number): { readonly state: ShardState; readonly row: number } {
  const state = newState(nowMs, NO_OBSERVER);
  return { state, row: state.create(new Int32Array(4), 0, 0, false) };
}

function newLink(
  plan: LinkPlan,
  ioBell: SharedArrayBuffer,
  shardBell: SharedArrayBuffer,
  counters: ShardCounters,
): ShardLink {
  const sideRoad = new SideRoad(plan.port);
  const sink = new RingSink({
    ring: new RingProducer(plan.replies),
    sideRoad,
    ioBell: new Doorbell(ioBell),
    shardBell: new Doorbell(shardBell),
    counters,
  });
  return {
    requests: new RingConsumer(plan.requests),
    ioBell: new Doorbell(ioBell),
    sideRoad,
    sink,
    reply: new ReplyWriter(sink),
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
