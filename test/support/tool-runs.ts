/** check and repair over files in memory, as another process than the one that wrote them. */
import { checkDirectory, type DirectoryReport } from '../../src/storage/check.js';
import { FileInspection } from '../../src/storage/inspect.js';
import { repairDirectory, type RepairOutcome } from '../../src/storage/repair.js';
import { planRecovery, type RecoveryPlan } from '../../src/storage/recovery-plan.js';
import { listDataFiles, readManifest } from '../../src/storage/data-directory.js';
import { readSecret, secretCheckOf } from '../../src/storage/secret.js';
import { DIRECTORY, hostFacts, LogStory, START_MS } from './log-story.js';
import { MemoryFiles } from './memory-files.js';

export const SEGMENT = (number: number): string =>
  `${DIRECTORY}/log/000001-00-${String(number).padStart(8, '0')}.log`;
export const SNAPSHOT = (number: number): string =>
  `${DIRECTORY}/snapshots/000001-00-${String(number).padStart(8, '0')}.snap`;

/** Relative to the data directory. */
export function nameOf(path: string): string {
  return path.slice(DIRECTORY.length + 1);
}

/**
 * Snapshots 2 and 3, segments 2 and 3 with four batches each after four in the first, session n changed by batch n; stopped
 * in order.
 */
export function storyOfThree(): LogStory {
  const story = new LogStory(new MemoryFiles());
  for (let number = 1; number <= 12; number += 1) {
    story.turn(number);
    if (number === 4 || number === 8) story.snapshot();
  }
  story.log.close();
  story.directory.removeUnneeded();
  story.directory.release();
  return story;
}

export function checkIn(files: MemoryFiles, nowMs = START_MS): DirectoryReport {
  return checkDirectory({ files, path: DIRECTORY, host: hostFacts(2), nowMs });
}

export interface RepairRun {
  readonly outcome: RepairOutcome;
  readonly lines: readonly string[];
}

export function repairIn(files: MemoryFiles, isDryRun = false): RepairRun {
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const host = hostFacts(2);
  const options = { files, path: DIRECTORY, host, nowMs: START_MS, isDryRun, onLine };
  const outcome = repairDirectory(options);
  return { outcome, lines };
}

/** What a start would read now. */
export function planIn(files: MemoryFiles): RecoveryPlan {
  const [plan] = planRecovery({
    manifest: readManifest(files, DIRECTORY),
    listing: listDataFiles(files, DIRECTORY),
    shards: 1,
    secretCheck: secretCheckOf(readSecret(files, DIRECTORY)),
  });
  return plan!;
}

/** All lines of an inspection, parsed, and whether the file was sound. */
export function inspectIn(
  files: MemoryFiles,
  path: string,
): { readonly lines: Record<string, unknown>[]; readonly isSound: boolean } {
  const inspection = new FileInspection(files, path);
  try {
    const lines = [...inspection.lines()].map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    return { lines, isSound: inspection.isSound };
  } finally {
    inspection.close();
  }
}
