/**
 * Repays the fragmentation of a shard's memory in small steps: moves sessions' headers, entries of
 * big maps and blocks into holes, and tells whoever points to them.
 */
import type { TimingWheel } from '../expiry/timing-wheel.js';
import type { Arena } from '../memory/arena.js';
import { NIL, type SharedMemory } from '../memory/shared-memory.js';
import { OWNER_SESSION } from './layout.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';

export interface CompactionParts {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly wheel: TimingWheel;
}

export class Compaction {
  readonly #parts: CompactionParts;
  readonly #relocateRow = (from: number, to: number): void => this.#rowMoved(from, to);
  readonly #relocateBlock = (owner: number, from: number, to: number): void =>
    this.#blockMoved(owner, from, to);

  constructor(parts: CompactionParts) {
    this.#parts = parts;
  }

  /** One step; see ShardState.tidy(). @returns whether there is more to do. */
  step(cellsMax: number, keepsRowsInPlace: boolean): boolean {
    const { memory, arena, rows, keys } = this.#parts;
    let isBusy = keys.big.reclaim(cellsMax) === cellsMax;
    if (rows.pool.isSparse && !keepsRowsInPlace) {
      rows.pool.compact(cellsMax, this.#relocateRow);
      isBusy = true;
    }
    rows.compactExtras(cellsMax);
    keys.big.compact(cellsMax);
    isBusy = isBusy || rows.extras.isSparse || keys.big.entries.isSparse;
    isBusy = arena.compact(cellsMax, this.#relocateBlock) || isBusy;
    return memory.compact() || isBusy;
  }

  #rowMoved(from: number, to: number): void {
    const { arena, rows, keys, wheel } = this.#parts;
    rows.relocate(from, to);
    wheel.relocate(to);
    const pointer = rows.pointerOf(to);
    if (pointer === NIL) return;
    if (keys.isBig(to)) keys.big.setRow(pointer, to);
    else arena.setOwner(pointer, (to << 2) | OWNER_SESSION);
  }

  #blockMoved(owner: number, from: number, to: number): void {
    const row = owner >> 2;
    if ((owner & 3) === OWNER_SESSION) this.#parts.rows.setPointer(row, to);
    else this.#parts.keys.big.relocateBlock(row, from, to);
  }
}
