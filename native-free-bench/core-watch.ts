/**
 * What the machine takes away while a server is measured: on each core a thread that goes before all
 * others (SCHED_FIFO) wakes up every millisecond and notes when it was late. No ordinary thread can hold
 * it up: whatever does is the host of a virtual machine, or a kernel at work. It goes before the kernel's own
 * threads, too; of those that scan memory (kernel-threads.ts) the CPU time is watched.
 *
 * By chrt and taskset of util-linux. chrt asks for a right that not everybody has; without it nothing
 * is watched.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { type Gap } from './kernel-threads.js';
import { startScript } from './processes.js';

/** A command that came within a gap is answered soon after it. */
const AFTERMATH_MS = 20;

/** Instants in milliseconds since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Watches every core, for so long from now.
 *
 * @returns when a core was away, or a thread of the kernel ran, for GAP_MS_MIN or more; undefined if they
 *     may not be watched.
 */
export async function watchCores(seconds: number): Promise<readonly Gap[] | undefined> {
  const cores = Array.from({ length: availableParallelism() }, (_, core) => core);
  const gaps = await Promise.all(cores.map((core) => watchCore(core, seconds)));
  return gaps.every((ofCore) => ofCore !== undefined) ? gaps.flat() : undefined;
}

/** Whether no gap lies within the span, or so shortly before that it may be felt. */
export function isUndisturbed({ fromMs, toMs }: Span, gaps: readonly Gap[]): boolean {
  return gaps.every(({ endMs, gapMs }) => endMs + AFTERMATH_MS <= fromMs || endMs - gapMs >= toMs);
}

async function watchCore(core: number, seconds: number): Promise<readonly Gap[] | undefined> {
  const script = new URL('core-watch-process.js', import.meta.url);
  const child = startScript(script, [`${core}`, `${seconds}`]);
  let gaps: readonly Gap[] | undefined;
  child.once('message', (message: readonly Gap[]) => {
    gaps = message;
  });
  // Not its end, which may be known before its message has been read.
  await once(child, 'disconnect');
  return gaps;
}
