/**
 * msgpack to JSON text, straight from the bytes and iteratively: values come from any native
 * client and nest as deep as they like. What JSON lacks is written so that it still says what it
 * was:
 *
 *   integers to 64 bits   digits
 *   whole floats          2.0, so that they stay floats, where the caller asks for that
 *   NaN, infinities       null
 *   binaries              base64
 *   extensions            {"ext":type,"bytes":base64}
 *   names, not strings    their text; arrays and maps as base64 of their msgpack, because text in
 *                         text in text would double its escapes at each level
 */
import type { JsonCursor } from './json-cursor.js';
import { base64From } from './text-base64.js';

export interface JsonStyle {
  /** Whole floats are written with a fraction (2.0), else like integers (2). */
  readonly keepsWholeFloats: boolean;
}

/** An array or map whose opening bracket is written. */
interface OpenContainer {
  readonly isMap: boolean;
  /** Values still to come. */
  left: number;
}

/** From here String() of a number has an exponent, and so no need of a fraction. */
const EXPONENT_FROM = 1e21;

/** The JSON text of the value at the cursor, which it leaves behind that value. */
export function jsonTextAt(cursor: JsonCursor, style: JsonStyle): string {
  const open: OpenContainer[] = [];
  let text = '';
  for (;;) {
    cursor.next();
    if ((cursor.kind === 'map' || cursor.kind === 'array') && cursor.length > 0) {
      const isMap = cursor.kind === 'map';
      open.push({ isMap, left: cursor.length });
      text += isMap ? `{${nameTextAt(cursor)}` : '[';
      continue;
    }
    text += scalarText(cursor, style);
    let container = open.at(-1);
    while (container !== undefined && (container.left -= 1) === 0) {
      text += container.isMap ? '}' : ']';
      open.pop();
      container = open.at(-1);
    }
    if (container === undefined) return text;
    text += container.isMap ? `,${nameTextAt(cursor)}` : ',';
  }
}

/** `"name":` */
function nameTextAt(cursor: JsonCursor): string {
  const start = cursor.at;
  cursor.next();
  return `${JSON.stringify(nameFrom(cursor, start))}:`;
}

function nameFrom(cursor: JsonCursor, start: number): string {
  if (cursor.kind === 'string') return cursor.takeText();
  if (cursor.kind === 'binary') return base64From(cursor.takeBytes());
  if (cursor.kind === 'map' || cursor.kind === 'array' || cursor.kind === 'extension') {
    cursor.skipRest();
    return base64From(cursor.bytesFrom(start));
  }
  return scalarText(cursor, { keepsWholeFloats: true });
}

/** The text of a value that has no parts and whose head has been read. */
function scalarText(cursor: JsonCursor, style: JsonStyle): string {
  switch (cursor.kind) {
    case 'nil':
      return 'null';
    case 'bool':
      return cursor.number === 1 ? 'true' : 'false';
    case 'integer':
      return String(cursor.number);
    case 'float':
      return floatText(Number(cursor.number), style);
    case 'string':
      return JSON.stringify(cursor.takeText());
    case 'binary':
      return `"${base64From(cursor.takeBytes())}"`;
    case 'extension': {
      const type = cursor.extensionType;
      return `{"ext":${type},"bytes":"${base64From(cursor.takeBytes())}"}`;
    }
    case 'array':
      return '[]';
    case 'map':
      return '{}';
  }
}

function floatText(value: number, style: JsonStyle): string {
  if (!Number.isFinite(value)) return 'null';
  if (!style.keepsWholeFloats || !Number.isInteger(value)) return JSON.stringify(value);
  if (Math.abs(value) >= EXPONENT_FROM) return String(value);
  return Object.is(value, -0) ? '-0.0' : `${value}.0`;
}
