/**
 * The data commands: of a session (SH_...), or of the default map (KV_...).
 *
 * Shape says which keys there are and what their values look like. The server does not check it.
 */
import {
  CATALOGUE,
  type BodyOf,
  type CommandName,
  type DataCommandName,
} from '../protocol/catalogue.js';
import { BatchRecorder } from './batch.js';
import { dataPlanOf, isDataCommand, type CommandPlan, type Convert } from './command-plan.js';
import type { CommandSink } from './command-sink.js';
import type { CurrentToken } from './current-token.js';
import { optionsProblem } from './options-problem.js';
import type { FindResults, Found, KeyOf, NumberKeyOf, Stored } from './shapes.js';

/** What a batch is made with: the data methods, each of which adds a command to it. */
export type BatchMap<Shape extends object> = Omit<DataMap<Shape>, 'batch'>;

/** Keys, and the version of the session that they belong to. */
export interface Versioned<Shape extends object, Key extends KeyOf<Shape>> {
  /** Those that exist. */
  readonly keys: Found<Shape, Key>;
  /** Writes that the session has seen so far; what cas() asks for. */
  readonly version: number;
}

/** What cas() does if nobody else has written. */
export interface CasChanges<Shape extends object> {
  /** Keys to store, after the removals. */
  readonly set?: Stored<Shape>;
  /** Keys to remove. */
  readonly remove?: readonly KeyOf<Shape>[];
}

const CAS_CHANGES = ['set', 'remove'] as const;

type Values = Readonly<Record<string, unknown>>;

type DataPlans = { readonly [Name in DataCommandName]: CommandPlan<Name> };

function dataPlans(isDefaultMap: boolean): DataPlans {
  const names = Object.keys(CATALOGUE) as CommandName[];
  const entries = names.filter(isDataCommand).map((name) => [name, dataPlanOf(name, isDefaultMap)]);
  return Object.fromEntries(entries) as DataPlans;
}

const SESSION_PLANS = dataPlans(false);
const DEFAULT_MAP_PLANS = dataPlans(true);

// Conversions of results, outside the methods so that no call makes a closure.
const nothing = (): void => undefined;
const foundKeys = (result: { readonly keys: Values }): Values => result.keys;
const counted = (result: { readonly cnt: number }): number => result.cnt;
const isDone = (result: { readonly cnt: number }): boolean => result.cnt > 0;
const incremented = (result: { readonly value: number | bigint }): number | bigint => result.value;
const newVersion = (result: { readonly version: number }): number => result.version;

function foundBy(
  result: { readonly keys?: unknown; readonly paths?: unknown },
  body: { readonly rsp: string },
): unknown {
  return body.rsp === 'paths' ? result.paths : result.keys;
}

function valueOfOnlyKey(
  result: { readonly keys: Values },
  body: { readonly keys: readonly string[] },
): unknown {
  const key = body.keys[0] ?? '';
  return Object.hasOwn(result.keys, key) ? result.keys[key] : undefined;
}

/** A read may be sent again later: the caller's own array may have changed by then. */
function copied(keys: readonly string[]): readonly string[] {
  return Array.isArray(keys) ? keys.slice() : keys;
}

/** The data of a session, or the default map. Every method is one command, executed as a whole. */
export class DataMap<Shape extends object = Record<string, unknown>> {
  readonly #sink: CommandSink;
  readonly #token: CurrentToken | undefined;
  readonly #plans: DataPlans;

  /** @internal */
  constructor(sink: CommandSink, token: CurrentToken | undefined) {
    this.#sink = sink;
    this.#token = token;
    this.#plans = token === undefined ? DEFAULT_MAP_PLANS : SESSION_PLANS;
  }

  /** Stores keys, replacing those that exist. */
  set(keys: Stored<Shape>): Promise<void> {
    return this.#call('SH_SET', { keys: keys as Values }, nothing);
  }

  /** Stores the keys that are absent; the others stay as they are. */
  add(keys: Stored<Shape>): Promise<void> {
    return this.#call('SH_ADD', { keys: keys as Values }, nothing);
  }

  /** The value of one key; undefined if it is absent. */
  get<Key extends KeyOf<Shape>>(key: Key): Promise<Shape[Key] | undefined> {
    return this.#call('SH_GET', { keys: [key] }, valueOfOnlyKey) as Promise<Shape[Key] | undefined>;
  }

  /** Several keys at once; those that are absent are left out. */
  getMany<Key extends KeyOf<Shape>>(keys: readonly Key[]): Promise<Found<Shape, Key>> {
    return this.#call('SH_GET', { keys: copied(keys) }, foundKeys) as Promise<Found<Shape, Key>>;
  }

