/**
 * The job pool: threads for work on files that would stall a shard, such as compressing and writing
 * snapshots. What they can do is in storage/job-tasks.ts; they run at the lowest priority, so that
 * commands come first where cores are scarce.
 *
 * A task that fails says so as data: an Error that crosses threads loses its code.
 */
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import type { JobFailure, JobInput, JobName, JobResult } from '../storage/job-tasks.js';

/** Of the cores there are, the part that jobs may keep busy. */
const CORES_PER_THREAD = 4;
const THREADS_MAX = 4;
const YOUNG_GENERATION_MB = 8;

/** A job that could not be done; `code` is that of the operating system, where there is one. */
export class JobError extends Error {
  override readonly name = 'JobError';
  readonly code: string | undefined;

  constructor(failure: JobFailure) {
    super(failure.message);
    this.code = failure.code;
  }
}

/** What others need of the pool. */
export type JobRunner = Pick<Jobs, 'run'>;

export class Jobs {
  #pool: Promise<Piscina> | undefined;
  #isStopped = false;

  /**
   * Starts the pool ahead of the first job. Not while the server starts, which would take 20 ms
   * longer on two cores.
   */
  prepare(): void {
    // A failure is told to whoever has a job.
    this.#started().catch(() => undefined);
  }

  /** Rejects with a JobError. What is large in the input should be shared memory. */
  async run<Name extends JobName>(name: Name, input: JobInput<Name>): Promise<JobResult<Name>> {
    const pool = await this.#started();
    const outcome = (await pool.run({ name, input })) as JobOutcome<Name>;
    if ('failure' in outcome) throw new JobError(outcome.failure);
    return outcome.result;
  }

  /** Finishes nothing: tasks that wait or run are rejected. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.destroy();
  }

  #started(): Promise<Piscina> {
    if (this.#isStopped && this.#pool === undefined) {
      return Promise.reject(new JobError({ message: 'the server is stopping', code: undefined }));
    }
    this.#pool ??= startPool();
    return this.#pool;
  }
}

async function startPool(): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const threads = Math.ceil(availableParallelism() / CORES_PER_THREAD);
  return new Piscina({
    // The same relative path in the source tree and in dist.
    filename: new URL('../../workers/job.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: Math.min(threads, THREADS_MAX),
    // A file is opened, written and closed by tasks that may run in different threads.
    trackUnmanagedFds: false,
    recordTiming: false,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
}

type JobOutcome<Name extends JobName> =
  { readonly result: JobResult<Name> } | { readonly failure: JobFailure };
