/**
 * Main's side of snapshots without threads: a data directory in memory, shards whose states, logs and
 * walks are real and run in this thread, jobs that are done at once.
 */
import { ByteSpace } from '../../src/core/copy.js';
import { SharedManualClock } from '../../src/core/clock.js';
import type { ShardReport } from '../../src/config/shard-messages.js';
import type { WalkOrder } from '../../src/config/walk-messages.js';
import { DOORBELL_BYTES } from '../../src/ring/doorbell.js';
import { JobError, type JobRunner } from '../../src/server/jobs.js';
import type { ServerLog } from '../../src/server/server-log.js';
import { ShardChannel } from '../../src/server/shard-channel.js';
import { Snapshots } from '../../src/server/snapshots.js';
import { NO_OBSERVER } from '../../src/shard/shard-counters.js';
import { Walks } from '../../src/shard/walk.js';
import { ShardState } from '../../src/state/shard-state.js';
import { openDataDirectory, type DataDirectory } from '../../src/storage/data-directory.js';
import { ShardBoard } from '../../src/storage/shard-board.js';
import { ShardLog } from '../../src/storage/shard-log.js';
import {
  appendChunk,
  createSnapshot,
  discardSnapshot,
  finishSnapshot,
  type SnapshotProgress,
  type SnapshotTarget,
} from '../../src/storage/snapshot-file.js';
import { codeOf } from '../../src/storage/storage-error.js';
import { MemoryFiles } from './memory-files.js';

export const DATA = '/data';
const START_MS = 1_800_000_000_000;
const VALUE = new ByteSpace(Uint8Array.of(0x6b, 1, 2, 3, 4, 5).buffer);
const SELF = { pid: 1, startTime: '1', bootId: 'b', pidNamespace: 'n', host: 'h' };

export class SnapshotShard {
  readonly board = new ShardBoard();
  readonly log: ShardLog;
  readonly state: ShardState;
  readonly channel: ShardChannel;
  /** Off: the shard takes orders and does nothing about them. */
  isRunning = true;
  readonly #walks: Walks;
  readonly #clock: SharedManualClock;
  #listener: (report: unknown) => void = () => undefined;
  #walksRunning = 0;
  #created = 0;

  constructor(
    files: MemoryFiles,
    clock: SharedManualClock,
    place: { shard: number; shards: number; epoch: number },
  ) {
    this.#clock = clock;
    this.log = new ShardLog({
      ...{ files, directory: DATA, ...place, fsync: 'no', secretCheck: '0123456789abcdef' },
      ...{ begin: { nextSegment: 1, nextSequence: 1 }, segmentBytes: 1 << 20, board: this.board },
      clock,
      onSegment: () => undefined,
    });
    this.state = new ShardState({ nowMs: START_MS, seed: [1, 2], observer: NO_OBSERVER });
    this.state.effects = this.log.effects;
    this.#walks = new Walks({
      ...{ sessions: this.state, defaults: undefined, clock, log: this.log },
      chunksDone: () => this.board.chunksDone,
      commandsSoFar: () => 0,
      report: (report) => this.#report(report),
      sizes: { chunkBytes: 1_000, rowsPerLook: 4 },
    });
    const bell = new SharedArrayBuffer(DOORBELL_BYTES);
    const thread = {
      order: (message: unknown): void => this.#take(message as WalkOrder),
      onReport: (listener: (report: unknown) => void): void => void (this.#listener = listener),
    };
    this.channel = new ShardChannel({ index: place.shard, board: this.board, thread, bell });
  }

  /** So many new sessions of one key, and a batch of the log that says so. */
  fill(sessions: number): void {
    for (let session = 0; session < sessions; session += 1) {
      this.#created += 1;
      const row = this.state.create(Int32Array.of(this.#created, 1, 2, 3), 0, 0, false);
      this.state.set(row, VALUE, 0, 1, 1, 5);
      this.state.started(row);
    }
    this.log.flush(this.#clock.nowMs());
  }

  #take(order: WalkOrder): void {
    if (order.type === 'walk') this.#walksRunning += 1;
    this.#walks.take(order);
    this.#pump();
  }

  #pump(): void {
    if (this.isRunning && this.#walks.isActive) this.#walks.slice(true);
    if (this.#walksRunning > 0) setImmediate(() => this.#pump());
  }

  #report(report: ShardReport): void {
    if (report.type === 'walked') this.#walksRunning -= 1;
    setImmediate(() => this.#listener(report));
  }
}

export class SnapshotWorld {
  readonly files: MemoryFiles;
  readonly clock = new SharedManualClock();
  readonly directory: DataDirectory;
  readonly shards: readonly SnapshotShard[];
  readonly snapshots: Snapshots;
  readonly lines: string[] = [];
  /** Rejects what the sync of a log rejects with. */
  syncFailure: Error | undefined;

  constructor(shards: number, files = new MemoryFiles()) {
    this.files = files;
    this.clock.set(START_MS);
    this.directory = openDataDirectory({
      ...{ files, path: DATA, shards, nowMs: START_MS },
      host: { self: SELF, startTimeOf: () => undefined },
    });
    const { manifest, needsConversion } = this.directory;
    const epoch = needsConversion ? manifest.epoch + 1 : manifest.epoch;
    this.shards = Array.from(
      { length: shards },
      (_, shard) => new SnapshotShard(files, this.clock, { shard, shards, epoch }),
    );
    this.snapshots = new Snapshots({
      ...{ directory: this.directory, clock: this.clock, log: this.#serverLog() },
      channels: this.shards.map(({ channel }) => channel),
      jobs: { run: runnerOf(files) },
      logBytesMin: 10_000,
      logRatio: 1,
      dataBytesOf: () => 0,
      syncLog: async () => {
        if (this.syncFailure !== undefined) throw this.syncFailure;
        files.done.push('sync log');
        await Promise.resolve();
      },
    });
  }

  /** Names in a folder of the directory. */
  list(folder: 'log' | 'snapshots'): string[] {
    return this.files.list(`${DATA}/${folder}`);
  }

  #serverLog(): ServerLog {
    const note = (text: string): void => void this.lines.push(text);
    return { info: note, warn: note, error: note };
  }
}

function runnerOf(files: MemoryFiles): JobRunner['run'] {
  const tasks: Record<string, (input: never) => unknown> = {
    'create-snapshot': (target: SnapshotTarget) => createSnapshot(files, target),
    'append-to-snapshot': (input: {
      progress: SnapshotProgress;
      bytes: ArrayBuffer;
      sessions: number;
      keys: number;
    }) => {
      const { progress, bytes, sessions, keys } = input;
      return appendChunk(files, progress, new Uint8Array(bytes), sessions, keys);
    },
    'finish-snapshot': (progress: SnapshotProgress) => finishSnapshot(files, progress),
    'discard-snapshot': (progress: SnapshotProgress) => discardSnapshot(files, progress),
  };
  const run = async (name: string, input: unknown): Promise<unknown> => {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return tasks[name]!(input as never);
    } catch (error) {
      throw new JobError({ message: (error as Error).message, code: codeOf(error) });
    }
  };
  return run as JobRunner['run'];
}
