/** An I/O thread without its sockets and without its shards: the test plays both. */
import { decode, decodeMulti, encode } from '@msgpack/msgpack';
import { MessageChannel } from 'node:worker_threads';
import type { MainCall } from '../../src/config/main-call.js';
import { OPTIONS, type Config } from '../../src/config/options.js';
import type { User } from '../../src/config/users.js';
import type { ReuseReport } from '../../src/config/shard-messages.js';
import type { IoThreadPlan } from '../../src/config/thread-plan.js';
import {
  allocateCounters,
  IO_COUNTER_INDEX,
  IO_COUNTERS,
  SHARD_COUNTER_INDEX,
  SHARD_COUNTERS,
  type ShardCounter,
} from '../../src/core/counters.js';
import { SharedManualClock } from '../../src/core/clock.js';
import { ByteSpace } from '../../src/core/copy.js';
import type { IoCounter } from '../../src/core/counters.js';
import { shardOf } from '../../src/core/slots.js';
import type { Connection } from '../../src/io/connection.js';
import { IoThread } from '../../src/io/io-thread.js';
import { OWNER_LOCKS_BYTES } from '../../src/ring/owner-locks.js';
import { Tokens } from '../../src/io/tokens.js';
import type { Socket } from '../../src/io/transport.js';
import { DOORBELL_BYTES } from '../../src/ring/doorbell.js';
import { allocateEventRing, EventRingWriter } from '../../src/ring/event-ring.js';
import { allocateRing } from '../../src/ring/spsc-ring.js';
import { RingShard } from './ring-shard.js';

export const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);

export type Reply = readonly [id: number, status: number, body: unknown];

/** The replies in one native message. */
export function repliesIn(message: Uint8Array): Reply[] {
  return Array.from(decodeMulti(message), (bin) => decode(bin as Uint8Array) as Reply);
}

/** A frame of native commands. */
export function frameOf(...commands: readonly (readonly unknown[])[]): ArrayBuffer {
  const frame = Buffer.concat(commands.map((command) => encode(encode(command))));
  return frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length) as ArrayBuffer;
}

/** A client's socket as the I/O thread sees it. */
export class FakeSocket implements Socket {
  /** Every message in order, native ones as their bytes. */
  readonly messages: (Uint8Array | string)[] = [];
  unsentBytes = 0;
  closed: { readonly code: number; readonly reason: string } | 'terminated' | undefined;
  connection: Connection | undefined;
  readonly #io: IoThread;

  constructor(io: IoThread) {
    this.#io = io;
  }

  bufferedBytes(): number {
    return this.unsentBytes;
  }
  sendBinary(bytes: Uint8Array): void {
    this.messages.push(Uint8Array.from(bytes));
  }
  sendText(text: string): void {
    this.messages.push(text);
  }
  end(code: number, reason: string): void {
    this.#close({ code, reason });
  }
  terminate(): void {
    this.#close('terminated');
  }
  #close(how: FakeSocket['closed']): void {
    if (this.closed !== undefined || this.connection === undefined) return;
    this.closed = how;
    this.#io.onClose(this.connection);
  }

  send(...commands: readonly (readonly unknown[])[]): void {
    this.sendBytes(frameOf(...commands));
  }
  sendBytes(frame: ArrayBuffer): void {
    if (this.connection !== undefined) this.#io.onBinary(this.connection, frame);
  }
  sendJson(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.connection !== undefined) this.#io.onText(this.connection, bytes.buffer);
  }
  drain(): void {
    this.unsentBytes = 0;
    if (this.connection !== undefined) this.#io.onDrain(this.connection);
  }

  /** All native replies so far, in order. */
  get replies(): Reply[] {
    return this.messages.flatMap((message) =>
      typeof message === 'string' ? [] : repliesIn(message),
    );
  }
}

