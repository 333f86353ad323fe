/**
 * Values between JavaScript and msgpack, over msgpackr.
 *
 *   whole numbers beyond 2^53   bigint, both ways; up to 64 bits
 *   Uint8Array                  bin, both ways
 *   Date                        the timestamp extension, both ways
 *   undefined                   left out of objects, as JSON does; nil in arrays
 *   Map, Set                    map, array: read back as plain object and array
 *
 * Objects are plain msgpack maps, so that every msgpack library reads them.
 */
import { Packr, RESET_BUFFER_MODE, Unpackr, type Options } from 'msgpackr';
import { MalformedReplyError } from './errors.js';

/** skipValues and 'auto' are msgpackr's, and missing from its types. */
const PLAIN: Options & { readonly skipValues: readonly unknown[] } = {
  useRecords: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  copyBuffers: true,
  int64AsType: 'auto' as 'bigint',
  skipValues: [undefined],
};

const packr = new Packr({ ...PLAIN });
const unpackr = new Unpackr({ ...PLAIN });
/** Keeps maps as Map, for the bodies in which a key is __proto__. */
const carefulUnpackr = new Unpackr({ ...PLAIN, mapsAsObjects: false });

/** The msgpack of a value; valid until the next call. Throws where msgpack has no form for it. */
export function packValue(value: unknown): Uint8Array {
  return packr.pack(value, RESET_BUFFER_MODE);
}

const PROTO_BYTES = Uint8Array.from('__proto__', (character) => character.charCodeAt(0));
const UNDERSCORE = 0x5f;

/** Horspool's table: how far the search may jump when the window ends in this byte. */
const jumpByByte = new Uint8Array(256).fill(PROTO_BYTES.length);
for (let at = 0; at < PROTO_BYTES.length - 1; at += 1) {
  jumpByByte[PROTO_BYTES[at] ?? 0] = PROTO_BYTES.length - 1 - at;
}

/** Whether __proto__ stands somewhere in bytes[start, end); looks at one byte in nine or so. */
function mentionsProto(bytes: Uint8Array, start: number, end: number): boolean {
  let last = start + PROTO_BYTES.length - 1;
  while (last < end) {
    const byte = bytes[last] ?? 0;
    if (byte === UNDERSCORE && endsWithProto(bytes, last)) return true;
    last += jumpByByte[byte] ?? 1;
  }
  return false;
}

function endsWithProto(bytes: Uint8Array, last: number): boolean {
  const first = last - PROTO_BYTES.length + 1;
  return PROTO_BYTES.every((byte, at) => bytes[first + at] === byte);
}

/** Maps to plain objects, all the way down, with __proto__ as an ordinary key of its own. */
function withoutMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMaps);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = {};
  for (const [key, item] of value) {
    Object.defineProperty(object, String(key), {
      value: withoutMaps(item),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return object;
}

/** Reused by every call: msgpackr reads it before it returns. */
const range = { start: 0, end: 0 };

/** The value at bytes[start, end). Its binary parts are copies. */
export function unpackValue(bytes: Uint8Array, start: number, end: number): unknown {
  range.start = start;
  range.end = end;
  try {
    if (mentionsProto(bytes, start, end)) return withoutMaps(carefulUnpackr.unpack(bytes, range));
    return unpackr.unpack(bytes, range) as unknown;
  } catch {
    // msgpackr's own message may quote the value, so it goes no further.
    throw new MalformedReplyError('a reply holds a value that this client cannot decode');
  }
}
