/**
 * Whether an address can be listened at. I/O threads share their port by SO_REUSEPORT, with which a
 * second server would silently get a part of the first one's connections; so a plain socket, which
 * shares with nobody, tries the address first. Between the probe and the listening there is a gap
 * of a moment, in which two servers started together can miss one another.
 */
import { createServer, type AddressInfo } from 'node:net';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'the host is no address of this machine',
  ENOTFOUND: 'the host has no address',
  EAI_AGAIN: 'the host has no address',
  EINVAL: 'the host is no address of this machine',
};

/** The server cannot be started: for the operator, in one line. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Throws StartError where the address cannot be had.
 *
 * @returns the port, which is free at this moment; for port 0 one that the kernel chose.
 */
export async function probePort(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = REASONS[error.code ?? ''] ?? error.code ?? error.message;
      reject(new StartError(`cannot listen at ${host} port ${port}: ${reason}`));
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}
