/**
 * SH_SAVE, SH_LOAD, KV_SAVE, KV_LOAD and --load-name, on main: directs shards and job pool, which do
 * the work, and looks after the sets on disk (storage/save-set.ts). One save or load runs at a time.
 *
 *   save   shard --walk--> chunks --> job pool --> a file for each shard, then set.json
 *   load   job pool checks all files --> reads them, sorted by shard --> shards put in place and log
 *
 * What can go wrong with disks and files becomes an answer: 122, 123, 142, 210.
 */
import type { MainAnswer } from '../config/main-call.js';
import { SELECTED_WORDS, type WalkSelection } from '../config/walk-messages.js';
import type { Clock } from '../core/clock.js';
import type { SetKind } from '../core/set-name.js';
import { shardOf } from '../core/slots.js';
import { STATUSES } from '../core/statuses.js';
import type { Files } from '../storage/files.js';
import { SaveSets, SET_FORMAT, type SavedFile, type SaveSet } from '../storage/save-set.js';
import { saveFileOf } from '../storage/save-set.js';
import { codeOf } from '../storage/storage-error.js';
import type { Jobs } from './jobs.js';
import type { SaveOrLoad } from './main-calls.js';
import { SaveQueue } from './save-queue.js';
import { LoadError, SetLoader } from './set-loader.js';
import type { ShardChannel } from './shard-channel.js';
import { writeWalk } from './walk-file.js';

export interface SavesParts {
  readonly files: Files;
  /** The data directory. */
  readonly directory: string;
  readonly secretCheck: string;
  readonly channels: readonly ShardChannel[];
  readonly jobs: Jobs;
  readonly clock: Clock;
}

type SaveRequest = Extract<SaveOrLoad, { readonly command: 'SH_SAVE' | 'KV_SAVE' }>;

export class Saves {
  readonly #parts: SavesParts;
  readonly #sets: SaveSets;
  readonly #loader: SetLoader;
  readonly #queue = new SaveQueue();
  readonly #stopping = new AbortController();

  constructor(parts: SavesParts) {
    this.#parts = parts;
    this.#sets = new SaveSets(parts.files, parts.directory);
    this.#loader = new SetLoader(parts, this.#sets, this.#stopping.signal);
  }

