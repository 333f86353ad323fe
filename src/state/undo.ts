/**
 * Takes back what commands have done to one session since a mark: its data and their order, its
 * version and deadline, what they left in the effects, what was to be said of them.
 *
 * A small session's record is copied at the mark, 4 KiB at most. Of a big one a journal is kept
 * instead (map-journal.ts), which costs what the commands cost and copies nothing.
 */
import { ByteSpace } from '../core/copy.js';
import { NIL } from '../memory/shared-memory.js';
import type { Deadlines } from './deadlines.js';
import type { EffectBuffer } from './effect-buffer.js';
import { alignedUp, DIGEST_AT, ENTRY_DEFAULT_MAP, KIND_AT } from './entry-format.js';
import { DEADLINE_DOUBLE, VERSION_WORD } from './layout.js';
import type { Notices } from './notices.js';
import type { SessionKeys } from './session-keys.js';
import { type SessionRows, wordAtOf } from './session-rows.js';
import { SMALL_BYTES_MAX } from './small-records.js';

const DIGEST_WORDS = 4;

/** What it needs of a ShardState. */
export interface UndoneState {
  readonly rows: SessionRows;
  readonly keys: SessionKeys;
  readonly deadlines: Deadlines;
  readonly notices: Notices;
  readonly isDefaultMap: boolean;
  readonly effects: EffectBuffer | undefined;
}

export class Undo {
  readonly #state: UndoneState;
  readonly #record = new ByteSpace(new ArrayBuffer(SMALL_BYTES_MAX));
  /** The session marked, or NIL. */
  #row = NIL;
  #isBig = false;
  #recordBytes = 0;
  #keys = 0;
  #version = 0;
  #deadlineMs = 0;
  #effectsMark = 0;
  #noticesMark = 0;

  constructor(state: UndoneState) {
    this.#state = state;
  }

  /** Whether there is nothing to take back: not marked, or the session has ended since. */
  get isOver(): boolean {
    return this.#row === NIL;
  }

  /**
   * From here on, before anything moves its deadline. One session at a time, and within one
   * command, of which keep() or back() is the end. Others may only end or lose their data meanwhile.
   */
  mark(row: number): void {
    const { rows, keys, deadlines, effects, notices } = this.#state;
    effects?.settle();
    this.#row = row;
    this.#version = rows.word(row, VERSION_WORD);
    this.#deadlineMs = deadlines.of(row);
    this.#effectsMark = effects?.mark() ?? 0;
    this.#noticesMark = notices.list.length;
    this.#isBig = keys.isBig(row);
    if (this.#isBig) {
      keys.beginJournal(row);
      return;
    }
    this.#keys = keys.countOf(row);
    this.#recordBytes = keys.bytesBoundOf(row);
    keys.copyRecord(this.#record, 0, row);
  }

  /** All went well. */
  keep(): void {
    if (this.isOver) return;
    if (this.#isBig) this.#state.keys.keepJournal(this.#row);
    this.#row = NIL;
  }

  /** All is as it was at the mark. */
  back(): void {
    if (this.isOver) return;
    const row = this.#row;
    const { rows, keys, deadlines, notices } = this.#state;
    this.#row = NIL;
    if (this.#isBig) {
      keys.rollBack(row);
    } else {
      keys.clear(row);
      keys.place(row, this.#keys, this.#record, 0, this.#recordBytes);
    }
    rows.setWord(row, VERSION_WORD, this.#version);
    rows.setDouble(row, DEADLINE_DOUBLE, this.#deadlineMs);
    deadlines.refile(row);
    this.#rewind(row);
    notices.takeBack(row, this.#noticesMark);
  }

  /** A session ends. If it is the one marked, there is nothing to go back to. */
  forget(row: number): void {
    if (row === this.#row) this.keep();
  }

  /**
   * Takes back the session's entries. Those of others that were ended to make room meanwhile stay:
   * else they would come back with the next start.
   */
  #rewind(row: number): void {
    const { effects, rows, isDefaultMap } = this.#state;
    if (effects === undefined) return;
    // One that a command has left open would have no length yet.
    effects.closeChange(rows.wordsOf(row), wordAtOf(row), isDefaultMap);
    const others: Uint8Array[] = [];
    for (let at = this.#effectsMark; at < effects.length;) {
      const next = alignedUp(at + effects.space.view.getUint32(at, true));
      if (!this.#isOf(row, effects.space, at)) others.push(effects.space.bytes.slice(at, next));
      at = next;
    }
    effects.rewind(this.#effectsMark);
    for (const entry of others) effects.append(entry);
  }

  /** Whether the entry at an offset is the session's. */
  #isOf(row: number, space: ByteSpace, at: number): boolean {
    const { rows, isDefaultMap } = this.#state;
    const flags = space.bytes[at + KIND_AT + 1]!;
    if (((flags & ENTRY_DEFAULT_MAP) !== 0) !== isDefaultMap) return false;
    for (let word = 0; word < DIGEST_WORDS; word += 1) {
      const there = space.view.getInt32(at + DIGEST_AT + word * 4, true);
      if (there !== rows.word(row, word)) return false;
    }
    return true;
  }
}
