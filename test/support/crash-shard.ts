/**
 * One shard with its real log, snapshots, manifest and recovery on a disk that forgets, in one
 * thread. It keeps a history: what the state was at each batch of the log, and which batch is the
 * last that a client was told of. After a cut, recovery must give exactly the state of some batch,
 * and none before that one.
 */
import type { DataDirectory } from '../../src/storage/data-directory.js';
import { openDataDirectory } from '../../src/storage/data-directory.js';
import { snapshotPath } from '../../src/storage/file-names.js';
import type { HostFacts } from '../../src/storage/host-facts.js';
import { withSnapshot } from '../../src/storage/manifest.js';
import { recoverShard } from '../../src/storage/recovery.js';
import { allocateShardBoard, ShardBoard } from '../../src/storage/shard-board.js';
import { type FsyncChoice, ShardLog } from '../../src/storage/shard-log.js';
import {
  appendChunk,
  createSnapshot,
  discardSnapshot,
  finishSnapshot,
  type SnapshotProgress,
} from '../../src/storage/snapshot-file.js';
import type { WalkChunk, WalkEnd, WalkReport } from '../../src/config/walk-messages.js';
import { Walks } from '../../src/shard/walk.js';
import { newPrivate, randomCommand } from './crash-commands.js';
import type { PowerCutFiles } from './power-cut-files.js';
import type { Random } from './random.js';
import { describeStates } from './replay.js';
import { sessionKey, ShardHarness } from './shard-harness.js';

const DIRECTORY = '/var/data';
const SESSIONS = 12;
const COMMANDS_PER_TURN_MAX = 6;
const ALTERNATIVES_MAX = 200;

interface HistoryState {
  readonly lines: readonly string[];
  readonly nowMs: number;
}

/** What is known of the shard whatever happens to it. */
export class CrashHistory {
  /**
   * Sequence of a batch -> the states that may follow from it. One, unless the disk fails: a batch
   * that was refused may be on the disk, and in a snapshot, and so may the one that took its place.
   */
  readonly states = new Map<number, HistoryState[]>();
  /** The last batch that must be there after a cut. */
  promised = 0;
  /** Counts for the report of a test: that it has seen what it is about. */
  readonly seen = { batches: 0, snapshots: 0, lost: 0, cutBytes: 0, segments: 0, failures: 0 };
}

export interface CrashShardOptions {
  readonly files: PowerCutFiles;
  readonly random: Random;
  readonly history: CrashHistory;
  readonly fsync: FsyncChoice;
  readonly segmentBytes: number;
  /** When it begins; later than all that has happened. */
  readonly nowMs: number;
  readonly boot: number;
}

export class CrashShard {
  readonly shard: ShardHarness;
  readonly #options: CrashShardOptions;
  readonly #board = new ShardBoard(allocateShardBoard());
  readonly #directory: DataDirectory;
  readonly #log: ShardLog;
  readonly #walks: Walks;
  readonly #reports: WalkReport[] = [];
  /** Segments that main would have to sync. */
  readonly #dirty = new Map<number, { readonly fd: number; isClosed: boolean }>();
  /** Those of a failed sync, until a snapshot makes them needless. */
  readonly #failed = new Set<number>();
  #snapshot: SnapshotProgress | undefined;
  /** Whether a lost segment was waiting for the snapshot when it began. */
  #wasNeeded = false;

