/**
 * sojourn check: what an examination found, as a report: one line a file, figures, and a list of what is
 * damaged. A torn tail is no damage: it was never promised, and a start cuts it off.
 */
import { type Examination, examineDirectory, type ExaminationOptions } from './examination.js';
import { logPath, MANIFEST_FILE, SECRET_FILE } from './file-names.js';
import type { Files } from './files.js';
import type { LogBreak } from './log-reader.js';
import { damageText } from './recovery.js';
import type { StorageError } from './storage-error.js';
import type { Figures, LogSurvey, ShardSurvey } from './survey.js';

/** unneeded: the next start removes it. */
export type FileState = 'ok' | 'torn' | 'damaged' | 'unneeded';

export interface FileReport {
  /** Relative to the data directory. */
  readonly file: string;
  /** Undefined if it is not there, or is a folder. */
  readonly bytes: number | undefined;
  readonly state: FileState;
  /** What is in it, or what is wrong with it. */
  readonly text: string;
}

export interface Damage {
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly text: string;
}

export interface DirectoryReport extends Figures {
  readonly directory: string;
  /** Who seems to have it open; null if nobody. */
  readonly holder: string | null;
  readonly epoch: number | null;
  readonly shards: number | null;
  readonly files: readonly FileReport[];
  /** Of log that a start replays over the snapshots. */
  readonly logBytes: number;
  readonly logBatches: number;
  readonly tornBytes: number;
  readonly damage: readonly Damage[];
}

/** Throws StorageError where there is nothing to read. */
export function checkDirectory(options: ExaminationOptions): DirectoryReport {
  return reportOf(examineDirectory(options), options.files);
}

export function reportOf(examination: Examination, files: Files): DirectoryReport {
  const { path, holder, manifest, shards } = examination;
  const found = new Findings(files, path);
  found.addDirectory(examination);
  for (const shard of shards) found.addShard(shard);
  for (const file of examination.unneeded) {
    found.add(file, 'unneeded', 'no longer needed; the next start removes it');
  }
  found.addSets(examination);
  const sum = (of: (figures: Figures) => number): number =>
    shards.reduce((total, { figures }) => total + of(figures), 0);
  return {
    directory: path,
    holder: holder ?? null,
    epoch: manifest?.epoch ?? null,
    shards: manifest?.perShard.length ?? null,
    files: found.files,
    sessions: sum((figures) => figures.sessions),
    expired: sum((figures) => figures.expired),
    keys: sum((figures) => figures.keys),
    defaultMapKeys: sum((figures) => figures.defaultMapKeys),
    memoryBytes: sum((figures) => figures.memoryBytes),
    logBytes: shards.reduce((total, { log }) => total + (log?.outcome?.bytes ?? 0), 0),
    logBatches: shards.reduce((total, { log }) => total + (log?.outcome?.batches ?? 0), 0),
    tornBytes: found.tornBytes,
    damage: found.damage,
  };
}

