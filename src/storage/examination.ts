/**
 * Everything in a data directory, read to the end: what `sojourn check` reports and `sojourn repair`
 * decides by. Changes nothing, and goes on past whatever is wrong as far as it can.
 */
import { listDataFiles, readManifest } from './data-directory.js';
import { holderFrom, isInSight, LOCK_FRESH_MS } from './directory-lock.js';
import { FORMAT_VERSION } from './file-header.js';
import {
  LOCK_FILE,
  LOG_FOLDER,
  MANIFEST_FILE,
  SAVES_FOLDER,
  SECRET_FILE,
  SNAPSHOT_FOLDER,
} from './file-names.js';
import { type Files, readWhole } from './files.js';
import type { HostFacts } from './host-facts.js';
import type { Manifest } from './manifest.js';
import { readFileHeader, rebuildManifest } from './manifest-rebuild.js';
import { hasDataFiles, planRecovery, unneededFiles } from './recovery-plan.js';
import { SaveSets, type SaveSet } from './save-set.js';
import { verifySave } from './save-tasks.js';
import { openSealedJson } from './sealed-json.js';
import { missingSecret, readSecret, secretCheckOf } from './secret.js';
import { codeOf, StorageError } from './storage-error.js';
import { type ShardSurvey, surveyShard } from './survey.js';

export interface ExaminationOptions {
  readonly files: Files;
  /** The data directory. */
  readonly path: string;
  readonly host: HostFacts;
  readonly nowMs: number;
}

/** One saved set. */
export interface SetSurvey {
  /** Relative to the data directory. */
  readonly folder: string;
  /** Undefined where it cannot be told what it is. */
  readonly set: SaveSet | undefined;
  readonly problem: StorageError | undefined;
}

export interface Examination {
  readonly path: string;
  /** Who seems to have it open; undefined if nobody. */
  readonly holder: string | undefined;
  readonly secretProblem: StorageError | undefined;
  /** Of the secret; without it, as the other files say; undefined where none does. */
  readonly secretCheck: string | undefined;
  /** As it is, or else as it was made again from the other files; undefined if it cannot be had. */
  readonly manifest: Manifest | undefined;
  /** Why the manifest is not as it should be. */
  readonly manifestProblem: StorageError | undefined;
  /** Why it cannot be made again. */
  readonly rebuildProblem: StorageError | undefined;
  /** Files that the next start removes. */
  readonly unneeded: readonly string[];
  readonly shards: readonly ShardSurvey[];
  readonly sets: readonly SetSurvey[];
}

/** Throws StorageError where there is no data directory, or it cannot be read at all. */
export function examineDirectory(options: ExaminationOptions): Examination {
  const { files, path } = options;
  try {
    assertDataDirectory(files, path);
    return examine(options);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError(`${path} cannot be read: ${codeOf(error)}`, { cause: error });
  }
}

/** Throws StorageError unless there is something of ours. */
export function assertDataDirectory(files: Files, path: string): void {
  if (!files.exists(path)) throw new StorageError(`there is no directory ${path}`);
  const names = namesIn(files, path);
  const ours = [MANIFEST_FILE, SECRET_FILE, LOG_FOLDER, SNAPSHOT_FOLDER];
  if (!ours.some((name) => names.includes(name))) {
    throw new StorageError(`${path} is no data directory: it has no ${MANIFEST_FILE}`);
  }
}

function namesIn(files: Files, path: string): string[] {
  try {
    return files.list(path);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') throw new StorageError(`${path} is no directory`);
    throw error;
  }
}

function examine(options: ExaminationOptions): Examination {
  const { files, path, nowMs } = options;
  const secret = examineSecret(files, path);
  const { secretCheck } = secret;
  const found = examineManifest(files, path, secretCheck);
  const shards: ShardSurvey[] = [];
  if (found.manifest !== undefined && secretCheck !== undefined) {
    const { manifest } = found;
    const listing = listDataFiles(files, path);
    const count = manifest.perShard.length;
    const plans = planRecovery({ manifest, listing, shards: count, secretCheck });
    for (const source of plans.flatMap((plan) => plan.sources)) {
      shards.push(surveyShard({ files, directory: path, secretCheck, source, nowMs }));
    }
  }
  return {
    path,
    holder: holderOf(options),
    secretProblem: secret.problem,
    secretCheck,
    ...found,
    shards,
    sets: examineSets(files, path),
  };
}

function examineSecret(
  files: Files,
  path: string,
): { readonly secretCheck: string | undefined; readonly problem: StorageError | undefined } {
  try {
    if (!files.exists(`${path}/${SECRET_FILE}`)) throw missingSecret();
    return { secretCheck: secretCheckOf(readSecret(files, path)), problem: undefined };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { secretCheck: checkOfOtherFiles(files, path), problem: error };
  }
}

