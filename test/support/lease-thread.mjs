/**
 * The other threads of test/integration/lending.test.ts: borrowers, and a shard that lends. Each adds to
 * counters that no atomic protects, whenever it has the lease: what is lost shows that two had it.
 */
import { workerData } from 'node:worker_threads';
import { Lease } from '../../dist/src/ring/lease.js';

const { role, rounds, shared, counters } = workerData;
const lease = new Lease(shared);
const doubles = new Float64Array(counters);
const flags = new Int32Array(counters, 64);
const INSIDE = 0;
const DONE = 1;
const HAS_LEASE = 3;
const IS_OVER = 4;
const SEEN = 5;
/** Nobody ever wakes who waits here. */
const SLEEP = 8;

/** What whoever has the lease does: a while alone with everything. */
function work(own) {
  if (Atomics.add(flags, INSIDE, 1) !== 0) doubles[7] += 1;
  const before = doubles[0];
  for (let i = 0; i < 20 + (before % 50); i += 1) doubles[1] += 1;
  doubles[0] = before + 1;
  doubles[own] += 1;
  Atomics.sub(flags, INSIDE, 1);
}

if (role === 'lender') {
  for (let round = 0; round < rounds; round += 1) {
    work(2);
    lease.release();
    // As long as a shard would sleep, sometimes not at all.
    if (round % 3 !== 0) Atomics.wait(flags, SLEEP, 0, (round % 7) * 0.02);
    lease.acquire();
  }
  Atomics.store(flags, DONE, 1);
} else if (role === 'slow') {
  for (let round = 1; round <= rounds; round += 1) {
    while (!lease.borrow()) Atomics.wait(flags, SLEEP, 0, 0.1);
    Atomics.store(flags, HAS_LEASE, round);
    Atomics.notify(flags, HAS_LEASE);
    Atomics.wait(flags, SLEEP, 0, 20);
    Atomics.store(flags, IS_OVER, round);
    lease.giveBack();
    Atomics.wait(flags, SEEN, round - 1);
  }
} else {
  let failed = 0;
  while (Atomics.load(flags, DONE) === 0) {
    if (lease.borrow()) {
      work(role === 'first' ? 3 : 4);
      lease.countServed(1);
      lease.giveBack();
    } else {
      failed += 1;
    }
    if (failed % 64 === 63) Atomics.wait(flags, SLEEP, 0, 0.01);
  }
}