class Findings {
  readonly files: FileReport[] = [];
  readonly damage: Damage[] = [];
  tornBytes = 0;
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  add(file: string, state: FileState, text: string): void {
    this.files.push({ file, bytes: this.#sizeOf(file), state, text });
  }

  addDirectory(examination: Examination): void {
    const { secretProblem, manifestProblem, rebuildProblem, manifest } = examination;
    if (secretProblem === undefined) this.add(SECRET_FILE, 'ok', '');
    else this.#addProblem(SECRET_FILE, secretProblem);
    const shards = manifest?.perShard.length ?? 0;
    const content = `epoch ${manifest?.epoch ?? 0}, ${counted(shards, 'shard')}`;
    if (manifestProblem === undefined) {
      this.add(MANIFEST_FILE, 'ok', content);
      return;
    }
    this.#addProblem(MANIFEST_FILE, manifestProblem);
    if (rebuildProblem !== undefined) this.#note(rebuildProblem);
  }

  addShard(shard: ShardSurvey): void {
    for (const [index, { base, problem, chunks }] of shard.bases.entries()) {
      if (base.file === null) continue;
      const age = index === 0 ? 'newest' : 'previous';
      const { sessions, keys } = base;
      const content = `${counted(sessions, 'session')}, ${counted(keys, 'key')}`;
      const text = `${content}, ${counted(chunks, 'chunk')}; the ${age} of its shard`;
      if (problem === undefined) this.add(base.file, 'ok', text);
      else this.#addProblem(base.file, problem);
    }
    const found = this.#breakIn(shard.log) ?? this.#damageIn(shard.earlier);
    for (const number of shard.source.segments) this.#addSegment(shard, number, found);
    this.#addMissing(found);
  }

  addSets({ sets, secretCheck }: Examination): void {
    for (const { folder, set, problem } of sets) {
      if (problem !== undefined) {
        this.#addProblem(folder, problem);
      } else if (set?.status !== 'complete') {
        this.add(
          folder,
          'unneeded',
          'a save that was never completed; the next of its name removes it',
        );
      } else {
        const { kind, sessions, keys } = set;
        const content = `${counted(sessions, 'session')}, ${counted(keys, 'key')}`;
        const isForeign = secretCheck !== undefined && set.secretCheck !== secretCheck;
        const foreign = isForeign
          ? '; saved under another secret, so it cannot be loaded here'
          : '';
        this.add(
          folder,
          'ok',
          `saved ${kind === 'sessions' ? content : counted(keys, 'key')}${foreign}`,
        );
      }
    }
  }

  /** Of the log that counts: a torn tail, too. */
  #breakIn(log: LogSurvey | undefined): LogBreak | undefined {
    if (log?.problem !== undefined) this.#note(log.problem);
    const found = log?.outcome?.break;
    if (found?.kind === 'torn') this.tornBytes += found.bytes;
    if (found?.kind === 'damaged') this.#note({ ...found, message: damageText(found) });
    return found;
  }

  /** Of the log before that: what is torn there is what a later segment repeats. */
  #damageIn(log: LogSurvey | undefined): LogBreak | undefined {
    if (log?.problem !== undefined) this.#note(log.problem);
    const found = log?.outcome?.break;
    if (found?.kind !== 'damaged') return undefined;
    const { file, offset, detail } = found;
    const text =
      `${file} is damaged at offset ${offset}: ${detail}; ` +
      'only the previous snapshot needs it, so nothing is lost as long as the newest one is whole';
    this.#note({ file, offset, message: text });
    return found;
  }

  #addSegment(shard: ShardSurvey, number: number, found: LogBreak | undefined): void {
    const { epoch, shard: index } = shard.source;
    const file = logPath({ epoch, shard: index, number });
    if (this.#isUnneeded(shard, number)) return;
    const segment = shard.segments.find((one) => one.number === number);
    const content =
      segment === undefined
        ? 'no batches that count'
        : `${counted(segment.batches, 'batch', 'batches')}, ` +
          `${counted(segment.entries, 'entry', 'entries')}, the last is batch ${segment.lastSequence}`;
    const damage = this.damage.find((one) => one.file === file);
    if (damage !== undefined) {
      this.add(file, 'damaged', `${content}; damaged at offset ${damage.offset ?? 0}`);
    } else if (found?.file === file) {
      const text = `${found.bytes} bytes from offset ${found.offset} on are torn`;
      this.add(file, 'torn', `${content}; ${text}: never synced, a start cuts them off`);
    } else if (found?.removes.includes(number) === true) {
      const state = found.kind === 'torn' ? 'torn' : 'damaged';
      this.add(file, state, `behind the break in ${found.file}`);
    } else {
      this.add(file, 'ok', content);
    }
  }

  /** Older than what any snapshot needs: listed with what a start removes. */
  #isUnneeded({ bases }: ShardSurvey, number: number): boolean {
    return bases.every(({ base }) => number < base.logFrom);
  }

  /** A segment that is not there has no line yet. */
  #addMissing(found: LogBreak | undefined): void {
    if (found === undefined || this.files.some(({ file }) => file === found.file)) return;
    this.add(found.file, 'damaged', found.detail);
  }

  #addProblem(file: string, problem: StorageError): void {
    this.add(file, 'damaged', problem.message);
    this.#note(problem.file === undefined ? { file, message: problem.message } : problem);
  }

  #note(problem: {
    readonly file?: string | undefined;
    readonly offset?: number | undefined;
    readonly message: string;
  }): void {
    this.damage.push({ file: problem.file, offset: problem.offset, text: problem.message });
  }

  #sizeOf(file: string): number | undefined {
    const path = `${this.#directory}/${file}`;
    if (!this.#files.exists(path) || this.#files.isDirectory(path)) return undefined;
    const fd = this.#files.open(path, 'read');
    try {
      return this.#files.size(fd);
    } finally {
      this.#files.close(fd);
    }
  }
}

/** 1 key, 2 keys. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
