/**
 * The shard's side of its lease (ring/lease.ts): before the shard's thread sleeps it leaves
 * everything as a borrower needs to find it, and after that it looks whether there was one.
 *
 * A borrower sees the same shared memory, rings and board. What it cannot see by itself are new
 * extents of the memory: they are posted to it, before the lease is free. It makes none of its own,
 * so there must be frames to spare.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { MemoryHandles } from '../memory/shared-memory.js';
import type { Lease } from '../ring/lease.js';
import type { ShardState } from '../state/shard-state.js';
import type { ShardLog } from '../storage/shard-log.js';
import type { EventFeed, HeldEvents } from './event-feed.js';
import type { ShardLink } from './turn.js';
import type { TurnLog } from './turn-log.js';

/** To borrowers: where the memory of one of the states is; 0 the sessions, 1 the default map. */
export interface LenderReport {
  readonly state: number;
  readonly handles: MemoryHandles;
}

/** From a borrower: what it could not log, whole entries. */
export interface BorrowerReport {
  readonly effects: Uint8Array;
  readonly entries: number;
  /** The system's code of the failure. */
  readonly failure: string;
  /** What has happened meanwhile, to be told once it is logged. */
  readonly events: HeldEvents;
}

export interface LendingParts {
  readonly lease: Lease;
  /** To the I/O threads. */
  readonly ports: readonly MessagePort[];
  readonly states: readonly ShardState[];
  readonly links: readonly ShardLink[];
  readonly log: { readonly log: ShardLog; readonly turnLog: TurnLog } | undefined;
  readonly events: EventFeed;
}

export class Lending {
  readonly #parts: LendingParts;
  /** By state: which state of its extents was posted. */
  readonly #posted: number[];
  #servedSeen = 0;
  #heldBatchesSeen = 0;

  constructor(parts: LendingParts) {
    this.#parts = parts;
    this.#posted = parts.states.map(() => -1);
  }

  /** @param wakeMs until when the shard means to sleep. */
  lend(wakeMs: number): void {
    const { lease, log, states } = this.#parts;
    for (let state = 0; state < states.length; state += 1) this.#prepare(states[state]!, state);
    lease.wakeMs = wakeMs;
    lease.syncFailures = log?.turnLog.syncFailures ?? 0;
    lease.release();
  }

  /** @returns how many requests borrowers have answered. */
  takeBack(): number {
    const { lease } = this.#parts;
    lease.acquire();
    const served = (lease.served - this.#servedSeen) | 0;
    if (served === 0) return 0;
    this.#servedSeen = lease.served;
    const { links, log, states } = this.#parts;
    for (const state of states) state.refresh();
    for (const { requests, sink } of links) {
      requests.resume();
      sink.resume();
    }
    log?.log.resume();
    if (lease.heldBatches !== this.#heldBatchesSeen) this.#takeHeldBatches(lease.heldBatches);
    log?.turnLog.resume();
    return served;
  }

  #prepare({ memory }: ShardState, state: number): void {
    memory.spare();
    if (this.#posted[state] === memory.extentChanges) return;
    this.#posted[state] = memory.extentChanges;
    const report: LenderReport = { state, handles: memory.handles() };
    for (const port of this.#parts.ports) port.postMessage(report);
  }

  /** A borrower's log has failed: this one goes on where that one could not. */
  #takeHeldBatches(posted: number): void {
    this.#heldBatchesSeen = posted;
    for (const port of this.#parts.ports) {
      for (;;) {
        const received = receiveMessageOnPort(port) as
          { readonly message: BorrowerReport } | undefined;
        if (received === undefined) break;
        const { effects, entries, failure, events } = received.message;
        this.#parts.log?.log.adopt(effects, entries, failure);
        this.#parts.events.adopt(events);
      }
    }
  }
}
