/**
 * Main's end of what it says to one shard while the server runs, and of what the shard says. An
 * order is posted, then counted on the shard's board, then the shard is woken: it finds the order in
 * its port between two turns.
 */
import type { ShardOrder, ShardReport } from '../config/shard-messages.js';
import { Doorbell } from '../ring/doorbell.js';
import type { ShardBoard } from '../storage/shard-board.js';

type Listener = (report: ShardReport) => void;

/** What it needs of the shard's thread. */
export interface ReportingThread {
  order(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onReport(listener: (message: unknown) => void): void;
}

let lastOrderId = 0;

/** Of one process, from 1. */
export function nextOrderId(): number {
  lastOrderId += 1;
  return lastOrderId;
}

export class ShardChannel {
  readonly index: number;
  readonly board: ShardBoard;
  readonly #thread: ReportingThread;
  readonly #bell: Doorbell;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(parts: {
    readonly index: number;
    readonly board: ShardBoard;
    readonly thread: ReportingThread;
    /** The shard's. */
    readonly bell: SharedArrayBuffer;
  }) {
    this.index = parts.index;
    this.board = parts.board;
    this.#thread = parts.thread;
    this.#bell = new Doorbell(parts.bell);
    parts.thread.onReport((message) => {
      const report = message as ShardReport;
      // A copy: a listener may take itself off.
      for (const listener of [...(this.#listeners.get(report.type) ?? [])]) listener(report);
    });
  }

  order(order: ShardOrder, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.order(order, transfer);
    this.board.countOrder();
    this.wake();
  }

  /** After a word of the board has changed for which the shard may wait. */
  wake(): void {
    this.#bell.ring();
  }

  /** Calls for each report of a type. @returns what ends that. */
  on<Type extends ShardReport['type']>(
    type: Type,
    listener: (report: Extract<ShardReport, { readonly type: Type }>) => void,
  ): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener as Listener);
    return () => void listeners.delete(listener as Listener);
  }
}
