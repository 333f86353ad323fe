/**
 * Snapshots: when one is due, takes it, puts it into the manifest and removes what nobody needs any
 * more. One shard after another; commands go on meanwhile.
 *
 *   walk -> job pool -> file on the disk -> log up to the walk's end on the disk -> manifest swapped
 *        -> older segments and snapshots removed
 *
 * A shard's snapshot is due once its log since the last one was done has outgrown its data, or consists
 * of many segments, or because a part of the log may be lost (a failed sync: no write is acknowledged until
 * the snapshot is there), or because somebody asked. One that fails changes nothing and is tried again.
 */
import type { MainAnswer } from '../config/main-call.js';
import type { Clock } from '../core/clock.js';
import { STATUSES } from '../core/statuses.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { snapshotPath } from '../storage/file-names.js';
import { nextEpoch, withSnapshot, type ManifestSnapshot } from '../storage/manifest.js';
import { codeOf, StorageError } from '../storage/storage-error.js';
import type { JobRunner } from './jobs.js';
import type { ServerLog } from './server-log.js';
import type { ShardChannel } from './shard-channel.js';
import { WalkAbandoned } from './shard-walk.js';
import { writeWalk, type WalkFile } from './walk-file.js';

/** How often main looks whether a snapshot is due. */
const LOOK_MS = 250;
/** After one that failed. */
const RETRY_MS = 10_000;
/** Segments of log since the newest snapshot. */
const SEGMENTS_MAX = 64;
const LOG_FAILING = 'the log cannot be written';
/** For a walk to end that was given up. */
const STOP_MS_MAX = 2_000;
const MIB = 1_024 * 1_024;

export interface SnapshotsParts {
  readonly directory: DataDirectory;
  readonly channels: readonly ShardChannel[];
  readonly jobs: JobRunner;
  readonly clock: Clock;
  readonly log: ServerLog;
  /** Log of one shard that is too little for a snapshot, whatever the ratio. */
  readonly logBytesMin: number;
  /** Log that makes a snapshot due, in multiples of the data. */
  readonly logRatio: number;
  /** Bytes of a shard's data. */
  readonly dataBytesOf: (shard: number) => number;
  /**
   * Resolves once all that the shard has written to its log is on the disk. Rejects if any of it
   * could not be synced from that segment on: no snapshot that begins there may be relied on.
   */
  readonly syncLog: (shard: number, from: number) => Promise<void>;
}

/** Of all shards together. */
export interface SnapshotFigures {
  readonly sessions: number;
  readonly keys: number;
  readonly bytes: number;
}

interface Wanted {
  readonly shard: number;
  readonly taken: Promise<ManifestSnapshot>;
  readonly resolve: (snapshot: ManifestSnapshot) => void;
  readonly reject: (reason: Error) => void;
}

