/** A whole server inside the test's own process, its time moved by hand. It runs dist. */
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import { SharedManualClock } from '../../src/core/clock.js';
import type { Server } from '../../src/server/server.js';

export interface InProcessServer {
  readonly server: Server;
  readonly url: string;
  readonly clock: SharedManualClock;
}

const NOW_MS = Date.UTC(2030, 0, 1);

/** @param clock of a server before, to go on with its time. */
export async function startServerInProcess(
  settings: Partial<Config>,
  clock = newClock(),
): Promise<InProcessServer> {
  // From dist, because threads cannot be started from TypeScript.
  const dist = new URL('../../dist/src/server/server.js', import.meta.url).href;
  const { startServer } = (await import(dist)) as typeof import('../../src/server/server.js');
  const server = await startServer({
    config: { ...DEFAULT_CONFIG, port: 0, memory: true, ...settings },
    clock: { kind: 'manual', shared: clock.shared },
  });
  return { server, url: server.url, clock };
}

function newClock(): SharedManualClock {
  const clock = new SharedManualClock();
  clock.set(NOW_MS);
  return clock;
}
