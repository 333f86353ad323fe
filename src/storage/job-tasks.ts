/**
 * What the threads of the job pool can do, by name. A task keeps nothing in its thread: what the next
 * one needs goes back to main, for it may run in another thread. Errors become data here, because one
 * that crosses threads loses its code.
 */
import { NodeFiles } from './files.js';
import { readSave, verifySave } from './save-tasks.js';
import type { SaveChunks, SaveFigures, SavePlace, SaveSource } from './save-tasks.js';
import {
  appendChunk,
  createSnapshot,
  discardSnapshot,
  finishSnapshot,
  type SnapshotFigures,
  type SnapshotProgress,
  type SnapshotTarget,
} from './snapshot-file.js';

const files = new NodeFiles();

interface AppendInput {
  readonly progress: SnapshotProgress;
  /** Entries, in shared memory. */
  readonly bytes: Uint8Array;
  readonly sessions: number;
  readonly keys: number;
}

export const JOB_TASKS = {
  'create-snapshot': (target: SnapshotTarget): SnapshotProgress => createSnapshot(files, target),
  'append-to-snapshot': ({ progress, bytes, sessions, keys }: AppendInput): SnapshotProgress =>
    appendChunk(files, progress, bytes, sessions, keys),
  'finish-snapshot': (progress: SnapshotProgress): SnapshotFigures =>
    finishSnapshot(files, progress),
  'discard-snapshot': (progress: SnapshotProgress): void => discardSnapshot(files, progress),
  'verify-save': (source: SaveSource): SaveFigures => verifySave(files, source),
  'read-save': (place: SavePlace): SaveChunks => readSave(files, place),
} as const;

export type JobName = keyof typeof JOB_TASKS;
export type JobInput<Name extends JobName> = Parameters<(typeof JOB_TASKS)[Name]>[0];
export type JobResult<Name extends JobName> = ReturnType<(typeof JOB_TASKS)[Name]>;

export interface JobFailure {
  readonly message: string;
  /** The system's, where it was the system that refused. */
  readonly code: string | undefined;
}

export interface JobRequest {
  readonly name: JobName;
  readonly input: unknown;
}

/** Runs a task; called in a thread of the pool. */
export function runJob({ name, input }: JobRequest): { result: unknown } | { failure: JobFailure } {
  try {
    const task = JOB_TASKS[name] as (input: unknown) => unknown;
    return { result: task(input) };
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: unknown };
    return { failure: { message, code: typeof code === 'string' ? code : undefined } };
  }
}
