/**
 * The I/O thread's own work, in this thread: from a frame's bytes to the request ring, and from the
 * reply ring to the bytes of a message. No sockets and no shard: replies are made ready beforehand.
 */
import { MessageChannel } from 'node:worker_threads';
import { OPTIONS, type Config } from '../src/config/options.js';
import { ByteSpace, copyBytes } from '../src/core/copy.js';
import { allocateCounters, IO_COUNTERS } from '../src/core/counters.js';
import { Authentication } from '../src/io/authentication.js';
import { ConnectionTable, type Connection } from '../src/io/connection.js';
import { MainRequestReader } from '../src/io/main-request.js';
import { MainRoad } from '../src/io/main-road.js';
import { Minting } from '../src/io/minting.js';
import { Outgoing } from '../src/io/outgoing.js';
import { ReplyPump } from '../src/io/reply-pump.js';
import { Router } from '../src/io/router.js';
import { ServerCommands } from '../src/io/server-commands.js';
import { ShardLink } from '../src/io/shard-link.js';
import { Subscriptions } from '../src/io/subscriptions.js';
import { TicketTable } from '../src/io/tickets.js';
import { SECRET_BYTES, Tokens } from '../src/io/tokens.js';
import { Traffic } from '../src/io/traffic.js';
import type { Socket } from '../src/io/transport.js';
import { Watches } from '../src/io/watches.js';
import { NativeWriter } from '../src/protocol/native-writer.js';
import { DOORBELL_BYTES } from '../src/ring/doorbell.js';
import { allocateEventRing, EventRingReader } from '../src/ring/event-ring.js';
import { REPLY_HEADER_BYTES } from '../src/ring/records.js';
import { allocateRing, RING_EMPTY, RingConsumer, RingProducer } from '../src/ring/spsc-ring.js';
import type { Bench } from './bench.js';
import { nativeProtocol } from './native-protocol.js';
import { TOKEN_BYTES } from './protocol.js';
import { summaryOf } from './statistics.js';
import { percent } from './table.js';

const RING_BYTES = 1024 * 1024;
const CONNECTIONS = 50;
const FRAMES_PER_CONNECTION = 8;
/** Turns between two looks at the clock. */
const TURNS_PER_LOOK = 64;
const PER_FRAME = [1, 16, 64] as const;

const SINK: Socket = {
  bufferedBytes: () => 0,
  sendBinary: () => undefined,
  sendText: () => undefined,
  end: () => undefined,
  terminate: () => undefined,
};

export const ioPath: Bench = {
  name: 'io-path',
  summary: 'what an I/O thread does, in this thread, with no sockets and no shard',

  async run(options, output) {
    const path = new IoPath();
    const inward = PER_FRAME.map((): number[] => []);
    const outward = PER_FRAME.map((): number[] => []);
    for (let round = -1; round < options.rounds; round += 1) {
      for (const [index, perFrame] of PER_FRAME.entries()) {
        const cost = path.measure(perFrame, options.seconds);
        // The first round only warms up.
        if (round < 0) continue;
        inward[index]!.push(cost.inwardNs);
        outward[index]!.push(cost.outwardNs);
      }
    }
    path.close();
    output.heading('io-path', 'SH_GET of one key, ns per command');
    const rows = PER_FRAME.map((perFrame, index) => {
      const inwardNs = summaryOf(inward[index]!);
      const outwardNs = summaryOf(outward[index]!);
      output.result('io-path', { perFrame, inwardNs, outwardNs });
      return [
        `${perFrame} per frame`,
        inwardNs.median.toFixed(0),
        percent(inwardNs.spread),
        outwardNs.median.toFixed(0),
        percent(outwardNs.spread),
      ];
    });
    output.table('io-path', {
      rows: [['', 'frame to ring', 'spread', 'ring to message', 'spread'], ...rows],
    });
    return Promise.resolve();
  },
};

class IoPath {
  readonly #channel = new MessageChannel();
  readonly #requests = allocateRing(RING_BYTES);
  readonly #replies = allocateRing(RING_BYTES);
  readonly #taken = new RingConsumer(this.#requests);
  readonly #given = new RingProducer(this.#replies);
  readonly #traffic: Traffic;
  readonly #router: Router;
  readonly #pump: ReplyPump;
  readonly #connections: readonly Connection[];
  readonly #reply = new NativeWriter();

