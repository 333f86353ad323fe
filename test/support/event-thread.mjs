/**
 * A writer of test/integration/event-ring.test.ts: claims and puts batches of random sizes, each
 * event's words made of the writer's number and a count.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EventRingWriter } from '../../dist/src/ring/event-ring.js';

const { shared, writer, events, batchMax } = workerData;
const ring = new EventRingWriter(shared);
const ids = new Int32Array(6);
let seed = writer + 1;
let count = 0;
while (count < events) {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  const batch = Math.min(events - count, 1 + ((seed >>> 16) % batchMax));
  const first = ring.claim(batch);
  for (let event = 0; event < batch; event += 1) {
    count += 1;
    if (event < batch - ring.slots) continue;
    ids.set([writer, count, ~count, writer ^ count, count, -count]);
    ring.put(first + event, count % 6, count + 0.5, ids, 0);
  }
}
parentPort.postMessage('done');
