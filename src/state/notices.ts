/**
 * Which sessions are watched, and what is to be said of them. A watched session has a number, which
 * is its own as long as anyone watches it, and a mask of the I/O threads that do; both lie in its
 * extras cell. Nothing of it is logged: watchers are connections, and go with them.
 *
 * ShardState's gates leave a notice for each change of a watched session, in order. Whoever runs
 * the shard turns them into pushes after each command and clears the list.
 */
import { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { type SharedMemory, STATE_WORD } from '../memory/shared-memory.js';
import { EffectBuffer } from './effect-buffer.js';
import {
  EXTRAS_WATCH_WORD,
  EXTRAS_WATCHERS_WORD,
  FLAG_WATCHED,
  META_WORD,
  WATCH_STATE_WORD,
  WATCHED_STATE_WORD,
} from './layout.js';
import { type SessionRows, wordAtOf } from './session-rows.js';

const DIGEST_WORDS = 4;
const WATCH_MAX = 0x7fff_ffff;

/**
 * change    a command has changed data: what, is in the CHANGE entry
 * cleared   a deadline has removed the data
 * expired   a deadline has ended the session
 * ended     a command has, or it made room
 * rotated   it has another token, and so another digest
 */
export type NoticeKind = 'change' | 'cleared' | 'expired' | 'ended' | 'rotated';

export interface Notice {
  kind: NoticeKind;
  /** The session's watch number. */
  readonly watch: number;
  /** Bits of the I/O threads that watch. */
  readonly ios: number;
  /** As it is in this turn. */
  readonly row: number;
  /** Of the session before what happened, four words. */
  readonly digest: Int32Array;
  /**
   * The CHANGE entry, copied: where a reply ring is full, the effects are written and cleared
   * before the command is over.
   */
  readonly change: ByteSpace | undefined;
  /** Of the session after a rotation. */
  readonly newDigest: Int32Array | undefined;
}

/** What it needs of a ShardState. */
export interface WatchedState {
  readonly memory: SharedMemory;
  readonly rows: SessionRows;
  effects: EffectBuffer | undefined;
}

/** Where nothing is kept, changes of watched sessions are read from here: of one command each. */
class ScratchBuffer extends EffectBuffer {
  override settle(): void {
    this.clear();
  }

  override begin(...entry: Parameters<EffectBuffer['begin']>): number {
    this.clear();
    return super.begin(...entry);
  }
}

export class Notices {
  readonly list: Notice[] = [];
  readonly #state: WatchedState;
  readonly #control: Int32Array;

  constructor(state: WatchedState) {
    this.#state = state;
    this.#control = state.memory.control;
  }

  /** How many sessions are watched. */
  get watched(): number {
    return this.#control[STATE_WORD + WATCHED_STATE_WORD]!;
  }

  /** The notices have been seen to. */
  clear(): void {
    this.list.length = 0;
  }

  /** An I/O thread has watchers of the session from now on. @returns its watch number. */
  watch(row: number, io: number): number {
    const { rows } = this.#state;
    if (!this.#isWatched(row)) this.#begin(row, this.#nextNumber());
    rows.setExtra(row, EXTRAS_WATCHERS_WORD, this.maskOf(row) | (1 << (io & 31)));
    return rows.extra(row, EXTRAS_WATCH_WORD);
  }

  /**
   * An I/O thread has none left. Passed over where the row is no longer that session's, for its
   * number may have changed since.
   */
  unwatch(row: number, watch: number, io: number): void {
    const { rows } = this.#state;
    if (row < 0 || !rows.isLive(row) || this.numberOf(row) !== watch || watch === 0) return;
    const mask = this.maskOf(row) & ~(1 << (io & 31));
    rows.setExtra(row, EXTRAS_WATCHERS_WORD, mask);
    if (mask !== 0) return;
    this.forget(row);
    rows.setExtra(row, EXTRAS_WATCH_WORD, 0);
    rows.setWord(row, META_WORD, rows.word(row, META_WORD) & ~FLAG_WATCHED);
    rows.dropExtras(row);
  }

  /** The session's watch number; 0 if nobody watches it. */
  numberOf(row: number): number {
    return this.#isWatched(row) ? this.#state.rows.extra(row, EXTRAS_WATCH_WORD) : 0;
  }

  /** Bits of the I/O threads that watch the session. */
  maskOf(row: number): number {
    return this.#isWatched(row) ? this.#state.rows.extra(row, EXTRAS_WATCHERS_WORD) : 0;
  }

  /** The session was watched so before it was taken away and put back. */
  restore(row: number, watch: number, ios: number): void {
    this.#begin(row, watch);
    this.#state.rows.setExtra(row, EXTRAS_WATCHERS_WORD, ios);
  }

  /** A watched session goes. */
  forget(row: number): void {
    assert(this.#isWatched(row), 'a session is watched');
    this.#control[STATE_WORD + WATCHED_STATE_WORD]! -= 1;
    const isLast = this.watched === 0;
    if (isLast && this.#state.effects instanceof ScratchBuffer) this.#state.effects = undefined;
  }

  /** Another thread has had the memory: changes are noted from now on, or not, as it has left it. */
  refresh(): void {
    if (this.watched > 0) this.#state.effects ??= new ScratchBuffer();
    else if (this.#state.effects instanceof ScratchBuffer) this.#state.effects = undefined;
  }

  /** The watch number given out last. */
  get last(): number {
    return this.#control[STATE_WORD + WATCH_STATE_WORD]!;
  }

  /** After SharedMemory.reset(): all sessions have gone, but their numbers must not come again. */
  reset(last: number): void {
    this.#control[STATE_WORD + WATCH_STATE_WORD] = last;
    if (this.#state.effects instanceof ScratchBuffer) this.#state.effects = undefined;
  }

  /** A watched session's change has become the entry at an offset. */
  changed(row: number, effects: EffectBuffer, at: number): void {
    const bytes = effects.space.view.getUint32(at, true);
    const change = new ByteSpace(new ArrayBuffer(bytes));
    change.bytes.set(effects.space.bytes.subarray(at, at + bytes));
    this.#add('change', row, change, undefined);
  }

  /** What the session's last notice tells of, if it is one of a change, was a deadline's doing. */
  wasDeadline(row: number): void {
    const last = this.list[this.list.length - 1];
    const isTheLast = last?.row === row && last.watch === this.numberOf(row);
    if (isTheLast && last.kind === 'change') last.kind = 'cleared';
  }

  /** A watched session has ended. */
  ended(row: number, kind: 'expired' | 'ended'): void {
    this.#add(kind, row, undefined, undefined);
  }

  /** A watched session is about to have another digest. */
  rotated(row: number, digest: Int32Array, at: number): void {
    this.#add('rotated', row, undefined, digest.slice(at, at + DIGEST_WORDS));
  }

  /** All sessions are about to end. */
  endedAll(): void {
    const { extras } = this.#state.rows;
    for (let cell = 0, left = this.watched; left > 0 && cell < extras.end; cell += 1) {
      if (!extras.isLive(cell)) continue;
      const row = extras.wordsOf(cell)[extras.wordAt(cell)]!;
      if (!this.#isWatched(row)) continue;
      this.ended(row, 'ended');
      left -= 1;
    }
  }

  /** Takes back what was said of a session since the list had a length. */
  takeBack(row: number, length: number): void {
    const others = this.list.slice(length).filter((notice) => notice.row !== row);
    this.list.length = length;
    this.list.push(...others);
  }

  #isWatched(row: number): boolean {
    return (this.#state.rows.word(row, META_WORD) & FLAG_WATCHED) !== 0;
  }

  #nextNumber(): number {
    const next = this.last === WATCH_MAX ? 1 : this.last + 1;
    this.#control[STATE_WORD + WATCH_STATE_WORD] = next;
    return next;
  }

  #begin(row: number, watch: number): void {
    const { rows } = this.#state;
    const hasExtras = rows.needExtras(row);
    assert(hasExtras, 'out of pages');
    rows.setWord(row, META_WORD, rows.word(row, META_WORD) | FLAG_WATCHED);
    rows.setExtra(row, EXTRAS_WATCH_WORD, watch);
    rows.setExtra(row, EXTRAS_WATCHERS_WORD, 0);
    this.#control[STATE_WORD + WATCHED_STATE_WORD]! += 1;
    this.#state.effects ??= new ScratchBuffer();
  }

  #add(
    kind: NoticeKind,
    row: number,
    change: ByteSpace | undefined,
    newDigest: Int32Array | undefined,
  ): void {
    const { rows } = this.#state;
    const at = wordAtOf(row);
    const digest = rows.wordsOf(row).slice(at, at + DIGEST_WORDS);
    const watch = this.numberOf(row);
    const ios = this.maskOf(row);
    assert(watch !== 0, 'a session is watched');
    this.list.push({ kind, watch, ios, row, digest, change, newDigest });
  }
}
