import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  allocateCounters,
  SHARD_COUNTER_INDEX,
  SHARD_COUNTERS,
} from '../../../src/core/counters.js';
import { Doorbell, DOORBELL_BYTES } from '../../../src/ring/doorbell.js';
import {
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  REPLY_HEADER_BYTES,
  SIDE_ROAD,
} from '../../../src/ring/records.js';
import { SideRoad } from '../../../src/ring/side-road.js';
import {
  allocateRing,
  RING_EMPTY,
  RingConsumer,
  RingProducer,
} from '../../../src/ring/spsc-ring.js';
import { RingSink, type RoomWait } from '../../../src/shard/ring-sink.js';
import { ShardCounters } from '../../../src/shard/shard-counters.js';
import { type BatchLog, TurnLog } from '../../../src/shard/turn-log.js';

interface Received {
  readonly connection: number;
  readonly ticket: number;
  readonly tokenAt: number;
  readonly content: Uint8Array;
}

/** The bell on which the shard waits for room: instead of sleeping, the other side reads on. */
class ReadingRoom implements RoomWait {
  readonly #read: () => void;
  readonly isRungFor = true;
  waits = 0;

  constructor(read: () => void) {
    this.#read = read;
  }

  look(): number {
    return 0;
  }

  wait(): void {
    this.waits += 1;
    // Not every wake-up has made room.
    if (this.waits % 2 === 0) this.#read();
  }
}

/** A log that fails when told to; `flushed` counts the replies whose effects it has. */
class FakeLog implements BatchLog {
  readonly effects = { length: 48, bytes: 0, isEmpty: true };
  readonly failure = 'EIO';
  isFailing = false;
  fails = false;
  appended = 0;
  flushed = 0;
  onFlush: () => void;

  constructor(onFlush: () => void) {
    this.onFlush = onFlush;
  }

  append(): void {
    this.appended += 1;
    this.effects.length += 4;
    this.effects.bytes += 4;
    this.effects.isEmpty = false;
  }

  flush(): boolean {
    this.onFlush();
    this.isFailing = this.fails;
    if (this.fails) return false;
    this.flushed = this.appended;
    Object.assign(this.effects, { length: 48, bytes: 0, isEmpty: true });
    return true;
  }

  retry(): boolean {
    return this.flush();
  }

  syncFailed(): void {}
  snapshotDone(): void {}
}

class Setup {
  readonly ring = allocateRing(4_096);
  readonly ioBell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES));
  readonly room = new ReadingRoom(() => this.read());
  readonly received: Received[] = [];
  readonly sink: RingSink;
  readonly #consumer = new RingConsumer(this.ring);
  readonly #counters = allocateCounters(SHARD_COUNTERS);
  readonly #ioRoad: SideRoad;

  readonly log: TurnLog | undefined;

  constructor(log?: BatchLog) {
    const { port1, port2 } = new MessageChannel();
    this.#ioRoad = new SideRoad(port1);
    const board = { syncFailures: 0, snapshotDone: 0 };
    const counters = new ShardCounters(this.#counters);
    this.log = log && new TurnLog({ log, board, states: [], counters, report: () => undefined });
    this.sink = new RingSink({
      ring: new RingProducer(this.ring),
      sideRoad: new SideRoad(port2),
      ioBell: this.ioBell,
      room: this.room,
      counters,
      log: this.log,
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
        tokenAt === SIDE_ROAD || tokenAt === NOT_DURABLE_SIDE_ROAD
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
    expect(setup.room.waits).toBeGreaterThanOrEqual(setup.waitsCounted);
  });
});

describe('RingSink with a log', () => {
  /** Sends replies, each of a command that has changed something. */
  function sendLogged(setup: Setup, log: FakeLog, replies: number, bytes = 100): void {
    for (let reply = 0; reply < replies; reply += 1) {
      log.append();
      setup.send(log.appended, content(bytes, reply));
      setup.log!.executed(setup.sink, true);
    }
  }

  test('shows no reply before the log has its effects, also where the ring is full', () => {
    const log = new FakeLog(() => undefined);
    const setup = new Setup(log);
    const early: number[] = [];
    log.onFlush = () => {
      // What is visible now was published before this flush.
      setup.read();
      if (setup.received.length > log.flushed) early.push(setup.received.length - log.flushed);
    };
    for (let turn = 0; turn < 20; turn += 1) {
      sendLogged(setup, log, 100);
      setup.read();
      if (setup.received.length > log.flushed) early.push(setup.received.length - log.flushed);
      setup.sink.publish();
    }
    setup.read();
    expect(early).toEqual([]);
    expect(setup.received).toHaveLength(2_000);
    expect(setup.waitsCounted).toBeGreaterThan(10);
  });

  test('marks what waits for a log that fails, side road and all, and nothing else', () => {
    const log = new FakeLog(() => undefined);
    const setup = new Setup(log);
    sendLogged(setup, log, 1);
    setup.send(0, content(10, 1));
    sendLogged(setup, log, 1, 3_000);
    log.fails = true;
    setup.sink.publish();
    setup.send(0, content(10, 1), 5);
    setup.sink.publish();
    setup.read();
    expect(setup.received.map(({ tokenAt }) => tokenAt)).toEqual([
      NOT_DURABLE,
      0,
      NOT_DURABLE_SIDE_ROAD,
      5,
    ]);
    expect(setup.received[2]!.content).toEqual(content(3_000, 0));
  });

  test('marks the replies that wait in other rings when one ring is full and the log fails', () => {
    const log = new FakeLog(() => undefined);
    const full = new Setup(log);
    const other = new Setup();
    full.log!.covers(other.sink);
    log.append();
    other.send(1, content(10, 1));
    full.log!.executed(other.sink, true);
    log.fails = true;
    sendLogged(full, log, 60);
    full.sink.publish();
    other.sink.publish();
    full.read();
    other.read();
    expect(other.received.map(({ tokenAt }) => tokenAt)).toEqual([NOT_DURABLE]);
    expect(full.received.map(({ tokenAt }) => tokenAt)).toEqual(Array(60).fill(NOT_DURABLE));
  });
});
