/**
 * What expiry does to the commands of others, and how late it is itself, at half of what the server
 * takes of a closed loop: a million sessions due within the same second, and a million that stay
 * while a hundred thousand a second come due.
 *
 * Sessions are started with lives that end, spread evenly, in the seconds after a common instant.
 * Others live on: theirs are the commands, by an open loop. Its latencies without anything due
 * stand beside those meanwhile. A Sojourn counts by itself how late each session went.
 *
 * Before anything is measured a tenth as many expire under the same load, a hundred thousand a second:
 * a server that has never seen a session expire is a server in its first minute. Then there are seven
 * rounds of each case for Sojourn, and the one with the ratio in the middle counts.
 */
import { randomFillSync } from 'node:crypto';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import { fullLoad } from './full-load.js';
import { LATENCY_NAMES, latencyCells, latencyFrom } from './latency.js';
import { delay } from './load.js';
import { statsCommand, statsFrom, type ThreadDurations } from './native-protocol.js';
import type { BenchOptions } from './options.js';
import { PacedLoad, type PacedResult, TooFarBehind } from './paced-load.js';
import { TOKEN_BYTES, type Protocol } from './protocol.js';
import { durationsBetween, msAt, type Durations } from './server-times.js';
import { protocolOf, sessionServers, startTarget, type SessionServer } from './servers.js';
import { compact } from './table.js';

const SESSIONS = 1_000_000;
const STANDING_SECONDS = 36_000;
const FULL_SECONDS = 0.5;
const WARM_SECONDS = 0.5;
const CALM_SECONDS = 3;
/** Due sessions take longer to start than those before; and then there is the calm. */
const LEAD_FACTOR = 1.5;
const LEAD_MS = 2_000 + (CALM_SECONDS + WARM_SECONDS) * 1_000;
const POLL_MS = 20;
const GIVE_UP_MS = 20_000;
/** What expires beforehand, as a part of what is measured, and in how long. */
const REHEARSAL = 0.1;
const REHEARSAL_MS = 1_000;
const P99_RATIO_MAX = 2;
/**
 * Of each case, one after the other; the one in the middle is reported. Redis has one: it is not rid of
 * the sessions of one round before the next would begin.
 */
const ROUNDS: Readonly<Record<SessionServer, number>> = { sojourn: 7, redis: 1 };

/** How many are due of as many sessions as stay, and in how long. */
interface Case {
  readonly name: string;
  readonly dueWithinMs: number;
  /** As a part of those that are due. */
  readonly standing: number;
  readonly lagMsMax: number;
}

const CASES: readonly Case[] = [
  { name: 'all in one second', dueWithinMs: 1_000, standing: 0.1, lagMsMax: 100 },
  { name: 'a tenth a second', dueWithinMs: 10_000, standing: 1, lagMsMax: 50 },
];

interface Round {
  readonly calm: PacedResult;
  readonly during: PacedResult;
  /** From the last deadline until only those are counted that stay. */
  readonly goneMs: number;
  /** Undefined where the server does not count them. */
  readonly lags: Durations | undefined;
}

interface ExpiryResult extends Round {
  readonly target: SessionServer;
  readonly one: Case;
  readonly perSecond: number;
  /** Of all rounds, see ratioOf(); Infinity where the server could not keep up. */
  readonly ratios: readonly number[];
}

/** A server with sessions that stay, and a load on them. */
interface Scene {
  readonly target: SessionServer;
  readonly port: number;
  readonly protocol: Protocol;
  readonly standing: number;
  readonly load: PacedLoad;
  readonly caller: Caller;
  /** To start one. */
  readonly msPerSession: number;
  /** Of the load. */
  readonly perSecond: number;
}

