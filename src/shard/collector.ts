/**
 * Extents given up are unmapped when the garbage collector finds them, and a thread that makes little
 * garbage may not run it for hours. So it is run for them: when no command has come for a while, for it
 * stops the thread for about 10 ms, or at last when memory has been owed for too long.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../core/clock.js';
import type { SharedMemory } from '../memory/shared-memory.js';

/** No command for so long is quiet enough. */
const QUIET_MS = 250;
const OWED_MS_MAX = 30_000;

export interface CollectorParts {
  readonly clock: Clock;
  /** Commands executed so far, by whomever. */
  readonly commands: () => number;
  /** Runs the garbage collector of this thread; a test's own otherwise. */
  readonly collect?: () => void;
}

export class Collector {
  readonly #parts: CollectorParts;
  readonly #collect: () => void;
  #commands = -1;
  #quietSinceMs = -Infinity;
  #owedSinceMs = Infinity;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#collect = parts.collect ?? newGarbageCollector();
  }

  /** Memory has been given up that only the garbage collector gives back. */
  owe(): void {
    this.#owedSinceMs = Math.min(this.#owedSinceMs, this.#parts.clock.nowMs());
  }

  /** Call now and then while there is nothing to do. @returns whether memory is still owed. */
  tick(): boolean {
    const { clock, commands } = this.#parts;
    const nowMs = clock.nowMs();
    const count = commands();
    if (count !== this.#commands) {
      this.#commands = count;
      this.#quietSinceMs = nowMs;
    }
    if (this.#owedSinceMs === Infinity) return false;
    const isQuiet = nowMs - this.#quietSinceMs >= QUIET_MS;
    if (!isQuiet && nowMs - this.#owedSinceMs < OWED_MS_MAX) return true;
    this.#owedSinceMs = Infinity;
    this.#collect();
    return false;
  }
}

/** @returns what to call when there is nothing to do: it sees by itself when extents have gone. */
export function newIdleCollector(
  memories: readonly SharedMemory[],
  parts: CollectorParts,
): () => void {
  const collector = new Collector(parts);
  let extentsSeen = 0;
  return () => {
    let extents = 0;
    for (const memory of memories) extents += memory.extentCount;
    if (extents < extentsSeen) collector.owe();
    extentsSeen = extents;
    collector.tick();
  };
}

/** @returns what runs the garbage collector of this thread. */
export function newGarbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
