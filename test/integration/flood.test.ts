/**
 * Goal: no reply is lost, doubled or reordered within a session, and no command overtakes another on
 * its session, whatever the load.
 * Method: many connections push commands of mixed sizes, each on several sessions of its own and as
 * fast as they can, through rings of 4 KiB; some read slowly. Every command's reply is checked against
 * what the session must hold if everything ran in order. 203 is a legal answer, to be given in order.
 */
import { pack, unpack, unpackMultiple } from 'msgpackr';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Random } from '../support/random.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const NEW = 1;
const SET = 32;
const GET = 34;
const OK = 1;
const BUSY = 203;

type Reply = [id: number, status: number, body: Record<string, unknown> | null];

let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.stop();
});

/** A session as its only writer knows it. */
interface Session {
  readonly tkn: Uint8Array;
  /** Commands sent and not yet answered, in order. */
  readonly waiting: { readonly id: number; readonly value: string | undefined }[];
  value: string | undefined;
}

class FloodClient {
  readonly #socket: WebSocket;
  readonly #random: Random;
  readonly #sessions: Session[] = [];
  readonly #sessionOf = new Map<number, Session>();
  readonly problems: string[] = [];
  answered = 0;
  refused = 0;
  #nextId = 1;
  #onReplies: () => void = () => undefined;

  /** A slow reader; its values are large, so that replies pile up on the server's side. */
  readonly isSlow: boolean;

  constructor(socket: WebSocket, seed: number) {
    this.#socket = socket;
    this.isSlow = seed % 3 === 0;
    this.#random = new Random(seed);
    socket.on('message', (message: Buffer) => {
      for (const bin of unpackMultiple(message) as Buffer[]) this.#check(unpack(bin) as Reply);
      this.#onReplies();
    });
    socket.on('close', (code) => {
      this.problems.push(`closed with ${code}`);
      this.#onReplies();
    });
  }

  static async connect(url: string, seed: number): Promise<FloodClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new FloodClient(socket, seed);
  }

  async openSessions(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const reply = new Promise<Reply>((resolve) => {
        this.#socket.prependOnceListener('message', (message: Buffer) => {
          resolve(unpack(unpack(message) as Buffer) as Reply);
        });
      });
      this.#socket.send(pack(pack([NEW, 0, null, null])));
      const [, , body] = await reply;
      this.#sessions.push({ tkn: body?.['tkn'] as Uint8Array, waiting: [], value: undefined });
    }
  }

  /** Sends a frame of a few commands without waiting for anything. */
  sendFrame(): void {
    const random = this.#random;
    const bins: Buffer[] = [];
    for (let i = 1 + random.below(20); i > 0; i -= 1) {
      const session = this.#sessions[random.below(this.#sessions.length)]!;
      const id = this.#nextId;
      this.#nextId += 1;
      this.#sessionOf.set(id, session);
      if (random.below(2) === 0) {
        const value = `${id}:${'x'.repeat(this.#size())}`;
        session.waiting.push({ id, value });
        bins.push(pack(pack([SET, id, session.tkn, { keys: { a: value } }])));
      } else {
        session.waiting.push({ id, value: undefined });
        bins.push(pack(pack([GET, id, session.tkn, { keys: ['a'] }])));
      }
    }
    this.#socket.send(Buffer.concat(bins));
  }

  /** Mostly small, some beyond a quarter of the ring, some beyond the ring. */
  #size(): number {
    const kind = this.#random.below(this.isSlow ? 5 : 40);
    if (kind === 0) return 20_000;
    return kind < 4 ? 1_500 : this.#random.below(200);
  }

  #check([id, status, body]: Reply): void {
    const session = this.#sessionOf.get(id);
    if (session === undefined) {
      if (id !== 0) this.problems.push(`a second reply to ${id}`);
      return;
    }
    this.#sessionOf.delete(id);
    this.answered += 1;
    const expected = session.waiting.shift();
    if (expected?.id !== id) this.problems.push(`${id} came when ${expected?.id} was due`);
    if (status === BUSY) this.refused += 1;
    else if (status !== OK) this.problems.push(`${id} was answered ${status}`);
    else if (expected?.value !== undefined) session.value = expected.value;
    else {
      const { a } = (body?.['keys'] ?? {}) as { a?: string };
      if (a !== session.value) this.problems.push(`${id} read what was not written last`);
    }
  }

  /** Stops reading for a while. */
  async pauseReading(pauseMs: number): Promise<void> {
    this.#socket.pause();
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    this.#socket.resume();
  }

  async allAnswered(): Promise<void> {
    while (this.#sessionOf.size > 0 && this.problems.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onReplies = resolve;
      });
    }
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.terminate();
  }
}

describe('a flood through rings of 4 KiB', () => {
  test.each([
    { name: 'three shards', flags: ['--shards', '3'], connections: 24, frames: 150 },
    {
      name: 'two I/O threads',
      flags: ['--shards', '2', '--io-threads', '2'],
      connections: 24,
      frames: 150,
    },
    {
      name: 'with refusals',
      flags: ['--shards', '2', '--max-in-flight', '40'],
      connections: 16,
      frames: 150,
    },
    {
      name: 'over ws',
      flags: ['--shards', '2', '--transport', 'ws'],
      connections: 16,
      frames: 100,
    },
  ])('keeps every session in order ($name)', async ({ flags, connections, frames }) => {
    server = await startServer(['--ring-bytes', '4096', ...flags]);
    const { url } = server;
    const clients = await Promise.all(
      Array.from({ length: connections }, (_, seed) => FloodClient.connect(url, seed)),
    );
    await Promise.all(clients.map((client) => client.openSessions(4)));
    const done = clients.map(async (client, index) => {
      for (let frame = 0; frame < frames; frame += 1) {
        client.sendFrame();
        // Each at its own pace, every third a slow reader.
        if (frame % 8 === index % 8) await new Promise((resolve) => setImmediate(resolve));
        if (client.isSlow && frame % 50 === 49) void client.pauseReading(200);
      }
      await client.allAnswered();
    });
    await Promise.all(done);
    expect(clients.flatMap(({ problems }) => problems).slice(0, 5)).toEqual([]);
    const answered = clients.reduce((sum, client) => sum + client.answered, 0);
    const refused = clients.reduce((sum, client) => sum + client.refused, 0);
    expect(answered).toBeGreaterThan(connections * frames);
    if (!flags.includes('--max-in-flight')) expect(refused).toBeLessThan(answered / 2);
    else expect(refused).toBeGreaterThan(0);
    for (const client of clients) client.close();
  });
});
