/**
 * Pushes in the text dialect: `{"PUSH":{"event":"set","id":"...","keys":{...}}}`, the members of the
 * native push's body behind its event.
 */
import { JsonCursor } from './json-cursor.js';
import { jsonTextAt } from './json-writer.js';

/** bytes[start, end) is a native push: a msgpack bin that holds [0, event, body]. */
export function encodeTextPush(bytes: Uint8Array, start: number, end: number): string {
  // A copy: the bytes may lie in a ring, and what reads text wants memory that is not shared.
  const cursor = new JsonCursor(Uint8Array.prototype.slice.call(bytes, start, end));
  cursor.next(); // the bin
  cursor.next(); // the array in it
  cursor.next(); // 0
  cursor.next();
  let text = `"event":${JSON.stringify(cursor.takeText())}`;
  cursor.next();
  const count = cursor.length;
  for (let index = 0; index < count; index += 1) {
    cursor.next();
    const name = cursor.takeText();
    text += `,"${name}":${jsonTextAt(cursor, { keepsWholeFloats: name === 'keys' })}`;
  }
  return `{"PUSH":{${text}}}`;
}
