/** The priority of a thread of the job pool. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The lowest there is: commands come first. */
const NICE = 19;

/**
 * Lowers the calling thread's priority where threads have one of their own, which is on Linux;
 * elsewhere the call would concern the whole process.
 */
export function lowerThreadPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    // /proc/thread-self is a link to <process>/task/<thread>.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread)) setPriority(thread, NICE);
  } catch {
    // Without /proc, or forbidden: jobs then only take more from their neighbours.
  }
}
