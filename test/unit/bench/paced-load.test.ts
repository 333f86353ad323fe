import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { delay } from '../../../native-free-bench/load.js';
import { MessageQueue } from '../../../native-free-bench/message-queue.js';
import { PacedLoad } from '../../../native-free-bench/paced-load.js';
import { TOKEN_BYTES } from '../../../native-free-bench/protocol.js';
import { redisProtocol } from '../../../native-free-bench/redis-protocol.js';
import type { StartTicker } from '../../../native-free-bench/ticker.js';

const PER_TICK = 5;

/** Answers commands, told by their star, when it is let; meanwhile it only counts them. */
class HeldServer {
  readonly server: Server;
  commands = 0;
  isHeld = false;
  reply = ':1\r\n';
  readonly #owed = new Map<Socket, number>();

  constructor() {
    this.server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const commands = bytes.reduce((count, byte) => count + (byte === 0x2a ? 1 : 0), 0);
        this.commands += commands;
        this.#owed.set(socket, (this.#owed.get(socket) ?? 0) + commands);
        if (!this.isHeld) this.answer();
      });
    });
  }

  answer(): void {
    for (const [socket, count] of this.#owed) socket.write(this.reply.repeat(count));
    this.#owed.clear();
  }
}

let held: HeldServer;
let tick: (dueMs: number) => void;
/** Ticks only when the test says so. */
const startTicker: StartTicker = (_, onTick) => {
  tick = onTick;
  return Promise.resolve({ stop: () => Promise.resolve() });
};

beforeEach(async () => {
  held = new HeldServer();
  await new Promise<void>((resolve) => held.server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => void held.server.close());

function openLoad(): Promise<PacedLoad> {
  return PacedLoad.open({
    port: (held.server.address() as AddressInfo).port,
    protocol: redisProtocol,
    tokens: Buffer.alloc(10 * TOKEN_BYTES, 5),
    connections: 2,
    operations: ['get'],
    startTicker,
  });
}

/** Runs what `during` does as one window. */
async function run(load: PacedLoad, during: () => Promise<void>): ReturnType<PacedLoad['run']> {
  let end: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    end = resolve;
  });
  const result = load.run({ perSecond: PER_TICK * 1_000, until });
  // It may fail before it is awaited.
  result.catch(() => undefined);
  // The window opens after the warm-up, which takes a timer even if it has no length.
  await delay(20);
  await during();
  end();
  return result;
}

async function waitFor(isDone: () => boolean): Promise<void> {
  while (!isDone()) await delay(1);
}

describe('PacedLoad', () => {
  test('sends at each tick what the rate says, whether or not replies come', async () => {
    const load = await openLoad();
    held.isHeld = true;
    const result = await run(load, async () => {
      for (let count = 0; count < 4; count += 1) tick(performance.now());
      await waitFor(() => held.commands === 4 * PER_TICK);
      held.isHeld = false;
      held.answer();
    });
    expect(result.commands).toBe(4 * PER_TICK);
    expect(result.latencyUs.totalCount).toBe(4 * PER_TICK);
    load.close();
  });

  test('counts latency from the instant at which a command was due, however late it left', async () => {
    const load = await openLoad();
    const result = await run(load, async () => {
      const dueMs = performance.now();
      await delay(50);
      tick(dueMs);
    });
    expect(result.latencyUs.minNonZeroValue).toBeGreaterThanOrEqual(49_000);
    expect(result.latenessUs.minNonZeroValue).toBeGreaterThanOrEqual(49_000);
    load.close();
  });

  test('leaves out what was due before the window', async () => {
    const load = await openLoad();
    const result = await run(load, async () => {
      tick(performance.now() - 10_000);
      tick(performance.now());
      await waitFor(() => held.commands === 2 * PER_TICK);
    });
    expect(result.latencyUs.totalCount).toBe(PER_TICK);
    load.close();
  });

  test('fails when a reply is a refusal', async () => {
    const load = await openLoad();
    held.reply = '-ERR\r\n';
    const window = run(load, () => Promise.resolve(tick(performance.now())));
    await expect(window).rejects.toThrow(`${PER_TICK} failing replies`);
    load.close();
  });

  test('fails when the server closes a connection', async () => {
    held.server.on('connection', (socket: Socket) => socket.on('data', () => socket.destroy()));
    const load = await openLoad();
    const window = run(load, async () => {
      tick(performance.now());
      await delay(50);
    });
    await expect(window).rejects.toThrow('connection closed');
    load.close();
  });
});

describe('MessageQueue', () => {
  test('gives messages back in the order in which they were added', () => {
    const queue = new MessageQueue();
    queue.add(7, 9);
    queue.add(0, 1);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([7, 8, 0]);
  });

  test('refuses a reply to nothing', () => {
    expect(() => new MessageQueue().take()).toThrow('not sent');
  });
});
