/**
 * How long a start takes: Sojourn from its snapshot, beside Redis from its RDB file of the same
 * sessions. From the start of the process to the first right answer, and what each says of its
 * loading alone. Starts are interleaved; the files are in the page cache for both.
 */
import { randomFillSync } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { benchDirectory } from './bench-directory.js';
import type { Bench, Output } from './bench.js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import type { BenchOptions } from './options.js';
import type { RunningServer } from './processes.js';
import { TOKEN_BYTES } from './protocol.js';
import {
  protocolOf,
  sessionServers,
  startRedis,
  startSojourn,
  type SessionServer,
} from './servers.js';
import { median, pairedRatio, summaryOf } from './statistics.js';

const SESSIONS = 1_000_000;
const SESSION_SECONDS = 36_000;
const MIB = 1024 * 1024;

interface Target {
  readonly kind: SessionServer;
  readonly directory: string;
  readonly start: () => Promise<RunningServer>;
  readonly readyMs: number[];
  readonly reportedMs: number[];
}

/** What a server says of its loading, in milliseconds. */
const REPORTED: Readonly<Record<SessionServer, (output: string) => number>> = {
  redis: (output) => Number(/DB loaded from disk: ([\d.]+) seconds/.exec(output)?.[1]) * 1_000,
  sojourn: (output) => Number(/"recovered":\{[^}]*"durationMs":([\d.]+)/.exec(output)?.[1]),
};

export const recovery: Bench = {
  name: 'recovery',
  summary: 'time to load a snapshot at the start, beside Redis and its RDB',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    const targets = sessionServers(options.targets).map((kind) => targetOf(kind, options));
    for (const target of targets) await prepare(target, sessions, output);
    for (let round = 0; round < options.rounds; round += 1) {
      output.progress(`round ${round + 1} of ${options.rounds}`);
      for (let turn = 0; turn < targets.length; turn += 1) {
        await measure(targets[(turn + round) % targets.length]!, sessions);
      }
    }
    output.heading(
      'recovery',
      `${sessions} sessions of three 32-byte values with an expiry, ${options.rounds} starts each`,
    );
    output.table('recovery', {
      rows: [
        ['median of the starts', 'to the first answer, ms', 'loading as reported, ms', 'MiB'],
        ...targets.map(({ kind, directory, readyMs, reportedMs }) => [
          kind,
          median(readyMs).toFixed(0),
          median(reportedMs).toFixed(0),
          (bytesIn(directory) / MIB).toFixed(1),
        ]),
      ],
    });
    const loadingOf = (target: SessionServer): number[] | undefined =>
      targets.find(({ kind }) => kind === target)?.reportedMs;
    const [sojourn, redis] = [loadingOf('sojourn'), loadingOf('redis')];
    output.goal('recovery', {
      what: "time to load a snapshot over Redis' to load its RDB",
      value: sojourn === undefined || redis === undefined ? undefined : pairedRatio(sojourn, redis),
      atMost: 1,
    });
    for (const { kind, directory, readyMs, reportedMs } of targets) {
      output.result('recovery', {
        target: kind,
        sessions,
        readyMs: summaryOf(readyMs),
        reportedMs: summaryOf(reportedMs),
        perRound: readyMs.map(Math.round),
        bytes: bytesIn(directory),
        serverFlags: options.serverFlags,
      });
    }
  },
};

function targetOf(kind: SessionServer, { serverFlags }: BenchOptions): Target {
  const directory = benchDirectory();
  const start = (): Promise<RunningServer> =>
    kind === 'redis'
      ? startRedis(['--save', '', '--appendonly', 'no', '--dir', directory])
      : startSojourn(serverFlags, ['--data-dir', directory]);
  return { kind, directory, start, readyMs: [], reportedMs: [] };
}

async function prepare(
  { kind, directory, start }: Target,
  sessions: number,
  output: Output,
): Promise<void> {
  const protocol = protocolOf(kind);
  const server = await start();
  const tokens = randomFillSync(Buffer.alloc(sessions * TOKEN_BYTES));
  const { port } = server;
  await fill({ port, protocol, sessions, tokens, secondsOf: () => SESSION_SECONDS });
  const caller = await Caller.open(port, protocol);
  const startedMs = performance.now();
  await caller.call(protocol.snapshot());
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  caller.close();
  await server.stop();
  const mib = (bytesIn(directory) / MIB).toFixed(1);
  output.progress(`${kind}: filled, snapshot written in ${seconds} s, ${mib} MiB in all`);
}

async function measure(target: Target, sessions: number): Promise<void> {
  const protocol = protocolOf(target.kind);
  const startedMs = performance.now();
  const server = await target.start();
  const caller = await Caller.open(server.port, protocol);
  const live = protocol.liveFrom(await caller.call(protocol.countLive()));
  target.readyMs.push(performance.now() - startedMs);
  if (live !== sessions) throw new Error(`${target.kind} has ${live} sessions of ${sessions}`);
  caller.close();
  const reportedMs = REPORTED[target.kind](server.output());
  if (!Number.isFinite(reportedMs))
    throw new Error(`${target.kind} does not say how long it loads`);
  target.reportedMs.push(reportedMs);
  await server.stop();
}

function bytesIn(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => {
    const stats = statSync(join(directory, name));
    return sum + (stats.isFile() ? stats.size : 0);
  }, 0);
}
