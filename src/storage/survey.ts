/**
 * What `sojourn check` and `sojourn repair` know of one shard's files: every snapshot and every
 * segment read to its end, and the state that a start would make of them. Changes nothing.
 *
 * Like a start it takes the newest snapshot that is whole and the log from there on. Beyond that it
 * reads the snapshot before and the log between the two, which a start only needs when the newest
 * snapshot fails.
 */
import { randomFillSync } from 'node:crypto';
import { shardOf } from '../core/slots.js';
import { applyEntries, type ApplyTarget } from '../state/apply.js';
import { entryProblem, entryStride } from '../state/check-entry.js';
import { type SessionObserver, ShardState } from '../state/shard-state.js';
import type { Files } from './files.js';
import { WindowBuffer } from './file-window.js';
import { type LogOutcome, readLog } from './log-reader.js';
import type { ManifestSnapshot } from './manifest.js';
import type { RecoverySource } from './recovery-plan.js';
import type { SegmentReader } from './segment-reader.js';
import { SnapshotReader } from './snapshot-reader.js';
import { DamagedFileError, StorageError } from './storage-error.js';

export interface ShardQuestion {
  readonly files: Files;
  /** The data directory. */
  readonly directory: string;
  readonly secretCheck: string;
  readonly source: RecoverySource;
  readonly nowMs: number;
}

/** One of the snapshots that the manifest names for a shard. */
export interface BaseSurvey {
  readonly base: ManifestSnapshot;
  /** Why it cannot be read. */
  readonly problem: StorageError | undefined;
  readonly chunks: number;
  /** 0 if its header cannot be read. */
  readonly createdMs: number;
}

export interface SegmentSurvey {
  readonly number: number;
  readonly file: string;
  readonly batches: number;
  readonly entries: number;
  readonly lastSequence: number;
}

/** The live part of a shard. */
export interface Figures {
  readonly sessions: number;
  /** Past their deadline: still in the files, and gone at the next start. */
  readonly expired: number;
  readonly keys: number;
  readonly defaultMapKeys: number;
  /** As --max-memory counts them. */
  readonly memoryBytes: number;
}

/** A log read up to where it ends or breaks; or why it cannot be read at all. */
export type LogSurvey =
  | { readonly outcome: LogOutcome; readonly problem?: undefined }
  | { readonly outcome?: undefined; readonly problem: StorageError };

export interface ShardSurvey {
  readonly source: RecoverySource;
  readonly bases: readonly BaseSurvey[];
  /** Index of the base that a start would take; -1 if none can be read. */
  readonly used: number;
  /** The log that goes with it, or with the newest if none can be read. */
  readonly log: LogSurvey | undefined;
  /** The log between the previous snapshot and the one used, if there is such a snapshot. */
  readonly earlier: LogSurvey | undefined;
  readonly segments: readonly SegmentSurvey[];
  readonly figures: Figures;
}

const NO_FIGURES: Figures = {
  sessions: 0,
  expired: 0,
  keys: 0,
  defaultMapKeys: 0,
  memoryBytes: 0,
};

/** Reads all of a shard. Its state is let go before this returns. */
export function surveyShard(question: ShardQuestion): ShardSurvey {
  return new Survey(question).run();
}

/** The shard's states: its sessions, and the default map on the first one. */
interface States {
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
}

class Survey {
  readonly #question: ShardQuestion;
  readonly #buffer = new WindowBuffer();
  readonly #segments = new Map<number, SegmentSurvey>();
  readonly #bases: BaseSurvey[] = [];

  constructor(question: ShardQuestion) {
    this.#question = question;
  }

  run(): ShardSurvey {
    const { source } = this.#question;
    let used = -1;
    let states: States | undefined;
    for (const [index, base] of source.bases.entries()) {
      const target = used < 0 ? this.#newStates() : undefined;
      const survey = this.#readBase(base, target);
      this.#bases.push(survey);
      if (used >= 0 || survey.problem !== undefined) continue;
      used = index;
      states = target;
    }
    // Where no snapshot can be read, its log is read all the same, to know what there is to save.
    const base = source.bases[Math.max(used, 0)];
    const before = used < 0 ? undefined : source.bases[used + 1];
    const log = base === undefined ? undefined : this.#readLog(source, base, states);
    const earlier = base && before ? this.#readEarlier(before, base) : undefined;
    const segments = [...this.#segments.values()].sort((a, b) => a.number - b.number);
    const figures =
      states === undefined ? NO_FIGURES : this.#figuresOf(states, this.#nowMs(used, log));
    return { source, bases: this.#bases, used, log, earlier, segments, figures };
  }

  /** @param states what to read it into; undefined to check it only. */
  #readBase(base: ManifestSnapshot, states: States | undefined): BaseSurvey {
    if (base.file === null) return { base, problem: undefined, chunks: 0, createdMs: 0 };
    let reader: SnapshotReader | undefined;
    let chunks = 0;
    try {
      reader = this.#openSnapshot(base, base.file);
      for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
        const { space, at, end, offset } = chunk;
        const problem = this.#take(states, { space, at, end }).problem;
        if (problem !== undefined) throw damagedAt(base.file, offset, problem);
        chunks += 1;
      }
      if (reader.sessions !== base.sessions || reader.keys !== base.keys) {
        const text = `it has ${reader.sessions} sessions, the manifest says ${base.sessions}`;
        throw damagedAt(base.file, 0, text);
      }
      return { base, problem: undefined, chunks, createdMs: reader.header.createdMs };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { base, problem: error, chunks, createdMs: reader?.header.createdMs ?? 0 };
    } finally {
      reader?.close();
    }
  }

