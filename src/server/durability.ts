/**
 * Main's part in durability while the server runs: syncs the shards' segments once a second
 * (--fsync everysec), closes those that are done with, tells the operator when a log fails and when
 * it heals, keeps the lock of the data directory alive and gives it up at the end.
 *
 * A clean stop syncs everything, whatever --fsync says. The lock is given up on every way out on
 * which code still runs; a process that was killed leaves it, and whoever comes next sees that its
 * holder is dead.
 */
import type { FsyncChoice } from '../storage/shard-log.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { LOCK_TOUCH_MS } from '../storage/directory-lock.js';
import type { Files } from '../storage/files.js';
import { codeOf, StorageError } from '../storage/storage-error.js';
import { SegmentSync } from './segment-sync.js';
import type { ServerLog } from './server-log.js';
import type { ShardChannel } from './shard-channel.js';

const SYNC_MS = 1_000;

export interface DurabilityParts {
  readonly files: Files;
  readonly directory: DataDirectory;
  readonly fsync: FsyncChoice;
  /** By shard. */
  readonly channels: readonly ShardChannel[];
  readonly log: ServerLog;
  /** The directory is another process's by now: this one must end. */
  readonly onLost: (reason: StorageError) => void;
}

export class DurabilityKeeper {
  readonly #parts: DurabilityParts;
  readonly #segments: readonly SegmentSync[];
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #onExit = (): void => this.#release();
  #isReleased = false;

  constructor(parts: DurabilityParts) {
    this.#parts = parts;
    const { channels, directory, files } = parts;
    this.#segments = channels.map((channel) => new SegmentSync(channel, files, directory.path));
    for (const channel of channels) this.#watch(channel);
    this.#timers = [
      setInterval(() => this.#syncDue(), SYNC_MS).unref(),
      setInterval(() => this.#touch(), LOCK_TOUCH_MS).unref(),
    ];
    process.once('exit', this.#onExit);
  }

  /**
   * What a shard has written so far is on the disk when it resolves, whatever --fsync says, and
   * nothing was lost of the segments from `from` on.
   */
  async syncShard(shard: number, from: number): Promise<void> {
    const segments = this.#segments[shard];
    if (segments === undefined) throw new StorageError(`there is no shard ${shard}`);
    await segments.sync(from);
  }

  /**
   * After the shards have ended: syncs all of it and gives the directory up, also where that fails,
   * which rejects.
   */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const results = await Promise.allSettled(this.#segments.map((segments) => segments.sync()));
    for (const segments of this.#segments) segments.close();
    process.off('exit', this.#onExit);
    this.#release();
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  #watch(channel: ShardChannel): void {
    const { log } = this.#parts;
    const shard = channel.index;
    channel.on('log-failing', ({ reason }) => {
      const text = `the log of shard ${shard} cannot be written: ${reason}; writes answer 210`;
      log.error(text, { shard });
    });
    channel.on('log-healed', () => {
      log.info(`the log of shard ${shard} can be written again`, { shard });
    });
  }

  #syncDue(): void {
    for (const [shard, segments] of this.#segments.entries()) {
      if (this.#parts.fsync !== 'everysec' && !segments.hasClosed) continue;
      if (segments.isSyncing) continue;
      segments.sync().catch((error: unknown) => {
        this.#parts.log.error(`shard ${shard}: ${(error as Error).message}`, { shard });
      });
    }
  }

  #touch(): void {
    try {
      this.#parts.directory.touchLock();
    } catch (error) {
      if (error instanceof StorageError) this.#parts.onLost(error);
      else this.#parts.log.warn(`the lock could not be touched: ${codeOf(error)}`);
    }
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    try {
      this.#parts.directory.release();
    } catch (error) {
      this.#parts.log.warn(`the lock could not be removed: ${codeOf(error)}`);
    }
  }
}
