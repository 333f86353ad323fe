/** Entry point of the thread behind a Ticker. */
import { parentPort, workerData } from 'node:worker_threads';

export interface TickerPlan {
  readonly tickMs: number;
  /** One i32, written by the thread that is ticked for: 1 ends this one. */
  readonly stopWord: SharedArrayBuffer;
}

const { tickMs, stopWord } = workerData as TickerPlan;
const stop = new Int32Array(stopWord);

/** Threads have clocks that begin at different instants; these are milliseconds of the one of all. */
const nowMs = (): number => performance.timeOrigin + performance.now();

for (let dueMs = nowMs() + tickMs; ; dueMs += tickMs) {
  if (Atomics.wait(stop, 0, 0, Math.max(0, dueMs - nowMs())) !== 'timed-out') break;
  parentPort!.postMessage(dueMs);
}