  #openSnapshot(base: ManifestSnapshot, file: string): SnapshotReader {
    const { files, directory, secretCheck, source } = this.#question;
    const { epoch, shard } = source;
    const expected = { kind: 'snapshot', secretCheck, epoch, shard, number: base.logFrom } as const;
    const path = `${directory}/${file}`;
    return new SnapshotReader(files, { path, file, expected, buffer: this.#buffer });
  }

  #readLog(source: RecoverySource, base: ManifestSnapshot, states: States | undefined): LogSurvey {
    const { files, directory, secretCheck } = this.#question;
    const onBatch = (reader: SegmentReader): string | undefined => {
      const { batch, space, bodyAt: at, bodyEnd: end } = reader;
      const { entries, problem } = this.#take(states, { space, at, end });
      if (problem !== undefined) return problem;
      if (entries !== batch.entries) return 'the number of entries is wrong';
      this.#count(reader);
      return undefined;
    };
    try {
      const buffer = this.#buffer;
      return { outcome: readLog({ files, directory, secretCheck, source, base, buffer, onBatch }) };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { problem: error };
    }
  }

  /**
   * The log that only the snapshot before the one used needs: up to where that one's log begins.
   * What its last segment holds beyond that is repeated there and does not count.
   */
  #readEarlier(before: ManifestSnapshot, used: ManifestSnapshot): LogSurvey {
    const { source } = this.#question;
    const segments = source.segments.filter((number) => number < used.logFrom);
    const bases = [{ ...before, lastSequence: used.firstSequence - 1 }];
    return this.#readLog({ ...source, segments, bases }, before, undefined);
  }

  #take(
    states: States | undefined,
    { space, at, end }: { space: Parameters<typeof applyEntries>[1]; at: number; end: number },
  ): { readonly entries: number; readonly problem?: string } {
    if (states !== undefined) return applyEntries(this.#targetOf(states), space, at, end);
    let entries = 0;
    for (let entry = at; entry < end; entry += entryStride(space, entry)) {
      const problem = entryProblem(space, entry, end);
      if (problem !== undefined) return { entries, problem };
      entries += 1;
    }
    return { entries };
  }

  #targetOf(states: States): ApplyTarget {
    const { shard, shards } = this.#question.source;
    return { ...states, ownsSlot: (slot) => shardOf(slot, shards) === shard };
  }

  #count({ id, file, batch }: SegmentReader): void {
    const old = this.#segments.get(id.number);
    this.#segments.set(id.number, {
      number: id.number,
      file,
      batches: (old?.batches ?? 0) + 1,
      entries: (old?.entries ?? 0) + batch.entries,
      lastSequence: batch.sequence,
    });
  }

  #newStates(): States {
    const { nowMs, source } = this.#question;
    const newState = (isDefaultMap: boolean): ShardState => {
      const [first = 0, second = 0] = randomFillSync(new Int32Array(2));
      const observer = NO_OBSERVER;
      return new ShardState({ nowMs, seed: [first, second], observer, isDefaultMap });
    };
    if (source.shard !== 0) return { sessions: newState(false), defaults: undefined };
    const state = newState(true);
    const row = state.create(new Int32Array(4), 0, 0, false);
    return { sessions: newState(false), defaults: { state, row } };
  }

  /** As at a start: a clock that was set back brings nothing back to life. */
  #nowMs(used: number, log: LogSurvey | undefined): number {
    const createdMs = this.#bases[used]?.createdMs ?? 0;
    return Math.max(this.#question.nowMs, createdMs, log?.outcome?.lastTimeMs ?? 0);
  }

  #figuresOf({ sessions, defaults }: States, nowMs: number): Figures {
    const all = sessions.sessionCount;
    sessions.endRecovery(nowMs);
    return {
      sessions: sessions.sessionCount,
      expired: all - sessions.sessionCount,
      keys: sessions.keys.total,
      defaultMapKeys: defaults?.state.keys.total ?? 0,
      memoryBytes: sessions.bytes + (defaults?.state.bytes ?? 0),
    };
  }
}

const NO_OBSERVER: SessionObserver = {
  sessionStarted: () => undefined,
  sessionsEnded: () => undefined,
  sessionExpired: () => undefined,
  sessionCleared: () => undefined,
};

function damagedAt(file: string, offset: number, detail: string): DamagedFileError {
  const text = `${file} is damaged at offset ${offset}: ${detail}`;
  return new DamagedFileError(text, { file, offset });
}
