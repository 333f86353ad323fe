/**
 * The kernel's threads that scan memory: they do so whether or not there is any load, and take a core for
 * milliseconds at a time. An ordinary thread waits meanwhile. Those that reclaim memory are not among them:
 * it may be the load that they work for.
 */
import { openSync, readdirSync, readFileSync, readSync } from 'node:fs';

/** Time taken by someone who is no part of what is measured. */
export interface Gap {
  /** A core that was away, or the kernel's thread that ran. */
  readonly by: string;
  /** When it was over, milliseconds since 1970. */
  readonly endMs: number;
  readonly gapMs: number;
}

/** Shorter ones are wake-ups that took their time. */
export const GAP_MS_MIN = 1;

const NAMES = /^(kdamond|khugepaged)/;
const TEXT_BYTES = 64;
const NS_PER_MS = 1e6;

/** Tells of the runs of one thread, from its CPU time looked at every millisecond or so. */
export class RunWatch {
  readonly #name: string;
  readonly #cpuNs: () => number;
  #seenNs: number;
  #runNs = 0;

  constructor(name: string, cpuNs: () => number) {
    this.#name = name;
    this.#cpuNs = cpuNs;
    this.#seenNs = cpuNs();
  }

  /** @returns a run of GAP_MS_MIN or more that is over. */
  look(nowMs: number): Gap | undefined {
    const cpuNs = this.#cpuNs();
    const ranNs = cpuNs - this.#seenNs;
    this.#seenNs = cpuNs;
    if (ranNs > 0) {
      this.#runNs += ranNs;
      return undefined;
    }
    const gapMs = this.#runNs / NS_PER_MS;
    this.#runNs = 0;
    return gapMs >= GAP_MS_MIN ? { by: this.#name, endMs: nowMs, gapMs } : undefined;
  }
}

/** One for each such thread there is; none where /proc does not tell. */
export function watchKernelThreads(): readonly RunWatch[] {
  try {
    return readdirSync('/proc').flatMap((process) => {
      const name = nameOf(process);
      if (name === undefined || !NAMES.test(name)) return [];
      return [new RunWatch(name, cpuTimeOf(process))];
    });
  } catch {
    return [];
  }
}

/** Of a kernel's thread, which has no arguments. */
function nameOf(process: string): string | undefined {
  try {
    if (readFileSync(`/proc/${process}/cmdline`).length > 0) return undefined;
    return readFileSync(`/proc/${process}/comm`, 'latin1').trim();
  } catch {
    // No process, or one that has just ended.
    return undefined;
  }
}

/** The first figure of schedstat, which is in nanoseconds. */
function cpuTimeOf(process: string): () => number {
  const fd = openSync(`/proc/${process}/schedstat`, 'r');
  const text = Buffer.alloc(TEXT_BYTES);
  return () =>
    Number.parseInt(text.toString('latin1', 0, readSync(fd, text, 0, TEXT_BYTES, 0)), 10);
}