  /** Opens the directory and recovers; checks what came back. */
  constructor(options: CrashShardOptions) {
    const { files, nowMs, boot } = options;
    this.#options = options;
    this.#directory = openDataDirectory({
      files,
      path: DIRECTORY,
      host: hostOf(boot),
      shards: 1,
      nowMs,
    });
    const { secretCheck } = this.#directory;
    this.shard = new ShardHarness({ ringBytes: 4 << 20 });
    const { sessions, defaults } = this.shard;
    const plan = this.#directory.recoveryPlans()[0]!;
    const outcome = recoverShard({
      files,
      directory: DIRECTORY,
      plan,
      target: { sessions, defaults },
      // What is due is told by the last batch alone, so that the state can be compared.
      nowMs: 0,
      onProgress: () => undefined,
    });
    options.history.seen.cutBytes += outcome.cutBytes;
    this.#log = new ShardLog({
      files,
      directory: DIRECTORY,
      epoch: plan.epoch,
      shard: 0,
      shards: 1,
      secretCheck,
      begin: { nextSegment: outcome.nextSegment, nextSequence: outcome.nextSequence },
      fsync: options.fsync,
      segmentBytes: options.segmentBytes,
      board: this.#board,
      clock: this.shard.clock,
      onSegment: ({ number, fd, isClosed }) => {
        if (!this.#failed.has(number)) this.#dirty.set(number, { fd, isClosed });
      },
    });
    sessions.effects = this.#log.effects;
    defaults.state.effects = this.#log.effects;
    this.#compare(outcome.nextSequence - 1);
    this.shard.clock.set(nowMs);
    this.#walks = new Walks({
      sessions,
      defaults,
      clock: this.shard.clock,
      log: this.#log,
      chunksDone: () => this.#board.chunksDone,
      commandsSoFar: () => 0,
      report: (report) => this.#reports.push(report),
      // Small, so that a walk takes many turns.
      sizes: { chunkBytes: 3_000, rowsPerLook: 1 },
    });
  }

  /** Some commands, and what follows from them. */
  turn(): void {
    const { random, history, fsync } = this.#options;
    const { shard } = this;
    shard.clock.advance(random.below(2_000) * 0.5);
    const wasFailing = this.#log.isFailing;
    // While the log fails, a shard refuses what would change something.
    const count = wasFailing ? 0 : random.below(COMMANDS_PER_TURN_MAX);
    for (let command = 0; command < count; command += 1) this.#push();
    shard.loop.runTurn();
    shard.replies();
    const nowMs = shard.clock.nowMs();
    // What the description finds due belongs to this batch.
    const lines = describeStates(shard, nowMs);
    const { sequence } = this.#log;
    if (this.#log.effects.isEmpty && !wasFailing) {
      // Nothing but time has passed, which moves deadlines of empty sessions and is in no batch.
      history.states.set(sequence, [{ lines, nowMs }]);
      return;
    }
    this.#mayBecome(sequence + 1, { lines, nowMs });
    // A snapshot taken now has what the log lacks.
    if (wasFailing) this.#mayBecome(sequence, { lines, nowMs });
    const segment = this.#log.segmentNumber;
    const isDurable = this.#log.flush(nowMs);
    history.seen.segments += this.#log.segmentNumber - segment;
    if (!isDurable) {
      history.seen.failures += 1;
      this.#mayBecome(sequence, { lines, nowMs });
      return;
    }
    history.states.set(this.#log.sequence, [{ lines, nowMs }]);
    history.seen.batches += 1;
    if (fsync === 'always') history.promised = this.#log.sequence;
  }

  #mayBecome(sequence: number, state: HistoryState): void {
    const { states } = this.#options.history;
    states.set(sequence, [...(states.get(sequence) ?? []), state].slice(-ALTERNATIVES_MAX));
  }

  /**
   * What main does once a second with everysec.
   *
   * @returns whether all is on the disk, and nothing was lost of the segments from `from` on.
   */
  sync(from = 0): boolean {
    const { files, history } = this.#options;
    const { sequence } = this.#log;
    const low = this.#board.writtenLow;
    for (const [number, { fd, isClosed }] of this.#dirty) {
      if (this.#mayNotSync(number, fd)) continue;
      if (!isClosed) continue;
      files.close(fd);
      this.#dirty.delete(number);
    }
    try {
      files.syncDirectory(`${DIRECTORY}/log`);
    } catch (error) {
      if (files.isCut) throw error;
      return false;
    }
    // What is lost stays so until a snapshot has it.
    if (this.#failed.size > 0) return Math.max(...this.#failed) < from;
    this.#board.syncedLow = low;
    history.promised = Math.max(history.promised, sequence);
    return true;
  }

  /** A segment that could not be synced is never synced again: the system takes it for written. */
  #mayNotSync(number: number, fd: number): boolean {
    const { files, history } = this.#options;
    try {
      files.sync(fd);
      return false;
    } catch (error) {
      if (files.isCut) throw error;
      history.seen.failures += 1;
      this.#failed.add(number);
      this.#log.syncFailed();
      this.#dirty.delete(number);
      files.close(fd);
      return true;
    }
  }

  /** One step of a snapshot: begins one, walks on, or puts it in place. Tried again if it fails. */
  stepSnapshot(): void {
    try {
      this.#stepSnapshot();
    } catch (error) {
      const { files, history } = this.#options;
      if (files.isCut) throw error;
      history.seen.failures += 1;
      this.#reports.splice(0);
      this.#walks.take({ type: 'cancel-walk', id: 1 });
      this.#reports.splice(0);
      if (this.#snapshot !== undefined) this.#discard(this.#snapshot);
      this.#snapshot = undefined;
    }
  }

  #discard(snapshot: SnapshotProgress): void {
    try {
      discardSnapshot(this.#options.files, snapshot);
    } catch (error) {
      // What it leaves is removed by the next start.
      if (this.#options.files.isCut) throw error;
    }
  }

  #stepSnapshot(): void {
    this.#walks.slice(true);
    const isWalking = this.#walks.resumeMs !== Infinity;
    if (this.#snapshot === undefined && !isWalking && this.#reports.length === 0) {
      this.#wasNeeded = this.#board.neededFrom !== 0;
      this.#walks.take({ type: 'walk', id: 1, purpose: 'snapshot', what: 'all' });
    }
    const report = this.#reports.shift();
    if (report?.type === 'chunk') this.#append(report);
    else if (report?.type === 'walked') this.#finish(report);
  }

  #append(chunk: WalkChunk): void {
    const { files } = this.#options;
    this.#snapshot ??= this.#create(chunk.logStart);
    const { bytes, sessions, keys } = chunk;
    const entries = new Uint8Array(bytes);
    this.#snapshot = appendChunk(files, this.#snapshot, entries, sessions, keys);
    this.#board.countChunkDone();
  }

  #create({ segment, sequence }: WalkEnd['logStart']): SnapshotProgress {
    const { files, nowMs } = this.#options;
    const { manifest, secretCheck } = this.#directory;
    return createSnapshot(files, {
      directory: DIRECTORY,
      file: snapshotPath({ epoch: manifest.epoch, shard: 0, number: segment }),
      header: {
        kind: 'snapshot',
        epoch: manifest.epoch,
        shard: 0,
        shards: 1,
        number: segment,
        createdMs: nowMs,
        firstSequence: sequence,
        backlog: 0,
        secretCheck,
      },
    });
  }

  #finish({ logStart, lastSequence }: WalkEnd): void {
    const { files, random, history } = this.#options;
    const snapshot = this.#snapshot ?? this.#create(logStart);
    this.#snapshot = undefined;
    if (random.below(10) === 0) {
      discardSnapshot(files, snapshot);
      return;
    }
    const { sessions, keys, bytes } = finishSnapshot(files, snapshot);
    // As main does: sessions met before a change that is not in the log would stay without it.
    if (this.#board.isFailing && !this.#wasNeeded) throw new Error('the log cannot be written');
    // The log up to the end of the walk is on the disk before the manifest names the snapshot.
    if (this.#options.fsync !== 'always' && !this.sync(logStart.segment))
      throw new Error('the log is not synced');
    const { epoch } = this.#directory.manifest;
    const file = snapshotPath({ epoch, shard: 0, number: logStart.segment });
    this.#directory.swapManifest(
      withSnapshot(this.#directory.manifest, 0, {
        file,
        logFrom: logStart.segment,
        firstSequence: logStart.sequence,
        lastSequence,
        sessions,
        keys,
        bytes,
      }),
    );
    this.#log.snapshotDone(logStart.segment);
    if ([...this.#failed].every((number) => number < logStart.segment)) this.#failed.clear();
    this.#directory.removeUnneeded();
    history.seen.snapshots += 1;
  }

  #push(): void {
    const { random } = this.#options;
    const number = random.below(SESSIONS + 1);
    if (number === SESSIONS) {
      const { name, body } = randomCommand(random, 'default map');
      this.shard.push(name.replace('SH_', 'KV_'), undefined, body);
      return;
    }
    if (random.below(150) === 0) {
      this.shard.push('SH_END_ALL', undefined, null);
      return;
    }
    const key = sessionKey(number);
    const row = this.shard.sessions.find(Int32Array.from(key.digest), 0, key.slot);
    // A digest in use cannot be minted again.
    const command = row < 0 ? newPrivate(random) : randomCommand(random, 'private');
    this.shard.push(command.name, key, command.body);
    // Nor may the same turn start it twice.
    this.shard.loop.runTurn();
  }

  #compare(sequence: number): void {
    const { history } = this.#options;
    if (sequence < history.promised) {
      throw new Error(`batch ${history.promised} was promised, ${sequence} is the last there is`);
    }
    const known = history.states.get(sequence) ?? [];
    if (known.length === 0 && sequence > 0) throw new Error(`there was no batch ${sequence}`);
    this.shard.sessions.endRecovery(known[0]?.nowMs ?? 0);
    let lines: readonly string[] = [];
    const isOne = known.some((state) => {
      lines = describeStates(this.shard, state.nowMs);
      return lines.join('\n') === state.lines.join('\n');
    });
    if (!isOne && (sequence > 0 || describeStates(this.shard, 0).length > 1)) {
      const expected = known.at(-1)?.lines ?? [];
      const missing = expected.filter((line) => !lines.includes(line));
      const extra = lines.filter((line) => !expected.includes(line));
      throw new Error(
        `batch ${sequence} came back as another state (${known.length} possible)\nmissing:\n` +
          `${missing.join('\n')}\nnot expected:\n${extra.join('\n')}`,
      );
    }
    const last = Math.max(0, ...history.states.keys());
    history.seen.lost += last - sequence;
    for (const later of history.states.keys()) if (later > sequence) history.states.delete(later);
    // What was read once does not go again.
    history.promised = sequence;
  }
}

function hostOf(boot: number): HostFacts {
  const self = { pid: 1, startTime: '1', bootId: `boot ${boot}`, pidNamespace: 'n', host: 'h' };
  return { self, startTimeOf: () => undefined };
}
