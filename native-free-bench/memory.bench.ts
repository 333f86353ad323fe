/**
 * Memory per session: resident memory of the server's process over that of the empty server, which has
 * worked before, after sessions of three 32-byte values with an expiry were started over the socket;
 * and what is given back once all of them are ended.
 */
import { randomFillSync } from 'node:crypto';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import { delay } from './load.js';
import type { TargetKind } from './generator-messages.js';
import type { BenchOptions } from './options.js';
import { TOKEN_BYTES } from './protocol.js';
import { installedTargets, protocolOf, startTarget } from './servers.js';
import { compact } from './table.js';
import { residentBytes } from './thread-times.js';

const SESSIONS = 1_000_000;
const SESSION_SECONDS = 3_600;
/** What a session may take in Sojourn. */
const SESSION_BYTES_MAX = 200;
/**
 * Started and ended before anything is measured: what a server compiles and allocates once it is at work,
 * 8 MiB in Sojourn's case, is no part of a session.
 */
const REHEARSAL_SESSIONS = 20_000;
/** For the server to give back what it only needed while it worked. */
const SETTLE_MS = 3_000;
const MIB = 1024 * 1024;

interface Footprint {
  readonly target: TargetKind;
  readonly emptyBytes: number;
  readonly fullBytes: number;
  readonly endedBytes: number;
  readonly sessionsPerSecond: number;
}

export const memory: Bench = {
  name: 'memory',
  summary: 'resident bytes per session, beside Redis and memcached',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const prints: Footprint[] = [];
    const targets = installedTargets(options.targets, output).filter((kind) => kind !== 'echo');
    for (const target of targets) {
      prints.push(await footprintOf(target, sessions, options, output));
    }
    output.heading('memory', `${sessions} sessions of three 32-byte values with an expiry`);
    const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
    const perSession = (one: Footprint): number => (one.fullBytes - one.emptyBytes) / sessions;
    output.table('memory', {
      rows: [
        ['', 'empty MiB', 'full MiB', 'all ended MiB', 'bytes per session', 'started per s'],
        ...prints.map((one) => [
          one.target,
          mib(one.emptyBytes),
          mib(one.fullBytes),
          mib(one.endedBytes),
          perSession(one).toFixed(1),
          compact(one.sessionsPerSecond),
        ]),
      ],
    });
    const bytesOf = prints.map((one) => Math.round(perSession(one)));
    output.chart('memory', {
      name: 'bytes',
      title: `Resident bytes per session, ${compact(sessions)} sessions`,
      unit: 'bytes',
      groups: prints.map(({ target }) => target),
      series: [{ name: 'bytes per session', values: bytesOf }],
    });
    output.goal('memory', {
      what: `resident bytes per session, ${compact(sessions)} sessions`,
      value: bytesOf[prints.findIndex(({ target }) => target === 'sojourn')],
      atMost: SESSION_BYTES_MAX,
    });
    for (const one of prints) {
      const bytesPerSession = perSession(one);
      output.result('memory', {
        ...one,
        sessions,
        bytesPerSession,
        serverFlags: options.serverFlags,
      });
    }
  },
};

async function footprintOf(
  target: TargetKind,
  sessions: number,
  options: BenchOptions,
  output: Output,
): Promise<Footprint> {
  const protocol = protocolOf(target);
  const { pid, port } = await startTarget(target, options.serverFlags);
  const caller = await Caller.open(port, protocol);
  const start = async (count: number): Promise<void> => {
    const tokens = randomFillSync(Buffer.alloc(count * TOKEN_BYTES));
    await fill({ port, protocol, sessions: count, tokens, secondsOf: () => SESSION_SECONDS });
  };
  await start(REHEARSAL_SESSIONS);
  await caller.call(protocol.endAll());
  await delay(SETTLE_MS);
  const emptyBytes = residentBytes(pid);
  const startedMs = performance.now();
  await start(sessions);
  const sessionsPerSecond = (sessions / (performance.now() - startedMs)) * 1_000;
  await delay(SETTLE_MS);
  const fullBytes = residentBytes(pid);
  output.progress(`${target}: filled`);

  const live = protocol.liveFrom(await caller.call(protocol.countLive()));
  if (live !== sessions) throw new Error(`${target} has ${live} sessions of ${sessions}`);
  await caller.call(protocol.endAll());
  caller.close();
  await delay(SETTLE_MS);
  return { target, emptyBytes, fullBytes, endedBytes: residentBytes(pid), sessionsPerSecond };
}