  constructor() {
    const defaults = Object.entries(OPTIONS).map(([name, spec]) => [name, spec.default]);
    const config = Object.fromEntries(defaults) as unknown as Config;
    const counters = new Float64Array(allocateCounters(IO_COUNTERS));
    const ends = { requests: this.#requests, replies: this.#replies, port: this.#channel.port1 };
    this.#traffic = new Traffic({
      config,
      links: [new ShardLink(ends, new SharedArrayBuffer(DOORBELL_BYTES), counters)],
      connections: new ConnectionTable(CONNECTIONS),
      tickets: new TicketTable(),
      outgoing: new Outgoing(config.maxUnsent, counters),
      counters,
    });
    const clock = { nowMs: (): number => 0 };
    const ring = new EventRingReader(allocateEventRing(config.maxEvents, false), 0);
    const watches = new Watches(this.#traffic);
    const server = new ServerCommands({
      config,
      clock,
      startedMs: 0,
      serverVersion: '',
      shards: 1,
      allCounters: { io: [], shards: [] },
      subscriptions: new Subscriptions(this.#traffic, ring),
      authentication: new Authentication(
        this.#traffic,
        { users: undefined, authLock: new SharedArrayBuffer(4) },
        {
          deliver: () => undefined,
          resume: () => undefined,
        },
      ),
    });
    const tokens = new Tokens(new Uint8Array(SECRET_BYTES));
    this.#router = new Router({
      traffic: this.#traffic,
      tokens,
      minting: new Minting({ tokens, tickets: this.#traffic.tickets, isShortForm: false }),
      ownerLimit: undefined,
      server,
      mainRoad: new MainRoad(() => undefined),
      mainRequests: new MainRequestReader(tokens, { itemsMax: 1, hasDataDirectory: false }),
      watches,
    });
    this.#pump = new ReplyPump(this.#traffic, watches);
    this.#connections = Array.from({ length: CONNECTIONS }, () =>
      this.#traffic.connections.open(SINK),
    );
    this.#reply.beginReply(1, 1);
    this.#reply.mapHead(1);
    this.#reply.text('x'.repeat(40));
    this.#reply.nil();
    this.#reply.endReply();
  }

  measure(perFrame: number, seconds: number): { inwardNs: number; outwardNs: number } {
    const frames = framesOf(perFrame);
    let inward = 0n;
    let outward = 0n;
    let commands = 0;
    const end = process.hrtime.bigint() + BigInt(Math.round(seconds * 1e9));
    while (process.hrtime.bigint() < end) {
      for (let turn = 0; turn < TURNS_PER_LOOK; turn += 1) {
        const start = process.hrtime.bigint();
        for (const [index, connection] of this.#connections.entries()) {
          const frame = frames[(index + turn) % frames.length]!;
          this.#router.routeFrame(connection, frame, frame.bytes.length);
        }
        this.#traffic.links[0]!.flush();
        const routed = process.hrtime.bigint();
        this.#answer();
        const answered = process.hrtime.bigint();
        commands += this.#pump.pump();
        outward += process.hrtime.bigint() - answered;
        inward += routed - start;
      }
    }
    return { inwardNs: Number(inward) / commands, outwardNs: Number(outward) / commands };
  }

  /** The shard's part: the same reply to every request. */
  #answer(): void {
    const { words } = this.#taken;
    const { space, length } = this.#reply;
    for (let from = this.#taken.next(); from !== RING_EMPTY; from = this.#taken.next()) {
      const at = this.#given.reserve(REPLY_HEADER_BYTES + length);
      this.#given.words[at >>> 2] = words[from >>> 2]!;
      this.#given.words[(at >>> 2) + 1] = words[(from >>> 2) + 1]!;
      this.#given.words[(at >>> 2) + 2] = 0;
      copyBytes(this.#given.space, at + REPLY_HEADER_BYTES, space, 0, length);
    }
    this.#taken.release();
    this.#given.publish();
  }

  close(): void {
    this.#channel.port1.close();
  }
}

/** Frames of commands on sessions that all differ. */
function framesOf(perFrame: number): readonly ByteSpace[] {
  return Array.from({ length: FRAMES_PER_CONNECTION }, (_, frame) => {
    const commands = Array.from({ length: perFrame }, (__, index) => {
      const token = Buffer.alloc(TOKEN_BYTES, frame * perFrame + index);
      return nativeProtocol.get(token, index + 1, 1);
    });
    return new ByteSpace(Uint8Array.from(Buffer.concat(commands)).buffer);
  });
}
