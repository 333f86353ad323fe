/**
 * What has to be done so that a server can start from a damaged data directory, losing as little as
 * possible:
 *
 *   a log damaged in the middle     cut there: all before it stays
 *   the newest snapshot damaged     forgotten, if the one before and its log are whole
 *   no snapshot of a shard whole    rewritten with those chunks of the newest that can be read
 *   the manifest damaged or gone    made again from the other files
 *   a saved set damaged             removed: it cannot be loaded
 *
 * What no plan can bring back is refused: the secret, files of another format or directory.
 */
import { counted } from './check.js';
import type { Examination } from './examination.js';
import { logIdOf, MANIFEST_FILE } from './file-names.js';
import { type Files, replaceWhole } from './files.js';
import type { LogBreak } from './log-reader.js';
import { encodeManifest, type Manifest, type ManifestSnapshot } from './manifest.js';
import { cutLog } from './recovery.js';
import { rewriteSnapshot, salvageChunks, type SalvageSource } from './salvage.js';
import { SaveSets } from './save-set.js';
import { DamagedFileError, StorageError } from './storage-error.js';
import type { ShardSurvey } from './survey.js';

export interface RepairStep {
  /** What is done, and what it costs. */
  readonly text: string;
  readonly run: () => void;
}

export interface RepairQuestion {
  readonly files: Files;
  readonly examination: Examination;
  readonly nowMs: number;
}

/** A log is cut from here on. */
type Cut = Pick<LogBreak, 'removes' | 'truncates' | 'sequence'>;

/** Empty where nothing is damaged. Throws StorageError where it cannot be repaired. */
export function planRepair(question: RepairQuestion): RepairStep[] {
  const { examination } = question;
  const { secretProblem, rebuildProblem, manifestProblem, manifest, secretCheck } = examination;
  if (secretProblem !== undefined) throw beyondRepair(secretProblem, 'nothing else brings it back');
  if (rebuildProblem !== undefined) throw rebuildProblem;
  if (manifest === undefined || secretCheck === undefined) {
    throw manifestProblem ?? new StorageError('there is no manifest', { file: MANIFEST_FILE });
  }
  for (const shard of examination.shards) assertMendable(shard);
  const plan = new Plan(question, manifest, secretCheck);
  for (const shard of examination.shards) plan.mendShard(shard);
  plan.mendSets();
  return plan.finish();
}

class Plan {
  readonly #steps: RepairStep[] = [];
  readonly #question: RepairQuestion;
  readonly #manifest: Manifest;
  readonly #secretCheck: string;
  /** The bases that each shard is left with; filled in by steps, too. */
  readonly #bases: ManifestSnapshot[][] = [];
  #isManifestStale: boolean;

  constructor(question: RepairQuestion, manifest: Manifest, secretCheck: string) {
    this.#question = question;
    this.#manifest = manifest;
    this.#secretCheck = secretCheck;
    this.#isManifestStale = question.examination.manifestProblem !== undefined;
  }

  mendShard(shard: ShardSurvey): void {
    const bases = shard.used < 0 ? this.#salvage(shard) : this.#keptBases(shard);
    this.#bases.push(bases);
    const cut = cutOf(shard);
    if (cut === undefined) return;
    this.#cut(shard, cut);
    // What is cut off was safe once; the manifest must not go on saying so.
    const last = cut.sequence - 1;
    for (const [index, base] of bases.entries()) {
      if (base.lastSequence > last) bases[index] = { ...base, lastSequence: last };
    }
    this.#isManifestStale = true;
  }

