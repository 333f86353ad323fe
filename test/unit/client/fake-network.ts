/**
 * A network of one client in memory: every socket that is opened is recorded, and the test plays
 * the server. Bytes are read and written with a msgpack library that the SDK does not use.
 */
import { decode, decodeMulti, encode } from '@msgpack/msgpack';
import { Client } from '../../../src/client/client.js';
import { resolveOptions, type ClientOptions, type Timers } from '../../../src/client/options.js';
import { Pipeline } from '../../../src/client/pipeline.js';
import type { OpenSocket, Socket, SocketEvents } from '../../../src/client/socket.js';

/** Timers that run when the test says so. */
export class ManualTimers implements Timers {
  #nowMs = 0;
  #nextHandle = 1;
  readonly #due = new Map<number, { readonly atMs: number; readonly callback: () => void }>();

  get pending(): number {
    return this.#due.size;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    this.#due.set(handle, { atMs: this.#nowMs + ms, callback });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    this.#due.delete(handle as number);
  }

  /** Lets time pass, running what falls due in its order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#due].sort((a, b) => a[1].atMs - b[1].atMs || a[0] - b[0])[0];
      if (next === undefined || next[1].atMs > untilMs) break;
      this.#nowMs = next[1].atMs;
      this.#due.delete(next[0]);
      next[1].callback();
    }
    this.#nowMs = untilMs;
  }
}

export interface SentCommand {
  readonly op: number;
  readonly id: number;
  readonly token: Uint8Array | null;
  readonly body: Record<string, unknown> | null;
}

const INTEGERS = { useBigInt64: true };

/** The commands of a frame. */
export function commandsOf(frame: Uint8Array): SentCommand[] {
  return [...decodeMulti(frame)].map((bin) => {
    const [op, id, token, body] = decode(bin as Uint8Array, INTEGERS) as unknown[];
    return { op, id, token, body } as SentCommand;
  });
}

/** A reply is [id, status, body], a push [0, event, body]. */
export type Reply = readonly [number, number | string, unknown?];

/** One frame of replies. */
export function frameOf(...replies: readonly Reply[]): Uint8Array {
  const bins = replies.map(([id, status, body = null]) =>
    encode(encode([id, status, body], INTEGERS)),
  );
  return Uint8Array.from(bins.flatMap((bin) => [...bin]));
}

export class FakeSocket implements Socket {
  /** Copies of the frames, because the client uses its buffer again. */
  readonly frames: Uint8Array[] = [];
  readonly events: SocketEvents;
  readonly #answered = new Set<number>();
  isClosing = false;
  isGone = false;

  constructor(events: SocketEvents) {
    this.events = events;
  }

  get commands(): SentCommand[] {
    return this.frames.flatMap(commandsOf);
  }

  send(bytes: Uint8Array): void {
    this.frames.push(bytes.slice());
  }

  close(): void {
    this.isClosing = true;
  }

  terminate(): void {
    this.breaks('terminated');
  }

  opens(): void {
    this.events.opened();
  }

  breaks(reason = 'cable cut'): void {
    if (this.isGone) return;
    this.isGone = true;
    this.events.closed(reason);
  }

  /** Answers in one frame. */
  replies(...replies: readonly Reply[]): void {
    this.events.received(frameOf(...replies));
  }

  /** Pushes in one frame. */
  pushes(...pushes: readonly (readonly [string, unknown])[]): void {
    this.replies(...pushes.map(([event, body]): Reply => [0, event, body]));
  }

  /** Answers the oldest command of an op that it has not answered so yet. */
  answers(op: number, body: unknown = null, status = 1): void {
    const command = this.commands.find((each) => each.op === op && !this.#answered.has(each.id));
    if (command === undefined) throw new Error(`no command ${op} waits for an answer`);
    this.#answered.add(command.id);
    this.replies([command.id, status, body]);
  }
}

export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  readonly timers = new ManualTimers();

  readonly open: OpenSocket = (_url, events) => {
    const socket = new FakeSocket(events);
    this.sockets.push(socket);
    return socket;
  };

  /** The socket opened last. */
  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  pipeline(options: ClientOptions = {}): Pipeline {
    const resolved = resolveOptions({ timers: this.timers, random: () => 0.5, ...options });
    return new Pipeline('ws://fake', resolved, this.open);
  }

  /** A client whose connection is open. */
  async client(options: ClientOptions = {}): Promise<Client> {
    const pipeline = this.pipeline(options);
    const connected = pipeline.connect();
    this.socket.opens();
    await connected;
    return new Client(pipeline, { timeoutMs: options.timeoutMs ?? 10_000 });
  }
}

/** Lets every microtask run: what was called in this tick is sent. */
export async function endOfTick(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** How a promise stands, without waiting for it. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'done' | 'failed'> {
  const states = promise.then(
    () => 'done' as const,
    () => 'failed' as const,
  );
  return Promise.race([states, endOfTick().then(() => 'pending' as const)]);
}

export const TOKEN = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYX';
export const TOKEN_BYTES = Uint8Array.from({ length: 24 }, (_, at) => at);
