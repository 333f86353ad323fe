/** The servers under test, each a process of its own on a free port of this machine. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchDirectory } from './bench-directory.js';
import type { Output } from './bench.js';
import { TARGET_KINDS, type TargetKind } from './generator-messages.js';
import { memcachedProtocol } from './memcached-protocol.js';
import { nativeProtocol } from './native-protocol.js';
import type { LogChoice } from './options.js';
import { startServer, type RunningServer } from './processes.js';
import type { Protocol } from './protocol.js';
import { redisProtocol } from './redis-protocol.js';

const REDIS = 'redis-server';
const MEMCACHED = 'memcached';
/** More than any bench stores: memcached takes it page by page, and would drop sessions beyond it. */
const MEMCACHED_MIB_MAX = 16_384;
const MEMCACHED_CONNECTIONS_MAX = 12_000;

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const VOLATILE_SOJOURN = ['--memory'];
const VOLATILE_REDIS = ['--save', '', '--appendonly', 'no'];

/**
 * @param flags passed on to `sojourn serve`.
 * @param storage flags that say where its data goes.
 * @param nodeFlags flags of Node itself.
 */
export function startSojourn(
  flags: readonly string[],
  storage: readonly string[] = VOLATILE_SOJOURN,
  nodeFlags: readonly string[] = [],
): Promise<RunningServer> {
  return startServer({
    name: 'sojourn',
    command: process.execPath,
    args: [
      ...[...nodeFlags, pathOf('../src/cli/main.js')],
      ...['serve', '--port', '0', ...storage, ...flags],
    ],
    readyLine: /^sojourn ready ws:\/\/[^\n]*:(\d+)[^\n]*\n/m,
  });
}

/** Flags for changes kept as `log` says. */
export function sojournStorage(log: LogChoice): readonly string[] {
  return log === 'none' ? VOLATILE_SOJOURN : ['--data-dir', benchDirectory(), '--fsync', log];
}

export function redisStorage(log: LogChoice): readonly string[] {
  if (log === 'none') return VOLATILE_REDIS;
  const storage = ['--save', '', '--appendonly', 'yes', '--appendfsync', log];
  return [...storage, '--dir', benchDirectory()];
}

export function startEcho(): Promise<RunningServer> {
  return startServer({
    name: 'echo',
    command: process.execPath,
    args: [pathOf('echo-server.js')],
    readyLine: /^echo ready ws:\/\/127\.0\.0\.1:(\d+)\n/m,
  });
}

/**
 * Redis without persistence, unless told otherwise. The port is chosen here, because Redis cannot
 * choose one.
 */
export async function startRedis(
  storage: readonly string[] = VOLATILE_REDIS,
): Promise<RunningServer> {
  const port = await freePort();
  const server = await startServer({
    name: 'redis',
    command: REDIS,
    args: ['--port', String(port), '--bind', '127.0.0.1', ...storage],
    readyLine: /Ready to accept connections/,
  });
  return { ...server, port };
}

/** With its defaults, but for the memory it may take. */
export async function startMemcached(): Promise<RunningServer> {
  const port = await freePort();
  const server = await startServer({
    name: MEMCACHED,
    command: MEMCACHED,
    args: [
      ...['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', userInfo().username],
      ...['-m', String(MEMCACHED_MIB_MAX), '-c', String(MEMCACHED_CONNECTIONS_MAX)],
    ],
    // It prints nothing.
    readyPort: port,
  });
  return { ...server, port };
}

export function startTarget(
  kind: TargetKind,
  serverFlags: readonly string[],
): Promise<RunningServer> {
  switch (kind) {
    case 'sojourn':
      return startSojourn(serverFlags);
    case 'echo':
      return startEcho();
    case 'redis':
      return startRedis();
    case 'memcached':
      return startMemcached();
  }
}

const PROTOCOLS: Readonly<Record<TargetKind, Protocol>> = {
  sojourn: nativeProtocol,
  echo: nativeProtocol,
  redis: redisProtocol,
  memcached: memcachedProtocol,
};

export function protocolOf(kind: TargetKind): Protocol {
  return PROTOCOLS[kind];
}

/** A server that keeps sessions, expires them in time, counts them and writes snapshots. */
export type SessionServer = 'sojourn' | 'redis';

/** Those of the targets that are such servers and are installed. */
export function sessionServers(targets: readonly TargetKind[]): readonly SessionServer[] {
  return targets.filter(
    (kind): kind is SessionServer =>
      (kind === 'sojourn' || kind === 'redis') && versionOf(kind) !== undefined,
  );
}

/** Those of the targets that are installed; says which are not. */
export function installedTargets(
  targets: readonly TargetKind[],
  output: Output,
): readonly TargetKind[] {
  return targets.filter((kind) => {
    const isInstalled = versionOf(kind) !== undefined;
    if (!isInstalled) output.text(`${kind} is not installed: its figures are left out.`);
    return isInstalled;
  });
}

/** How each says its version; ours are those of this tree. */
const VERSION_PATTERNS: Readonly<Partial<Record<TargetKind, readonly [string, RegExp]>>> = {
  redis: [REDIS, / v=(\S+)/],
  memcached: [MEMCACHED, /^memcached (\S+)/],
};

/** Such as 7.0.15, or empty for our own; undefined where it is not installed. */
export function versionOf(kind: TargetKind): string | undefined {
  const pattern = VERSION_PATTERNS[kind];
  if (pattern === undefined) return '';
  const [command, version] = pattern;
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return version.exec(stdout ?? '')?.[1];
}

export type Versions = Readonly<Partial<Record<TargetKind, string>>>;

/** Of all that are installed and not our own. */
export function peerVersions(): Versions {
  const versions = TARGET_KINDS.map((kind) => [kind, versionOf(kind)] as const);
  return Object.fromEntries(versions.filter(([, version]) => version));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
