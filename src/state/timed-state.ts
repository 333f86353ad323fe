/**
 * What commands do to a session's deadline by reading or writing it, how old it is, and how long it has
 * left.
 */
import {
  CREATED_DOUBLE,
  FLAG_EXTEND_ON_READ,
  FLAG_EXTEND_ON_WRITE,
  FLAG_OWNED,
  META_WORD,
} from './layout.js';
import { TiedState } from './tied-state.js';

export abstract class TimedState extends TiedState {
  /** Off while entries cannot be written: reads then extend nothing. */
  mayExtendOnRead = true;

  createdMsOf(row: number): number {
    return this.rows.double(row, CREATED_DOUBLE);
  }

  /** Milliseconds until the deadline, never negative; Infinity without one. */
  remainingMsOf(row: number): number {
    return Math.max(0, this.deadlines.of(row) - this.nowMs);
  }

  /** Restarts the idle clock: never adds, never passes the maxAge. */
  touch(row: number): void {
    if (this.deadlines.restart(row, this.nowMs)) this.effects?.putDeadline(this, row);
  }

  /** A reading command is about to run. */
  touchForRead(row: number): void {
    const flags = this.rows.word(row, META_WORD) & (FLAG_EXTEND_ON_READ | FLAG_OWNED);
    if (flags === 0) return;
    if ((flags & FLAG_OWNED) !== 0) this.owners.setLastUsed(row, this.nowMs);
    if ((flags & FLAG_EXTEND_ON_READ) !== 0 && this.mayExtendOnRead) this.touch(row);
  }

  /** A writing command is about to run. What it changes joins the entry of the moved deadline. */
  touchForWrite(row: number): void {
    this.effects?.settle();
    const flags = this.rows.word(row, META_WORD) & (FLAG_EXTEND_ON_WRITE | FLAG_OWNED);
    if (flags === 0) return;
    if ((flags & FLAG_OWNED) !== 0) this.owners.setLastUsed(row, this.nowMs);
    if ((flags & FLAG_EXTEND_ON_WRITE) !== 0) this.touch(row);
  }
}
