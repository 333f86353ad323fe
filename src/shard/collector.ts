/**
 * Extents given up are unmapped when the garbage collector finds them, and a thread that makes little
 * garbage may not run it for hours: so it is run when extents have gone and there is nothing to do.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SharedMemory } from '../memory/shared-memory.js';

/** @returns what runs the garbage collector of this thread. */
export function newGarbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** @returns what to call when there is nothing to do. */
export function newCollector(memories: readonly SharedMemory[]): () => void {
  const collect = newGarbageCollector();
  let extentsSeen = 0;
  return () => {
    let extents = 0;
    for (const memory of memories) extents += memory.extentCount;
    if (extents < extentsSeen) collect();
    extentsSeen = extents;
  };
}
