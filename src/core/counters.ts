/**
 * Every figure a thread keeps, once. Each thread owns one Float64Array over shared memory and is
 * its only writer; others may read it at any time and may see figures a moment old.
 *
 * Behind a thread's figures lie the buckets of the one thing whose durations it counts
 * (durations.ts). Figures that are percentiles of those are made when they are read.
 */
import { DURATION_BUCKETS, durationAt, Durations } from './durations.js';

export const IO_COUNTERS = {
  connectionsOpened: 'connections accepted',
  connectionsClosed: 'connections ended',
  connectionsRefused: 'connections refused over --max-connections',
  framesIn: 'WebSocket messages received',
  commandsIn: 'commands received',
  commandsMalformed: 'commands or frames that could not be decoded',
  commandsBusy: 'commands answered 203 over --max-in-flight',
  framesTooLarge: 'frames answered 204 over --max-payload',
  framesOut: 'WebSocket messages sent',
  repliesOut: 'replies sent',
  repliesDropped: 'replies whose connection had gone',
  slowReadersClosed: 'connections closed over --max-unsent',
  pushesOut: 'pushes sent to watchers and event feeds',
  watchersCutLoose:
    'watchers dropped because they did not read their pushes, or a push was too large for all',
  watchLimitHits: 'watches answered 203 over --max-watchers or --max-watches',
  eventGaps: 'event feeds told of events no longer kept',
  authFailures: 'SV_AUTH and upgrades with a wrong user or secret',
  notAllowed: 'commands answered 200 or 201',
  ownerLimitHits: 'sessions refused over --max-sessions-per-owner, with several shards',
  listsTooLarge: 'SH_LIST answered 204 over --max-unsent',
  sideRoadIn: 'commands too large for a ring',
  idleTurns: 'polls of the rings that found nothing',
  replyMsP50: 'half of the commands for shards were answered within that, milliseconds',
  replyMsP99: '99 % of them',
  replyMsP999: '99.9 % of them',
  replyMsMax: 'longest time from a command that could be read to its reply, milliseconds',
} as const;

export const SHARD_COUNTERS = {
  commands: 'commands executed',
  refusals: 'commands answered with a failing status',
  turns: 'turns of the shard loop that did work',
  lentTurns: 'turns that I/O threads have run while the shard slept',
  sleeps: 'times the shard slept for want of work',
  idleTurns: 'looks at the rings that found nothing, before a sleep',
  sessions: 'live sessions',
  keys: 'keys in them',
  memoryBytes: 'bytes of sessions, indexes and records',
  sessionsCreated: 'sessions started',
  sessionsEnded: 'sessions ended by command',
  sessionsExpired: 'sessions ended by their deadline',
  sessionsCleared: 'sessions whose data went at their deadline',
  sessionsEvicted: 'sessions ended early by --evict soonest',
  tokensRotated: 'tokens replaced by SH_ROTATE',
  tokensReused: 'commands answered 110 for a replaced token',
  ownerLimitHits: 'sessions refused or ended over --max-sessions-per-owner',
  findLimitHits: 'SH_FIND answered 204 over --max-find-bytes or --max-find-seconds',
  pushes: 'changes told to I/O threads for watchers',
  expiryLagMsP50: 'half of what was due was gone within that, milliseconds',
  expiryLagMsP99: '99 % of it',
  expiryLagMsP999: '99.9 % of it',
  expiryLagMsMax: 'longest time from due to gone, milliseconds',
  memoryLimitHits: 'writes answered 205 over --max-memory or --max-sessions',
  sizeLimitHits: 'commands answered 204, or 42 for a value or a size out of range',
  sideRoadOut: 'replies too large for a ring',
  replyRingWaits: 'times the shard waited for room in a reply ring',
  notDurable: 'commands answered 210 because the log could not be written',
  logBatches: 'batches written to the log',
  logBytes: 'bytes of entries in them',
  logFailures: 'times the log began to fail',
} as const;

export type IoCounter = keyof typeof IO_COUNTERS;
export type ShardCounter = keyof typeof SHARD_COUNTERS;

/** Index of each counter in its thread's array. */
export const IO_COUNTER_INDEX = indexOf(IO_COUNTERS);
export const SHARD_COUNTER_INDEX = indexOf(SHARD_COUNTERS);

function indexOf<Name extends string>(table: Readonly<Record<Name, string>>): Record<Name, number> {
  const names = Object.keys(table) as Name[];
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}

type CounterTable = Readonly<Record<string, string>>;

const PARTS: Readonly<Record<string, number>> = {
  replyMsP50: 0.5,
  replyMsP99: 0.99,
  replyMsP999: 0.999,
  expiryLagMsP50: 0.5,
  expiryLagMsP99: 0.99,
  expiryLagMsP999: 0.999,
};

/** Shared memory for one thread's counters. */
export function allocateCounters(table: CounterTable): SharedArrayBuffer {
  return new SharedArrayBuffer((Object.keys(table).length + DURATION_BUCKETS) * 8);
}

/** The buckets of a thread's durations. */
export function bucketsOf(table: CounterTable, shared: SharedArrayBuffer): Float64Array {
  return new Float64Array(shared, Object.keys(table).length * 8, DURATION_BUCKETS);
}

/** Where an I/O thread counts how long replies took. */
export function replyDurations(shared: SharedArrayBuffer): Durations {
  const { replyMsMax } = IO_COUNTER_INDEX;
  return new Durations(bucketsOf(IO_COUNTERS, shared), new Float64Array(shared), replyMsMax);
}

/** Where a shard counts how late sessions went. */
export function lagDurations(shared: SharedArrayBuffer): Durations {
  const { expiryLagMsMax } = SHARD_COUNTER_INDEX;
  return new Durations(bucketsOf(SHARD_COUNTERS, shared), new Float64Array(shared), expiryLagMsMax);
}

/** A thread's figures by name, in the order of the table. */
export function figuresOf<Name extends string>(
  table: Readonly<Record<Name, string>>,
  shared: SharedArrayBuffer,
): Record<Name, number> {
  const counters = new Float64Array(shared);
  const buckets = bucketsOf(table, shared);
  const figures = Object.keys(table).map((name, index) => {
    const part = PARTS[name];
    return [name, part === undefined ? (counters[index] ?? 0) : durationAt(buckets, part)] as const;
  });
  return Object.fromEntries(figures) as Record<Name, number>;
}