/** A token whose session belongs to the shard, another one for each salt below 100. */
export function tokenOnShard(shard: number, shards: number, salt = 0): Uint8Array {
  const tokens = new Tokens(SECRET);
  const space = new ByteSpace(new ArrayBuffer(24));
  for (let i = 0; ; i += 1) {
    space.bytes.fill(salt);
    space.view.setInt32(4, i);
    tokens.see(space, 0);
    if (shardOf(tokens.slot, shards) === shard) return space.bytes;
  }
}

export interface IoHarness {
  readonly io: IoThread;
  readonly shards: readonly RingShard[];
  readonly clock: SharedManualClock;
  /** Every call to main so far. */
  readonly calls: readonly MainCall[];
  /** As a shard sees the ring of events. */
  readonly events: EventRingWriter;
  /** As another shard does. */
  readonly otherEvents: EventRingWriter;
  /** @param authorization the header of the upgrade. */
  connect(authorization?: string): FakeSocket;
  counter(name: IoCounter): number;
  /** Sets a figure of a shard. */
  count(shard: number, name: ShardCounter, value: number): void;
  /** Lets the I/O thread run some turns. */
  turns(): Promise<void>;
  close(): void;
}

export function startIo(
  overrides: Partial<Config> = {},
  shared: {
    readonly ownerLocks?: SharedArrayBuffer;
    readonly users?: readonly User[];
    readonly authLock?: SharedArrayBuffer;
  } = {},
): IoHarness {
  const defaults = Object.entries(OPTIONS).map(([name, spec]) => [name, spec.default]);
  const config = {
    ...(Object.fromEntries(defaults) as Config),
    shards: 1,
    ringBytes: 4_096,
    ...overrides,
  };
  const bell = new SharedArrayBuffer(DOORBELL_BYTES);
  const ends = Array.from({ length: config.shards }, () => ({
    requests: allocateRing(config.ringBytes),
    replies: allocateRing(config.ringBytes),
    channel: new MessageChannel(),
    bell: new SharedArrayBuffer(DOORBELL_BYTES),
    counters: allocateCounters(SHARD_COUNTERS),
  }));
  const events = allocateEventRing(config.maxEvents, config.eventsFromStart);
  const counters = allocateCounters(IO_COUNTERS);
  const calls: MainCall[] = [];
  const clock = new SharedManualClock();
  const plan: IoThreadPlan = {
    kind: 'io',
    index: 0,
    config,
    clock: { kind: 'manual', shared: clock.shared },
    startedMs: 0,
    serverVersion: '1.2.3',
    users: shared.users,
    authLock: shared.authLock ?? new SharedArrayBuffer(4),
    secret: SECRET,
    links: ends.map((end) => ({ ...end, port: end.channel.port1 })),
    bell,
    ownerLocks: shared.ownerLocks ?? new SharedArrayBuffer(OWNER_LOCKS_BYTES),
    shardBells: ends.map((end) => end.bell),
    counters,
    allCounters: { io: [counters], shards: ends.map((end) => end.counters) },
    events,
    borrowing: undefined,
  };
  const post = (message: MainCall | ReuseReport): void => {
    if (message.type === 'call') calls.push(message);
  };
  const io = new IoThread(plan, post, () => undefined);
  return {
    io,
    calls,
    clock,
    events: new EventRingWriter(events),
    otherEvents: new EventRingWriter(events),
    count: (shard, name, value) => {
      new Float64Array(ends[shard]!.counters)[SHARD_COUNTER_INDEX[name]] = value;
    },
    shards: ends.map(
      (end) => new RingShard({ ...end, port: end.channel.port2 }, { own: end.bell, io: bell }),
    ),
    connect: (authorization = '') => {
      const socket = new FakeSocket(io);
      socket.connection = io.onOpen(socket, authorization);
      return socket;
    },
    counter: (name) => new Float64Array(counters)[IO_COUNTER_INDEX[name]]!,
    turns: async () => {
      // The bell is asynchronous too: a turn of timers lets its promise come through.
      for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 2));
      for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    close: () => {
      io.abandon();
      for (const end of ends) end.channel.port1.close();
    },
  };
}
