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
import { dataPlanOf, isDataCommand, type CommandPlan, type Convert } from './command-plan.js';
import type { Pipeline } from './pipeline.js';

/** The keys that a shape names. */
export type KeyOf<Shape extends object> = keyof Shape & string;

/** What is read: any key may be absent. */
export type Found<Shape extends object, Key extends KeyOf<Shape>> = {
  readonly [Name in Key]?: Shape[Name];
};

/** Keys and values to store. A key whose value is undefined is left out. */
export type Stored<Shape extends object> = { readonly [Name in keyof Shape]?: Shape[Name] };

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

export class DataMap<Shape extends object = Record<string, unknown>> {
  readonly #pipeline: Pipeline;
  readonly #token: Uint8Array | undefined;
  readonly #plans: DataPlans;

  /** @param token undefined for the default map. */
  constructor(pipeline: Pipeline, token: Uint8Array | undefined) {
    this.#pipeline = pipeline;
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
  getVersioned<Key extends KeyOf<Shape>>(
    keys: readonly Key[],
  ): Promise<{ readonly keys: Found<Shape, Key>; readonly version: number }> {
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

  #call<Name extends DataCommandName, Result>(
    name: Name,
    body: BodyOf<Name>,
    convert: Convert<Name, Result>,
  ): Promise<Result> {
    return this.#pipeline.submit(this.#plans[name], this.#token, body, convert);
  }
}
