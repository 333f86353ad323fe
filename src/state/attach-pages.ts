/** Makes a state's structures find their pages in memory that is in use already. */
import { type Arena, ARENA_STRUCTURE } from '../memory/arena.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import {
  STRUCTURE_ENTRIES,
  STRUCTURE_ENTRY_INDEX,
  STRUCTURE_EXTRAS,
  STRUCTURE_MAPS,
  STRUCTURE_ROW_INDEX,
  STRUCTURE_ROWS,
} from './layout.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';

export interface AttachedParts {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
}

export function attachPages({ memory, arena, rows, keys }: AttachedParts): void {
  const structures = new Map<number, { attachPage(ordinal: number, page: number): void }>([
    [STRUCTURE_ROWS, rows.pool],
    [STRUCTURE_ROW_INDEX, rows.index],
    [STRUCTURE_EXTRAS, rows.extras],
    [STRUCTURE_MAPS, keys.big.maps],
    [STRUCTURE_ENTRIES, keys.big.entries],
    [STRUCTURE_ENTRY_INDEX, keys.big.index],
  ]);
  memory.forEachPage((structure, ordinal, page) => {
    if (structure >= ARENA_STRUCTURE) arena.attachPage(structure, ordinal, page);
    else structures.get(structure)?.attachPage(ordinal, page);
  });
}
