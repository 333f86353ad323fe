/**
 * What a machine could do, from what a command costs each kind of thread. All is measured with one
 * I/O thread and one shard, in two ways: with shards lent (the default) and never lent. For any
 * number of cores, I/O threads and shards, commands per second are at most
 *
 *   I/O threads    ioThreads / (io x how much more than its part the busiest has of the connections)
 *   shards         shards / (shard x how much more than its part the busiest has of the commands)
 *   generators     generators / generator                  where they run on the same machine
 *   cores          cores / (io + shard + other, + generator where it runs on the same machine)
 *
 * and of the lowest of these a load gets the part that it got where it was measured (efficiency),
 * since threads also wait for one another. Where several I/O threads meet at a shard, one that finds
 * it busy cannot borrow it, so that part of the commands costs what it costs without lending.
 *
 * Not in it: memory bandwidth, caches that cores share, the network, what many rings cost to look at.
 */
import { SLOTS } from '../src/core/slots.js';

const US_PER_SECOND = 1e6;
/** The rate settles within a few: each shares commands between the two ways anew. */
const SETTLE_STEPS = 60;

/** Microseconds of processor time for one command. */
export interface Costs {
  readonly io: number;
  readonly shard: number;
  /** Main and V8's helpers. */
  readonly other: number;
  readonly generator: number;
}

export interface MeasuredLoad {
  readonly name: string;
  /** As the server chooses by itself. */
  readonly lent: Costs;
  readonly neverLent: Costs;
  /** Part of the lowest bound that the load reached; see efficiencyOf. */
  readonly efficiency: number;
}

export interface Place {
  readonly cores: number;
  readonly ioThreads: number;
  readonly shards: number;
  /** On the same machine; 0: elsewhere, and as many as it takes. */
  readonly generators: number;
  /**
   * Which the kernel deals to I/O threads by chance. Infinity where the busiest thread holds nobody
   * up but its own connections: in a closed loop.
   */
  readonly connections: number;
  /** Which their tokens deal to shards by chance. */
  readonly sessions: number;
}

export type Bound = 'I/O threads' | 'shards' | 'generators' | 'cores';

/**
 * How much more than an even part the busiest of `parts` has, when so many things fall on them by
 * chance: about what the largest of `parts` normal variables is away from their mean.
 */
export function busiestByChance(parts: number, things: number): number {
  if (parts === 1 || things === Infinity) return 1;
  return Math.min(parts, 1 + Math.sqrt((2 * Math.log(parts) * parts) / things));
}

/** Slots are dealt evenly, but a shard has a whole number of them; sessions fall on slots by chance. */
export function busiestShard(shards: number, sessions: number): number {
  const slots = Math.ceil(SLOTS / shards);
  return ((slots * shards) / SLOTS) * busiestByChance(shards, sessions);
}

/** Commands per second that each of them allows. */
export function boundsOf(costs: Costs, place: Place): Readonly<Record<Bound, number>> {
  const { cores, ioThreads, shards, generators, connections, sessions } = place;
  const isGeneratorHere = generators > 0;
  const total = costs.io + costs.shard + costs.other + (isGeneratorHere ? costs.generator : 0);
  const perSecond = (threads: number, us: number): number => (threads * US_PER_SECOND) / us;
  return {
    'I/O threads': perSecond(ioThreads, costs.io * busiestByChance(ioThreads, connections)),
    shards: perSecond(shards, costs.shard * busiestShard(shards, sessions)),
    generators: isGeneratorHere ? perSecond(generators, costs.generator) : Infinity,
    cores: perSecond(cores, total),
  };
}

export function lowestBound(costs: Costs, place: Place): Bound {
  const entries = Object.entries(boundsOf(costs, place)) as [Bound, number][];
  return entries.reduce((lowest, one) => (one[1] < lowest[1] ? one : lowest))[0];
}

export function efficiencyOf(costs: Costs, place: Place, perSecond: number): number {
  return perSecond / Math.min(...Object.values(boundsOf(costs, place)));
}

export interface Prediction {
  readonly perSecond: number;
  readonly bound: Bound;
  /** Of the commands, those that find their shard free. */
  readonly freePart: number;
}

export function predict(load: MeasuredLoad, place: Place): Prediction {
  let freePart = 1;
  let costs = load.lent;
  if (place.ioThreads > 1) {
    for (let step = 0; step < SETTLE_STEPS; step += 1) {
      // Half-way to what the rate would make of it: towards a fixed point, without swinging.
      const busy = busyPart(load, place, rateOf(load, costs, place));
      freePart = (freePart + 1 - busy) / 2;
      costs = mixed(load, freePart);
    }
  }
  const perSecond = rateOf(load, costs, place);
  return { perSecond, bound: lowestBound(costs, place), freePart };
}

function rateOf({ efficiency }: MeasuredLoad, costs: Costs, place: Place): number {
  return efficiency * Math.min(...Object.values(boundsOf(costs, place)));
}

/** Of the time of one shard, that in which it runs commands of other I/O threads than the asking one. */
function busyPart({ neverLent }: MeasuredLoad, place: Place, perSecond: number): number {
  const { ioThreads, shards } = place;
  const ofOthers = (perSecond / shards) * ((ioThreads - 1) / ioThreads);
  return Math.min(1, (ofOthers * neverLent.shard) / US_PER_SECOND);
}

function mixed({ lent, neverLent }: MeasuredLoad, lentPart: number): Costs {
  const mix = (kind: keyof Costs): number =>
    lent[kind] * lentPart + neverLent[kind] * (1 - lentPart);
  return { io: mix('io'), shard: mix('shard'), other: mix('other'), generator: mix('generator') };
}

export interface Counts {
  readonly ioThreads: number;
  readonly shards: number;
}

/** Everything but the counts. */
export type Machine = Omit<Place, keyof Counts>;

/** All pairs with no more busy threads than cores; one of each on a single core. */
export function possibleCounts(cores: number): readonly Counts[] {
  if (cores < 2) return [{ ioThreads: 1, shards: 1 }];
  return Array.from({ length: cores - 1 }, (_, index) => ({
    ioThreads: index + 1,
    shards: cores - index - 1,
  }));
}

/** By load: of what the best counts for that load alone would do, the part that these do. */
export function partsOfBest(
  loads: readonly MeasuredLoad[],
  machine: Machine,
  counts: Counts,
): readonly number[] {
  return loads.map((load) => {
    const rate = (one: Counts): number => predict(load, { ...machine, ...one }).perSecond;
    return rate(counts) / Math.max(...possibleCounts(machine.cores).map(rate));
  });
}

/** The counts whose worst load loses least against what would be best for that load. */
export function recommend(loads: readonly MeasuredLoad[], machine: Machine): Counts {
  const candidates = possibleCounts(machine.cores);
  const rates = loads.map((load) =>
    candidates.map((counts) => predict(load, { ...machine, ...counts }).perSecond),
  );
  const best = rates.map((ofLoad) => Math.max(...ofLoad));
  const worstParts = candidates.map((_, at) =>
    Math.min(...rates.map((ofLoad, load) => ofLoad[at]! / best[load]!)),
  );
  return candidates[worstParts.indexOf(Math.max(...worstParts))]!;
}
