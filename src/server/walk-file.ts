/**
 * A walk into a file: chunks go from the shard to the job pool, which compresses and writes them one
 * after another. The file has its name only once all of it is on the disk; one that could not be
 * finished is removed.
 */
import type { LogStart, WalkChunk } from '../config/walk-messages.js';
import type { FileHeader } from '../storage/file-header.js';
import type { SnapshotFigures, SnapshotProgress } from '../storage/snapshot-file.js';
import type { JobRunner } from './jobs.js';
import type { ShardChannel } from './shard-channel.js';
import { walkShard, type WalkRequest } from './shard-walk.js';

export interface WalkFileRequest extends WalkRequest {
  readonly channel: ShardChannel;
  readonly jobs: JobRunner;
  /** The data directory. */
  readonly directory: string;
  /** Relative to it. Both can depend on where the log begins, which the shard says. */
  readonly file: (logStart: LogStart) => string;
  readonly header: (logStart: LogStart) => FileHeader;
}

export interface WalkFile {
  readonly file: string;
  readonly logStart: LogStart;
  /** Of the last batch of the log that was written before the walk ended. */
  readonly lastSequence: number;
  /** Without the default map. */
  readonly sessions: number;
  /** With those of the default map. */
  readonly keys: number;
  /** Of the whole file. */
  readonly bytes: number;
}

/** Rejects with a JobError where it cannot be written, or with WalkAbandoned. */
export async function writeWalk(request: WalkFileRequest): Promise<WalkFile> {
  const { channel } = request;
  const writer = new ChunkWriter(request);
  try {
    const end = await walkShard(channel, request, (chunk) => writer.append(chunk));
    const { logStart, lastSequence } = end;
    // Also where there was no chunk: an empty shard has a snapshot, too.
    const { sessions, keys, bytes } = await writer.finish(logStart);
    return { file: request.file(logStart), logStart, lastSequence, sessions, keys, bytes };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

class ChunkWriter {
  readonly #request: WalkFileRequest;
  #progress: SnapshotProgress | undefined;

  constructor(request: WalkFileRequest) {
    this.#request = request;
  }

  async #opened(logStart: LogStart): Promise<SnapshotProgress> {
    const { jobs, directory, file, header } = this.#request;
    this.#progress ??= await jobs.run('create-snapshot', {
      directory,
      file: file(logStart),
      header: header(logStart),
    });
    return this.#progress;
  }

  async append({ logStart, bytes, sessions, keys }: WalkChunk): Promise<void> {
    const progress = await this.#opened(logStart);
    const input = { progress, bytes, sessions, keys };
    this.#progress = await this.#request.jobs.run('append-to-snapshot', input);
  }

  async finish(logStart: LogStart): Promise<SnapshotFigures> {
    const progress = await this.#opened(logStart);
    // From here on the job itself sees to what is left of a failure.
    this.#progress = undefined;
    return await this.#request.jobs.run('finish-snapshot', progress);
  }

  /** Removes what there is; the reason why is told elsewhere. */
  async discard(): Promise<void> {
    if (this.#progress === undefined) return;
    await this.#request.jobs.run('discard-snapshot', this.#progress).catch(() => undefined);
  }
}
