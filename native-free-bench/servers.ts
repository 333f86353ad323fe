/** The servers under test, each a process of its own on a free port of this machine. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { TargetKind } from './generator-messages.js';
import { nativeProtocol } from './native-protocol.js';
import { startServer, type RunningServer } from './processes.js';
import type { Protocol } from './protocol.js';
import { redisProtocol } from './redis-protocol.js';

const REDIS = 'redis-server';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const VOLATILE_SOJOURN = ['--memory'];
const VOLATILE_REDIS = ['--save', '', '--appendonly', 'no'];

/**
 * @param flags passed on to `sojourn serve`.
 * @param storage flags that say where its data goes.
 */
export function startSojourn(
  flags: readonly string[],
  storage: readonly string[] = VOLATILE_SOJOURN,
): Promise<RunningServer> {
  return startServer({
    name: 'sojourn',
    command: process.execPath,
    args: [pathOf('../src/cli/main.js'), 'serve', '--port', '0', ...storage, ...flags],
    readyLine: /^sojourn ready ws:\/\/[^\n]*:(\d+)[^\n]*\n/m,
  });
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

export function startTarget(
  kind: TargetKind,
  serverFlags: readonly string[],
): Promise<RunningServer> {
  if (kind === 'sojourn') return startSojourn(serverFlags);
  return kind === 'echo' ? startEcho() : startRedis();
}

export function protocolOf(kind: TargetKind): Protocol {
  return kind === 'redis' ? redisProtocol : nativeProtocol;
}

/** A server that keeps sessions, which the echo does not. */
export type SessionServer = Exclude<TargetKind, 'echo'>;

/** Those of the targets that keep sessions and are installed. */
export function sessionServers(targets: readonly TargetKind[]): readonly SessionServer[] {
  const hasRedis = redisVersion() !== undefined;
  return targets.filter((kind): kind is SessionServer =>
    kind === 'redis' ? hasRedis : kind === 'sojourn',
  );
}

/** Such as 7.0.15; undefined where Redis is not installed. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync(REDIS, ['--version'], { encoding: 'utf8' });
  return / v=(\S+)/.exec(stdout ?? '')?.[1];
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
