/**
 * What it takes to run turns of a shard over its state, the same for the shard's own thread and for
 * an I/O thread that borrows it.
 */
import { randomFillSync } from 'node:crypto';
import type { Config } from '../config/options.js';
import type { ReuseReport } from '../config/shard-messages.js';
import type { Clock } from '../core/clock.js';
import { assert } from '../core/errors.js';
import type { MemoryHandles } from '../memory/shared-memory.js';
import { EventRingWriter } from '../ring/event-ring.js';
import { ShardState } from '../state/shard-state.js';
import type { FsyncChoice } from '../storage/shard-log.js';
import { Admission } from './admission.js';
import { Dispatcher } from './dispatch.js';
import { EventFeed } from './event-feed.js';
import { Pushes } from './pushes.js';
import type { RingSink } from './ring-sink.js';
import { NO_OBSERVER, observerOf, type ShardCounters } from './shard-counters.js';
import { TokenReuses } from './token-reuses.js';
import type { ShardLink, TurnParts } from './turn.js';
import type { TurnLog } from './turn-log.js';

/** Requests taken from one ring in one turn: bounds how long a reply waits for its neighbours. */
const REQUESTS_PER_TURN = 256;
/**
 * With a log, where as many wait behind them, so that one write serves more. (SET with the log, 64 a
 * frame, medians of six alternating starts: CPU of all threads 0.99 -> 0.89 µs a command, 1.70M/s ->
 * 1.88M/s; 1,024 whatever waits behind them, four starts: 1.84M/s -> 1.77M/s.)
 */
const REQUESTS_PER_LOGGED_TURN_MAX = 1_024;
/** Where each turn waits for the disk, which then serves many. */
const REQUESTS_PER_SYNCED_TURN = 4_096;
/** The default map is the only session of its state. */
const DEFAULT_MAP_ROW = 0;

/** The state of a shard: its sessions, and on the first one the default map. */
export interface ShardStates {
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
}

export interface StatesOptions {
  readonly shard: number;
  readonly config: Config;
  readonly counters: ShardCounters;
  readonly nowMs: number;
  /** Of the sessions and the default map, where they exist already. */
  readonly handles?: readonly MemoryHandles[];
}

export function newStates(options: StatesOptions): ShardStates {
  const { shard, config, counters, nowMs, handles } = options;
  const sessions = new ShardState(
    {
      nowMs,
      seed: newSeed(),
      observer: observerOf(counters),
      supersededMax: config.maxSuperseded,
    },
    handles?.[0],
  );
  if (shard !== 0) return { sessions, defaults: undefined };
  // It has a state of its own, so that SH_END_ALL passes it by.
  const seed = newSeed();
  const state = new ShardState(
    { nowMs, seed, observer: NO_OBSERVER, isDefaultMap: true },
    handles?.[1],
  );
  const row = handles === undefined ? state.create(new Int32Array(4), 0, 0, false) : 0;
  assert(row === DEFAULT_MAP_ROW, 'the default map is the first session of its state');
  return { sessions, defaults: { state, row } };
}

function newSeed(): [number, number] {
  const seed = randomFillSync(new Int32Array(2));
  return [seed[0]!, seed[1]!];
}

export function statesOf({ sessions, defaults }: ShardStates): readonly ShardState[] {
  return defaults === undefined ? [sessions] : [sessions, defaults.state];
}

export interface TurnPartsOptions extends ShardStates {
  readonly shard: number;
  readonly config: Config;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly log: TurnLog | undefined;
  readonly links: readonly ShardLink[];
  /** By I/O thread, for pushes; those that this thread writes to. */
  readonly sinks: readonly (RingSink | undefined)[];
  /** See ring/event-ring.ts. */
  readonly events: SharedArrayBuffer;
  readonly report: (report: ReuseReport) => void;
}

/** From here on what happens to sessions is told; what was recovered happened long ago. */
export function newTurnParts(
  options: TurnPartsOptions,
): TurnParts & { readonly admission: Admission; readonly events: EventFeed } {
  const { config, clock, counters, defaults, links, log, sessions, sinks } = options;
  const states = statesOf(options);
  const limits = limitsOf(config);
  const admission = new Admission(admissionLimits(config), sessions, states, counters);
  const events = new EventFeed(new EventRingWriter(options.events));
  sessions.lifecycle = events;
  const reuses = new TokenReuses(options.shard, clock, options.report);
  return {
    ...{ admission, links, states, counters, log, events },
    dispatcher: new Dispatcher({
      ...{ limits, sessions, defaults, admission, counters, log, reuses, events },
    }),
    pushes: new Pushes({ sessions, sinks, counters }),
    ...turnBoundsOf(log === undefined ? undefined : config.fsync),
  };
}

/** @param fsync undefined where nothing is kept on disk. */
export function turnBoundsOf(
  fsync: FsyncChoice | undefined,
): Pick<TurnParts, 'requestsPerTurn' | 'requestsPerTurnMax'> {
  if (fsync === 'always') {
    const synced = REQUESTS_PER_SYNCED_TURN;
    return { requestsPerTurn: synced, requestsPerTurnMax: synced };
  }
  return {
    requestsPerTurn: REQUESTS_PER_TURN,
    requestsPerTurnMax: fsync === undefined ? REQUESTS_PER_TURN : REQUESTS_PER_LOGGED_TURN_MAX,
  };
}

function limitsOf(config: Config): ConstructorParameters<typeof Dispatcher>[0]['limits'] {
  return {
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
}

/** Limits for all shards together, dealt out. */
function admissionLimits(config: Config): ConstructorParameters<typeof Admission>[0] {
  return {
    sessionsMax: Math.ceil(config.maxSessions / config.shards),
    memoryBytesMax: Math.ceil(config.maxMemory / config.shards),
    evictsSoonest: config.evict === 'soonest',
  };
}
