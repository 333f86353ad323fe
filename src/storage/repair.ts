/**
 * sojourn repair: locks the directory, reads all of it, copies it, mends it by a plan (repair-plan.ts),
 * and reads it again. Nothing is changed before the copy is on the disk.
 */
import { checkDirectory } from './check.js';
import { copyDirectory } from './directory-copy.js';
import { DirectoryLock } from './directory-lock.js';
import { assertDataDirectory, examineDirectory, type ExaminationOptions } from './examination.js';
import { planRepair } from './repair-plan.js';
import { codeOf, StorageError } from './storage-error.js';

export interface RepairOptions extends ExaminationOptions {
  readonly isDryRun: boolean;
  /** Told what is about to be done, as it is done. */
  readonly onLine: (line: string) => void;
}

/** nothing: the directory was whole. planned: in a dry run. */
export type RepairOutcome = 'nothing' | 'planned' | 'repaired';

/** Throws StorageError where the directory is in use, is none, or cannot be repaired. */
export function repairDirectory(options: RepairOptions): RepairOutcome {
  const { files, path, host, isDryRun } = options;
  try {
    assertDataDirectory(files, path);
    if (isDryRun) return planOnly(options);
    const lock = new DirectoryLock(files, path, host);
    try {
      return repairLocked(options, lock);
    } finally {
      lock.release();
    }
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError(`${path} cannot be repaired: ${codeOf(error)}`, { cause: error });
  }
}

function planOnly(options: RepairOptions): RepairOutcome {
  const { files, nowMs, onLine, path } = options;
  const examination = examineDirectory(options);
  if (examination.holder !== undefined) {
    throw new StorageError(`data directory ${path} is in use by ${examination.holder}`);
  }
  const steps = planRepair({ files, nowMs, examination });
  for (const { text } of steps) onLine(`would ${text}`);
  return steps.length === 0 ? 'nothing' : 'planned';
}

function repairLocked(options: RepairOptions, lock: DirectoryLock): RepairOutcome {
  const { files, nowMs, onLine, path } = options;
  const examination = examineDirectory(options);
  const steps = planRepair({ files, nowMs, examination });
  if (steps.length === 0) return 'nothing';
  const copy = copyPathOf(options);
  onLine(`copying all of it to ${copy}`);
  copyDirectory(files, path, copy, () => lock.touch());
  for (const { text, run } of steps) {
    onLine(text);
    lock.touch();
    run();
  }
  const [left] = checkDirectory(options).damage;
  if (left === undefined) return 'repaired';
  throw new StorageError(`${path} is still damaged: ${left.text}; all that was is in ${copy}`);
}

/** Beside the directory, under a name that is not taken. */
function copyPathOf({ files, path, nowMs }: RepairOptions): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const first = `${path}.before-repair-${time}`;
  let copy = first;
  for (let count = 2; files.exists(copy); count += 1) copy = `${first}-${count}`;
  return copy;
}