  /** As getMany(), with the number of writes that the session has seen so far. */
  getVersioned<Key extends KeyOf<Shape>>(keys: readonly Key[]): Promise<Versioned<Shape, Key>> {
    const body = { keys: copied(keys), version: true };
    return this.#call('SH_GET', body, (result) => ({
      keys: result.keys as Found<Shape, Key>,
      version: result.version ?? 0,
    }));
  }

  /** Everything, in the order in which the keys came in. */
  getAll(): Promise<Found<Shape, KeyOf<Shape>>> {
    return this.#call('SH_GET_ALL', {}, foundKeys) as Promise<Found<Shape, KeyOf<Shape>>>;
  }

  /** Removes keys; how many there were. At least one must be named. */
  remove(keys: readonly KeyOf<Shape>[]): Promise<number> {
    return this.#call('SH_RMV', { keys: copied(keys) }, counted);
  }

  /** Those of the keys that exist, in the order asked. */
  contains<Key extends KeyOf<Shape>>(keys: readonly Key[]): Promise<Key[]> {
    return this.#call('SH_CONTAINS', { keys: copied(keys) }, (result) => result.contains as Key[]);
  }

  /** The names of all keys, in the order in which they came in. */
  keys(): Promise<KeyOf<Shape>[]> {
    return this.#call('SH_KEYS', {}, (result) => result.keys as KeyOf<Shape>[]);
  }

  /** How many keys there are. */
  count(): Promise<number> {
    return this.#call('SH_COUNT', {}, counted);
  }

  /** Removes all keys; how many there were. The session stays. */
  clear(): Promise<number> {
    return this.#call('SH_CLEAR', {}, counted);
  }

  /** Replaces all keys by these in one step; how many there were before. */
  clearSet(keys: Stored<Shape>): Promise<number> {
    return this.#call('SH_CLEAR_SET', { keys: keys as Values }, counted);
  }

  /**
   * Adds to a number, 0 if the key is absent; the sum. Integers are exact to 64 bits; beyond 2^53 the
   * sum is a bigint. Rejects with NotANumberError, or with WrongValueError if it would be too large.
   */
  inc(key: NumberKeyOf<Shape>, by: number | bigint = 1): Promise<number | bigint> {
    return this.#call('SH_INC', { key, by }, incremented);
  }

  /** Reads keys and removes them in one step: of several callers, one gets each value. */
  take<Key extends KeyOf<Shape>>(keys: readonly Key[]): Promise<Found<Shape, Key>> {
    return this.#call('SH_TAKE', { keys: copied(keys) }, foundKeys) as Promise<Found<Shape, Key>>;
  }

  /**
   * Changes keys if nobody has written since this version, which getVersioned() and info() tell; the
   * version after it. Else rejects with VersionMismatchError, which carries the present version.
   */
  cas(version: number, changes: CasChanges<Shape>): Promise<number> {
    const problem = optionsProblem(changes, CAS_CHANGES);
    // Not a rejection: a batch would go out without it.
    if (problem !== undefined) throw problem;
    const { set, remove } = changes;
    const body = {
      version,
      ...(set !== undefined && { set: set as Values }),
      ...(remove !== undefined && { rmv: remove }),
    };
    return this.#call('SH_CAS', body, newVersion);
  }

  /**
   * Replaces a part of a value, found by a JSON pointer such as `/items/0/count`; false if the value
   * has no such place. Rejects with KeyNotFoundError if the key is absent.
   */
  update(key: KeyOf<Shape>, path: string, value: unknown): Promise<boolean> {
    return this.#call('SH_UPDATE', { key, path, value }, isDone);
  }

  /**
   * Looks into the values, or those of some keys, by a JSONPath (RFC 9535) such as
   * `$.items[?@.count > 1]`. Rejects with BadPathError if it is none.
   *
   * @param rsp what to give: the `keys` with something found, their keys and values (`kv`), or the
   *   `paths` of what was found.
   */
  find<Rsp extends keyof FindResults<Shape> = 'keys'>(
    path: string,
    rsp: Rsp = 'keys' as Rsp,
    keys?: readonly KeyOf<Shape>[],
  ): Promise<FindResults<Shape>[Rsp]> {
    const body = { path, rsp, ...(keys !== undefined && { keys: copied(keys) }) };
    return this.#call('SH_FIND', body, foundBy) as Promise<FindResults<Shape>[Rsp]>;
  }

  /**
   * Executes several commands in order as one step; their results. If one fails, none has happened,
   * and the error's `failedStep` tells which it was.
   *
   * ```ts
   * const [, visits] = await session.batch((b) => [b.set({ cart }), b.inc('visits')]);
   * ```
   *
   * @param build adds up to 128 commands by calling methods on what it is given.
   */
  async batch<const Steps extends readonly Promise<unknown>[]>(
    build: (map: BatchMap<Shape>) => Steps,
  ): Promise<{ -readonly [At in keyof Steps]: Awaited<Steps[At]> }> {
    const recorder = new BatchRecorder();
    const steps = build(new DataMap<Shape>(recorder, this.#token));
    // Of an async function, say: its commands must not be executed behind a TypeError.
    if (!Array.isArray(steps)) throw new TypeError('build must give an array of its commands');
    const results = Promise.all(steps);
    results.catch(nothing);
    try {
      await this.#call('SH_BATCH', { cmds: recorder.close() }, ({ rsps }) => recorder.answer(rsps));
    } catch (error) {
      recorder.fail(error as Error);
      throw error;
    }
    return results as Promise<{ -readonly [At in keyof Steps]: Awaited<Steps[At]> }>;
  }

  #call<Name extends DataCommandName, Result>(
    name: Name,
    body: BodyOf<Name>,
    convert: Convert<Name, Result>,
  ): Promise<Result> {
    return this.#sink.submit(this.#plans[name], this.#token, body, convert);
  }
}
