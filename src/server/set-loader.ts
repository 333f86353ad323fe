/**
 * Loads a saved set. All its files are checked before the first entry is loaded, so a damaged set
 * changes nothing; a limit can stop a load half-way, and what came before stays.
 */
import type { LoadProblem } from '../config/load-messages.js';
import type { Files } from '../storage/files.js';
import type { FoundSet, SavedFile, SaveSets } from '../storage/save-set.js';
import type { SaveFigures, SaveSource } from '../storage/save-tasks.js';
import type { Jobs } from './jobs.js';
import type { ShardChannel } from './shard-channel.js';
import { ShardLoading } from './shard-loading.js';

/** A set that is not loaded, or not all of it; the message is one line for people. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  /** Whether it is the log that failed, not the set. */
  readonly isNotDurable: boolean;

  constructor(message: string, isNotDurable = false) {
    super(message);
    this.isNotDurable = isNotDurable;
  }
}

export interface SetLoaderParts {
  readonly files: Files;
  /** The data directory. */
  readonly directory: string;
  readonly secretCheck: string;
  readonly channels: readonly ShardChannel[];
  readonly jobs: Jobs;
}

export interface LoadFigures {
  readonly sessions: number;
  readonly keys: number;
}

export class SetLoader {
  readonly #parts: SetLoaderParts;
  readonly #sets: SaveSets;
  readonly #signal: AbortSignal;

  /** @param signal aborted: loads are given up. */
  constructor(parts: SetLoaderParts, sets: SaveSets, signal: AbortSignal) {
    this.#parts = parts;
    this.#sets = sets;
    this.#signal = signal;
  }

  /** The newest complete set of the name, if it can be used here. */
  find(name: string): FoundSet {
    const found = this.#sets.findNewest(name);
    if (found.set.secretCheck !== this.#parts.secretCheck) {
      throw new LoadError('the set was saved in a data directory with another secret');
    }
    return found;
  }

  /** Rejects with LoadError, StorageError or JobError. */
  async load({ folder, set }: FoundSet): Promise<LoadFigures> {
    const figures: SaveFigures[] = [];
    for (const file of set.files) {
      figures.push(await this.#verify(this.#sourceOf(folder, file, set), file));
    }
    const loadings = this.#parts.channels.map((channel) => new ShardLoading(channel, set.kind));
    try {
      for (const [index, file] of set.files.entries()) {
        await this.#loadFile(
          this.#sourceOf(folder, file, set),
          figures[index] as SaveFigures,
          loadings,
        );
      }
    } finally {
      await Promise.all(loadings.map((loading) => loading.finish()));
    }
    throwProblemOf(loadings);
    return totalOf(loadings);
  }

  #sourceOf(folder: string, { file }: SavedFile, { kind }: FoundSet['set']): SaveSource {
    const { directory, secretCheck } = this.#parts;
    return { directory, file: `${folder}/${file}`, secretCheck, kind };
  }

  async #verify(source: SaveSource, file: SavedFile): Promise<SaveFigures> {
    this.#throwIfStopped();
    const figures = await this.#parts.jobs.run('verify-save', source);
    const isSame = figures.keys === file.keys && figures.bytes === file.bytes;
    if (!isSame) throw new LoadError(`${source.file} is not the file that the set was saved with`);
    return figures;
  }

  async #loadFile(
    source: SaveSource,
    { start, end }: SaveFigures,
    loadings: readonly ShardLoading[],
  ): Promise<void> {
    const { jobs } = this.#parts;
    const shards = loadings.length;
    for (let offset = start; offset < end;) {
      this.#throwIfStopped();
      const chunks = await jobs.run('read-save', { ...source, offset, end, shards });
      offset = chunks.offset;
      const sent = loadings.map((loading, shard) => {
        const part = chunks.parts[shard];
        return part === undefined ? undefined : loading.send(part);
      });
      await Promise.all(sent);
      throwProblemOf(loadings);
    }
  }

  #throwIfStopped(): void {
    if (this.#signal.aborted) throw new LoadError('the server is shutting down');
  }
}

/** Throws what has stopped one of the shards. */
function throwProblemOf(loadings: readonly ShardLoading[]): void {
  const problem = loadings.map((loading) => loading.problem).find((each) => each !== undefined);
  if (problem === undefined) return;
  throw errorOf(problem, totalOf(loadings));
}

function errorOf({ kind, text }: LoadProblem, { sessions, keys }: LoadFigures): LoadError {
  const before = `${sessions} sessions and ${keys} keys were loaded before`;
  return new LoadError(`${text}; ${before}`, kind === 'not-durable');
}

function totalOf(loadings: readonly ShardLoading[]): LoadFigures {
  let sessions = 0;
  let keys = 0;
  for (const loading of loadings) {
    sessions += loading.sessions;
    keys += loading.keys;
  }
  return { sessions, keys };
}
