/**
 * A stored value as the plain objects that a JSONPath library wants, with what JSON can say: what it
 * cannot (binaries, extensions, integers beyond 2^53, names that are no strings) is as in the text
 * dialect, or rounded. For looking only: what is answered are stored bytes.
 */
import { JsonCursor } from '../protocol/json-cursor.js';
import { jsonTextAt } from '../protocol/json-writer.js';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The value that the cursor stands before; the cursor is left behind it. */
export function jsonAt(cursor: JsonCursor): Json {
  const start = cursor.at;
  cursor.next();
  switch (cursor.kind) {
    case 'nil':
      return null;
    case 'bool':
      return cursor.number === 1;
    case 'integer':
      return Number(cursor.number);
    case 'float':
      return Number.isFinite(cursor.number) ? Number(cursor.number) : null;
    case 'string':
      return cursor.takeText();
    case 'array':
      return itemsAt(cursor, cursor.length);
    case 'map':
      return membersAt(cursor, cursor.length);
    default:
      cursor.at = start;
      return JSON.parse(jsonTextAt(cursor, { keepsWholeFloats: false })) as Json;
  }
}

function itemsAt(cursor: JsonCursor, count: number): Json[] {
  const items: Json[] = [];
  for (let item = 0; item < count; item += 1) items.push(jsonAt(cursor));
  return items;
}

function membersAt(cursor: JsonCursor, count: number): Json {
  const members: Record<string, Json> = {};
  for (let member = 0; member < count; member += 1) {
    const name = jsonAt(cursor);
    const text = typeof name === 'string' ? name : JSON.stringify(name);
    const value = jsonAt(cursor);
    if (text === '__proto__') define(members, text, value);
    else members[text] = value;
  }
  return members;
}

/** An assignment to this name would set a prototype. */
function define(members: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(members, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
