/** The data commands of the reference model, on the keys of one session. */
import { copyOf, find, put, sum, type ModelMap, type ModelValue } from './model-values.js';

export type Body = Readonly<Record<string, unknown>>;
export type Reply = readonly [status: number, body: Body | null];

export interface Data {
  readonly keys: ModelMap;
  version: number;
}

/** The version counts what has changed. */
export function wrote(data: Data, hasChanged: boolean, body: Body | null = null): Reply {
  if (hasChanged) data.version += 1;
  return [1, body];
}

export function store(data: Data, pairs: unknown): Data {
  for (const [key, value] of (pairs ?? []) as ModelMap) data.keys.set(key, copyOf(value));
  return data;
}

/** @returns how many of the keys there were. */
export function remove({ keys }: Data, names: unknown): number {
  return ((names ?? []) as string[]).filter((key) => keys.delete(key)).length;
}

function pick({ keys }: Data, names: unknown): ModelMap {
  const there = (names as string[]).filter((key) => keys.has(key));
  return new Map(there.map((key) => [key, copyOf(keys.get(key)!)]));
}

/** By their names without SH_. Each changes the data or leaves them as they are, and answers. */
export const DATA_COMMANDS: Readonly<Record<string, (data: Data, body: Body) => Reply>> = {
  SET: (data, { keys }) => wrote(store(data, keys), true),
  ADD: (data, { keys }) => {
    const absent = [...(keys as ModelMap)].filter(([key]) => !data.keys.has(key));
    return wrote(store(data, absent), absent.length > 0);
  },
  GET: (data, { keys, version }) => {
    return [1, { keys: pick(data, keys), ...(version === true ? { version: data.version } : {}) }];
  },
  GET_ALL: (data) => [1, { keys: copyOf(data.keys) }],
  RMV: (data, { keys }) => {
    const cnt = remove(data, keys);
    return wrote(data, cnt > 0, { cnt });
  },
  TAKE: (data, { keys }) => {
    const taken = pick(data, keys);
    return wrote(data, remove(data, keys) > 0, { keys: taken });
  },
  CONTAINS: (data, { keys }) => {
    return [1, { contains: (keys as string[]).filter((key) => data.keys.has(key)) }];
  },
  KEYS: ({ keys }) => [1, { keys: [...keys.keys()] }],
  COUNT: ({ keys }) => [1, { cnt: keys.size }],
  CLEAR: (data) => {
    const cnt = remove(data, [...data.keys.keys()]);
    return wrote(data, cnt > 0, { cnt });
  },
  CLEAR_SET: (data, { keys }) => {
    const cnt = remove(data, [...data.keys.keys()]);
    return wrote(store(data, keys), true, { cnt });
  },
  INC: (data, { key, by = 1n }) => {
    const before = data.keys.has(String(key)) ? data.keys.get(String(key)) : 0n;
    if (typeof before !== 'number' && typeof before !== 'bigint') return [208, null];
    const value = sum(before, by as number | bigint);
    if (value === undefined) return [42, null];
    return wrote(store(data, [[key, value]]), true, { value });
  },
  CAS: (data, { version, set, rmv }) => {
    if (Number(version) !== data.version) return [207, { version: data.version }];
    const isChange = remove(data, rmv) > 0 || (set !== undefined && (set as ModelMap).size > 0);
    wrote(store(data, set), isChange);
    return [1, { version: data.version }];
  },
  UPDATE: (data, { key, path, value }) => {
    const old = data.keys.get(String(key));
    if (old === undefined) return [22, { cnt: 0 }];
    const changed = put(old, String(path), value as ModelValue);
    if (changed === undefined) return [1, { cnt: 0 }];
    return wrote(store(data, [[key, changed]]), true, { cnt: 1 });
  },
  FIND: (data, { keys, path, rsp }) => {
    const where = keys === undefined ? data.keys : pick(data, keys);
    return [1, find(where, String(path), String(rsp))];
  },
};

/** What watchers hear of a data command that has changed something, and of which keys. */
export function changesOf(
  command: string,
  { keys, set, rmv, key }: Body,
  before: ModelMap,
  after: ModelMap,
): [event: string, keys?: string[] | ModelMap][] {
  const named = command === 'CAS' ? rmv : ['RMV', 'TAKE'].includes(command) ? keys : [];
  const gone = new Set(((named ?? []) as string[]).filter((each) => before.has(each)));
  let stored = (set ?? []) as ModelMap;
  if (['SET', 'ADD', 'CLEAR_SET'].includes(command)) stored = keys as ModelMap;
  if (command === 'INC' || command === 'UPDATE') stored = pick({ keys: after, version: 0 }, [key]);
  const put = [...stored].filter(([each]) => command !== 'ADD' || !before.has(each));
  return [
    ...(command.startsWith('CLEAR') && before.size > 0 ? [['cleared'] as [string]] : []),
    ...(gone.size > 0 ? [['removed', [...gone]] as [string, string[]]] : []),
    ...(put.length > 0 ? [['set', copyOf(new Map(put))] as [string, ModelMap]] : []),
  ];
}
