/**
 * A million sessions due within the same second, while other commands are answered: how long those
 * take, and when the server counts the last due session as gone.
 *
 * Sessions are started with lives that end, spread evenly, in the one second after a common
 * instant. Other sessions live on; their keys are read all the time, one command in flight a
 * connection. Latencies of the calm seconds before stand beside those of the expiry.
 */
import { randomFillSync } from 'node:crypto';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import { LATENCY_NAMES, latencyCells, latencyFrom } from './latency.js';
import { delay, Load, type WindowResult } from './load.js';
import type { BenchOptions } from './options.js';
import { TOKEN_BYTES, type Protocol } from './protocol.js';
import { protocolOf, sessionServers, startTarget, type SessionServer } from './servers.js';
import { compact } from './table.js';
import { buildTape } from './tape.js';

const SESSIONS = 1_000_000;
const STANDING_SESSIONS = 1_000;
const STANDING_SECONDS = 3_600;
const CONNECTIONS = 4;
/** Time to start the sessions in, before the first is due. */
const LEAD_MS_MIN = 5_000;
const LEAD_MS_PER_SESSION = 0.015;
const DUE_WITHIN_MS = 1_000;
const CALM_MS = 2_000;
const WARM_MS = 500;
const POLL_MS = 5;
const GIVE_UP_MS = 120_000;
const SHAPE = { name: '1 in flight', messagesInFlight: 1, commandsPerMessage: 1 };

interface ExpiryResult {
  readonly target: SessionServer;
  readonly calm: WindowResult;
  readonly during: WindowResult;
  /** From the last deadline until only the standing sessions are counted. */
  readonly goneMs: number;
}

export const expiry: Bench = {
  name: 'expiry',
  summary: 'latency of other commands while a million sessions expire in one second',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const results: ExpiryResult[] = [];
    for (const target of sessionServers(options.targets)) {
      results.push(await expire(target, sessions, options, output));
    }
    output.heading(
      'expiry',
      `${sessions} sessions due within one second, ${CONNECTIONS} connections`,
    );
    output.table('expiry', {
      rows: [
        ['latency of reads, µs', ...LATENCY_NAMES, 'reads/s', 'all gone after'],
        ...results.flatMap(({ target, calm, during, goneMs }) => [
          [`${target}, calm`, ...figuresOf(calm), ''],
          [`${target}, expiring`, ...figuresOf(during), `${goneMs.toFixed(0)} ms`],
        ]),
      ],
    });
    for (const { target, calm, during, goneMs } of results) {
      output.result('expiry', {
        target,
        sessions,
        goneMs,
        calmUs: latencyFrom(calm.latencyUs),
        expiringUs: latencyFrom(during.latencyUs),
        serverFlags: options.serverFlags,
      });
    }
  },
};

function figuresOf(window: WindowResult): string[] {
  const latency = latencyFrom(window.latencyUs);
  return [...latencyCells(latency), compact(window.commands / window.seconds)];
}

async function expire(
  target: SessionServer,
  sessions: number,
  options: BenchOptions,
  output: Output,
): Promise<ExpiryResult> {
  const protocol = protocolOf(target);
  const { port } = await startTarget(target, options.serverFlags);
  const standing = randomFillSync(Buffer.alloc(STANDING_SESSIONS * TOKEN_BYTES));
  await fill({
    port,
    protocol,
    sessions: STANDING_SESSIONS,
    tokens: standing,
    secondsOf: () => STANDING_SECONDS,
  });
  const dueMs = performance.now() + LEAD_MS_MIN + sessions * LEAD_MS_PER_SESSION;
  await fill({
    port,
    protocol,
    sessions,
    tokens: randomFillSync(Buffer.alloc(sessions * TOKEN_BYTES)),
    secondsOf: () => (leftBefore(dueMs) + Math.random() * DUE_WITHIN_MS) / 1_000,
  });
  const leftMs = leftBefore(dueMs);
  output.progress(`${target}: filled, ${(leftMs / 1_000).toFixed(1)} s before the first is due`);

  const load = await Load.open(port, protocol, CONNECTIONS);
  const caller = await Caller.open(port, protocol);
  const tape = buildTape({ protocol, operation: 'get', perMessage: 1, tokens: standing });
  const window = { pid: undefined, warmSeconds: WARM_MS / 1_000, seconds: CALM_MS / 1_000 };
  const calm = await load.run(SHAPE, tape, window);
  await delay(dueMs - WARM_MS - performance.now());
  const gone = allGone(caller, protocol);
  const during = await load.run(SHAPE, tape, { ...window, until: gone });
  const goneMs = (await gone) - dueMs - DUE_WITHIN_MS;
  load.close();
  caller.close();
  if (calm.failures + during.failures > 0) throw new Error(`${target}: reads failed meanwhile`);
  return { target, calm, during, goneMs };
}

/** Milliseconds until the first is due; throws when what comes before that no longer fits. */
function leftBefore(dueMs: number): number {
  const leftMs = dueMs - performance.now();
  if (leftMs < WARM_MS + CALM_MS) throw new Error('too slow: sessions come due while they start');
  return leftMs;
}

/** The instant at which only the standing sessions are left. */
async function allGone(caller: Caller, protocol: Protocol): Promise<number> {
  const giveUpMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < giveUpMs) {
    const live = protocol.liveFrom(await caller.call(protocol.countLive()));
    if (live <= STANDING_SESSIONS) return performance.now();
    await delay(POLL_MS);
  }
  throw new Error(`sessions are left ${GIVE_UP_MS / 1_000} s after their deadline`);
}
