/**
 * The rings alone: records of the size of a small command go to a second thread and come back.
 * "Awake" peers look for work all the time; the "asleep" one sleeps on its doorbell after each
 * record, which is what an idle shard costs its first command.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Bench } from './bench.js';
import { Doorbell, DOORBELL_BYTES } from '../src/ring/doorbell.js';
import {
  allocateRing,
  RING_EMPTY,
  RING_FULL,
  RingConsumer,
  RingProducer,
} from '../src/ring/spsc-ring.js';
import type { RingPeerPlan } from './ring-peer.js';
import { summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

const RING_BYTES = 1024 * 1024;
const PAYLOAD_BYTES = 64;
/** About ten seconds without an answer. */
const LOOKS_MAX = 1_000_000_000;
/** Round trips between two looks at the clock. */
const BATCHES_PER_LOOK = 16;

interface RingCase {
  readonly name: string;
  /** Records published in one store; the next batch leaves when all have come back. */
  readonly perPublish: number;
  readonly isSleeping: boolean;
}

const CASES: readonly RingCase[] = [
  { name: 'awake, 1 per publish', perPublish: 1, isSleeping: false },
  { name: 'awake, 16 per publish', perPublish: 16, isSleeping: false },
  { name: 'awake, 256 per publish', perPublish: 256, isSleeping: false },
  { name: 'asleep, 1 per publish', perPublish: 1, isSleeping: true },
];

export const ring: Bench = {
  name: 'ring',
  summary: 'records to another thread and back, with no sockets',

  async run(options, output) {
    const rates = CASES.map((): number[] => []);
    for (let round = -1; round < options.rounds; round += 1) {
      for (const [index, one] of CASES.entries()) {
        const perSecond = await measure(one, options.seconds);
        // The first round only warms up.
        if (round >= 0) rates[index]!.push(perSecond);
      }
    }
    output.heading('ring', `records of ${PAYLOAD_BYTES} bytes, there and back`);
    const rows = CASES.map(({ name }, index) => {
      const rate = summaryOf(rates[index]!);
      output.result('ring', { case: name, roundTripsPerSecond: rate });
      const perRecordNs = (1e9 / rate.median).toFixed(0);
      return [name, compact(rate.median), percent(rate.spread), perRecordNs];
    });
    output.table('ring', { rows: [['', 'records/s', 'spread', 'ns per record'], ...rows] });
  },
};

/** Rings and a thread at their other end, which live for one measurement. */
async function measure({ perPublish, isSleeping }: RingCase, seconds: number): Promise<number> {
  const plan: RingPeerPlan = {
    requests: allocateRing(RING_BYTES),
    replies: allocateRing(RING_BYTES),
    bell: new SharedArrayBuffer(DOORBELL_BYTES),
    stopWord: new SharedArrayBuffer(4),
    isSleeping,
  };
  const peer = new Worker(new URL('ring-peer.js', import.meta.url), { workerData: plan });
  await once(peer, 'online');
  const exit = once(peer, 'exit');
  try {
    return roundTrips(plan, perPublish, seconds);
  } finally {
    Atomics.store(new Int32Array(plan.stopWord), 0, 1);
    await exit;
  }
}

/** Records per second that went and came back. Looks for them all the time, never sleeps. */
function roundTrips(plan: RingPeerPlan, perPublish: number, seconds: number): number {
  const requests = new RingProducer(plan.requests);
  const replies = new RingConsumer(plan.replies);
  const bell = new Doorbell(plan.bell);
  const exchange = (): void => {
    for (let count = 0; count < perPublish; count += 1) {
      if (requests.reserve(PAYLOAD_BYTES) === RING_FULL) throw new Error('the ring is full');
    }
    requests.publish();
    if (plan.isSleeping) bell.ring();
    let awaited = perPublish;
    for (let looks = 0; awaited > 0; looks += 1) {
      if (replies.next() !== RING_EMPTY) awaited -= 1;
      else if (looks > LOOKS_MAX) throw new Error('the peer does not answer');
    }
    replies.release();
  };
  // The peer's thread is up and its code is warm once the first have come back.
  for (let count = 0; count < BATCHES_PER_LOOK; count += 1) exchange();
  const startedMs = performance.now();
  let batches = 0;
  let elapsedMs = 0;
  while (elapsedMs < seconds * 1_000) {
    for (let count = 0; count < BATCHES_PER_LOOK; count += 1) exchange();
    batches += BATCHES_PER_LOOK;
    elapsedMs = performance.now() - startedMs;
  }
  return ((batches * perPublish) / elapsedMs) * 1_000;
}
