/** The JSON parser of the text dialect on a value alone, where it only reads objects' members. */
import { parseJsonMembers, type JsonValue } from '../../src/protocol/json-parser.js';

/** Throws SyntaxError exactly if the text would make the object around it malformed. */
export function parseJson(text: string, depthMax = Infinity): JsonValue {
  const value = parseJsonMembers(`{"value":${text}}`, depthMax)?.get('value')?.value;
  if (value === undefined) throw new Error('the member is gone');
  return value;
}
