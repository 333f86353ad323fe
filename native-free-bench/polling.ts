/**
 * What a Sojourn spends on looking for work that is not there: polls that found nothing, by its own
 * counters. They only take time that nobody else wants, so they are no part of what a command costs.
 */
import type { Caller } from './caller.js';
import { statsCommand, statsFrom, type Stats } from './native-protocol.js';

/** Of one poll: an empty turn of the event loop; a look at the rings (see io/turns.ts, shard/shard.ts). */
const POLL_US: Readonly<Record<PollingKind, number>> = { io: 2, shard: 0.5 };

export type PollingKind = 'io' | 'shard';

export interface Polls {
  readonly commands: number;
  readonly idleTurns: Readonly<Record<PollingKind, number>>;
}

export async function pollsOf(caller: Caller): Promise<Polls> {
  return pollsFrom(statsFrom(await caller.call(statsCommand())));
}

export function pollsFrom({ io, shards }: Pick<Stats, 'io' | 'shards'>): Polls {
  const total = (threads: Stats['io'], name: string): number =>
    threads.reduce((sum, thread) => sum + (thread[name] ?? 0), 0);
  return {
    commands: total(io, 'commandsIn'),
    idleTurns: { io: total(io, 'idleTurns'), shard: total(shards, 'idleTurns') },
  };
}

/** Microseconds of processor time for each command between two readings, by kind of thread. */
export function pollingUsPerCommand(
  before: Polls,
  after: Polls,
): Readonly<Record<PollingKind, number>> {
  const commands = Math.max(1, after.commands - before.commands);
  const of = (kind: PollingKind): number =>
    ((after.idleTurns[kind] - before.idleTurns[kind]) * POLL_US[kind]) / commands;
  return { io: of('io'), shard: of('shard') };
}
