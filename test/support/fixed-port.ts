/**
 * A free port for a server that will come back at it. Not one of those that the system gives to clients:
 * a client that tries again and again to reach such a port while nobody listens can be given that
 * very port, and is then connected to itself.
 */
import { createServer } from 'node:net';
import { Random } from './random.js';

const FIRST = 12_000;
const PORTS = 20_000;

export async function fixedPort(seed = process.pid): Promise<string> {
  const random = new Random(seed);
  for (;;) {
    const port = FIRST + random.below(PORTS);
    if (await isFree(port)) return String(port);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
