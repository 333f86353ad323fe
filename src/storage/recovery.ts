/**
 * The start of a shard: the newest snapshot that is whole, then the log that goes with it. Changes
 * nothing but a torn tail, which it cuts off. What is due by now stays in the state: the caller
 * goes on with ShardState.endRecovery(outcome.nowMs), once changes are logged again.
 */
import { shardOf } from '../core/slots.js';
import { VERSION_WORD } from '../state/layout.js';
import { applyEntries, type ApplyTarget } from '../state/apply.js';
import type { ShardState } from '../state/shard-state.js';
import { applyChunk } from './apply-chunk.js';
import { LOG_FOLDER, logPath } from './file-names.js';
import { WindowBuffer } from './file-window.js';
import type { Files } from './files.js';
import { type LogBreak, type LogOutcome, readLog } from './log-reader.js';
import type { ManifestSnapshot } from './manifest.js';
import type { RecoveryPlan, RecoverySource } from './recovery-plan.js';
import { SnapshotReader } from './snapshot-reader.js';
import { codeOf, DamagedFileError, StorageError } from './storage-error.js';

/** The states to fill: new ones, without effects. */
export interface RecoveryTarget {
  readonly sessions: ShardState;
  /** The default map, on the first shard. */
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
}

export interface RecoveryProgress {
  readonly bytesRead: number;
  /** Of what has a known size: snapshots, and the log as far as it is read. */
  readonly bytesInAll: number;
  readonly sessions: number;
}

export interface RecoveryOptions {
  readonly files: Files;
  /** The data directory. */
  readonly directory: string;
  readonly plan: RecoveryPlan;
  readonly target: RecoveryTarget;
  readonly nowMs: number;
  /** Called every PROGRESS_BYTES or so. */
  readonly onProgress?: (progress: RecoveryProgress) => void;
}

export interface RecoveryOutcome {
  readonly sessions: number;
  /** Applied from the log. */
  readonly entries: number;
  readonly cutBytes: number;
  readonly nextSegment: number;
  readonly nextSequence: number;
  /** Of log read: what a new snapshot would spare the next start. */
  readonly logBytes: number;
  /** The later of the clock and the last batch: what is due by then is dead, even if a clock was set back. */
  readonly nowMs: number;
  /** Snapshots of the manifest, newest first, that were damaged and passed over. */
  readonly damagedSnapshots: number;
  /** What the operator should know. */
  readonly lines: readonly string[];
}

export const PROGRESS_BYTES = 16 * 1024 * 1024;

/** Throws StorageError: one line with file and offset, and what to do. */
export function recoverShard(options: RecoveryOptions): RecoveryOutcome {
  const lines: string[] = [];
  const firstBases = options.plan.sources.map(() => 0);
  for (;;) {
    const attempt = new Recovery(options, firstBases, lines);
    const damaged = attempt.run();
    if (damaged === undefined) return attempt.outcome();
    // From the beginning with the snapshot before: what was read of this one may be in the state.
    firstBases[damaged] = (firstBases[damaged] ?? 0) + 1;
    clearTarget(options.target);
  }
}

class Recovery {
  readonly #options: RecoveryOptions;
  readonly #plan: RecoveryPlan;
  /** By source: which of its bases to begin with. */
  readonly #bases: readonly number[];
  readonly #lines: string[];
  /** Of this attempt alone. */
  readonly #tails: string[] = [];
  readonly #buffer = new WindowBuffer();
  readonly #totalBytes: number;
  #doneBytes = 0;
  #toldBytes = 0;
  #entries = 0;
  #logBytes = 0;
  #cutBytes = 0;
  #nowMs: number;
  #nextSequence = 1;

