/** Names of threads, as `top -H`, `perf` and /proc show them. */
import { writeFileSync } from 'node:fs';

/**
 * Names the calling thread where the system lets it, which is on Linux. Its libuv and V8 helpers
 * keep the name of the process.
 *
 * @param name at most 15 bytes; the kernel cuts off the rest.
 */
export function nameThread(name: string): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/thread-self/comm', name);
  } catch {
    // Without /proc, or forbidden: threads are then told apart by their numbers alone.
  }
}