export class Snapshots {
  readonly #parts: SnapshotsParts;
  readonly #stopping = new AbortController();
  /** Not begun yet, in order. */
  readonly #wanted: Wanted[] = [];
  /** By shard: not before then, unless somebody asks; 0 if the last one did not fail. */
  readonly #retryAtMs: number[];
  /** By shard: what was needed when the last one began. */
  readonly #triedFor: number[];
  /** By shard: what the log had grown to, since the last one began, by the time that it was done. */
  readonly #logBytesThen: number[];
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
    this.#retryAtMs = parts.channels.map(() => 0);
    this.#triedFor = parts.channels.map(() => 0);
    this.#logBytesThen = parts.channels.map(() => 0);
  }

  /** From here on, snapshots are taken when they are due. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** One of each shard, begun after this call. Rejects with the reason of the first that fails. */
  async takeAll(): Promise<SnapshotFigures> {
    const taken = await Promise.all(this.#parts.channels.map(({ index }) => this.#take(index)));
    const sum = (name: 'sessions' | 'keys' | 'bytes'): number =>
      taken.reduce((total, snapshot) => total + snapshot[name], 0);
    return { sessions: sum('sessions'), keys: sum('keys'), bytes: sum('bytes') };
  }

  /** The answer to SV_SNAPSHOT. */
  async answer(): Promise<MainAnswer> {
    const startedMs = this.#parts.clock.nowMs();
    try {
      const figures = await this.takeAll();
      const duration = Math.round(this.#parts.clock.nowMs() - startedMs);
      return { status: STATUSES.OK.code, body: { ...figures, duration } };
    } catch (error) {
      return { status: STATUSES.SAVE_FAILED.code, body: { m: reasonOf(error) } };
    }
  }

  /**
   * Where the directory was written by another number of shards: a snapshot of each of the new ones,
   * and a manifest that names them and nothing else. Before that, all is as it was.
   */
  async convert(): Promise<void> {
    const { channels, clock, directory, log, syncLog } = this.#parts;
    const { manifest } = directory;
    if (!directory.needsConversion) return;
    const startedMs = clock.nowMs();
    const snapshots: ManifestSnapshot[] = [];
    try {
      for (const channel of channels) {
        const entry = entryOf(await this.#write(channel, manifest.epoch + 1));
        await syncLog(channel.index, entry.logFrom);
        snapshots.push(entry);
      }
      directory.swapManifest(nextEpoch(manifest, snapshots));
    } catch (error) {
      const from = `of ${manifest.perShard.length} shards cannot be taken over by ${channels.length}`;
      throw new StorageError(`data directory ${directory.path} ${from}: ${reasonOf(error)}`);
    }
    this.#announce();
    this.#removeUnneeded();
    const figures = { shards: channels.length, ms: Math.round(clock.nowMs() - startedMs) };
    log.info(`taken over from ${manifest.perShard.length} shards`, figures);
  }

  /** Gives up what is under way; nothing is taken any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    for (const { reject } of this.#wanted.splice(0)) reject(new WalkAbandoned(STOPPING));
    if (this.#running === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS_MAX)));
    await Promise.race([this.#running, tooLate]);
    clearTimeout(timer);
  }

  #look(): void {
    for (const channel of this.#parts.channels) {
      if (this.#isDue(channel)) this.#take(channel.index).catch(() => undefined);
    }
  }

  #isDue({ board, index }: ShardChannel): boolean {
    // One is under way, or about to be: what is asked for now can be asked for after it.
    if (this.#running !== undefined || this.#wanted.length > 0) return false;
    const { clock, dataBytesOf, directory, logBytesMin, logRatio } = this.#parts;
    const { neededFrom } = board;
    // Clients are refused until it is there; one that began before the loss did not help.
    if (neededFrom > 0 && neededFrom !== this.#triedFor[index]) return true;
    const retryAtMs = this.#retryAtMs[index] ?? 0;
    if (retryAtMs > 0) return clock.nowMs() >= retryAtMs;
    if (neededFrom > 0) return true;
    // From when it was done: what is written while one is under way, at length under load, makes none due.
    const logBytes = board.logBytes - (this.#logBytesThen[index] ?? 0);
    if (logBytes > Math.max(logBytesMin, logRatio * dataBytesOf(index))) return true;
    const newest = directory.manifest.perShard[index]?.snapshots[0];
    return newest !== undefined && board.segment - newest.logFrom > SEGMENTS_MAX;
  }

  /** Asks for a snapshot that begins after this call. */
  #take(shard: number): Promise<ManifestSnapshot> {
    const waiting = this.#wanted.find((wanted) => wanted.shard === shard);
    if (waiting !== undefined) return waiting.taken;
    if (this.#stopping.signal.aborted) return Promise.reject(new WalkAbandoned(STOPPING));
    let resolve: Wanted['resolve'] = () => undefined;
    let reject: Wanted['reject'] = () => undefined;
    const taken = new Promise<ManifestSnapshot>((resolveTaken, rejectTaken) => {
      resolve = resolveTaken;
      reject = rejectTaken;
    });
    this.#wanted.push({ shard, taken, resolve, reject });
    this.#running ??= this.#run();
    return taken;
  }

  async #run(): Promise<void> {
    // Those who ask in one go are all in the queue before the first is begun.
    await Promise.resolve();
    for (let next = this.#wanted.shift(); next !== undefined; next = this.#wanted.shift()) {
      const { shard } = next;
      try {
        next.resolve(await this.#takeNow(shard));
        this.#retryAtMs[shard] = 0;
      } catch (error) {
        this.#failed(shard, error);
        next.reject(error as Error);
      }
    }
    this.#running = undefined;
  }

  async #takeNow(shard: number): Promise<ManifestSnapshot> {
    const { channels, clock, directory, log, syncLog } = this.#parts;
    const channel = channels[shard];
    if (channel === undefined) throw new Error(`there is no shard ${shard}`);
    const startedMs = clock.nowMs();
    const { neededFrom } = channel.board;
    this.#triedFor[shard] = neededFrom;
    this.#logBytesThen[shard] = 0;
    const file = await this.#write(channel, directory.manifest.epoch);
    // Sessions met after a change have it, those met before lack it: only the log makes them agree.
    // Where it has failed all along, nothing was changed meanwhile.
    if (channel.board.isFailing && neededFrom === 0) throw new StorageError(LOG_FAILING);
    // Nothing of the log may be missing that is older than the snapshot.
    const entry = entryOf(file);
    await syncLog(shard, entry.logFrom);
    directory.swapManifest(withSnapshot(directory.manifest, shard, entry));
    this.#logBytesThen[shard] = channel.board.logBytes;
    this.#announce();
    this.#removeUnneeded();
    const ms = Math.round(clock.nowMs() - startedMs);
    const mib = Math.round((file.bytes / MIB) * 10) / 10;
    log.info('snapshot', { shard, sessions: file.sessions, keys: file.keys, mib, ms });
    return entry;
  }

  #write(channel: ShardChannel, epoch: number): Promise<WalkFile> {
    const { channels, clock, directory, jobs } = this.#parts;
    const { index } = channel;
    return writeWalk({
      channel,
      jobs,
      purpose: 'snapshot',
      what: 'all',
      signal: this.#stopping.signal,
      directory: directory.path,
      file: ({ segment }) => snapshotPath({ epoch, shard: index, number: segment }),
      header: ({ segment, sequence }) => ({
        kind: 'snapshot',
        epoch,
        shard: index,
        shards: channels.length,
        number: segment,
        createdMs: clock.nowMs(),
        firstSequence: sequence,
        backlog: 0,
        secretCheck: directory.secretCheck,
      }),
    });
  }

  /** Tells every shard which snapshot of it the manifest names: one may be waiting for that. */
  #announce(): void {
    const { channels, directory } = this.#parts;
    for (const channel of channels) {
      const newest = directory.manifest.perShard[channel.index]?.snapshots[0];
      if (newest === undefined || newest.logFrom === channel.board.snapshotDone) continue;
      channel.board.snapshotDone = newest.logFrom;
      channel.wake();
    }
  }

  #failed(shard: number, error: unknown): void {
    const { clock, log } = this.#parts;
    if (this.#stopping.signal.aborted) return;
    this.#retryAtMs[shard] = clock.nowMs() + RETRY_MS;
    log.warn(`snapshot failed: ${reasonOf(error)}; it is tried again`, { shard });
    this.#removeUnneeded();
  }

  /** What cannot be removed now can be after the next snapshot, or at the next start. */
  #removeUnneeded(): void {
    try {
      this.#parts.directory.removeUnneeded();
    } catch (error) {
      this.#parts.log.warn(`files that are not needed any more stay: ${reasonOf(error)}`);
    }
  }
}

const STOPPING = 'the server is stopping';

function entryOf(file: WalkFile): ManifestSnapshot {
  return {
    file: file.file,
    logFrom: file.logStart.segment,
    firstSequence: file.logStart.sequence,
    lastSequence: file.lastSequence,
    sessions: file.sessions,
    keys: file.keys,
    bytes: file.bytes,
  };
}

/** A StorageError's message is a whole line; of any other error, the system's code says most. */
function reasonOf(error: unknown): string {
  return error instanceof StorageError || error instanceof WalkAbandoned
    ? error.message
    : codeOf(error);
}
