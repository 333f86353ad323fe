/** Values of the reference model, and what commands do within them. */

/** An integer is a bigint, a float a number, an object a Map. */
export type ModelValue = null | boolean | string | number | bigint | ModelValue[] | ModelMap;
export type ModelMap = Map<string, ModelValue>;

/** Shares nothing with the original. */
export function copyOf<T extends ModelValue | undefined>(value: T): T {
  return structuredClone(value);
}

/** Size as msgpack. */
export function bytesOf(value: ModelValue): number {
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'number') return 9;
  if (typeof value === 'bigint') return integerBytes(value);
  if (typeof value === 'string') {
    const length = Buffer.byteLength(value);
    return length + (length < 32 ? 1 : length < 256 ? 2 : length < 65_536 ? 3 : 5);
  }
  const parts = value instanceof Map ? [...value].flat() : value;
  const count = value instanceof Map ? value.size : value.length;
  const head = count < 16 ? 1 : count < 65_536 ? 3 : 5;
  return parts.reduce((bytes: number, part) => bytes + bytesOf(part), head);
}

function integerBytes(value: bigint): number {
  if (value >= -32n && value < 128n) return 1;
  const bits = value < 0n ? [8n, 16n, 32n, 64n].map((n) => n - 1n) : [8n, 16n, 32n, 64n];
  const size = value < 0n ? -value - 1n : value;
  return 1 + [1, 2, 4, 8][bits.findIndex((n) => size < 2n ** n)]!;
}

/** Exact for integers; with a float it is a float. Undefined where no 64-bit type holds it. */
export function sum(a: number | bigint, b: number | bigint): number | bigint | undefined {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    const total = a + b;
    return total >= -(2n ** 63n) && total < 2n ** 64n ? total : undefined;
  }
  const total = Number(a) + Number(b);
  return Number.isFinite(total) ? total : undefined;
}

/** The value with another in the place that a JSON pointer names; undefined if it has none. */
export function put(value: ModelValue, pointer: string, part: ModelValue): ModelValue | undefined {
  if (pointer === '') return copyOf(part);
  const [, step = '', rest = ''] = /^\/([^/]*)(.*)$/s.exec(pointer) ?? [];
  const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
  const place = partOf(value, name);
  const changed = place === undefined ? undefined : put(place, rest, part);
  if (changed === undefined) return undefined;
  if (value instanceof Map) value.set(name, changed);
  else (value as ModelValue[])[Number(name)] = changed;
  return value;
}

function partOf(value: ModelValue, name: string): ModelValue | undefined {
  if (value instanceof Map) return value.get(name);
  if (!Array.isArray(value) || !/^(?:0|[1-9]\d*)$/.test(name)) return undefined;
  return value[Number(name)];
}

type Found = readonly [path: string, value: ModelValue];

/**
 * What SH_FIND finds, of the JSONPaths that consist of .name, .*, [index] and [*], each also after two
 * dots.
 */
export function find(keys: ModelMap, path: string, rsp: string): Readonly<Record<string, unknown>> {
  const found = [...keys].map(([key, value]) => ({ key, value, places: placesOf(value, path) }));
  const hits = found.filter(({ places }) => places.length > 0);
  if (rsp === 'paths') return { paths: hits.flatMap(({ places }) => places.map(([at]) => at)) };
  if (rsp === 'keys') return { keys: hits.map(({ key }) => key) };
  return { keys: new Map(hits.map(({ key, value }) => [key, copyOf(value)])) };
}

function placesOf(value: ModelValue, path: string): Found[] {
  let places: Found[] = [['$', value]];
  for (const [, dots, name, index] of path.matchAll(/(\.?\.?)(?:(\w+)|\[(\d+)\]|\[\*\]|\*)/g)) {
    const from = dots === '..' ? places.flatMap(withAllParts) : places;
    places = from.flatMap((place) =>
      partsOf(place).filter(([at]) => {
        if (name !== undefined) return at.endsWith(`['${name}']`);
        return index === undefined || at.endsWith(`[${index}]`);
      }),
    );
  }
  return places;
}

function withAllParts(place: Found): Found[] {
  return [place, ...partsOf(place).flatMap(withAllParts)];
}

function partsOf([at, value]: Found): Found[] {
  if (value instanceof Map) return [...value].map(([name, part]) => [`${at}['${name}']`, part]);
  if (!Array.isArray(value)) return [];
  return value.map((part, index) => [`${at}[${index}]`, part]);
}