export const expiry: Bench = {
  name: 'expiry',
  summary: 'latency of other commands while a million sessions expire, and how late those go',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const results: ExpiryResult[] = [];
    const overloads: Pick<ExpiryResult, 'target' | 'one'>[] = [];
    for (const target of sessionServers(options.targets)) {
      for (const one of CASES) {
        const result = await expire(target, one, sessions, options, output);
        if (result === undefined) overloads.push({ target, one });
        else results.push(result);
      }
    }
    output.heading(
      'expiry',
      `${sessions} sessions due, half reads and half writes of others, ${options.connections} connections`,
    );
    for (const one of CASES) {
      const isOf = (result: Pick<ExpiryResult, 'one'>): boolean => result.one === one;
      const rows = results.filter(isOf).flatMap(rowsOf);
      output.table('expiry', {
        title: one.name,
        rows: [
          ['latency, µs', ...LATENCY_NAMES, 'commands/s', 'lag p99', 'all gone after'],
          ...rows,
        ],
        ...noteOn(overloads.filter(isOf), results.filter(isOf)),
      });
    }
    for (const { target, one } of overloads) goals(output, target, one, undefined, undefined);
    for (const result of results) report(result, sessions, options, output);
  },
};

function noteOn(
  overloads: readonly Pick<ExpiryResult, 'target'>[],
  results: readonly ExpiryResult[],
): { readonly note?: string } {
  const names = overloads.map(({ target }) => target).join(' and ');
  const sentences = names === '' ? [] : [`${names}: could not keep up with this rate meanwhile.`];
  for (const { target, ratios } of results.filter((result) => result.ratios.length > 1)) {
    const texts = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
    sentences.push(`p99 while they expire over p99 without, all rounds of ${target}: ${texts}.`);
  }
  return sentences.length === 0 ? {} : { note: sentences.join(' ') };
}

function goals(
  output: Output,
  target: SessionServer,
  one: Case,
  lagMs: number | undefined,
  ratio: number | undefined,
): void {
  if (target !== 'sojourn') return;
  output.goal('expiry', {
    what: `${one.name}: p99 of the lag, ms`,
    value: lagMs,
    atMost: one.lagMsMax,
  });
  output.goal('expiry', {
    what: `${one.name}: p99 of commands over p99 without`,
    value: ratio,
    atMost: P99_RATIO_MAX,
  });
}

function rowsOf({ target, calm, during, goneMs, lags }: ExpiryResult): string[][] {
  const lag = lags === undefined ? '' : `${msAt(lags, 99).toFixed(1)} ms`;
  return [
    [`${target}, calm`, ...figuresOf(calm), '', ''],
    [`${target}, expiring`, ...figuresOf(during), lag, goneText(goneMs)],
  ];
}

/** p99 of the commands meanwhile over that without; Infinity if the server could not keep up. */
function ratioOf(round: Pick<Round, 'calm' | 'during'> | undefined): number {
  if (round === undefined) return Infinity;
  const { calm, during } = round;
  return latencyFrom(during.latencyUs).p99 / latencyFrom(calm.latencyUs).p99;
}

function goneText(goneMs: number): string {
  return goneMs === Infinity ? `more than ${GIVE_UP_MS / 1_000} s` : `${goneMs.toFixed(0)} ms`;
}

function figuresOf({ latencyUs, commands, seconds }: PacedResult): string[] {
  return [...latencyCells(latencyFrom(latencyUs)), compact(commands / seconds)];
}

function report(
  { target, one, perSecond, ratios, calm, during, goneMs, lags }: ExpiryResult,
  sessions: number,
  options: BenchOptions,
  output: Output,
): void {
  const calmUs = latencyFrom(calm.latencyUs);
  const expiringUs = latencyFrom(during.latencyUs);
  goals(output, target, one, lags && msAt(lags, 99), ratioOf({ calm, during }));
  const lagMs = lags && { p50: msAt(lags, 50), p99: msAt(lags, 99), max: msAt(lags, 100) };
  output.result('expiry', {
    ...{ target, case: one.name, sessions, perSecond, calmUs, expiringUs, lagMs },
    goneMs: goneMs === Infinity ? null : goneMs,
    ratios: ratios.map((ratio) => (ratio === Infinity ? null : ratio)),
    serverFlags: options.serverFlags,
  });
}