  constructor(options: RecoveryOptions, bases: readonly number[], lines: string[]) {
    this.#options = options;
    this.#plan = options.plan;
    this.#bases = bases;
    this.#lines = lines;
    this.#nowMs = options.nowMs;
    this.#totalBytes = options.plan.sources.reduce(
      (sum, source, index) => sum + (source.bases[bases[index] ?? 0]?.bytes ?? 0),
      0,
    );
  }

  /** @returns the index of a source whose snapshot is damaged, if it has another one. */
  run(): number | undefined {
    for (const [index, source] of this.#plan.sources.entries()) {
      const base = source.bases[this.#bases[index] ?? 0];
      if (base === undefined) throw new StorageError('a shard of the manifest has no snapshot');
      try {
        this.#readSnapshot(source, base);
      } catch (error) {
        if (!(error instanceof DamagedFileError)) throw error;
        this.#fallBack(source, base, error);
        return index;
      }
      this.#readLog(source, base);
    }
    return undefined;
  }

  outcome(): RecoveryOutcome {
    const { plan, target } = this.#options;
    const [own] = plan.sources;
    const goesOn = !plan.isConversion && own !== undefined;
    const last = own?.segments.at(-1) ?? 0;
    return {
      sessions: target.sessions.sessionCount,
      entries: this.#entries,
      cutBytes: this.#cutBytes,
      nextSegment: goesOn ? Math.max(last + 1, own.bases[0]?.logFrom ?? 1) : 1,
      nextSequence: goesOn ? this.#nextSequence : 1,
      logBytes: goesOn ? this.#logBytes : 0,
      nowMs: this.#nowMs,
      damagedSnapshots: Math.max(0, ...this.#bases),
      lines: [...this.#lines, ...this.#tails],
    };
  }

  #readSnapshot(source: RecoverySource, base: ManifestSnapshot): void {
    const { file } = base;
    if (file === null) return;
    const { files, directory } = this.#options;
    const { epoch, shard } = source;
    const target = this.#targetFor(source);
    const reader = new SnapshotReader(files, {
      path: `${directory}/${file}`,
      file,
      expected: {
        ...{ kind: 'snapshot', secretCheck: this.#plan.secretCheck },
        ...{ epoch, shard, number: base.logFrom },
      },
      buffer: this.#buffer,
    });
    try {
      this.#seeTime(reader.header.createdMs);
      // A million sessions: 0.69 s, and 1.0 where the index grows with each. Of another number of
      // shards, only a part is ours.
      if (!this.#plan.isConversion) target.sessions.rows.index.expect(base.sessions);
      for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
        const { space, at, end, offset } = chunk;
        const { problem } = applyChunk(target, space, at, end);
        if (problem !== undefined) throw damagedAt(file, offset, problem);
        this.#progress(reader.offset - offset);
      }
      const { sessions, keys } = reader;
      if (sessions !== base.sessions || keys !== base.keys) {
        throw damagedAt(file, 0, `it has ${sessions} sessions, the manifest says ${base.sessions}`);
      }
    } finally {
      reader.close();
    }
  }

  #fallBack(source: RecoverySource, base: ManifestSnapshot, error: DamagedFileError): void {
    const next = source.bases[source.bases.indexOf(base) + 1];
    if (next === undefined) {
      const text = `${error.message}; there is no other snapshot: bring the file back from a copy, or run "sojourn repair"`;
      throw new StorageError(text, placeOf(error));
    }
    const instead = next.file === null ? 'the whole log' : `${next.file} and its log`;
    if (source.isReporting) this.#lines.push(`${error.message}; reading ${instead} instead`);
  }

  #readLog(source: RecoverySource, base: ManifestSnapshot): void {
    const { files, directory } = this.#options;
    const target = this.#targetFor(source);
    const log = readLog({
      files,
      directory,
      secretCheck: this.#plan.secretCheck,
      source,
      base,
      buffer: this.#buffer,
      onBatch: (reader) => {
        const { batch, space, bodyAt, bodyEnd } = reader;
        const { entries, problem } = applyEntries(target, space, bodyAt, bodyEnd, batch.timeMs);
        this.#progress(batch.bytes);
        if (problem !== undefined) return problem;
        return entries === batch.entries ? undefined : 'the number of entries is wrong';
      },
    });
    if (log.break?.kind === 'damaged') throw refusal(log.break);
    this.#seeTime(log.lastTimeMs);
    this.#entries += log.entries;
    this.#logBytes += log.bytes;
    this.#nextSequence = log.nextSequence;
    if (log.break !== undefined && source.isReporting) this.#tellOfTail(log.break);
    if (!this.#plan.isConversion) this.#secure(source, log);
  }

  #tellOfTail({ file, offset, bytes, sequence }: LogBreak): void {
    this.#cutBytes += bytes;
    this.#tails.push(
      `${file}: cut off ${bytes} bytes at offset ${offset}, a write that a stop had interrupted ` +
        `(from batch ${sequence} on)`,
    );
  }

  /** Cuts off a torn tail, and puts on the disk what was read: from now on it is relied on. */
  #secure(source: RecoverySource, log: LogOutcome): void {
    const { files, directory } = this.#options;
    try {
      if (log.break !== undefined) cutLog(files, directory, source, log.break);
      for (const number of log.unsynced) {
        const { epoch, shard } = source;
        const fd = files.open(`${directory}/${logPath({ epoch, shard, number })}`, 'write');
        try {
          files.sync(fd);
        } finally {
          files.close(fd);
        }
      }
      if (log.unsynced.length > 0) files.syncDirectory(`${directory}/${LOG_FOLDER}`);
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError(`the log cannot be written: ${codeOf(error)}`, { cause: error });
    }
  }

  #targetFor(source: RecoverySource): ApplyTarget {
    const { sessions, defaults } = this.#options.target;
    const { shard, shards } = this.#plan;
    return {
      sessions,
      defaults,
      ownsSlot: (slot) => shardOf(slot, shards) === shard,
      endAllSlots: this.#plan.isConversion
        ? (slot) => shardOf(slot, source.shards) === source.shard
        : undefined,
    };
  }

  #seeTime(ms: number): void {
    if (ms > this.#nowMs) this.#nowMs = ms;
  }

  #progress(bytes: number): void {
    this.#doneBytes += bytes;
    if (this.#doneBytes - this.#toldBytes < PROGRESS_BYTES) return;
    this.#toldBytes = this.#doneBytes;
    this.#options.onProgress?.({
      bytesRead: this.#doneBytes,
      bytesInAll: Math.max(this.#totalBytes, this.#doneBytes),
      sessions: this.#options.target.sessions.sessionCount,
    });
  }
}

