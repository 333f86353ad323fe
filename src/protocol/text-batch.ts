/**
 * What is peculiar to SH_BATCH in the text dialect: commands go by name or by number there, and
 * each answer is written as its own command's result would be.
 *
 *   {"SH_BATCH":{"tkn":T,"cmds":[["SH_INC",{"key":"n"}],["SH_GET",{"keys":["n"]}]]}}
 *   {"SH_BATCH_RSP":{"st":1,"rsps":[[1,{"value":1}],[1,{"keys":{"n":1}}]]}}
 */
import type { PackValue } from './json-packer.js';
import { commandEntryOf } from './catalogue.js';
import type { JsonCursor } from './json-cursor.js';
import type { JsonValue } from './json-parser.js';
import { jsonTextAt } from './json-writer.js';
import { pointerFromPath } from './singular-path.js';

/** Nobody's number: the shard refuses it, as it does any command that no batch can hold. */
const NO_OP = 0;
const UPDATE = 'SH_UPDATE';

/** The value of `cmds` with numbers for names; what has another shape is left to be refused. */
export function batchCommandsFrom(given: JsonValue): PackValue {
  return Array.isArray(given) ? given.map(batchCommandFrom) : given;
}

function batchCommandFrom(item: JsonValue): JsonValue {
  if (!Array.isArray(item) || typeof item[0] !== 'string') return item;
  const entry = commandEntryOf(item[0]);
  const op = entry?.spec.onDefaultMap === true ? entry.spec.op : NO_OP;
  const [, body] = item;
  if (entry?.command === UPDATE && body instanceof Map) {
    const path = body.get('path');
    const pointer = typeof path === 'string' ? pointerFromPath(path) : undefined;
    if (pointer !== undefined) body.set('path', pointer);
  }
  return [op, ...item.slice(1)];
}

/** The JSON text of `rsps`: [st, body] each, without words for people. */
export function batchRepliesTextAt(cursor: JsonCursor): string {
  cursor.next();
  const count = cursor.length;
  const texts: string[] = [];
  for (let index = 0; index < count; index += 1) {
    cursor.next(); // the pair
    cursor.next();
    texts.push(`[${String(cursor.number)},${bodyTextAt(cursor)}]`);
  }
  return `[${texts.join()}]`;
}

function bodyTextAt(cursor: JsonCursor): string {
  cursor.next();
  const count = cursor.kind === 'map' ? cursor.length : 0;
  const members: string[] = [];
  for (let member = 0; member < count; member += 1) {
    cursor.next();
    const name = cursor.takeText();
    const value = jsonTextAt(cursor, { keepsWholeFloats: true });
    if (name !== 'm') members.push(`"${name}":${value}`);
  }
  return members.length === 0 ? 'null' : `{${members.join()}}`;
}