function checkOfOtherFiles(files: Files, path: string): string | undefined {
  const { log, snapshots } = listDataFiles(files, path);
  const paths = [
    ...log.map((name) => `${LOG_FOLDER}/${name}`),
    ...snapshots.map((name) => `${SNAPSHOT_FOLDER}/${name}`),
  ];
  for (const file of paths) {
    const header = readFileHeader(files, `${path}/${file}`);
    if (header !== undefined) return header.secretCheck;
  }
  return undefined;
}

type ManifestPart = Pick<
  Examination,
  'manifest' | 'manifestProblem' | 'rebuildProblem' | 'unneeded'
>;

function examineManifest(
  files: Files,
  path: string,
  secretCheck: string | undefined,
): ManifestPart {
  const listing = listDataFiles(files, path);
  let manifestProblem: StorageError | undefined;
  try {
    if (!files.exists(`${path}/${MANIFEST_FILE}`)) throw missingManifest(hasDataFiles(listing));
    const manifest = readManifest(files, path);
    const unneeded = unneededFiles(manifest, listing);
    return { manifest, manifestProblem, rebuildProblem: undefined, unneeded };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    manifestProblem = error;
  }
  const none = { manifest: undefined, manifestProblem, unneeded: [] };
  if (secretCheck === undefined) return { ...none, rebuildProblem: undefined };
  // Of a later version: what it says is not known, but it is not damaged.
  if (isOfUnknownFormat(files, path)) return { ...none, rebuildProblem: manifestProblem };
  try {
    const manifest = rebuildManifest({ files, directory: path, secretCheck, listing });
    const unneeded = unneededFiles(manifest, listing);
    return { manifest, manifestProblem, rebuildProblem: undefined, unneeded };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { ...none, rebuildProblem: error };
  }
}

function isOfUnknownFormat(files: Files, path: string): boolean {
  const file = `${path}/${MANIFEST_FILE}`;
  const value = files.exists(file) ? openSealedJson(readWhole(files, file)) : undefined;
  return value !== undefined && value['format'] !== FORMAT_VERSION;
}

function missingManifest(hasData: boolean): StorageError {
  const what = hasData ? 'is missing, but there are sessions' : 'is missing';
  return new StorageError(`${MANIFEST_FILE} ${what}`, { file: MANIFEST_FILE });
}

function examineSets(files: Files, path: string): SetSurvey[] {
  const sets = new SaveSets(files, path);
  const found: SetSurvey[] = [];
  for (const name of files.list(`${path}/${SAVES_FOLDER}`)) {
    const parent = `${SAVES_FOLDER}/${name}`;
    if (!files.isDirectory(`${path}/${parent}`)) continue;
    for (const timestamp of files.list(`${path}/${parent}`)) {
      const folder = `${parent}/${timestamp}`;
      if (files.isDirectory(`${path}/${folder}`)) found.push(examineSet(files, path, sets, folder));
    }
  }
  return found;
}

function examineSet(files: Files, directory: string, sets: SaveSets, folder: string): SetSurvey {
  let set: SaveSet | undefined;
  try {
    set = sets.readSet(folder);
    if (set?.status !== 'complete') return { folder, set, problem: undefined };
    const { kind, secretCheck } = set;
    for (const saved of set.files) {
      const file = `${folder}/${saved.file}`;
      const { sessions, keys } = verifySave(files, { directory, file, secretCheck, kind });
      if (sessions !== saved.sessions || keys !== saved.keys) {
        const text = `${file} is another file than its set says`;
        throw new StorageError(text, { file, offset: 0 });
      }
    }
    return { folder, set, problem: undefined };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { folder, set, problem: error };
  }
}

/** By the rules of directory-lock.ts, but without taking the lock. */
function holderOf({ files, path, host, nowMs }: ExaminationOptions): string | undefined {
  const lock = `${path}/${LOCK_FILE}`;
  if (!files.exists(lock)) return undefined;
  const holder = holderFrom(readWhole(files, lock));
  if (holder !== undefined && isInSight(holder, host.self)) {
    const startTime = host.startTimeOf(holder.pid);
    if (startTime === undefined) return undefined;
    const isSame = startTime === '' || holder.startTime === '' || startTime === holder.startTime;
    return isSame ? `process ${holder.pid}` : undefined;
  }
  if (Math.abs(nowMs - files.modifiedMs(lock)) > LOCK_FRESH_MS) return undefined;
  return holder === undefined ? 'another process' : `process ${holder.pid} on host ${holder.host}`;
}
