import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Caller } from '../../../native-free-bench/caller.js';
import { fill } from '../../../native-free-bench/fill.js';
import { Load, type LoadShape } from '../../../native-free-bench/load.js';
import { TOKEN_BYTES } from '../../../native-free-bench/protocol.js';
import { redisProtocol } from '../../../native-free-bench/redis-protocol.js';
import { buildTape } from '../../../native-free-bench/tape.js';

/** Answers each command, told by the star that begins it, with an integer; one read at a time. */
class CountingServer {
  readonly server: Server;
  commands = 0;
  commandsPerReadMax = 0;

  constructor(reply: string) {
    this.server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const commands = bytes.reduce((count, byte) => count + (byte === 0x2a ? 1 : 0), 0);
        this.commands += commands;
        this.commandsPerReadMax = Math.max(this.commandsPerReadMax, commands);
        socket.write(reply.repeat(commands));
      });
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

const tokens = Buffer.alloc(10 * TOKEN_BYTES, 5);
const window = { warmSeconds: 0.01, seconds: 0.02, pid: undefined };

let server: CountingServer;

async function listen(reply: string): Promise<void> {
  server = new CountingServer(reply);
  await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
}

beforeEach(() => listen(':1\r\n'));
afterEach(() => void server.server.close());

async function run(shape: LoadShape): ReturnType<Load['run']> {
  const load = await Load.open(server.port, redisProtocol, 2);
  const perMessage = shape.commandsPerMessage;
  const tape = buildTape({ protocol: redisProtocol, operation: 'get', perMessage, tokens });
  try {
    return await load.run(shape, tape, window);
  } finally {
    load.close();
  }
}

describe('Load', () => {
  test.each([
    [1, 1],
    [4, 1],
    [1, 8],
    [2, 3],
  ])('never has more than %i messages of %i commands in flight', async (inFlight, perMessage) => {
    const shape = { name: '', messagesInFlight: inFlight, commandsPerMessage: perMessage };
    const result = await run(shape);
    expect(server.commandsPerReadMax).toBe(inFlight * perMessage);
    expect(result.commands).toBeGreaterThan(0);
    expect(result.commands).toBeLessThanOrEqual(server.commands);
    expect(result.failures).toBe(0);
    expect(result.latencyUs.totalCount > 0).toBe(inFlight === 1);
  });

  test('counts failing replies', async () => {
    server.server.close();
    await listen('-ERR\r\n');
    const result = await run({ name: '', messagesInFlight: 1, commandsPerMessage: 1 });
    expect(result.failures).toBe(server.commands);
  });

  test('fails when the server closes the connections', async () => {
    const load = await Load.open(server.port, redisProtocol, 1);
    server.server.on('connection', (socket) => void socket.destroy());
    await expect(Load.open(server.port, redisProtocol, 1).then(runOn)).rejects.toThrow();
    load.close();

    async function runOn(lost: Load): Promise<void> {
      const tape = buildTape({ protocol: redisProtocol, operation: 'get', perMessage: 1, tokens });
      await lost.run({ name: '', messagesInFlight: 1, commandsPerMessage: 1 }, tape, window);
    }
  });
});

describe('fill', () => {
  test.each([1, 64, 1_000])('starts %i sessions, each once', async (sessions) => {
    const started: number[] = [];
    const secondsOf = (index: number): number => started.push(index);
    const named = Buffer.alloc(sessions * TOKEN_BYTES);
    await fill({ port: server.port, protocol: redisProtocol, sessions, tokens: named, secondsOf });
    expect(server.commands).toBe(sessions * redisProtocol.repliesPerCreate);
    expect(new Set(started).size).toBe(sessions);
  });

  test('fails when a session is refused', async () => {
    server.server.close();
    await listen('-ERR\r\n');
    const one = { sessions: 1, tokens, secondsOf: () => 1 };
    const filled = fill({ port: server.port, protocol: redisProtocol, ...one });
    await expect(filled).rejects.toThrow('refused');
  });
});

describe('Caller', () => {
  test('gives the reply of each call', async () => {
    const caller = await Caller.open(server.port, redisProtocol);
    expect(redisProtocol.liveFrom(await caller.call(redisProtocol.countLive()))).toBe(1);
    expect(redisProtocol.liveFrom(await caller.call(redisProtocol.countLive()))).toBe(1);
    caller.close();
  });
});
