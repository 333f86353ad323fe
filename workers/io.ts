/** Entry point of an I/O thread. */
import { workerData } from 'node:worker_threads';
import type { IoThreadPlan } from '../src/config/thread-plan.js';
import { startIoThread } from '../src/io/io-thread.js';

startIoThread(workerData as IoThreadPlan);
