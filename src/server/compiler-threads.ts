/**
 * The threads on which the engine compiles and collects garbage for all others. They are there before
 * any of ours, and run at the same priority: when a new kind of load makes much code be compiled at once
 * (the first million sessions that end, after hours of none), four of them and a shard on two cores
 * leave the shard a quarter of one.
 */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * A tenth of the share of a thread that serves, where there are not cores for both. (2 cores, 100,000
 * sessions a second due at half load, first time: p99 of commands 62 to 76 ms with 0, 6 to 7 ms with 10;
 * from a cold start, 64 commands a frame, the full rate was reached after 0.5 s with 0, 0.7 s with 10, 0.9 s
 * with 19.)
 */
const NICE = 10;
/**
 * One that keeps time and four that work: the first that a process starts (node --v8-pool-size). Those of
 * libuv, which sync the log, follow.
 */
const THREADS = 5;

/** Call at the start of the process, before it has threads of its own. */
export function lowerCompilerThreads(): void {
  // Elsewhere threads have no priority of their own, or another way to set it.
  if (process.platform !== 'linux') return;
  try {
    const threads = readdirSync('/proc/self/task').map(Number);
    const others = threads.filter((thread) => thread !== process.pid).sort((a, b) => a - b);
    for (const thread of others.slice(0, THREADS)) setPriority(thread, NICE);
  } catch {
    // Without /proc, or forbidden: they then only take more from their neighbours.
  }
}