  mendSets(): void {
    const { files, examination } = this.#question;
    const sets = new SaveSets(files, examination.path);
    for (const { folder, problem } of examination.sets) {
      if (problem === undefined) continue;
      this.#steps.push({
        text: `remove the saved set ${folder}, which cannot be loaded: ${problem.message}`,
        run: () => sets.remove(folder),
      });
    }
  }

  finish(): RepairStep[] {
    if (!this.#isManifestStale) return this.#steps;
    const { files, examination } = this.#question;
    const text =
      examination.manifestProblem === undefined
        ? `write a ${MANIFEST_FILE} that says so`
        : `write a new ${MANIFEST_FILE}, made from the other files; nothing is lost by that`;
    const run = (): void => {
      const perShard = this.#bases.map((snapshots) => ({ snapshots }));
      const bytes = encodeManifest({ epoch: this.#manifest.epoch, perShard });
      replaceWhole(files, examination.path, MANIFEST_FILE, bytes);
    };
    return [...this.#steps, { text, run }];
  }

  /** The snapshot that a start would take, and the one before if it is of any use. */
  #keptBases(shard: ShardSurvey): ManifestSnapshot[] {
    const { bases, used, earlier } = shard;
    const kept = bases.slice(used);
    for (const { base } of bases.slice(0, used)) {
      const instead = kept[0]?.base.file ?? 'the log from its beginning';
      this.#forget(base, `${instead} and the log since say the same, nothing is lost`);
    }
    const [newest, before] = kept;
    if (newest === undefined) return [];
    if (before === undefined) return [newest.base];
    const isLogWhole =
      earlier?.problem === undefined && earlier?.outcome?.break?.kind !== 'damaged';
    if (before.problem === undefined && isLogWhole) return [newest.base, before.base];
    this.#forget(before.base, 'the newest one is whole, nothing is lost');
    return [newest.base];
  }

  #forget(base: ManifestSnapshot, why: string): void {
    this.#isManifestStale = true;
    const what = base.file ?? 'the log before the snapshot';
    this.#steps.push({ text: `do without ${what}: ${why}`, run: () => undefined });
  }

  /** No snapshot of the shard can be read to its end. */
  #salvage({ bases: [newest], source: { epoch, shard, shards } }: ShardSurvey): ManifestSnapshot[] {
    const file = newest?.base.file ?? null;
    if (newest === undefined || file === null) {
      throw new StorageError('a shard of the manifest has no snapshot');
    }
    const { base } = newest;
    const { files, examination, nowMs } = this.#question;
    const { logFrom: number, firstSequence } = base;
    const source: SalvageSource = {
      directory: examination.path,
      file,
      header: {
        ...{ kind: 'snapshot', epoch, shard, shards, number, createdMs: nowMs, firstSequence },
        ...{ backlog: 0, secretCheck: this.#secretCheck },
      },
    };
    let sessions = 0;
    for (const chunk of salvageChunks(files, source)) sessions += chunk.sessions;
    const lost = Math.max(0, base.sessions - sessions);
    const bases = [base];
    this.#isManifestStale = true;
    this.#steps.push({
      text:
        `rewrite ${source.file} with the ${counted(sessions, 'session')} that can be read; ` +
        `loses ${counted(lost, 'session')} of ${base.sessions}, save for those that the log has as a whole`,
      run: () => {
        bases[0] = { ...(bases[0] ?? base), ...rewriteSnapshot(files, source) };
      },
    });
    return bases;
  }

  #cut({ source, log }: ShardSurvey, cut: Cut): void {
    const { files, examination } = this.#question;
    this.#steps.push({
      text: cutText(log?.outcome?.break, log?.problem),
      run: () => cutLog(files, examination.path, source, cut),
    });
  }
}

/** Where the log that counts must be cut; undefined where it need not. */
function cutOf({ log, source, segments, bases, used }: ShardSurvey): Cut | undefined {
  const found = log?.outcome?.break;
  if (found !== undefined) return found.kind === 'damaged' ? found : undefined;
  if (log?.problem === undefined) return undefined;
  // A whole batch with entries that cannot be: it and all behind it go.
  const { file = '', offset = 0 } = log.problem;
  const id = logIdOf(file.slice(file.lastIndexOf('/') + 1));
  if (id === undefined) throw log.problem;
  const first = bases[Math.max(used, 0)]?.base.firstSequence ?? 1;
  const read = segments.filter(({ number }) => number <= id.number);
  return {
    removes: source.segments.filter((number) => number > id.number).reverse(),
    truncates: { number: id.number, offset },
    sequence: (read.at(-1)?.lastSequence ?? first - 1) + 1,
  };
}

function cutText(found: LogBreak | undefined, problem: StorageError | undefined): string {
  if (found === undefined)
    return `cut the log there: ${problem?.message ?? ''}; loses all behind it`;
  const { file, offset, sequence, lastSequence, laterBatches, laterEntries, bytes, detail } = found;
  const which =
    lastSequence > sequence ? `batches ${sequence} to ${lastSequence}` : `batch ${sequence}`;
  return (
    `cut the log in ${file} at offset ${offset} (${detail}); loses ${which}, ` +
    `${counted(bytes, 'byte')}: of those, ${counted(laterBatches, 'batch', 'batches')} ` +
    `with ${counted(laterEntries, 'entry', 'entries')} could still be read`
  );
}

/** Throws for files that are whole, but not to be used here: no repair of ours touches them. */
function assertMendable({ bases, log, earlier }: ShardSurvey): void {
  const problems = [...bases.map(({ problem }) => problem), log?.problem, earlier?.problem];
  for (const problem of problems) {
    if (problem === undefined || problem instanceof DamagedFileError) continue;
    throw beyondRepair(problem, 'take it away, or bring back the right one, and try again');
  }
}

function beyondRepair(problem: StorageError, advice: string): StorageError {
  const { file, offset } = problem;
  return new StorageError(`cannot be repaired: ${problem.message}; ${advice}`, {
    ...(file === undefined ? {} : { file }),
    ...(offset === undefined ? {} : { offset }),
    cause: problem,
  });
}
