/** Entry point of an I/O thread. */
import { workerData } from 'node:worker_threads';
import type { IoThreadPlan } from '../src/config/thread-plan.js';
import { startIoThread } from '../src/io/io-thread.js';
import { borrowFrom } from '../src/shard/borrower.js';
import { nameThread } from '../src/storage/thread-name.js';

const plan = workerData as IoThreadPlan;
nameThread(`io-${plan.index}`);
startIoThread(plan, borrowFrom(plan));
