/** A shard as an I/O thread may borrow it, if it may (shard/borrower.ts). */
import type { ReuseReport } from '../config/shard-messages.js';
import type { SideRoad } from '../ring/side-road.js';

export interface BorrowedShard {
  /**
   * Runs one turn of the shard with the requests that this thread has published.
   *
   * @returns false, and nothing has happened, if it cannot be borrowed.
   */
  tryTurn(): boolean;
}

/** What a borrower needs of the I/O thread beside the plan. */
export interface BorrowingThread {
  /** Its end of the link's side road. */
  readonly sideRoad: SideRoad;
  /** Its end of the reply ring. */
  readonly replies: { isEmpty(): boolean };
  /** Takes replies from the rings, so that there is room for more. */
  readonly pump: () => void;
  readonly report: (report: ReuseReport) => void;
}

/** @returns undefined where shards are not lent. */
export type Borrow = (shard: number, thread: BorrowingThread) => BorrowedShard | undefined;