  async answer(request: SaveOrLoad): Promise<MainAnswer> {
    const { name } = request;
    if (this.#queue.isFull) {
      return refusal(STATUSES.BUSY.code, { name }, 'too many saves and loads are waiting');
    }
    return await this.#queue.run(async () => {
      if (this.#stopping.signal.aborted) {
        return refusal(STATUSES.SHUTTING_DOWN.code, { name }, 'the server is shutting down');
      }
      switch (request.command) {
        case 'SH_SAVE':
        case 'KV_SAVE':
          return await this.#save(request);
        case 'SH_LOAD':
        case 'KV_LOAD':
          return await this.#load(request.command, name);
      }
    });
  }

  /** For --load-name: the kind is the set's. Rejects with an Error that is one line for the operator. */
  async loadAtStart(name: string): Promise<{ sessions: number; keys: number; kind: SetKind }> {
    try {
      const found = this.#loader.find(name);
      const { sessions, keys } = await this.#loader.load(found);
      return { sessions, keys, kind: found.set.kind };
    } catch (error) {
      throw new Error(`cannot load the set ${name}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Gives up what runs, answers what waits, and resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#queue.run(() => Promise.resolve());
  }

  async #save(request: SaveRequest): Promise<MainAnswer> {
    const { name } = request;
    const startedMs = this.#parts.clock.nowMs();
    let folder: string | undefined;
    const set = this.#newSet(request, startedMs);
    try {
      folder = this.#sets.create(name, startedMs);
      this.#sets.write(folder, set);
    } catch (error) {
      this.#discard(folder);
      return refusal(STATUSES.SAVE_DIRECTORY.code, { name }, reasonOf(error));
    }
    try {
      const files = await this.#writeFiles(request, folder, startedMs);
      const completedMs = this.#parts.clock.nowMs();
      const total = { sessions: sumOf(files, 'sessions'), keys: sumOf(files, 'keys') };
      this.#sets.write(folder, { ...set, ...total, status: 'complete', completedMs, files });
      const duration = Math.round(completedMs - startedMs);
      return { status: STATUSES.SAVED.code, body: { name, duration } };
    } catch (error) {
      this.#discard(folder);
      return refusal(STATUSES.SAVE_FAILED.code, { name }, reasonOf(error));
    }
  }

  #newSet({ command, name }: SaveRequest, startedMs: number): SaveSet {
    return {
      format: SET_FORMAT,
      name,
      kind: command === 'SH_SAVE' ? 'sessions' : 'default-map',
      status: 'pending',
      secretCheck: this.#parts.secretCheck,
      startedMs,
      completedMs: null,
      sessions: 0,
      keys: 0,
      files: [],
    };
  }

  /** One shard after another, so that commands on the others are not disturbed. */
  async #writeFiles(request: SaveRequest, folder: string, startedMs: number): Promise<SavedFile[]> {
    const { channels, directory, jobs, secretCheck } = this.#parts;
    const selections = selectionsOf(request, channels.length);
    const saved: SavedFile[] = [];
    for (const [shard, channel] of channels.entries()) {
      const what = selections[shard];
      if (what === undefined) continue;
      const file = saveFileOf(shard);
      const { sessions, keys, bytes } = await writeWalk({
        channel,
        jobs,
        directory,
        purpose: 'save',
        what,
        signal: this.#stopping.signal,
        file: () => `${folder}/${file}`,
        header: () => ({
          kind: 'save',
          epoch: 0,
          shard,
          shards: channels.length,
          number: Math.round(startedMs * 1_000),
          createdMs: startedMs,
          firstSequence: 0,
          backlog: 0,
          secretCheck,
        }),
      });
      // The default map is an entry like a session's, and no session.
      saved.push({ file, sessions: what === 'default' ? 0 : sessions, keys, bytes });
    }
    return saved;
  }

  /** Removes a set that cannot be finished; if that fails, too, it stays pending and is never loaded. */
  #discard(folder: string | undefined): void {
    try {
      if (folder !== undefined) this.#sets.remove(folder);
    } catch {
      // The disk has failed already, and that is what is answered.
    }
  }

  async #load(command: 'SH_LOAD' | 'KV_LOAD', name: string): Promise<MainAnswer> {
    const { clock } = this.#parts;
    const startedMs = clock.nowMs();
    const kind: SetKind = command === 'SH_LOAD' ? 'sessions' : 'default-map';
    try {
      const found = this.#loader.find(name);
      if (found.set.kind !== kind) return wrongKind(command, name);
      const { sessions, keys } = await this.#loader.load(found);
      const status = STATUSES.LOADED.code;
      if (command === 'SH_LOAD') return { status, body: { name, sessions, keys } };
      const duration = Math.round(clock.nowMs() - startedMs);
      return { status, body: { name, keys, sessions, duration } };
    } catch (error) {
      const isNotDurable = error instanceof LoadError && error.isNotDurable;
      const status = isNotDurable ? STATUSES.NOT_DURABLE : STATUSES.LOAD_FAILED;
      return refusal(status.code, { name }, reasonOf(error));
    }
  }
}

/** What each shard saves; undefined where it has no part in it. */
function selectionsOf(request: SaveRequest, shards: number): (WalkSelection | undefined)[] {
  const all = Array.from({ length: shards });
  if (request.command === 'KV_SAVE') {
    return all.map((_, shard) => (shard === 0 ? 'default' : undefined));
  }
  if (request.digests === undefined) return all.map(() => 'sessions');
  const words = all.map((): number[] => []);
  const seen = new Set<string>();
  for (let at = 0; at < request.digests.length; at += SELECTED_WORDS) {
    const session = request.digests.subarray(at, at + SELECTED_WORDS);
    const text = session.join();
    // A session that is named twice is saved once.
    if (seen.has(text)) continue;
    seen.add(text);
    words[shardOf(session[SELECTED_WORDS - 1] ?? 0, shards)]?.push(...session);
  }
  return words.map((list) => (list.length === 0 ? undefined : Int32Array.from(list)));
}

/** NemesisDB, too, counts zero for a set of keys that is loaded as one of sessions. */
function wrongKind(command: 'SH_LOAD' | 'KV_LOAD', name: string): MainAnswer {
  const m =
    command === 'SH_LOAD'
      ? 'the set holds the default map: load it with KV_LOAD'
      : 'the set holds sessions: load it with SH_LOAD';
  const counts = command === 'SH_LOAD' ? { sessions: 0, keys: 0 } : {};
  return refusal(STATUSES.LOAD_FAILED.code, { name, ...counts }, m);
}

function refusal(status: number, body: MainAnswer['body'], m: string): MainAnswer {
  return { status, body: { ...body, m } };
}

/** One line for people: the system's code, or what our own errors say. */
function reasonOf(error: unknown): string {
  return codeOf(error);
}

function sumOf(files: readonly SavedFile[], figure: 'sessions' | 'keys'): number {
  return files.reduce((sum, file) => sum + file[figure], 0);
}
