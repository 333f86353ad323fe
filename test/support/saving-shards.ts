/**
 * The shards and the job pool of a server as saves and loads see them, without threads: real states,
 * walks and loads, taking slices from setImmediate; jobs that run at once, and fail on demand.
 */
import { Admission, type AdmissionLimits } from '../../src/shard/admission.js';
import { ShardCounters } from '../../src/shard/shard-counters.js';
import { Loads } from '../../src/shard/loads.js';
import { Walks } from '../../src/shard/walk.js';
import type { ShardOrder, ShardReport } from '../../src/config/shard-messages.js';
import { allocateCounters, SHARD_COUNTERS } from '../../src/core/counters.js';
import { shardOf } from '../../src/core/slots.js';
import { DOORBELL_BYTES } from '../../src/ring/doorbell.js';
import { JobError, type Jobs } from '../../src/server/jobs.js';
import { type ReportingThread, ShardChannel } from '../../src/server/shard-channel.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { type JobFailure, runJob } from '../../src/storage/job-tasks.js';
import { ShardBoard } from '../../src/storage/shard-board.js';
import { type SessionKey, ShardHarness } from './shard-harness.js';

export interface SavingShardOptions {
  readonly admission?: Partial<AdmissionLimits>;
  readonly sessionBytesMax?: number;
}

export class SavingShard implements ReportingThread {
  readonly harness = new ShardHarness();
  readonly channel: ShardChannel;
  readonly board = new ShardBoard();
  /** What the shard does about the log. */
  isLogFailing = false;
  isDurable = true;
  /** Entries that were in the log when each report of a load was sent. */
  readonly entriesAtReports: number[] = [];
  /** Slices are taken only while this is on. */
  isRunning = true;
  readonly #effects = new EffectBuffer();
  readonly #loads: Loads;
  readonly #walks: Walks;
  readonly #orders: ShardOrder[] = [];
  readonly #listeners: ((message: unknown) => void)[] = [];
  #entriesLogged = 0;
  #isClosed = false;

  constructor(index: number, options: SavingShardOptions = {}) {
    const { sessions, clock, defaults: map } = this.harness;
    const defaults = index === 0 ? map : undefined;
    sessions.effects = this.#effects;
    map.state.effects = this.#effects;
    const report = (message: ShardReport): void => {
      if (message.type === 'loaded') this.entriesAtReports.push(this.#entriesLogged);
      for (const listener of this.#listeners) listener(message);
    };
    const limits = { sessionsMax: 0, memoryBytesMax: 0, evictsSoonest: false };
    const counters = new ShardCounters(allocateCounters(SHARD_COUNTERS));
    this.#loads = new Loads({
      ...{ sessions, defaults, clock, report },
      admission: new Admission(
        { ...limits, ...options.admission },
        sessions,
        [sessions, map.state],
        counters,
      ),
      sessionBytesMax: options.sessionBytesMax ?? 16 << 20,
      isLogFailing: () => this.isLogFailing,
      flushIfLarge: () => undefined,
    });
    this.#walks = new Walks({
      ...{ sessions, defaults, clock, report },
      log: { sequence: 0, isFailing: false, beginSegment: () => 1 },
      chunksDone: () => this.board.chunksDone,
      commandsSoFar: () => 0,
      sizes: { chunkBytes: 2_000, rowsPerLook: 4 },
    });
    const bell = new SharedArrayBuffer(DOORBELL_BYTES);
    this.channel = new ShardChannel({ index, board: this.board, thread: this, bell });
    setImmediate(this.#turn);
  }

  order(message: unknown): void {
    this.#orders.push(message as ShardOrder);
  }

  onReport(listener: (message: unknown) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#isClosed = true;
  }

  readonly #turn = (): void => {
    if (this.#isClosed) return;
    for (const order of this.#orders.splice(0)) {
      if (order.type === 'load') this.#loads.take(order);
      else this.#walks.take(order);
    }
    this.harness.sessions.beginTurn(this.harness.clock.nowMs());
    if (this.isRunning) {
      if (this.#walks.isActive) this.#walks.slice(false);
      if (this.#loads.isActive) this.#loads.slice(false);
      this.#entriesLogged += this.#effects.entries;
      this.#effects.clear();
      this.#loads.flushed(this.isDurable);
    }
    setImmediate(this.#turn);
  };
}

export class SavingShards {
  readonly shards: readonly SavingShard[];
  readonly jobs: Jobs;
  /** Jobs that have been run, by name. */
  readonly ran: string[] = [];
  /** A job of this name fails so. */
  failure: { readonly name: string; readonly how: JobFailure } | undefined;
  /** Called before each job. */
  beforeJob: (name: string) => void = () => undefined;

  constructor(count: number, options: SavingShardOptions = {}) {
    this.shards = Array.from({ length: count }, (_, index) => new SavingShard(index, options));
    const run = async (name: string, input: unknown): Promise<unknown> => {
      this.ran.push(name);
      this.beforeJob(name);
      await new Promise((resolve) => setImmediate(resolve));
      if (this.failure?.name === name) throw new JobError(this.failure.how);
      const outcome = runJob({ name, input } as Parameters<typeof runJob>[0]);
      if ('failure' in outcome) throw new JobError(outcome.failure);
      return outcome.result;
    };
    this.jobs = { run } as unknown as Jobs;
  }

  get channels(): ShardChannel[] {
    return this.shards.map(({ channel }) => channel);
  }

  /** The shard of a session. */
  of({ slot }: SessionKey): ShardHarness {
    return this.shards[shardOf(slot, this.shards.length)]!.harness;
  }

  /** Moves the time of all shards. */
  advance(ms: number): void {
    for (const { harness } of this.shards) harness.clock.advance(ms);
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }
}
