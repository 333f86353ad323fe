/**
 * The other thread of test/integration/ring-threads.test.ts: a shard in miniature that sends every
 * record back as it came, until one of no more than four bytes. It waits as a shard does: for work
 * on its bell, for room by asking for it.
 */
import { workerData } from 'node:worker_threads';
import { Doorbell } from '../../dist/src/ring/doorbell.js';
import { SideRoad } from '../../dist/src/ring/side-road.js';
import {
  RING_EMPTY,
  RING_FULL,
  RingConsumer,
  RingProducer,
} from '../../dist/src/ring/spsc-ring.js';

const { requests, replies, bell, otherBell, port, recordsPerTurn } = workerData;
const consumer = new RingConsumer(requests);
const producer = new RingProducer(replies);
const ownBell = new Doorbell(bell);
const other = new Doorbell(otherBell);
const sideRoad = new SideRoad(port);
const STUB = -1;

function reserve(bytes) {
  let at = producer.reserve(bytes);
  while (at === RING_FULL) {
    const rung = ownBell.count();
    producer.wantRoom(true);
    producer.publish();
    other.ring();
    at = producer.reserve(bytes);
    if (at === RING_FULL) ownBell.wait(rung, 1_000);
  }
  producer.wantRoom(false);
  return at;
}

let isRunning = true;
while (isRunning) {
  const rung = ownBell.count();
  let taken = 0;
  for (; taken < recordsPerTurn; taken += 1) {
    const from = consumer.next();
    if (from === RING_EMPTY) break;
    const bytes = consumer.payloadBytes;
    if (bytes <= 4) isRunning = false;
    if (consumer.words[from >>> 2] === STUB) sideRoad.post(sideRoad.take());
    const at = reserve(bytes);
    producer.bytes.set(consumer.bytes.subarray(from, from + bytes), at);
  }
  consumer.release();
  if (taken > 0) {
    producer.publish();
    other.ring();
  } else {
    ownBell.wait(rung, 10_000);
  }
}
