/** Frames of the native dialect for fuzzing: valid ones by chance, edits of them, and their count. */
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { CATALOGUE, COMMAND_ENTRIES } from '../../src/protocol/catalogue.js';

const LENGTH_BYTES: Readonly<Record<number, number>> = { 0xc4: 1, 0xc5: 2, 0xc6: 4 };
/** The op stands within so many bytes of a bin. */
const OP_AT_MAX = 16;

export interface FrameParts {
  readonly bins: readonly Uint8Array[];
  /** Something that is no whole bin follows, or the frame is empty. */
  readonly isBroken: boolean;
}

/** What a frame consists of, found independently of the server's code. */
export function partsOf(frame: Uint8Array): FrameParts {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const bins: Uint8Array[] = [];
  let at = 0;
  while (at < frame.length) {
    const width = LENGTH_BYTES[view.getUint8(at)];
    if (width === undefined || at + 1 + width > frame.length) break;
    let length = view.getUint8(at + 1);
    if (width === 2) length = view.getUint16(at + 1);
    if (width === 4) length = view.getUint32(at + 1);
    const start = at + 1 + width;
    if (start + length > frame.length) break;
    bins.push(frame.subarray(start, start + length));
    at = start + length;
  }
  return { bins, isBroken: at < frame.length || frame.length === 0 };
}

/** SH_END_ALL touches every session by right: frames that may hold it are of no use here. */
export function mayEndAll(frame: Uint8Array): boolean {
  const { op } = CATALOGUE.SH_END_ALL;
  return partsOf(frame).bins.some((bin) => {
    try {
      return Number((decode(bin) as unknown[])[0]) === op;
    } catch {
      return bin.subarray(0, OP_AT_MAX).includes(op);
    }
  });
}

const someKeys = fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), {
  maxKeys: 4,
});
const someNames = fc.array(fc.string({ maxLength: 5 }), { maxLength: 5 });
const someTokens = fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 30 })));
const someExpiry = fc.record({ duration: fc.double(), maxAge: fc.integer() }, { requiredKeys: [] });
const someText = fc.constantFrom('', 'a', 'ann', '0'.repeat(24), 'A'.repeat(32));
const somePath = fc.constantFrom(
  '',
  '/a',
  '/',
  '$',
  '$.a',
  '$..*',
  '$[?@.a]',
  '$[?match(@, "(")]',
  '$[',
);
const someOp = fc.oneof(fc.nat({ max: 70 }), fc.constantFrom('SH_GET', 'KV_SET', 'SH_END', ''));
const noneRequired = { requiredKeys: [] };

/** Bodies that suit one command or another, or none. */
export const bodies = fc.oneof(
  { weight: 4, arbitrary: fc.record({ keys: someKeys }) },
  { weight: 2, arbitrary: fc.record({ keys: someNames, version: fc.boolean() }, noneRequired) },
  fc.record({ expiry: someExpiry, keys: someKeys }, noneRequired),
  fc.record({ name: fc.string(), shared: fc.boolean(), create: fc.boolean() }, noneRequired),
  fc.record({ tkns: someTokens }),
  fc.record({ owner: someText, id: someText, except: someText, grace: fc.double() }, noneRequired),
  fc.record(
    { key: someText, by: fc.double(), path: somePath, value: fc.jsonValue() },
    noneRequired,
  ),
  fc.record({ path: somePath, rsp: fc.constantFrom('keys', 'paths', 'kv'), keys: someNames }),
  fc.record({ version: fc.integer(), set: someKeys, rmv: someNames }, noneRequired),
  fc.record({ cmds: fc.array(fc.tuple(someOp, fc.record({ keys: someNames }, noneRequired))) }),
  fc.record({ user: someText, secret: someText }, noneRequired),
  fc.record({ from: fc.integer(), kinds: someNames }, noneRequired),
  fc.dictionary(fc.constantFrom('keys', 'expiry', 'name', 'tkns', 'tkn'), fc.jsonValue()),
  fc.constant(null),
);

/** Every command but those that end sessions. */
export const entries = fc.constantFrom(
  ...COMMAND_ENTRIES.filter(({ command }) => command !== 'SH_END_ALL' && command !== 'SH_END'),
);

/** One valid command of any kind, on one of the tokens or without any. */
export function commandsOn(tokens: readonly (string | Uint8Array)[]): fc.Arbitrary<Uint8Array> {
  const token = fc.constantFrom(...tokens, null);
  return fc
    .tuple(entries, fc.nat(), token, bodies)
    .map(([{ op }, id, tkn, body]) => encode(encode([op, id, tkn, body])));
}

/** At this place (modulo the length), so many go and these come. */
export type Edit = readonly [place: number, removed: number, added: Uint8Array];

const interesting = fc.constantFrom(
  0x00,
  0x7f,
  0x80,
  0x90,
  0xa0,
  0xc0,
  0xc1,
  0xc6,
  0xdb,
  0xdd,
  0xdf,
  0xff,
);
const addedBytes = fc.array(fc.oneof(interesting, fc.nat({ max: 255 })), { maxLength: 6 });

export const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.tuple(
    fc.nat(),
    fc.nat({ max: 6 }),
    addedBytes.map((bytes) => Uint8Array.from(bytes)),
  ),
  { minLength: 1, maxLength: 4 },
);

export function edited(bytes: Uint8Array, changes: readonly Edit[]): Uint8Array {
  let result = bytes;
  for (const [place, removed, added] of changes) {
    const at = place % (result.length + 1);
    const rest = result.subarray(at + removed);
    result = Uint8Array.from([...result.subarray(0, at), ...added, ...rest]);
  }
  return result;
}