/** @returns the round in the middle; undefined if the server could not keep up with the rate in it. */
async function expire(
  target: SessionServer,
  one: Case,
  sessions: number,
  options: BenchOptions,
  output: Output,
): Promise<ExpiryResult | undefined> {
  const { port, stop } = await startTarget(target, options.serverFlags);
  const scene = await openScene(target, port, Math.round(sessions * one.standing), options);
  const { perSecond } = scene;
  await wave(scene, sessions * REHEARSAL, REHEARSAL_MS);
  const rounds: (Round | undefined)[] = [];
  for (let number = 1; number <= ROUNDS[target]; number += 1) {
    output.progress(`${target}, ${one.name}, round ${number}: ${compact(perSecond)}/s`);
    rounds.push(await wave(scene, sessions, one.dueWithinMs));
  }
  scene.load.close();
  scene.caller.close();
  await stop();
  const inOrder = [...rounds].sort((left, right) => ratioOf(left) - ratioOf(right));
  const middle = inOrder[(ROUNDS[target] - 1) / 2];
  if (middle === undefined) return undefined;
  return { ...middle, target, one, perSecond, ratios: inOrder.map(ratioOf) };
}

async function openScene(
  target: SessionServer,
  port: number,
  standing: number,
  { connections, rate }: BenchOptions,
): Promise<Scene> {
  const protocol = protocolOf(target);
  const tokens = randomFillSync(Buffer.alloc(standing * TOKEN_BYTES));
  const startedMs = performance.now();
  await fill({ port, protocol, tokens, sessions: standing, secondsOf: () => STANDING_SECONDS });
  const msPerSession = (performance.now() - startedMs) / standing;
  const full = await fullLoad({ port, protocol, tokens, connections, seconds: FULL_SECONDS });
  const operations = ['get', 'set'] as const;
  const load = await PacedLoad.open({ port, protocol, tokens, connections, operations });
  const caller = await Caller.open(port, protocol);
  const perSecond = rate > 1 ? rate : full * rate;
  return { target, port, protocol, standing, load, caller, msPerSession, perSecond };
}

/**
 * Sessions start, and come due evenly within some time.
 *
 * @returns undefined if the server could not keep up with the commands of others.
 */
async function wave(scene: Scene, sessions: number, withinMs: number): Promise<Round | undefined> {
  const { target, port, protocol, standing, load, caller, msPerSession, perSecond } = scene;
  const dueMs = performance.now() + LEAD_MS + sessions * msPerSession * LEAD_FACTOR;
  await fill({
    ...{ port, protocol, sessions },
    tokens: randomFillSync(Buffer.alloc(sessions * TOKEN_BYTES)),
    secondsOf: () => (leftBefore(dueMs) + Math.random() * withinMs) / 1_000,
  });
  const lagsSoFar = await lagsOf(caller, target);
  const pace = { perSecond, warmSeconds: WARM_SECONDS };
  const untilCalm = delay((WARM_SECONDS + CALM_SECONDS) * 1_000);
  const calm = await load.run({ ...pace, until: untilCalm }).catch(unlessTooFarBehind);
  await delay(dueMs - WARM_SECONDS * 1_000 - performance.now());
  const gone = allGone(caller, protocol, standing, dueMs + withinMs);
  const during = await load.run({ ...pace, until: gone }).catch(unlessTooFarBehind);
  const goneMs = (await gone) - dueMs - withinMs;
  const lags = await lagsOf(caller, target);
  if (calm === undefined || during === undefined) return undefined;
  return { calm, during, goneMs, lags: lagsSoFar && lags && durationsBetween(lagsSoFar, lags) };
}

function unlessTooFarBehind(error: unknown): undefined {
  if (!(error instanceof TooFarBehind)) throw error;
}

/** Undefined where the server does not count them. */
async function lagsOf(
  caller: Caller,
  target: SessionServer,
): Promise<readonly ThreadDurations[] | undefined> {
  if (target !== 'sojourn') return undefined;
  return statsFrom(await caller.call(statsCommand())).expiryLags;
}

/** Milliseconds until the first is due; throws when what comes before that no longer fits. */
function leftBefore(dueMs: number): number {
  const leftMs = dueMs - performance.now();
  if (leftMs < (2 * WARM_SECONDS + CALM_SECONDS) * 1_000) {
    throw new Error('too slow: sessions come due while they start');
  }
  return leftMs;
}

/** The instant at which only those are left that stay; Infinity if others are for too long. */
async function allGone(
  caller: Caller,
  protocol: Protocol,
  standing: number,
  lastDueMs: number,
): Promise<number> {
  await delay(lastDueMs - performance.now());
  const giveUpMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < giveUpMs) {
    const live = protocol.liveFrom(await caller.call(protocol.countLive()));
    if (live <= standing) return performance.now();
    await delay(POLL_MS);
  }
  return Infinity;
}
