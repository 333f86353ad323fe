/**
 * All that main does for what is kept on disk, in one place: the open data directory, the channels to
 * the shards, the recovery before the first command, and while the server runs durability, snapshots,
 * saves and loads.
 */
import type { Config } from '../config/options.js';
import type { Clock } from '../core/clock.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { NodeFiles } from '../storage/files.js';
import { ShardBoard } from '../storage/shard-board.js';
import { DurabilityKeeper } from './durability.js';
import { Jobs } from './jobs.js';
import type { Plans } from './plans.js';
import { StartError } from './port-probe.js';
import { type RecoveryFigures, RecoveryWait } from './recovery-wait.js';
import { Saves } from './saves.js';
import { readCounters } from './server-counters.js';
import type { ServerLog } from './server-log.js';
import { ShardChannel } from './shard-channel.js';
import { Snapshots } from './snapshots.js';
import type { ServerThread } from './thread.js';

/** From the recovery's end to the start of the job pool, unless there is a job before. */
const PREPARE_MS = 1_000;

export interface PersistenceParts {
  readonly config: Config;
  readonly directory: DataDirectory;
  readonly plans: Plans;
  /** By shard. */
  readonly threads: readonly ServerThread[];
  readonly clock: Clock;
  readonly log: ServerLog;
  /** The directory cannot be used any longer: the server must end. */
  readonly onLost: (reason: Error) => void;
}

export class Persistence {
  readonly snapshots: Snapshots;
  readonly saves: Saves;
  readonly #parts: PersistenceParts;
  readonly #recovery: RecoveryWait;
  readonly #keeper: DurabilityKeeper;
  readonly #jobs = new Jobs();
  #prepareTimer: NodeJS.Timeout | undefined;

  /** Make it in the same step as the threads: their reports must find it. */
  constructor(parts: PersistenceParts) {
    this.#parts = parts;
    const { clock, config, directory, log, onLost, plans } = parts;
    const { path, secretCheck } = directory;
    const files = new NodeFiles();
    const jobs = this.#jobs;
    const channels = channelsOf(parts);
    this.#recovery = new RecoveryWait({ channels, directory: path, clock, log });
    const keeper = new DurabilityKeeper({
      ...{ files, directory, fsync: config.fsync },
      ...{ channels, log, onLost },
    });
    this.#keeper = keeper;
    this.snapshots = new Snapshots({
      ...{ directory, channels, jobs, clock, log },
      logBytesMin: config.snapshotMinBytes / channels.length,
      logRatio: config.snapshotLogRatio,
      dataBytesOf: (shard) => readCounters(plans).shards[shard]?.memoryBytes ?? 0,
      syncLog: (shard, from) => keeper.syncShard(shard, from),
    });
    this.saves = new Saves({ files, directory: path, secretCheck, channels, jobs, clock });
  }

  get path(): string {
    return this.#parts.directory.path;
  }

  /** Before listening. Rejects with StartError or StorageError if the files cannot be used. */
  async recover(): Promise<RecoveryFigures> {
    const figures = await this.#recovery.finished;
    await this.snapshots.convert();
    const { loadName } = this.#parts.config;
    if (loadName !== '') await this.#load(loadName);
    this.snapshots.start();
    this.#prepareTimer = setTimeout(() => this.#jobs.prepare(), PREPARE_MS);
    this.#prepareTimer.unref();
    return figures;
  }

  /** After the last command is answered, while the shards still run. */
  async stopWork(): Promise<void> {
    await Promise.all([this.snapshots.stop(), this.saves.stop()]);
  }

  /** After the shards have ended. Rejects if the last of the log could not be synced. */
  async close(): Promise<void> {
    clearTimeout(this.#prepareTimer);
    await this.#jobs.stop();
    await this.#keeper.stop();
  }

  async #load(name: string): Promise<void> {
    try {
      const figures = await this.saves.loadAtStart(name);
      this.#parts.log.info(`loaded the set ${name}`, figures);
    } catch (error) {
      throw new StartError((error as Error).message);
    }
  }
}

function channelsOf({ plans, threads }: PersistenceParts): ShardChannel[] {
  return plans.shards.flatMap(({ storage, bell }, index) => {
    const thread = threads[index];
    if (storage === undefined || thread === undefined) return [];
    return new ShardChannel({ index, board: new ShardBoard(storage.board), thread, bell });
  });
}
