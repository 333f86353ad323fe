/**
 * What a big map has gone through since a mark, so that it can be put back: four numbers an
 * operation, no bytes. What the map has let go of is held: pairs stay in their blocks, entries keep
 * their links, so going back in reverse order puts each where it was, whatever its size.
 */
import { NIL } from '../memory/shared-memory.js';

export const ADDED = 0;
export const REPLACED = 1;
export const REMOVED = 2;

const NUMBERS = 4;

export class MapJournal {
  /** The map that is being watched over, or NIL. */
  map = NIL;
  /** It has been cleared: the session has another one, or none, and this one is held. */
  isDetached = false;
  readonly #numbers: number[] = [];

  begin(map: number): void {
    this.map = map;
    this.isDetached = false;
    this.#numbers.length = 0;
  }

  end(): void {
    this.begin(NIL);
  }

  /** @param pointer of REPLACED: the pair that was there, so many bytes of it. */
  note(what: number, entry: number, pointer = NIL, bytes = 0): void {
    this.#numbers.push(what, entry, pointer, bytes);
  }

  /** Visits what was noted, the first or the last one first. */
  forEach(
    isBackwards: boolean,
    visit: (what: number, entry: number, pointer: number, bytes: number) => void,
  ): void {
    const numbers = this.#numbers;
    const count = numbers.length / NUMBERS;
    for (let step = 0; step < count; step += 1) {
      const at = (isBackwards ? count - 1 - step : step) * NUMBERS;
      visit(numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!);
    }
  }
}
