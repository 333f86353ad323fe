/** Entry point of the ring bench's second thread: sends every record back as it came. */
import { workerData } from 'node:worker_threads';
import { Doorbell } from '../src/ring/doorbell.js';
import { RING_EMPTY, RING_FULL, RingConsumer, RingProducer } from '../src/ring/spsc-ring.js';

export interface RingPeerPlan {
  readonly requests: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  /** One i32, written by the bench: 1 ends the thread. */
  readonly stopWord: SharedArrayBuffer;
  /** Whether to sleep on the bell when there is nothing to do, or to look again at once. */
  readonly isSleeping: boolean;
}

const WAIT_MS = 100;

const plan = workerData as RingPeerPlan;
const requests = new RingConsumer(plan.requests);
const replies = new RingProducer(plan.replies);
const bell = new Doorbell(plan.bell);
const stopWord = new Int32Array(plan.stopWord);

function turn(): number {
  let records = 0;
  for (let at = requests.next(); at !== RING_EMPTY; at = requests.next()) {
    const size = requests.payloadBytes;
    const to = replies.reserve(size);
    // The bench keeps fewer records in flight than a ring holds.
    if (to === RING_FULL) throw new Error('the reply ring is full');
    for (let word = 0; word < size >> 2; word += 1) {
      replies.words[(to >> 2) + word] = requests.words[(at >> 2) + word]!;
    }
    records += 1;
  }
  if (records > 0) {
    replies.publish();
    requests.release();
  }
  return records;
}

while (Atomics.load(stopWord, 0) === 0) {
  const seen = bell.count();
  if (turn() === 0 && plan.isSleeping) bell.wait(seen, WAIT_MS);
}
