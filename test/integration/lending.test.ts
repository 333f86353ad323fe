/**
 * Lending between real threads: the lease by itself, and a whole server whose I/O threads run turns of
 * shards that sleep. How a turn goes is told by the figures of SV_STATS, which no shard sees.
 */
import { pack, unpack, unpackMultiple } from 'msgpackr';
import { Worker } from 'node:worker_threads';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';
import { LEASE_BYTES, Lease } from '../../src/ring/lease.js';
import { NativeClient } from '../support/native-client.js';
import { Random } from '../support/random.js';
import { kill, start } from '../support/restarted-servers.js';
import type { ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const OK = 1;

describe('a lease between threads', () => {
  // Goal: never do two of them have it, and none waits for ever. Method: a lender and two borrowers
  // count, whenever they have it, without any atomic: what is lost shows.
  test('is had by one at a time', async () => {
    const shared = new SharedArrayBuffer(LEASE_BYTES);
    const counters = new SharedArrayBuffer(128);
    const rounds = 20_000;
    const threads = ['lender', 'first', 'second'].map(
      (role) =>
        new Worker(new URL('../support/lease-thread.mjs', import.meta.url), {
          workerData: { role, rounds, shared, counters },
        }),
    );
    await Promise.all(
      threads.map(
        (thread) =>
          new Promise((resolve, reject) => thread.once('exit', resolve).once('error', reject)),
      ),
    );
    const [turns, , lent, first, second, , , clashes] = new Float64Array(counters);
    expect(clashes).toBe(0);
    expect(lent).toBe(rounds);
    expect(turns).toBe(rounds + first! + second!);
    expect(new Lease(shared).served).toBe(first! + second!);
    expect(Math.min(first!, second!)).toBeGreaterThan(0);
  });

  // Goal: acquire() does not return while a borrower is at work, but does after. Method: a borrower
  // that takes longer than a wait of the shard's lasts.
  test('is waited for by the shard, as long as it takes', async () => {
    const shared = new SharedArrayBuffer(LEASE_BYTES);
    const counters = new SharedArrayBuffer(128);
    const flags = new Int32Array(counters, 64);
    const lease = new Lease(shared);
    const worker = new Worker(new URL('../support/lease-thread.mjs', import.meta.url), {
      workerData: { role: 'slow', rounds: 5, shared, counters },
    });
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    for (let round = 1; round <= 5; round += 1) {
      lease.release();
      // Until it says that it has the lease.
      Atomics.wait(flags, 3, round - 1);
      lease.acquire();
      expect(Atomics.load(flags, 4)).toBe(round);
      Atomics.store(flags, 5, round);
      Atomics.notify(flags, 5);
    }
    await exit;
  });
});

type Figures = Readonly<Record<string, number>>;

async function figuresOf(client: NativeClient): Promise<Figures[]> {
  const [, body] = await client.ask('SV_STATS', null);
  return (body as { shards: Figures[] }).shards;
}

async function sumOf(client: NativeClient, name: string): Promise<number> {
  return (await figuresOf(client)).reduce((sum, figures) => sum + figures[name]!, 0);
}

/** Commands one after another, each after the reply to the last, from one connection. */
async function askOften(client: NativeClient, token: unknown, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const [status] = await client.ask('SH_SET', token, { keys: { n } });
    expect(status).toBe(OK);
  }
}

/** Calls until so many turns were lent: how soon a shard falls asleep is up to the machine. */
async function untilLent(
  client: NativeClient,
  turns: number,
  call: () => Promise<unknown>,
): Promise<void> {
  const from = await sumOf(client, 'lentTurns');
  for (let round = 0; round < 300; round += 1) {
    for (let n = 0; n < 20; n += 1) await call();
    if ((await sumOf(client, 'lentTurns')) >= from + turns) return;
  }
  throw new Error(`no ${turns} turns were lent`);
}

async function startSession(client: NativeClient, body: object = {}): Promise<unknown> {
  const [status, reply] = await client.ask('SH_NEW', null, body);
  expect(status).toBe(OK);
  return reply!['tkn'];
}

