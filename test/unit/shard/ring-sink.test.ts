import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  allocateCounters,
  SHARD_COUNTER_INDEX,
  SHARD_COUNTERS,
} from '../../../src/core/counters.js';
import { Doorbell, DOORBELL_BYTES } from '../../../src/ring/doorbell.js';
import { REPLY_HEADER_BYTES, SIDE_ROAD } from '../../../src/ring/records.js';
import { SideRoad } from '../../../src/ring/side-road.js';
import {
  allocateRing,
  RING_EMPTY,
  RingConsumer,
  RingProducer,
} from '../../../src/ring/spsc-ring.js';
import { RingSink } from '../../../src/shard/ring-sink.js';
import { ShardCounters } from '../../../src/shard/shard-counters.js';

interface Received {
  readonly connection: number;
  readonly ticket: number;
  readonly tokenAt: number;
  readonly content: Uint8Array;
}

/** The bell on which the shard waits for room: instead of sleeping, the other side reads on. */
class ReadingBell extends Doorbell {
  readonly #read: () => void;
  waits = 0;

  constructor(read: () => void) {
    super(new SharedArrayBuffer(DOORBELL_BYTES));
    this.#read = read;
  }

  override wait(): void {
    this.waits += 1;
    // Not every wake-up has made room.
    if (this.waits % 2 === 0) this.#read();
  }
}

class Setup {
  readonly ring = allocateRing(4_096);
  readonly ioBell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES));
  readonly bell = new ReadingBell(() => this.read());
  readonly received: Received[] = [];
  readonly sink: RingSink;
  readonly #consumer = new RingConsumer(this.ring);
  readonly #counters = allocateCounters(SHARD_COUNTERS);
  readonly #ioRoad: SideRoad;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#ioRoad = new SideRoad(port1);
    this.sink = new RingSink({
      ring: new RingProducer(this.ring),
      sideRoad: new SideRoad(port2),
      ioBell: this.ioBell,
      shardBell: this.bell,
      counters: new ShardCounters(this.#counters),
    });
  }

  get waitsCounted(): number {
    return new Float64Array(this.#counters)[SHARD_COUNTER_INDEX.replyRingWaits]!;
  }

  send(connection: number, content: Uint8Array, tokenAt = 0): void {
    const at = this.sink.begin(connection, connection * 2, content.length);
    this.sink.space.bytes.set(content, at);
    if (tokenAt > 0) this.sink.tokenAt(tokenAt);
    this.sink.end();
  }

  read(): void {
    for (;;) {
      const at = this.#consumer.next();
      if (at === RING_EMPTY) break;
      const [connection, ticket, tokenAt] = this.#consumer.words.subarray(at >>> 2, (at >>> 2) + 3);
      const content =
        tokenAt === SIDE_ROAD
          ? new Uint8Array(this.#ioRoad.take())
          : this.#consumer.bytes.slice(at + REPLY_HEADER_BYTES, at + this.#consumer.payloadBytes);
      this.received.push({ connection: connection!, ticket: ticket!, tokenAt: tokenAt!, content });
    }
    this.#consumer.release();
  }
}

function content(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, byte) => seed + byte);
}

describe('RingSink', () => {
  test('shows replies only when they are published, and rings then', () => {
    const setup = new Setup();
    setup.send(1, content(10, 1));
    setup.send(2, content(20, 2), 7);
    setup.read();
    expect([setup.received.length, setup.ioBell.count()]).toEqual([0, 0]);
    setup.sink.publish();
    setup.read();
    expect(setup.ioBell.count()).toBe(1);
    expect(setup.received).toEqual([
      { connection: 1, ticket: 2, tokenAt: 0, content: content(10, 1) },
      { connection: 2, ticket: 4, tokenAt: 7, content: content(20, 2) },
    ]);
    setup.sink.publish();
    expect(setup.ioBell.count()).toBe(1);
  });

  test('sends a reply of more than a quarter of the ring aside, its place kept', () => {
    const setup = new Setup();
    setup.send(1, content(10, 1));
    setup.send(2, content(50_000, 2));
    setup.send(3, content(10, 3));
    setup.sink.publish();
    setup.read();
    expect(setup.received.map(({ connection, tokenAt }) => [connection, tokenAt])).toEqual([
      [1, 0],
      [2, SIDE_ROAD],
      [3, 0],
    ]);
    expect(setup.received[1]!.content).toEqual(content(50_000, 2));
    expect(setup.received[2]!.content).toEqual(content(10, 3));
  });

  test('waits for room, showing what it has, and loses nothing', () => {
    const setup = new Setup();
    for (let reply = 0; reply < 2_000; reply += 1) {
      setup.send(reply, content(reply % 40 === 0 ? 3_000 : reply % 900, reply));
    }
    setup.sink.publish();
    setup.read();
    expect(setup.received.map(({ connection }) => connection)).toEqual(
      Array.from({ length: 2_000 }, (_, reply) => reply),
    );
    for (const { connection, content: got } of setup.received) {
      const expected = content(connection % 40 === 0 ? 3_000 : connection % 900, connection);
      expect(Buffer.from(got).equals(expected)).toBe(true);
    }
    expect(setup.waitsCounted).toBeGreaterThan(100);
    expect(setup.bell.waits).toBeGreaterThanOrEqual(setup.waitsCounted);
  });
});
