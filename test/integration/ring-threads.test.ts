/**
 * Rings, bells and the side road between two real threads. No test in one thread can see an ordering
 * bug or a lost wake-up: here a lost one would hang the run until its time limit.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { AsyncSleeper, Doorbell, DOORBELL_BYTES } from '../../src/ring/doorbell.js';
import { SideRoad } from '../../src/ring/side-road.js';
import {
  allocateRing,
  RING_EMPTY,
  RING_FULL,
  RingConsumer,
  RingProducer,
} from '../../src/ring/spsc-ring.js';
import { Random } from '../support/random.js';

const STUB = -1;

let worker: Worker | undefined;
afterEach(async () => {
  await worker?.terminate();
});

/** This thread's end of an echo over two rings. It works as an I/O thread does and never blocks. */
class EchoClient {
  readonly requests: RingProducer;
  readonly replies: RingConsumer;
  readonly sideRoad: SideRoad;
  readonly #bell: Doorbell;
  readonly #otherBell: Doorbell;
  readonly #sleeper: AsyncSleeper;
  #wake: () => void = () => undefined;

  constructor(options: { readonly ringBytes: number; readonly recordsPerTurn: number }) {
    const requests = allocateRing(options.ringBytes);
    const replies = allocateRing(options.ringBytes);
    const bell = new SharedArrayBuffer(DOORBELL_BYTES);
    const otherBell = new SharedArrayBuffer(DOORBELL_BYTES);
    const { port1, port2 } = new MessageChannel();
    worker = new Worker(new URL('../support/ring-thread.mjs', import.meta.url), {
      workerData: {
        requests,
        replies,
        bell: otherBell,
        otherBell: bell,
        port: port2,
        recordsPerTurn: options.recordsPerTurn,
      },
      transferList: [port2],
    });
    this.requests = new RingProducer(requests);
    this.replies = new RingConsumer(replies);
    this.sideRoad = new SideRoad(port1);
    this.#bell = new Doorbell(bell);
    this.#otherBell = new Doorbell(otherBell);
    this.#sleeper = new AsyncSleeper(bell, () => {
      this.#wake();
    });
  }

  publish(): void {
    this.requests.publish();
    this.#otherBell.ring();
  }

  release(): void {
    this.replies.release();
    if (this.replies.isRoomWanted()) this.#otherBell.ring();
  }

  /** Runs turns until one says it is done. Sleeps on the bell between those that did nothing. */
  async run(turn: () => 'busy' | 'idle' | 'done'): Promise<void> {
    for (;;) {
      const count = this.#bell.count();
      const outcome = turn();
      if (outcome === 'done') return;
      if (outcome === 'busy') {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (!this.#sleeper.sleep(count)) resolve();
      });
    }
  }
}

describe('two threads', () => {
  // Goal: order and count hold, and no wake-up is lost, whatever the pace of either side.
  // Method: a million numbered records of random sizes go to the other thread and come back.
  test.each([
    { ringBytes: 1 << 20, recordsPerTurn: 256, bytesMax: 64, records: 1_000_000 },
    { ringBytes: 4_096, recordsPerTurn: 7, bytesMax: 900, records: 200_000 },
  ])('echo $records records through $ringBytes bytes in order', async (options) => {
    const { records, bytesMax } = options;
    const client = new EchoClient(options);
    const random = new Random(options.ringBytes);
    let sent = 0;
    let received = 0;
    await client.run(() => {
      const before = sent + received;
      for (let i = 0; sent < records && i < 1 + (sent % 500); i += 1) {
        const at = client.requests.reserve(bytesOf(sent, bytesMax));
        if (at === RING_FULL) break;
        client.requests.words[at >>> 2] = sent;
        client.requests.words[(at >>> 2) + 1] = Math.imul(sent, 0x9e3779b1);
        sent += 1;
      }
      client.publish();
      for (let at = client.replies.next(); at !== RING_EMPTY; at = client.replies.next()) {
        const words = client.replies.words;
        if (
          words[at >>> 2] !== received ||
          words[(at >>> 2) + 1] !== Math.imul(received, 0x9e3779b1) ||
          client.replies.payloadBytes !== bytesOf(received, bytesMax)
        ) {
          throw new Error(`record ${received} came back as ${words[at >>> 2]}`);
        }
        received += 1;
      }
      client.release();
      if (received === records) return 'done';
      if (received === sent) return 'busy';
      // Now and then sleep although there is work to send: the other side must get by.
      return sent + received > before && random.below(8) > 0 ? 'busy' : 'idle';
    });
    expect(received).toBe(records);
  });

  // Goal: each sleep of either side ends. Method: one record at a time, so both sleep every time.
  test('wake one another for every single record', async () => {
    const client = new EchoClient({ ringBytes: 4_096, recordsPerTurn: 1 });
    const rounds = 5_000;
    for (let round = 0; round < rounds; round += 1) {
      client.requests.words[client.requests.reserve(8) >>> 2] = round;
      client.publish();
      await client.run(() => {
        const at = client.replies.next();
        if (at === RING_EMPTY) return 'idle';
        expect(client.replies.words[at >>> 2]).toBe(round);
        client.release();
        return 'done';
      });
    }
  });

  test('keep the place of records that take the side road', async () => {
    const client = new EchoClient({ ringBytes: 4_096, recordsPerTurn: 16 });
    const records = 3_000;
    let sent = 0;
    let received = 0;
    await client.run(() => {
      const before = sent + received;
      while (sent < records) {
        const at = client.requests.reserve(8);
        if (at === RING_FULL) break;
        const isLarge = sent % 3 === 0;
        client.requests.words[at >>> 2] = isLarge ? STUB : 0;
        client.requests.words[(at >>> 2) + 1] = sent;
        if (isLarge)
          client.sideRoad.post(Int32Array.of(sent, ...new Array(2_000).fill(sent)).buffer);
        sent += 1;
      }
      client.publish();
      for (let at = client.replies.next(); at !== RING_EMPTY; at = client.replies.next()) {
        expect(client.replies.words[(at >>> 2) + 1]).toBe(received);
        if (received % 3 === 0) {
          expect(new Int32Array(client.sideRoad.take())[1_000]).toBe(received);
        }
        received += 1;
      }
      client.release();
      if (received === records) return 'done';
      return sent + received > before ? 'busy' : 'idle';
    });
  });
});

/** Sizes that both ends can compute from a record's number. */
function bytesOf(record: number, bytesMax: number): number {
  return 8 + ((Math.imul(record, 0x85ebca6b) >>> 8) % bytesMax);
}
