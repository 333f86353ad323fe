/** Values of the reference model, and what libraries make of them. */
import { encode } from '@msgpack/msgpack';
import { jsonpatch, JSONPatchError, query, type JSONValue } from 'json-p3';

/** An integer is a bigint, a float a number. */
export type Value = null | boolean | string | number | bigint | Value[] | ValueObject;
export type ValueObject = { [name: string]: Value };
export type ValueMap = Map<string, Value>;

/** Keys, fewer than 16, and their values as msgpack. */
export function bytesOf(keys: ValueMap): number {
  return encode(toJson(Object.fromEntries(keys))).length - 1;
}

/** Normalized paths of what a JSONPath finds. */
export function pathsIn(value: Value, path: string): string[] {
  return [...query(path, toJson(value))].map((node) => node.getPath({ form: 'canonical' }));
}

/** The value with a part in the place of a JSON pointer; none if it has no such place. */
export function withPart(value: Value, path: string, part: Value): Value[] {
  const patch = [{ op: 'replace', path, value: part as JSONValue }];
  try {
    return [jsonpatch.apply(patch, structuredClone(value as JSONValue)) as Value];
  } catch (error) {
    if (error instanceof JSONPatchError) return [];
    throw error;
  }
}

/** A whole float gets a fraction, so that its size remains that of a float. */
function toJson(value: Value): JSONValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isInteger(value) ? value + 0.5 : value;
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toJson(part)]));
}
