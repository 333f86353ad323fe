/**
 * Repays the fragmentation of a shard's memory in small steps: moves sessions' headers and what
 * belongs to them, entries of big maps and blocks into holes, and tells whoever points to them.
 */
import type { TimingWheel } from '../expiry/timing-wheel.js';
import type { Arena } from '../memory/arena.js';
import { NIL, type SharedMemory } from '../memory/shared-memory.js';
import { FLAG_OWNED, FLAG_SUPERSEDED, META_WORD, OWNER_NAME, OWNER_SESSION } from './layout.js';
import type { Owners } from './owners.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionRows } from './session-rows.js';
import type { SupersededTokens } from './superseded.js';

/** Taking a bucket back is less than moving a cell. */
const BUCKETS_PER_CELL = 4;

export interface CompactionParts {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly wheel: TimingWheel;
  readonly owners: Owners;
  readonly superseded: SupersededTokens;
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
    const { memory, arena, rows, keys, owners, superseded } = this.#parts;
    let isBusy = keys.big.reclaim(cellsMax) === cellsMax;
    if (rows.pool.isSparse && !keepsRowsInPlace) {
      rows.pool.compact(cellsMax, this.#relocateRow);
      isBusy = true;
    }
    rows.compactExtras(cellsMax);
    keys.big.compact(cellsMax);
    owners.compact(cellsMax);
    superseded.compact(cellsMax);
    isBusy = isBusy || rows.extras.isSparse || keys.big.entries.isSparse;
    isBusy = isBusy || owners.pool.isSparse || superseded.pool.isSparse;
    for (const index of [rows.index, keys.big.index, owners.index, superseded.index]) {
      index.shrink(cellsMax * BUCKETS_PER_CELL);
      isBusy = isBusy || index.isSparse;
    }
    isBusy = arena.compact(cellsMax, this.#relocateBlock) || isBusy;
    return memory.compact() || isBusy;
  }

  #rowMoved(from: number, to: number): void {
    const { arena, rows, keys, wheel, owners, superseded } = this.#parts;
    rows.relocate(from, to);
    wheel.relocate(to);
    const meta = rows.word(to, META_WORD);
    if ((meta & FLAG_OWNED) !== 0) owners.rowMoved(to);
    if ((meta & FLAG_SUPERSEDED) !== 0) superseded.rowMoved(to);
    const pointer = rows.pointerOf(to);
    if (pointer === NIL) return;
    if (keys.isBig(to)) keys.big.setRow(pointer, to);
    else arena.setOwner(pointer, (to << 2) | OWNER_SESSION);
  }

  #blockMoved(owner: number, from: number, to: number): void {
    const { rows, keys, owners } = this.#parts;
    const number = owner >> 2;
    const kind = owner & 3;
    if (kind === OWNER_SESSION) rows.setPointer(number, to);
    else if (kind === OWNER_NAME) owners.nameMoved(number, to);
    else keys.big.relocateBlock(number, from, to);
  }
}
