import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { probePort, StartError } from '../../../src/server/port-probe.js';

describe('probePort', () => {
  test('accepts a free address and leaves it free', async () => {
    await probePort('127.0.0.1', 0);
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    await probePort('127.0.0.1', port);
    await probePort('127.0.0.1', port);
  });

  test('says that a port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const error = await probePort('127.0.0.1', port).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).message).toBe(
      `cannot listen at 127.0.0.1 port ${port}: the port is in use`,
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  test.each(['192.0.2.1', 'no-such-host.invalid', '300.1.1.1'])(
    'says that %s is no host to listen at',
    async (host) => {
      await expect(probePort(host, 0)).rejects.toThrow(/^cannot listen at \S+ port 0: the host /);
    },
  );
});