/**
 * Cuts off a torn tail. The segments behind it go first, and their going is on the disk before the
 * broken one is shortened: cut off in between, the next start finds the same torn tail. The other
 * way about it would find a gap.
 */
export function cutLog(
  files: Files,
  directory: string,
  { epoch, shard }: { readonly epoch: number; readonly shard: number },
  { removes, truncates }: Pick<LogBreak, 'removes' | 'truncates'>,
): void {
  for (const number of removes) {
    files.remove(`${directory}/${logPath({ epoch, shard, number })}`);
  }
  if (removes.length > 0) files.syncDirectory(`${directory}/${LOG_FOLDER}`);
  if (truncates === undefined) return;
  const fd = files.open(
    `${directory}/${logPath({ epoch, shard, number: truncates.number })}`,
    'write',
  );
  try {
    files.truncate(fd, truncates.offset);
    files.sync(fd);
  } finally {
    files.close(fd);
  }
}

/** Why a start is refused whose log is damaged, and what repairing it would cost. */
export function damageText(found: LogBreak): string {
  const { file, offset, sequence, detail, lastSequence, laterBatches, laterEntries } = found;
  const isOne = lastSequence <= sequence;
  const which = isOne ? `batch ${sequence}` : `batches ${sequence} to ${lastSequence}`;
  return (
    `${file} is damaged at offset ${offset}: ${detail}, although ${which} ` +
    `${isOne ? 'was' : 'were'} written there once; "sojourn repair" would lose ${which} ` +
    `(${laterBatches} of them can still be read, with ${laterEntries} changes)`
  );
}

function refusal(found: LogBreak): DamagedFileError {
  return new DamagedFileError(damageText(found), { file: found.file, offset: found.offset });
}

function damagedAt(file: string, offset: number, detail: string): DamagedFileError {
  const text = `${file} is damaged at offset ${offset}: ${detail}`;
  return new DamagedFileError(text, { file, offset });
}

function placeOf({ file, offset }: StorageError): { file?: string; offset?: number } {
  return { ...(file === undefined ? {} : { file }), ...(offset === undefined ? {} : { offset }) };
}

/** Takes back what was applied. */
function clearTarget({ sessions, defaults }: RecoveryTarget): void {
  sessions.dropAll();
  if (defaults === undefined) return;
  const { state, row } = defaults;
  state.keys.clear(row);
  state.rows.setWord(row, VERSION_WORD, 0);
}
