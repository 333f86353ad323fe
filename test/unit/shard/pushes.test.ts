/** Pushes of a shard with several I/O threads: who gets them. The rest is in the tests of SH_WATCH. */
import { decode } from '@msgpack/msgpack';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import { allocateCounters, SHARD_COUNTERS } from '../../../src/core/counters.js';
import { Doorbell, DOORBELL_BYTES } from '../../../src/ring/doorbell.js';
import { PUSH, PUSH_HEADER_BYTES, REPLY_HEADER_BYTES } from '../../../src/ring/records.js';
import { SideRoad } from '../../../src/ring/side-road.js';
import {
  allocateRing,
  RING_EMPTY,
  RingConsumer,
  RingProducer,
} from '../../../src/ring/spsc-ring.js';
import { Pushes } from '../../../src/shard/pushes.js';
import { RingSink } from '../../../src/shard/ring-sink.js';
import { NO_OBSERVER, ShardCounters } from '../../../src/shard/shard-counters.js';
import { ShardState } from '../../../src/state/shard-state.js';

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const { port1 } of channels.splice(0)) port1.close();
});

const bell = (): Doorbell => new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES));

/** A state with one session, and rings to so many I/O threads. */
class Shard {
  readonly state = new ShardState({ nowMs: 0, seed: [1, 2], observer: NO_OBSERVER });
  readonly row = this.state.create(Int32Array.of(1, 2, 3, 4), 0, 0, false);
  readonly rings: RingConsumer[] = [];
  readonly pushes: Pushes;
  readonly #sinks: RingSink[] = [];

  constructor(ioThreads: number) {
    const counters = new ShardCounters(allocateCounters(SHARD_COUNTERS));
    for (let io = 0; io < ioThreads; io += 1) {
      const shared = allocateRing(4_096);
      const channel = new MessageChannel();
      channels.push(channel);
      this.rings.push(new RingConsumer(shared));
      const [ring, sideRoad] = [new RingProducer(shared), new SideRoad(channel.port2)];
      const ioBell = bell();
      const room = { isRungFor: true, look: () => 0, wait: () => undefined };
      this.#sinks.push(new RingSink({ ring, sideRoad, ioBell, room, counters }));
    }
    this.pushes = new Pushes({ sessions: this.state, sinks: this.#sinks, counters });
    this.state.started(this.row);
  }

  /** Stores a key `a`, and sends what is to be said of it. */
  change(): void {
    const pair = new ByteSpace(Uint8Array.of(97, 5).buffer);
    this.state.touchForWrite(this.row);
    this.state.set(this.row, pair, 0, 1, 1, 1);
    this.state.wrote(this.row);
    expect(this.pushes.hasNotices).toBe(true);
    this.pushes.send();
    expect(this.pushes.hasNotices).toBe(false);
    for (const sink of this.#sinks) sink.publish();
  }

  /** The events that each I/O thread has got. */
  events(): string[][] {
    return this.rings.map((ring) => {
      const events: string[] = [];
      for (let at = ring.next(); at !== RING_EMPTY; at = ring.next()) {
        expect(ring.words[(at >>> 2) + 1]).toBe(PUSH);
        const start = at + REPLY_HEADER_BYTES + PUSH_HEADER_BYTES;
        const bin = ring.bytes.slice(start, at + ring.payloadBytes);
        events.push((decode(decode(bin) as Uint8Array) as string[])[1]!);
      }
      ring.release();
      return events;
    });
  }
}

describe('Pushes', () => {
  test('go once to each thread that has watchers, and to no other', () => {
    const shard = new Shard(3);
    shard.state.watch(shard.row, 2);
    const number = shard.state.watch(shard.row, 0);
    shard.change();
    expect(shard.events()).toEqual([['set'], [], ['set']]);
    shard.state.unwatch(shard.row, number, 2);
    shard.change();
    expect(shard.events()).toEqual([['set'], [], []]);
  });

  test('go to all threads that share a bit of the mask', () => {
    const shard = new Shard(34);
    shard.state.watch(shard.row, 33);
    shard.change();
    const got = shard.events().flatMap((events, io) => (events.length > 0 ? [io] : []));
    expect(got).toEqual([1, 33]);
  });

  test('never wait for a thread that takes nothing any more', () => {
    const shard = new Shard(2);
    for (const io of [0, 1]) shard.state.watch(shard.row, io);
    shard.rings[0]!.close();
    // Far more than a ring holds.
    for (let i = 0; i < 1_000; i += 1) {
      shard.change();
      expect(shard.events()).toEqual([[], ['set']]);
    }
  });
});
