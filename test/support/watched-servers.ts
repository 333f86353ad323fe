/**
 * Servers inside the process of one test file, and clients that hear pushes. Import it from test
 * files only: after each test the clients are closed and the servers stopped.
 */
import { afterEach } from 'vitest';
import type { Config } from '../../src/config/options.js';
import { type InProcessServer, startServerInProcess } from './in-process-server.js';
import { WatchingClient } from './watching-client.js';

/** What is taken out is the test's own to stop. */
export const running: InProcessServer[] = [];
/** Others may be put in, to be closed as well. */
export const clients: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(running.splice(0).map(({ server }) => server.stop()));
});

export async function start(settings: Partial<Config> = {}): Promise<InProcessServer> {
  const server = await startServerInProcess(settings);
  running.push(server);
  return server;
}

export async function connect({ url }: InProcessServer, count = 1): Promise<WatchingClient[]> {
  const connected = [];
  for (let i = 0; i < count; i += 1) connected.push(await WatchingClient.connect(url));
  clients.push(...connected);
  return connected;
}