describe('a server', () => {
  test.each([
    ['lends its shards to a client that is alone', [], true],
    ['lends its shards while it keeps a log', ['--data-dir', temporaryFolder()], true],
    ['lends nothing with --lend never', ['--lend', 'never'], false],
  ])('%s', async (_title, flags, isLent) => {
    const server = await start(...flags);
    const client = await NativeClient.connect(server.url);
    const token = await startSession(client);
    if (isLent) await untilLent(client, 100, () => askOften(client, token, 1));
    else await askOften(client, token, 300);
    if (!isLent) expect(await sumOf(client, 'lentTurns')).toBe(0);
    client.close();
    expect(await server.stop()).toBe(0);
  });

  test('sweeps in time what was started while the shard slept', async () => {
    const server = await start('--shards', '2');
    const client = await NativeClient.connect(server.url);
    await askOften(client, await startSession(client), 50);
    const lentBefore = await sumOf(client, 'lentTurns');
    const expiry = { duration: 0.2, deleteSession: true };
    for (let n = 0; n < 40; n += 1) await startSession(client, { expiry });
    expect(await sumOf(client, 'lentTurns')).toBeGreaterThan(lentBefore + 10);
    // No shard is asked for anything from here on.
    await vi.waitFor(async () => expect(await sumOf(client, 'sessionsExpired')).toBe(40), {
      timeout: 20_000,
      interval: 20,
    });
    client.close();
  });

  test('has all that it has acknowledged after a kill in the midst of lent turns', async () => {
    const flags = ['--data-dir', temporaryFolder(), '--shards', '2', '--io-threads', '2'];
    let server = await start(...flags);
    const writers = await Promise.all(Array.from({ length: 4 }, () => newWriter(server)));
    for (let round = 0; round < 3; round += 1) {
      const running = writers.map((writer) => writer.run());
      await new Promise((resolve) => setTimeout(resolve, 400));
      const client = await NativeClient.connect(server.url);
      expect(await sumOf(client, 'lentTurns')).toBeGreaterThan(0);
      await kill(server);
      await Promise.all(running);
      server = await start(...flags);
      for (const writer of writers) await writer.check(server);
    }
  });

  // Goal: a session's commands take effect and are answered in the order sent, whoever runs them.
  // Method: several connections count up sessions of their own, in frames of one command up to
  // hundreds, with values that take the side road among them, and pauses in which shards fall asleep.
  test('answers in order while turns are lent and not', async () => {
    const server = await start('--shards', '3', '--io-threads', '2');
    const counting = Array.from({ length: 6 }, (_, seed) => countUp(server.url, seed));
    await Promise.all(counting);
    const client = await NativeClient.connect(server.url);
    expect(await sumOf(client, 'lentTurns')).toBeGreaterThan(50);
    expect(await sumOf(client, 'turns')).toBeGreaterThan(50);
    expect(await sumOf(client, 'sideRoadOut')).toBeGreaterThan(10);
    client.close();
    expect(await server.stop()).toBe(0);
  });
});

/** Writes one number after the other, each when the last was acknowledged, until the server is gone. */
interface Writer {
  run(): Promise<void>;
  /** On the server that has started again. */
  check(server: ServerProcess): Promise<void>;
}

async function newWriter(first: ServerProcess): Promise<Writer> {
  let client = await NativeClient.connect(first.url);
  const token = await startSession(client, { keys: { n: 0 } });
  let acknowledged = 0;
  return {
    async run() {
      for (;;) {
        const answer = await client
          .ask('SH_SET', token, { keys: { n: acknowledged + 1 } })
          .catch(() => undefined);
        if (answer === undefined) return;
        expect(answer[0]).toBe(OK);
        acknowledged += 1;
      }
    },
    async check(server) {
      client = await NativeClient.connect(server.url);
      const [, body] = await client.ask('SH_GET', token, { keys: ['n'] });
      const { n } = (body as { keys: { n: number } }).keys;
      // The one in flight may have come through.
      expect([acknowledged, acknowledged + 1]).toContain(n);
      acknowledged = n;
    },
  };
}

type Reply = [
  id: number,
  status: number,
  body: { keys?: { large: string }; value?: number } | null,
];

/** One connection that counts up one session, command by command, and checks each reply. */
async function countUp(url: string, seed: number): Promise<void> {
  const random = new Random(seed);
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const replies: Reply[] = [];
  let wake = (): void => undefined;
  socket.on('message', (message: Buffer) => {
    for (const bin of unpackMultiple(message) as Buffer[]) replies.push(unpack(bin) as Reply);
    wake();
  });
  let id = 0;
  let expected: ((reply: Reply) => void)[] = [];
  const command = (name: CommandName, token: unknown, body: object): Buffer => {
    id += 1;
    return pack(pack([CATALOGUE[name].op, id, token, body]));
  };
  /** Sends a frame and checks that its commands are answered in their order. */
  const ask = async (frame: Buffer[]): Promise<Reply[]> => {
    const first = id - frame.length + 1;
    socket.send(Buffer.concat(frame));
    while (replies.length < frame.length) await new Promise<void>((resolve) => (wake = resolve));
    const got = replies.splice(0);
    expect(got.map((reply) => reply[0])).toEqual(frame.map((_, at) => first + at));
    got.forEach((reply, at) => expected[at]?.(reply));
    expected = [];
    return got;
  };
  const [started] = await ask([command('SH_NEW', null, {})]);
  const token = (started![2] as unknown as { tkn: Uint8Array }).tkn;
  let count = 0;
  for (let round = 0; round < 150; round += 1) {
    const large = String.fromCharCode(97 + (round % 26)).repeat(
      [10, 1_000, 400_000][random.below(3)]!,
    );
    const frame: Buffer[] = [];
    for (let n = [1, 1, 3, 20, 300][random.below(5)]!; n > 0; n -= 1) {
      count += 1;
      const value = count;
      frame.push(command('SH_INC', token, { key: 'count', by: 1 }));
      expected.push(([, status, body]) => expect([status, body!.value]).toEqual([OK, value]));
    }
    frame.push(command('SH_SET', token, { keys: { large } }));
    expected.push(([, status]) => expect(status).toBe(OK));
    frame.push(command('SH_GET', token, { keys: ['large'] }));
    expected.push(([, , body]) => expect(body!.keys!.large === large).toBe(true));
    await ask(frame);
    if (random.below(3) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  socket.close();
}
