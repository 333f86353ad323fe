/** Makes a state's structures find their pages in memory that another thread has had. */
import { type Arena, ARENA_STRUCTURE } from '../memory/arena.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import {
  STRUCTURE_ENTRIES,
  STRUCTURE_ENTRY_INDEX,
  STRUCTURE_EXTRAS,
  STRUCTURE_MAPS,
  STRUCTURE_OWNER_INDEX,
  STRUCTURE_OWNERS,
  STRUCTURE_ROW_INDEX,
  STRUCTURE_ROWS,
  STRUCTURE_SUPERSEDED,
  STRUCTURE_SUPERSEDED_INDEX,
} from './layout.js';
import type { Owners } from './owners.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';
import type { SupersededTokens } from './superseded.js';

export interface AttachedParts {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly owners: Owners;
  readonly superseded: SupersededTokens;
}

interface Attachable {
  letGo(): void;
  beginAttaching(): void;
  attachPage(ordinal: number, page: number): void;
}

/** Holds no view of any page until attachPages(). */
export function letPagesGo(parts: AttachedParts): void {
  parts.arena.letGo();
  for (const structure of structuresOf(parts).values()) structure.letGo();
}

export function attachPages(parts: AttachedParts): void {
  const { memory, arena } = parts;
  const structures = structuresOf(parts);
  arena.beginAttaching();
  for (const structure of structures.values()) structure.beginAttaching();
  memory.forEachPage((structure, ordinal, page) => {
    if (structure >= ARENA_STRUCTURE) arena.attachPage(structure, ordinal, page);
    else structures.get(structure)?.attachPage(ordinal, page);
  });
}

function structuresOf(parts: AttachedParts): ReadonlyMap<number, Attachable> {
  const { rows, keys, owners, superseded } = parts;
  return new Map<number, Attachable>([
    [STRUCTURE_ROWS, rows.pool],
    [STRUCTURE_ROW_INDEX, rows.index],
    [STRUCTURE_EXTRAS, rows.extras],
    [STRUCTURE_MAPS, keys.big.maps],
    [STRUCTURE_ENTRIES, keys.big.entries],
    [STRUCTURE_ENTRY_INDEX, keys.big.index],
    [STRUCTURE_OWNERS, owners.pool],
    [STRUCTURE_OWNER_INDEX, owners.index],
    [STRUCTURE_SUPERSEDED, superseded.pool],
    [STRUCTURE_SUPERSEDED_INDEX, superseded.index],
  ]);
}
